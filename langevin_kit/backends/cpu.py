"""All cores of this machine: blocks of particles, from a thread pool, through kernels that hold no lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_kit import codegen
from langevin_kit.backends._protocol import Measurement, Program
from langevin_kit.errors import InvalidArgument
from langevin_kit.kernels.cpu.tiles import TILE
from langevin_kit.observables import merge_tiles

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
        self._measurer = codegen.measurer(program.system, plan.quantities)
        self._count = getattr(codegen.library(), f"count_{plan.d}d")
        tiles = -(-state.shape[1] // TILE)
        self._means = np.empty((tiles, len(plan.quantities)))
        self._comoments = np.empty((tiles, len(plan.pairs)))
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="langevin_kit")

    def __enter__(self) -> CPUEnsemble:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def segment(self, first: int, n_steps: int, report: Callable[[float], None]) -> Measurement:
        """Move all particles from step `first` through `n_steps` steps, then measure them.

        `report` is called, as tasks finish, with time steps; they add up to `n_steps`.
        """
        n = self.position.shape[1]
        bounds = self._bounds(n, n_steps)
        tasks = [self._pool.submit(self._task, low, high, first, n_steps) for low, high in bounds]
        histogram: NDArray[np.int64] | None = None
        outside = 0
        try:
            for task, (low, high) in zip(tasks, bounds, strict=True):
                counts, lost = task.result()
                histogram = counts if histogram is None else histogram + counts
                outside += lost
                report(n_steps * (high - low) / n)
        except BaseException:
            for task in tasks:
                task.cancel()
            wait_for(tasks)
            raise
        sizes = np.minimum(TILE, n - TILE * np.arange(len(self._means))).astype(np.float64)
        bad = self._nonfinite()
        mean, comoment = merge_tiles(sizes, self._means, self._comoments, self._program.plan.pairs)
        has_cells = self._program.plan.histogram is not None
        return Measurement(mean, comoment, histogram if has_cells else None, outside, bad)

    def _bounds(self, n: int, n_steps: int) -> list[tuple[int, int]]:
        per_task = min(STEPS_PER_TASK // max(n_steps, 16), -(-n // (4 * self._threads)))
        size = TILE * max(1, -(-per_task // TILE))
        return [(low, min(low + size, n)) for low in range(0, n, size)]

    def _task(self, low: int, high: int, first: int, n_steps: int) -> tuple[NDArray[np.int64], int]:
        p, plan = self._program, self._program.plan
        if n_steps:
            constants = (p.parameters, p.time_step, p.temperature, *p.key)
            self._stepper.advance(self.state, low, high, self._block_size, first, n_steps, *constants)
        time = (first + n_steps) * p.time_step
        self._measurer.measure(self.state, low, high, time, p.parameters, plan.pairs, self._means, self._comoments)
        if plan.histogram is None:
            return np.zeros(0, np.int64), 0
        counts = np.zeros(plan.histogram.shape, np.int64)
        lost = self._count(self.position, low, high, plan.histogram.lower, 1.0 / plan.histogram.width, counts)
        return counts, lost

    def _nonfinite(self) -> NDArray[np.int64]:
        """Numbers of the particles with a non-finite coordinate; tiles with finite means have none."""
        suspects = np.flatnonzero(~np.isfinite(self._means[:, : self._program.plan.d]).all(axis=1))
        found = []
        for tile in suspects:
            tile_position = self.position[:, tile * TILE : (tile + 1) * TILE]
            found.append(tile * TILE + np.flatnonzero(~np.isfinite(tile_position).all(axis=0)))
        return np.concatenate(found) if found else np.zeros(0, np.int64)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
