"""All cores of this machine: blocks of particles, from a thread pool, through kernels that hold no lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from langevin_kit import codegen
from langevin_kit.backends._protocol import Measurement, Program
from langevin_kit.errors import InvalidArgument
from langevin_kit.kernels.cpu.tiles import GROUP, TILE
from langevin_kit.observables import Sums

T = TypeVar("T")
STEPS_PER_TASK = 2**26
"""Particle-steps of one task of the pool: about a tenth of a second, so that progress and Ctrl-C are felt."""


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
    def name(self) -> str:
        """The name `simulate` takes."""
        return "cpu"

    def ensemble(self, program: Program, state: NDArray[np.floating]) -> CPUEnsemble:
        """Put an initial ensemble of the program's dtype on this backend: positions, then turns (rows, n)."""
        return CPUEnsemble(self, program, state)


class CPUEnsemble:
    """Particles on the CPU. Use as a context manager: it owns a thread pool."""

    def __init__(self, backend: CPU, program: Program, state: NDArray[np.floating]) -> None:
        self.state = state
        self.position = state[: program.system.n_dim]
        self._program = program
        self._block_size = backend.block_size
        self._threads = backend.threads or _usable_cores()
        plan = program.plan
        self._stepper = codegen.stepper(program.system, program.scheme, program.dtype)
        self._measurer = codegen.measurer(plan)
        self._start = state[list(plan.start_axes)]
        # Steps know the bounds in the state's dtype.
        bounds = program.system.lower.astype(state.dtype), program.system.upper.astype(state.dtype)
        walled = (*program.system.walled("reflecting"), *program.system.walled("periodic"))
        self._walls = [(a, *(bound[a] for bound in bounds)) for a in walled]
        groups = -(-state.shape[1] // GROUP)
        self._means = np.empty((groups, len(plan.rows)))
        self._comoments = np.empty((groups, len(plan.pairs)))
        self._tops = np.empty((groups, len(plan.extremes)))
        self._holders = np.empty((groups, len(plan.extremes)), np.int64)
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="langevin_kit")

    def __enter__(self) -> CPUEnsemble:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def segment(self, first: int, n_steps: int, report: Callable[[float], None]) -> Measurement:
        """Move all particles from step `first` through `n_steps` steps, then measure them.

        `report` is called, as tasks finish, with time steps; they add up to `n_steps`.
        """

        def move(low: int, high: int) -> float:
            if n_steps:
                self._advance(low, high, first, n_steps)
            return float(n_steps * (high - low) / self.position.shape[1])

        self._each(move, self._bounds(TILE, n_steps), report)
        return self._measured((first + n_steps) * self._program.time_step)

    def _each(self, work: Callable[[int, int], T], bounds: list[tuple[int, int]], take: Callable[[T], None]) -> None:
        """Work on each range of particles, and take the results in order; after an error nothing is left running."""
        # A worker has the mode of arithmetic of the thread that started it.
        corrected = codegen.ieee_arithmetic()(work)
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
        """Ranges of particles for tasks of about a tenth of a second, each starting at a multiple of `unit`."""
        n = self.position.shape[1]
        per_task = min(STEPS_PER_TASK // max(n_steps, 16), -(-n // (4 * self._threads)))
        size = unit * max(1, -(-per_task // unit))
        return [(low, min(low + size, n)) for low in range(0, n, size)]

    def _advance(self, low: int, high: int, first: int, n_steps: int) -> None:
        p = self._program
        constants = (p.parameters, p.time_step, p.temperature, *p.key)
        self._stepper.advance(self.state, low, high, self._block_size, first, n_steps, *constants, 0)

    def _measured(self, time: float) -> Measurement:
        """Reduce the ensemble: whole groups of tiles for each task, merged in a tree that no thread decides."""
        n, plan = self.position.shape[1], self._program.plan
        parameters = self._program.parameters
        tables = (plan.pairs, plan.extremes, self._means, self._comoments, self._tops, self._holders)
        cells = None if plan.histogram is None else np.zeros(plan.histogram.shape, np.int64)
        outside: list[int] = []
        leaked: list[NDArray[np.int64]] = []

        def reduce(low: int, high: int) -> tuple[int, NDArray[np.int64]]:
            self._measurer.measure(self.state, self._start, low, high, time, parameters, *tables)
            return 0 if cells is None else self._count(low, high, cells), self._leaked(low, high)

        def take(counted: tuple[int, NDArray[np.int64]]) -> None:
            outside.append(counted[0])
            leaked.append(counted[1])

        self._each(reduce, self._bounds(GROUP, 1), take)
        bad = self._nonfinite()
        sizes = np.minimum(GROUP, n - GROUP * np.arange(len(self._means))).astype(np.float64)
        self._measurer.merge(sizes, self._means, self._comoments, plan.pairs)
        winners = self._tops.argmax(axis=0), np.arange(len(plan.extremes))
        sums = Sums(n, self._means[0].copy(), self._comoments[0].copy(), self._tops[winners], self._holders[winners])
        return Measurement(sums, cells, sum(outside), bad, np.concatenate(leaked))

    def _count(self, low: int, high: int, cells: NDArray[np.int64]) -> int:
        """Add particles to the histogram; return how many lie beyond it."""
        grid = self._program.plan.histogram
        assert grid is not None
        counts = np.zeros_like(cells)
        count = getattr(codegen.library(), f"count_{cells.ndim}d")
        lost: int = count(self.position, low, high, grid.lower, 1.0 / grid.width, counts)
        with self._lock:
            cells += counts
        return lost

    def _leaked(self, low: int, high: int) -> NDArray[np.int64]:
        """Numbers of the particles that are beyond a wall; places that are not finite are not."""
        beyond = np.zeros(high - low, bool)
        for a, lower, upper in self._walls:
            x = self.position[a, low:high]
            # The extremes take a tenth of the time of a mask, and are nearly always enough.
            if not (x.min() >= lower and x.max() <= upper):
                beyond |= ((x < lower) | (x > upper)) & np.isfinite(x)
        return low + np.flatnonzero(beyond)

    def _nonfinite(self) -> NDArray[np.int64]:
        """Numbers of the particles with a non-finite coordinate; groups with finite means have none."""
        d = self._program.plan.d
        found = [np.zeros(0, np.int64)]
        for group in np.flatnonzero(~np.isfinite(self._means[:, :d]).all(axis=1)):
            first = group * GROUP
            position = self.position[:d, first : first + GROUP]
            found.append(first + np.flatnonzero(~np.isfinite(position).all(axis=0)))
        return np.concatenate(found)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
