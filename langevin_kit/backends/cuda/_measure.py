"""What a device reduces its particles to: rows in float64, tiles and groups of them, cells, and kept positions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np
from numpy.typing import NDArray

from langevin_kit import codegen
from langevin_kit.backends._groups import Groups, beyond_walls, walls_of
from langevin_kit.backends._protocol import PLACES, Measurement, Program, at_once
from langevin_kit.backends.cuda._device import Array, Device, placed
from langevin_kit.backends.cuda._rows import rows_of
from langevin_kit.codegen.cuda_texts import library_text
from langevin_kit.kernels.cpu.mantissa import round_mantissa
from langevin_kit.kernels.cpu.tiles import GROUP, TILE, TILES
from langevin_kit.kernels.cuda.histogram import SHARED

ROWS_BYTES = 2**28
"""Of the rows of particles that are reduced at a time."""

_BLOCKS = 1024
"""Of a kernel whose threads take one particle after another."""

Positions = Callable[[int, int], NDArray[np.floating]]


class Measurer:
    """Measures one block of particles after another; what is left of them is on the host.

    Parameters
    ----------
    start : (r, n)
        Where particles began, in the plan's `start_axes`.
    n : int
        Particles.
    """

    def __init__(self, device: Device, program: Program, start: NDArray[np.floating], n: int) -> None:
        self._device, self._program, self._start = device, program, start
        plan, dtype, capability = program.plan, program.dtype, device.capability
        self._filled = rows_of(device, program)
        names = ["tile_moments", "merge_tiles"] + ["tile_extremes"] * bool(len(plan.extremes))
        self._walls = walls_of(program.system, np.dtype(dtype))
        names += ["count_leaked"] * bool(self._walls) + ["count_absorbed"] * bool(program.system.absorbers)
        gone = program.system.absorption_row
        self._gone, self._living = map(np.int64, (-1, -1) if gone is None else (gone, len(plan.rows)))
        if plan.histogram is not None:
            self._counter = "count_few_cells" if prod(plan.histogram.shape) <= SHARED else "count_cells"
            names.append(self._counter)
        self._kernels = {name: device.load(library_text(name, dtype, capability)) for name in names}
        self._merge = codegen.measurer(plan).merge
        self._groups = Groups(n, plan)
        self._arrive: Callable[[], None] = at_once

    @property
    def _chunk(self) -> int:
        """Particles that are reduced at a time, in whole groups; no more than there are."""
        each = 8 * self._filled.count + self._filled.bytes_each
        return min(max(1, ROWS_BYTES // (each * GROUP)), len(self._groups.means)) * GROUP

    @property
    def bytes_beside(self) -> int:
        """Memory that a measurement needs whatever the number of particles in a block."""
        p, plan = self._program, self._program.plan
        sums = 8 * (len(plan.rows) + len(plan.pairs) + 2 * len(plan.extremes) + 1) / TILE
        cells = 0 if plan.histogram is None else prod(plan.histogram.shape)
        kept = p.system.n_dim * p.n_kept * np.dtype(p.dtype).itemsize
        return int((8 * self._filled.count + self._filled.bytes_each + sums) * self._chunk) + 8 * cells + kept

    def begin(self, widest: int) -> None:
        """Take memory for blocks of so many particles."""
        self._widest = widest
        p, plan, zeros = self._program, self._program.plan, self._device.zeros
        chunk = min(self._chunk, -(-self._widest // GROUP) * GROUP)
        tiles = chunk // TILE
        self._filled.begin(chunk)
        self._rows = zeros((self._filled.count, chunk), np.float64)
        self._sizes = zeros((tiles, 1), np.float64)
        self._means, self._comoments = (zeros((tiles, len(k)), np.float64) for k in (plan.rows, plan.pairs))
        self._tops = zeros((tiles, len(plan.extremes)), np.float64)
        self._holders = zeros((tiles, len(plan.extremes)), np.int64)
        self._pairs, self._extremes = placed(self._device, plan.pairs), placed(self._device, plan.extremes)
        self._begun = zeros((max(1, self._start.shape[0] * self._widest),), self._start.dtype)
        axes, lower, upper = ([wall[k] for wall in self._walls] for k in range(3))
        self._axes = placed(self._device, np.array(axes, np.int64))
        absorbers = p.system.absorbers
        self._absorbers = placed(self._device, np.array([a for a, _ in absorbers], np.int64))
        ends = [getattr(p.system, side)[a] for a, side in absorbers]
        self._ends, self._taken = placed(self._device, np.array(ends, p.dtype)), zeros((len(absorbers),), np.int64)
        self._lower, self._upper = (placed(self._device, np.array(bound, p.dtype)) for bound in (lower, upper))
        if plan.histogram is not None:
            grid = plan.histogram
            self._edges = (
                placed(self._device, grid.lower),
                placed(self._device, 1.0 / grid.width),
                placed(self._device, np.array(grid.shape, np.int64)),
            )
            self._cells = zeros((prod(grid.shape),), np.int64)
        self._counted = zeros((2,), np.int64)
        if p.n_kept:
            self._snapshot = zeros((p.system.n_dim, p.n_kept), p.dtype)
            shape = self._snapshot.shape
            self._kept = deque(self._device.pinned(shape, p.dtype) for _ in range(PLACES))
            self._narrow = deque(np.empty(shape, np.float32) for _ in range(PLACES if p.position_bits else 0))
        self._holds_start = False

    def end(self) -> None:
        """Give memory back."""
        self._arrive()
        self._filled.end()
        for name in ("rows", "sizes", "means", "comoments", "tops", "holders", "begun", "cells", "snapshot", "kept"):
            self.__dict__.pop(f"_{name}", None)

    def clear(self) -> None:
        """Forget what was counted before."""
        self._leaked: list[NDArray[np.int64]] = []
        self._device.put(np.zeros(2, np.int64), self._counted)
        self._device.put(np.zeros(self._taken.shape, np.int64), self._taken)
        if self._program.plan.histogram is not None:
            self._device.put(np.zeros(self._cells.shape, np.int64), self._cells)
        self._arrive()

    def take(self, X: Array, low: int, high: int, step: int) -> None:
        """Reduce the particles low … high, which are in X (rows, high − low)."""
        S = self._started(low, high)
        chunk = self._rows.shape[1]
        for begin in range(0, high - low, chunk):
            self._reduce(X, S, low, begin, min(chunk, high - low - begin), step)
        if self._program.plan.histogram is not None:
            grid = min(_BLOCKS, -(-X.shape[1] // TILE))
            self._kernels[self._counter](grid, TILE, X, self._gone, *self._edges, self._cells, self._counted[:1])
        if self._walls:
            self._find_leaked(X, low)
        if "count_absorbed" in self._kernels:
            grid = min(_BLOCKS, -(-X.shape[1] // TILE))
            self._kernels["count_absorbed"](grid, TILE, X, self._gone, self._absorbers, self._ends, self._taken)
        kept = min(high, self._program.n_kept)
        if kept > low:
            self._device.copy(X[: self._program.system.n_dim, : kept - low], self._snapshot[:, low:kept])

    def _reduce(self, X: Array, S: Array, low: int, begin: int, n: int, step: int) -> None:
        tiles, groups, first = -(-n // TILE), -(-n // GROUP), (low + begin) // GROUP
        count = np.int64(n)
        run, sums = self._kernels, (self._pairs, self._sizes, self._means, self._comoments)
        self._filled.fill(X, S, begin, n, step, self._rows)
        rows = self._rows
        if "tile_extremes" in run:
            extremes = np.int64(low + begin), self._extremes, self._tops, self._holders
            run["tile_extremes"](tiles, TILE // 2, rows, count, self._living, *extremes)
        run["tile_moments"](tiles, TILE // 2, rows, count, self._living, *sums)
        run["merge_tiles"](groups, TILES // 2, count, *sums, self._tops, self._holders)
        found, here = self._groups, slice(first, first + groups)
        for array, host in (
            (self._sizes, found.sizes[:, None]),
            (self._means, found.means),
            (self._comoments, found.comoments),
            (self._tops, found.tops),
            (self._holders, found.holders),
        ):
            if host.shape[1]:
                self._device.get(array[:tiles:TILES], host[here])

    def _find_leaked(self, X: Array, low: int) -> None:
        counted = np.empty(1, np.int64)
        grid = min(_BLOCKS, -(-X.shape[1] // TILE))
        self._kernels["count_leaked"](grid, TILE, X, self._axes, self._lower, self._upper, self._counted[1:])
        self._device.get(self._counted[1:], counted)
        if counted[0]:
            position = np.empty(X.shape, X.dtype)
            self._device.get(X, position)
            self._leaked.append(low + beyond_walls(position, self._walls))
            self._device.put(np.zeros(1, np.int64), self._counted[1:])

    def measurement(self, positions: Positions) -> Measurement:
        """What was taken, put together; `positions` gives coordinates (d, high − low) where some are not finite."""
        grid, outside = self._program.plan.histogram, np.zeros(1, np.int64)
        cells = None
        if grid is not None:
            cells = np.empty(prod(grid.shape), np.int64)
            self._device.get(self._cells, cells)
            self._device.get(self._counted[:1], outside)
            cells = cells.reshape(grid.shape)
        bad = self._groups.nonfinite(positions)
        leaked = np.concatenate([np.zeros(0, np.int64), *self._leaked])
        sums = self._groups.merged(self._merge)
        absorbed = np.empty(self._taken.shape, np.int64)
        self._device.get(self._taken, absorbed)
        kept, arrive = self._fetch() if self._program.n_kept else (None, at_once)
        return Measurement(sums, cells, int(outside[0]), bad, leaked, absorbed, kept, arrive)

    def _fetch(self) -> tuple[NDArray[np.floating], Callable[[], None]]:
        """Where the kept positions will be, and what waits for them: they are copied while kernels run."""
        wide, bits = self._kept[0], self._program.position_bits
        self._kept.rotate()
        self._arrive = arrive = self._device.fetch(self._snapshot, wide)
        if bits is None:
            return wide, arrive
        narrow = self._narrow[0]
        self._narrow.rotate()
        return narrow, partial(_narrowed, arrive, wide, narrow, bits)

    def _started(self, low: int, high: int) -> Array:
        """Where the particles low … high began, on the device."""
        rows = self._start.shape[0]
        if not rows:
            return self._begun.reshape(1, 1)
        S = self._begun[: rows * (high - low)].reshape(rows, high - low)
        if not self._holds_start:
            self._device.put(self._start[:, low:high], S)
            self._holds_start = self._widest == self._start.shape[1]
        return S


def _narrowed(arrive: Callable[[], None], wide: NDArray[np.floating], narrow: NDArray[np.float32], bits: int) -> None:
    """Wait, and round."""
    arrive()
    with np.errstate(over="ignore"):
        np.copyto(narrow, wide, casting="same_kind")
    round_mantissa(narrow, bits)
