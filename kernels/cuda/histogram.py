"""Counts in uniform cells, by atomic additions of integers: any order gives the same bits."""

from __future__ import annotations

import math

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from ..cpu.histogram import cell, is_outside
from ..jit import inline

SHARED = 4096
"""Cells up to which each block counts in its own memory first."""


def count_cells(
    X: NDArray[np.floating],
    gone: int,
    lower: NDArray[np.float64],
    inverse_width: NDArray[np.float64],
    shape: NDArray[np.int64],
    counts: NDArray[np.int64],
    outside: NDArray[np.int64],
) -> None:
    """Add the finite particles to `counts`, flat; and to `outside` how many lie outside the cells or nowhere.

    Parameters
    ----------
    X : (rows, n)
        The state, coordinates first.
    gone : int
        The row whose particles above zero were absorbed and are not looked at; −1 if there is none.
    lower, inverse_width, shape : (axes,)
        Of the cells along the first coordinates.
    """
    i = cuda.grid(1)
    while i < X.shape[1]:
        place = _place(X, i, gone, lower, inverse_width, shape)
        if place >= 0:
            cuda.atomic.add(counts, place, 1)
        if _beyond(X, i, gone, lower, inverse_width, shape):
            cuda.atomic.add(outside, 0, 1)
        i += cuda.gridsize(1)


def count_few_cells(
    X: NDArray[np.floating],
    gone: int,
    lower: NDArray[np.float64],
    inverse_width: NDArray[np.float64],
    shape: NDArray[np.int64],
    counts: NDArray[np.int64],
    outside: NDArray[np.int64],
) -> None:
    """The same for up to `SHARED` cells."""
    own = cuda.shared.array(SHARED, np.int32)
    c = cuda.threadIdx.x
    while c < counts.size:
        own[c] = 0
        c += cuda.blockDim.x
    cuda.syncthreads()
    lost = 0
    i = cuda.grid(1)
    while i < X.shape[1]:
        place = _place(X, i, gone, lower, inverse_width, shape)
        if place >= 0:
            cuda.atomic.add(own, place, 1)
        if _beyond(X, i, gone, lower, inverse_width, shape):
            lost += 1
        i += cuda.gridsize(1)
    if lost > 0:
        cuda.atomic.add(outside, 0, lost)
    cuda.syncthreads()
    c = cuda.threadIdx.x
    while c < counts.size:
        if own[c] > 0:
            cuda.atomic.add(counts, c, np.int64(own[c]))
        c += cuda.blockDim.x


@inline
def _place(
    X: NDArray[np.floating],
    i: int,
    gone: int,
    lower: NDArray[np.float64],
    inverse_width: NDArray[np.float64],
    shape: NDArray[np.int64],
) -> int:
    """The flat number of a particle's cell, −1 for a particle that is nowhere or absorbed."""
    if gone >= 0 and X[gone, i] > 0.0:
        return -1
    place = 0
    for a in range(shape.size):
        x = np.float64(X[a, i])
        if math.isinf(x) or math.isnan(x):
            return -1
        place = place * shape[a] + cell((x - lower[a]) * inverse_width[a], shape[a])
    return place


@inline
def _beyond(
    X: NDArray[np.floating],
    i: int,
    gone: int,
    lower: NDArray[np.float64],
    inverse_width: NDArray[np.float64],
    shape: NDArray[np.int64],
) -> bool:
    if gone >= 0 and X[gone, i] > 0.0:
        return False
    for a in range(shape.size):  # noqa: SIM110  (numba knows no generator)
        if is_outside((np.float64(X[a, i]) - lower[a]) * inverse_width[a], shape[a]):
            return True
    return False


def count_leaked(
    X: NDArray[np.floating],
    axes: NDArray[np.int64],
    lower: NDArray[np.floating],
    upper: NDArray[np.floating],
    leaked: NDArray[np.int64],
) -> None:
    """Add to `leaked` how many particles are at a finite place beyond a wall of one of the `axes`.

    Parameters
    ----------
    lower, upper : (axes,)
        The walls, in the state's dtype.
    """
    i = cuda.grid(1)
    while i < X.shape[1]:
        for k in range(axes.size):
            x = X[axes[k], i]
            if (x < lower[k] or x > upper[k]) and not math.isinf(x):
                cuda.atomic.add(leaked, 0, 1)
        i += cuda.gridsize(1)


def count_absorbed(
    X: NDArray[np.floating],
    gone: int,
    axes: NDArray[np.int64],
    bounds: NDArray[np.floating],
    counts: NDArray[np.int64],
) -> None:
    """Add to `counts` how many particles each absorbing wall has taken; at a corner the first one counts.

    Parameters
    ----------
    gone : int
        The row that holds when a particle was absorbed, 0 for the living.
    axes, bounds : (walls,)
        Coordinate and place of each wall, in the state's dtype.
    """
    i = cuda.grid(1)
    while i < X.shape[1]:
        if X[gone, i] > 0.0:
            for k in range(axes.size):
                if X[axes[k], i] == bounds[k]:
                    cuda.atomic.add(counts, k, 1)
                    break
        i += cuda.gridsize(1)
