"""Blocks of rows of a tile, copied or added by a table: what convolutions take from places, and give back to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..jit import driver
from .buffers import MAX_BUFFERS, load, store


@driver
def take(X: NDArray[np.floating], table: NDArray[Any], first: int, size: int, Y: NDArray[np.floating]) -> None:
    """Fill Y (n size, P) with the blocks of X, `size` rows each, that the table names from `first` on; −1 is zeros."""
    count = size * X.shape[1]
    for j in range(Y.shape[0] // size):
        block = table[first + j]
        if block < 0:
            for i in range(count):
                store(Y, MAX_BUFFERS, j * count + i, Y.dtype.type(0.0))
        else:
            for i in range(count):
                store(Y, MAX_BUFFERS, j * count + i, load(X, MAX_BUFFERS, block * count + i))


@driver
def give(X: NDArray[np.floating], table: NDArray[Any], first: int, size: int, Y: NDArray[np.floating]) -> None:
    """Add the blocks of X (n size, P), one after another, to those of Y that the table names from `first` on."""
    count = size * X.shape[1]
    for j in range(X.shape[0] // size):
        block = table[first + j]
        if block >= 0:
            for i in range(count):
                at = block * count + i
                store(Y, MAX_BUFFERS, at, load(Y, MAX_BUFFERS, at) + load(X, MAX_BUFFERS, j * count + i))
