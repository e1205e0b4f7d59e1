"""Means, co-moments and extremes of tiles of particles: the sums of `kernels.cpu.tiles`, in the same tree.

A block of `HALF` threads reduces a tile, each thread two particles; a second kernel merges the tiles of a group, one
block a group. All numbers are float64 and no sum is contracted, so a group's bits are those of the CPU.
"""

from __future__ import annotations

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from ..cpu.tiles import TILE, TILES, merge_two
from ..jit import inline

HALF = TILE // 2
"""Threads of a block."""

_LOWEST = -np.inf


def tile_moments(
    rows: NDArray[np.float64],
    n: int,
    living: int,
    pairs: NDArray[np.int64],
    sizes: NDArray[np.float64],
    means: NDArray[np.float64],
    comoments: NDArray[np.float64],
) -> None:
    """Two-pass moments of each tile.

    Parameters
    ----------
    rows : (≥ q, tiles · TILE)
        The quantities of n particles; becomes their deviations from their tile's mean, 0 of those that are not counted.
    living : int
        The row that says which particles live, behind the others; −1 if all do.
    pairs : (p, 2)
        Which rows' co-moments Σ δᵢδⱼ are wanted.
    sizes : (tiles, 1)
        How many particles are counted.
    means, comoments : (tiles, q), (tiles, p)
        Results; 0 where none is.
    """
    work = cuda.shared.array(HALF, np.float64)
    lane, tile = int(cuda.threadIdx.x), int(cuda.blockIdx.x)
    low = tile * TILE + lane
    high = low + HALF
    first, second = _counts(rows, living, low, n), _counts(rows, living, high, n)
    count = float(min(n - tile * TILE, TILE))
    if living >= 0:
        count = _fold(work, lane, np.float64(first) + np.float64(second))
    if lane == 0:
        sizes[tile, 0] = count
    for q in range(means.shape[1]):
        a = rows[q, low] if first else 0.0
        b = rows[q, high] if second else 0.0
        mean = _fold(work, lane, a + b) / max(count, 1.0)
        rows[q, low] = a - mean if first else 0.0
        rows[q, high] = b - mean if second else 0.0
        if lane == 0:
            means[tile, q] = mean
    for p in range(pairs.shape[0]):
        i, j = pairs[p, 0], pairs[p, 1]
        total = _fold(work, lane, rows[i, low] * rows[j, low] + rows[i, high] * rows[j, high])
        if lane == 0:
            comoments[tile, p] = total


@inline
def _counts(rows: NDArray[np.float64], living: int, particle: int, n: int) -> bool:
    return particle < n and (living < 0 or rows[living, particle] > 0.0)


@inline
def _fold(work: NDArray[np.float64], lane: int, value: float) -> float:
    """The sum of every thread's value, by halving; the first barrier after the last reading is the caller's next."""
    work[lane] = value
    cuda.syncthreads()
    width = HALF // 2
    while width >= 4:
        if lane < width:
            work[lane] = work[lane] + work[lane + width]
        cuda.syncthreads()
        width //= 2
    total = (work[0] + work[2]) + (work[1] + work[3])
    cuda.syncthreads()
    return total


def tile_extremes(
    rows: NDArray[np.float64],
    n: int,
    living: int,
    first: int,
    extremes: NDArray[np.int64],
    tops: NDArray[np.float64],
    holders: NDArray[np.int64],
) -> None:
    """The largest of sign·row in each tile and the first particle that has it; NaN counts as larger than all.

    Parameters
    ----------
    rows : (≥ q, tiles · TILE)
    living : int
        As in `tile_moments`.
    first : int
        Number of the first particle.
    extremes : (e, 2)
        Row and sign, 1 for a maximum and −1 for a minimum.
    tops, holders : (tiles, e)
        Results; the holder is −1 where none lives.
    """
    values = cuda.shared.array(HALF, np.float64)
    places = cuda.shared.array(HALF, np.int64)
    lane, tile = int(cuda.threadIdx.x), int(cuda.blockIdx.x)
    low = tile * TILE + lane
    high = low + HALF
    for e in range(extremes.shape[0]):
        row, sign = extremes[e, 0], np.float64(extremes[e, 1])
        value = sign * rows[row, low] if _counts(rows, living, low, n) else _LOWEST
        other = sign * rows[row, high] if _counts(rows, living, high, n) else _LOWEST
        later = _exceeds(other, high, value, low)
        values[lane] = other if later else value
        places[lane] = high if later else low
        cuda.syncthreads()
        width = HALF // 2
        while width > 0:
            if lane < width and _exceeds(values[lane + width], places[lane + width], values[lane], places[lane]):
                values[lane] = values[lane + width]
                places[lane] = places[lane + width]
            cuda.syncthreads()
            width //= 2
        if lane == 0:
            tops[tile, e] = values[0]
            lives = values[0] != _LOWEST or _counts(rows, living, places[0], n)
            holders[tile, e] = first + places[0] if lives else -1
        cuda.syncthreads()


@inline
def _exceeds(a: float, place_a: int, b: float, place_b: int) -> bool:
    """Whether a stands before b: larger, or as large and of an earlier particle."""
    if a != a or b != b:
        return a != a and (b == b or place_a < place_b)
    return a > b or (a == b and place_a < place_b)


def merge_tiles(
    n: int,
    pairs: NDArray[np.int64],
    sizes: NDArray[np.float64],
    means: NDArray[np.float64],
    comoments: NDArray[np.float64],
    tops: NDArray[np.float64],
    holders: NDArray[np.int64],
) -> None:
    """Merge the tiles of each group of n particles into the group's first, pairwise and in place.

    A block of TILES/2 threads merges a group: the moments as `kernels.cpu.tiles.merge` does, and the extremes, of which
    the first of the largest stays.
    """
    counts = cuda.shared.array(TILES, np.float64)
    lane, group = int(cuda.threadIdx.x), int(cuda.blockIdx.x)
    begin = group * TILES
    tiles = min((n + TILE - 1) // TILE - begin, TILES)
    for tile in range(lane, tiles, TILES // 2):
        counts[tile] = sizes[begin + tile, 0]
    cuda.syncthreads()
    stride = 1
    while stride < TILES:
        a = 2 * stride * lane
        if a + stride < tiles:
            merge_two(counts, means[begin:], comoments[begin:], pairs, a, a + stride)
        cuda.syncthreads()
        stride *= 2
    if lane == 0:
        sizes[begin, 0] = counts[0]
    for e in range(lane, tops.shape[1], TILES // 2):
        best = begin
        for tile in range(begin + 1, begin + tiles):
            if _exceeds(tops[tile, e], tile, tops[best, e], best):
                best = tile
        tops[begin, e] = tops[best, e]
        holders[begin, e] = holders[best, e]
