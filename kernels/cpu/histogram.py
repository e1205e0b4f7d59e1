"""Counts in uniform cells; the outermost cells reach to infinity. Integers, so any order gives the same bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import driver, inline


@inline
def cell(position: float, cells: int) -> np.int64:
    """The number of the cell at a place in units of cells; of the nearest one beyond their ends."""
    return np.int64(min(max(position, 0.0), np.float64(cells - 1)))


@inline
def is_outside(position: float, cells: int) -> bool:
    """Whether a place in units of cells is in none of them."""
    return not (0.0 <= position < cells)


@driver
def histogram_1d(
    x: NDArray[np.floating],
    gone: NDArray[np.floating],
    lower: NDArray[np.float64],
    inverse_width: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> int:
    """Add the finite particles to `counts` (n,); return how many particles lie outside the cells or nowhere.

    Parameters
    ----------
    gone : (≥ 0, particles)
        If it has a row, particles above zero in the first one were absorbed, and are not looked at.
    """
    outside = 0
    n = counts.shape[0]
    for i in range(x.size):
        if gone.shape[0] > 0 and gone[0, i] > 0.0:
            continue
        a = (np.float64(x[i]) - lower[0]) * inverse_width[0]
        outside += is_outside(a, n)
        if np.isfinite(x[i]):
            counts[cell(a, n)] += 1
    return outside


@driver
def histogram_2d(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    gone: NDArray[np.floating],
    lower: NDArray[np.float64],
    inverse_width: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> int:
    """Add the finite particles to `counts` (n, m); return how many particles lie outside the cells or nowhere.

    Parameters are those of `histogram_1d`.
    """
    outside = 0
    n, m = counts.shape
    for i in range(x.size):
        if gone.shape[0] > 0 and gone[0, i] > 0.0:
            continue
        a = (np.float64(x[i]) - lower[0]) * inverse_width[0]
        b = (np.float64(y[i]) - lower[1]) * inverse_width[1]
        outside += is_outside(a, n) or is_outside(b, m)
        if np.isfinite(x[i]) and np.isfinite(y[i]):
            counts[cell(a, n), cell(b, m)] += 1
    return outside
