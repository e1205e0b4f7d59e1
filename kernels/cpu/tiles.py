"""Means, co-moments and extremes of tiles of particles, always reduced in the same tree.

A tile holds `TILE` particles by global particle number and a group `GROUP` of them, so no thread, block or chunk shows
in a bit of the sums. Groups are merged as tiles are: pairwise, in a tree that the number of particles alone decides.

Where particles may be absorbed, one more row holds 1 for the living and 0 for the others, and all is over the living.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import driver, fma, inline, inner

TILE = 256
TILES = 64
"""Tiles of a group."""
GROUP = TILE * TILES


@inline
def fold(values: NDArray[np.float64]) -> float:
    """Sum 128 scratch values in place by halving; widths are constants, so that no loop has a remainder."""
    for i in range(64):
        values[i] = values[i] + values[i + 64]
    for i in range(32):
        values[i] = values[i] + values[i + 32]
    for i in range(16):
        values[i] = values[i] + values[i + 16]
    for i in range(8):
        values[i] = values[i] + values[i + 8]
    for i in range(4):
        values[i] = values[i] + values[i + 4]
    return (values[0] + values[2]) + (values[1] + values[3])


@driver
def tile_moments(
    rows: NDArray[np.float64],
    count: int,
    living: int,
    pairs: NDArray[np.int64],
    work: NDArray[np.float64],
    means: NDArray[np.float64],
    comoments: NDArray[np.float64],
) -> float:
    """Two-pass moments of the first `count` entries of each row; gives how many of them are counted.

    Parameters
    ----------
    rows : (≥ q, TILE)
        The quantities; becomes their deviations from the tile's mean, 0 of those that are not counted.
    living : int
        The row that says which particles live, behind the others; −1 if all do.
    pairs : (p, 2)
        Which rows' co-moments Σ δᵢδⱼ are wanted.
    work : (TILE,)
        Scratch.
    means, comoments : (q,), (p,)
        Results; 0 where none lives.
    """
    half = TILE // 2
    counted = float(count)
    if living >= 0:
        rows[living, count:] = 0.0
        for i in range(half):
            work[i] = rows[living, i] + rows[living, i + half]
        counted = fold(work)
    for q in range(means.size):
        row = rows[q]
        row[count:] = 0.0
        if living >= 0:
            _keep(row, rows[living])
        for i in range(half):
            work[i] = row[i] + row[i + half]
        mean = fold(work) / max(counted, 1.0)
        means[q] = mean
        for i in range(count):
            row[i] = row[i] - mean
        if living >= 0:
            _keep(row, rows[living])
    for p in range(pairs.shape[0]):
        a = rows[pairs[p, 0]]
        b = rows[pairs[p, 1]]
        for i in range(half):
            work[i] = a[i] * b[i] + a[i + half] * b[i + half]
        comoments[p] = fold(work)
    return counted


@inner
def _keep(row: NDArray[np.float64], living: NDArray[np.float64]) -> None:
    """Zero what is not of the living, whatever it is."""
    for i in range(row.size):
        row[i] = row[i] if living[i] > 0.0 else 0.0


@driver
def tile_extremes(
    rows: NDArray[np.float64],
    count: int,
    living: int,
    first: int,
    extremes: NDArray[np.int64],
    work: NDArray[np.float64],
    tops: NDArray[np.float64],
    holders: NDArray[np.int64],
) -> None:
    """Raise `tops` to the largest of sign·row in the first `count` entries; NaN counts as larger than all.

    Parameters
    ----------
    rows : (≥ q, TILE)
    living : int
        As in `tile_moments`.
    first : int
        Number of the tile's first particle.
    extremes : (e, 2)
        Row and sign, 1 for a maximum and −1 for a minimum.
    work : (TILE,)
        Scratch.
    tops, holders : (e,)
        The largest so far and the number of the first particle that has it, −1 if there was none.
    """
    for e in range(extremes.shape[0]):
        row = rows[extremes[e, 0]]
        sign = np.float64(extremes[e, 1])
        for i in range(count):
            work[i] = sign * row[i] if living < 0 or rows[living, i] > 0.0 else -np.inf
        work[count:] = -np.inf
        top = _largest(work)
        if holders[e] >= 0 and not (top > tops[e] or (np.isnan(top) and not np.isnan(tops[e]))):
            continue
        for i in range(count):
            value = sign * row[i]
            if living >= 0 and rows[living, i] <= 0.0:
                continue
            if value == top or (np.isnan(top) and np.isnan(value)):
                tops[e] = value
                holders[e] = first + i
                break


@driver
def _largest(values: NDArray[np.float64]) -> float:
    width = TILE // 2
    while width > 0:
        low = values[:width]
        high = values[width : 2 * width]
        for i in range(width):
            low[i] = low[i] if low[i] > high[i] or np.isnan(low[i]) else high[i]
        width //= 2
    return values[0]


@inline
def merge_two(
    counts: NDArray[np.float64],
    means: NDArray[np.float64],
    comoments: NDArray[np.float64],
    pairs: NDArray[np.int64],
    a: int,
    b: int,
) -> None:
    """Merge row b into row a (Chan, Golub & LeVeque 1983)."""
    total = counts[a] + counts[b]
    share = counts[b] / max(total, 1.0)
    weight = counts[a] * share
    for p in range(pairs.shape[0]):
        i, j = pairs[p, 0], pairs[p, 1]
        cross = (means[b, i] - means[a, i]) * (means[b, j] - means[a, j])
        comoments[a, p] = (comoments[a, p] + comoments[b, p]) + weight * cross
    for q in range(means.shape[1]):
        means[a, q] = means[a, q] + share * (means[b, q] - means[a, q])
    counts[a] = total


@driver
def merge(
    counts: NDArray[np.float64],
    means: NDArray[np.float64],
    comoments: NDArray[np.float64],
    pairs: NDArray[np.int64],
) -> None:
    """Merge the moments of all rows into the first, pairwise and in place.

    Parameters
    ----------
    counts : (n,)
    means : (n, q)
    comoments : (n, p)
        Σ δᵢδⱼ about each row's own mean, for the `pairs` (p, 2).
    """
    stride = 1
    while stride < counts.size:
        for a in range(0, counts.size - stride, 2 * stride):
            merge_two(counts, means, comoments, pairs, a, a + stride)
        stride *= 2


@inner
def copy(source: NDArray[np.floating], out: NDArray[np.float64]) -> None:
    """Take a slice of the state, of any dtype, into a row."""
    for i in range(source.size):
        out[i] = np.float64(source[i])


@inner
def add_square_of_difference(a: NDArray[np.float64], b: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Add (a − b)² to `out`."""
    for i in range(out.size):
        difference = a[i] - b[i]
        out[i] = fma(difference, difference, out[i])


@inner
def add_square_of_turned_difference(
    turns: NDArray[np.float64],
    length: float,
    now: NDArray[np.float64],
    start: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add (now + length turns − start)² to `out`, of a coordinate with that period."""
    for i in range(out.size):
        difference = fma(length, turns[i], now[i] - start[i])
        out[i] = fma(difference, difference, out[i])


@inner
def live(gone: NDArray[np.floating], out: NDArray[np.float64]) -> None:
    """Write 1 for the living, whose time of absorption is 0, and 0 for the others."""
    for i in range(gone.size):
        out[i] = 0.0 if gone[i] > 0.0 else 1.0


@inner
def multiply(a: NDArray[np.float64], b: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write a·b to `out`."""
    for i in range(out.size):
        out[i] = a[i] * b[i]
