"""All cores of this machine: blocks of particles, from a thread pool, through kernels that hold no lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from langevin_kit import codegen
from langevin_kit.backends._collective import Collective, collective_of
from langevin_kit.backends._groups import Groups, absorbed_by, beyond_walls, walls_of
from langevin_kit.backends._protocol import PLACES, Measurement, Program
from langevin_kit.errors import InvalidArgument
from langevin_kit.kernels.cpu.mantissa import round_mantissa
from langevin_kit.kernels.cpu.tiles import GROUP, TILE

T = TypeVar("T")
MOST_PER_TASK, LEAST_PER_TASK = 2**26, 2**16
"""Steps of one coordinate in a task of the pool: a tenth of a second at most, so that progress and Ctrl-C are felt; and
enough to be worth a task."""


@dataclass(frozen=True)
class CPU:
    """The CPU backend.

    Parameters
    ----------
    threads : int, optional
        Worker threads; all usable cores if left out. Results do not depend on it.
    block_size : int
        Particles that stay in the first-level cache through all steps of a save interval; a multiple of 256.
        Results do not depend on it.

    Examples
    --------
    >>> CPU(threads=2).block_size
    256
    """

    threads: int | None = None
    block_size: int = TILE

    def __post_init__(self) -> None:
        if self.threads is not None and not 1 <= self.threads <= 1024:
            raise InvalidArgument(f"threads: got {self.threads}; 1 to 1024, or None for all cores.")
        if self.block_size < TILE or self.block_size % TILE:
            raise InvalidArgument(f"block_size: got {self.block_size}; a positive multiple of {TILE} is needed.")

    @property
    def usable_threads(self) -> int:
        """Worker threads: those asked for, or one for each core that this process may use."""
        return self.threads or _usable_cores()

    @property
    def name(self) -> str:
        """The name `simulate` takes."""
        return "cpu"

    @property
    def dtype(self) -> str:
        """Of states, if a run does not say."""
        return "float64"

    def ensemble(self, program: Program, state: NDArray[np.floating]) -> CPUEnsemble:
        """Put an initial ensemble of the program's dtype on this backend: positions, turns, times of absorption."""
        return CPUEnsemble(self, program, state)


class CPUEnsemble:
    """Particles on the CPU. Use as a context manager: it owns a thread pool."""

    def __init__(self, backend: CPU, program: Program, state: NDArray[np.floating]) -> None:
        self.state = state
        self.position = state[: program.system.n_dim]
        self._program, self._parameters = program, program.parameters
        self._block_size = backend.block_size
        self._threads = backend.usable_threads
        system, plan = program.system, program.plan
        self._stepper = codegen.stepper(system, program.scheme, program.dtype)
        self._measurer = codegen.measurer(plan)
        self._start = state[list(plan.start_axes)]
        self._walls = walls_of(system, state.dtype)
        self._gone = len(state) if system.absorption_row is None else system.absorption_row
        self._groups = Groups(state.shape[1], plan)
        self._collective = collective_of(program)
        kept = (system.n_dim, program.n_kept), np.float32 if program.position_bits else state.dtype
        self._kept = deque(np.empty(*kept) for _ in range(PLACES if program.n_kept else 0))
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="langevin_kit")

    def __enter__(self) -> CPUEnsemble:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, parameters: NDArray[np.float64]) -> None:
        """Take other values for `Program.parameters`, from the next step on."""
        self._parameters = parameters

    def advance(self, first: int, n_steps: int, report: Callable[[float], None]) -> None:
        """Move all particles from step `first` through `n_steps` steps.

        `report` is called, as tasks finish, with time steps; they add up to `n_steps`.
        """
        if self._collective is None:
            self._move(self._parameters, first, n_steps, report)
            return
        for step in range(first, first + n_steps):
            self._move(self._shared(self._collective), step, 1, report)

    def _move(self, parameters: NDArray[np.float64], first: int, n_steps: int, report: Callable[[float], None]) -> None:
        p = self._program

        def move(low: int, high: int) -> float:
            constants = parameters, p.time_step, p.temperature, *p.key, 0
            self._stepper.advance(self.state, low, high, self._block_size, first, n_steps, *constants)
            return float(n_steps * (high - low) / self.position.shape[1])

        if n_steps:
            self._each(move, self._bounds(TILE, n_steps), report)

    def _shared(self, collective: Collective) -> NDArray[np.float64]:
        """What the step takes where the mobility is the ensemble's: after a barrier, from sums in the one tree."""
        plan = collective.program.plan
        measurer, groups = codegen.measurer(plan), Groups(self.state.shape[1], plan)

        def reduce(low: int, high: int) -> None:
            measurer.measure(self.state, self.state[:0], low, high, 0.0, collective.parameters_now, *groups.tables)

        self._each(reduce, self._bounds(GROUP, 1), lambda _: None)
        return collective.parameters(groups.merged(measurer.merge))

    def _each(self, work: Callable[[int, int], T], bounds: list[tuple[int, int]], take: Callable[[T], None]) -> None:
        """Work on each range of particles, and take the results in order; after an error nothing is left running."""
        # A worker has the mode of arithmetic of the thread that started it.
        corrected = codegen.ieee_arithmetic()(work)
        if len(bounds) == 1:  # to hand it to another thread and back takes longer than a step of some particles
            take(corrected(*bounds[0]))
            return
        tasks = [self._pool.submit(corrected, low, high) for low, high in bounds]
        try:
            for task in tasks:
                take(task.result())
        except BaseException:
            for task in tasks:
                task.cancel()
            wait_for(tasks)
            raise

    def _bounds(self, unit: int, n_steps: int) -> list[tuple[int, int]]:
        """Ranges of particles, each starting at a multiple of `unit`, and shorter and shorter: threads end together."""
        d, n = self.position.shape
        work = max(n_steps, 16) * d
        most, least = MOST_PER_TASK // work, max(LEAST_PER_TASK // work, n // (32 * self._threads))
        bounds, low = [], 0
        while low < n:
            size = min(most, max(least, (n - low) // (2 * self._threads)))
            bounds.append((low, min(low + unit * max(1, -(-size // unit)), n)))
            low = bounds[-1][1]
        return bounds

    def measure(self, step: int) -> Measurement:
        """Reduce the ensemble: whole groups of tiles for each task, merged in a tree that no thread decides."""
        plan, groups = self._program.plan, self._groups
        time, parameters = step * self._program.time_step, self._parameters
        kept = self._kept[0] if self._kept else None
        self._kept.rotate()
        cells = None if plan.histogram is None else np.zeros(plan.histogram.shape, np.int64)
        outside: list[int] = []
        leaked: list[NDArray[np.int64]] = []
        absorbed = np.zeros(len(self._program.system.absorbers), np.int64)

        def reduce(low: int, high: int) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
            self._measurer.measure(self.state, self._start, low, high, time, parameters, *groups.tables)
            if kept is not None:
                self._keep(low, high, kept)
            beyond = low + beyond_walls(self.position[:, low:high], self._walls)
            taken = absorbed_by(self._program.system, self.state[:, low:high])
            return 0 if cells is None else self._count(low, high, cells), beyond, taken

        def take(counted: tuple[int, NDArray[np.int64], NDArray[np.int64]]) -> None:
            outside.append(counted[0])
            leaked.append(counted[1])
            absorbed[...] += counted[2]

        self._each(reduce, self._bounds(GROUP, 1), take)
        bad = groups.nonfinite(lambda low, high: self.position[:, low:high])
        sums = groups.merged(self._measurer.merge)
        return Measurement(sums, cells, sum(outside), bad, np.concatenate(leaked), absorbed, kept)

    def _keep(self, low: int, high: int, kept: NDArray[np.floating]) -> None:
        """Copy the positions of some particles, rounded if that is asked for."""
        bits = self._program.position_bits
        place = kept[:, low:high]
        with np.errstate(over="ignore"):
            np.copyto(place, self.position[:, low : low + place.shape[1]], casting="same_kind")
        if bits is not None:
            round_mantissa(place, bits)

    def _count(self, low: int, high: int, cells: NDArray[np.int64]) -> int:
        """Add particles to the histogram; return how many lie beyond it."""
        grid = self._program.plan.histogram
        assert grid is not None
        counts = np.zeros_like(cells)
        count = getattr(codegen.library(), f"count_{cells.ndim}d")
        lost: int = count(self.state, low, high, self._gone, grid.lower, 1.0 / grid.width, counts)
        with self._lock:
            cells += counts
        return lost


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
