"""Means and co-moments of one tile of particles, always added in the same tree.

A tile holds `TILE` particles by global particle number, so its sums depend on no thread, block or chunk.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import driver

TILE = 256


@driver
def tree_sum(values: NDArray[np.float64]) -> float:
    """Sum a scratch row of length `TILE` in place by halving: 255 additions, each level vectorised."""
    width = TILE // 2
    while width > 0:
        low = values[:width]
        high = values[width : 2 * width]
        for i in range(width):
            low[i] = low[i] + high[i]
        width //= 2
    return values[0]


@driver
def tile_moments(
    rows: NDArray[np.float64],
    count: int,
    pairs: NDArray[np.int64],
    work: NDArray[np.float64],
    means: NDArray[np.float64],
    comoments: NDArray[np.float64],
) -> None:
    """Two-pass moments of the first `count` entries of each row.

    Parameters
    ----------
    rows : (q, TILE)
        The quantities; becomes their deviations from the tile's mean.
    pairs : (p, 2)
        Which rows' co-moments Σ δᵢδⱼ are wanted.
    work : (TILE,)
        Scratch.
    means, comoments : (q,), (p,)
        Results.
    """
    for q in range(rows.shape[0]):
        row = rows[q]
        for i in range(TILE):
            work[i] = row[i] if i < count else 0.0
        mean = tree_sum(work) / count
        means[q] = mean
        for i in range(TILE):
            row[i] = row[i] - mean if i < count else 0.0
    for p in range(pairs.shape[0]):
        a = rows[pairs[p, 0]]
        b = rows[pairs[p, 1]]
        for i in range(TILE):
            work[i] = a[i] * b[i]
        comoments[p] = tree_sum(work)
