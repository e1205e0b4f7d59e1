"""Scratch memory of a tile of particles: aligned, addressed flat, and known to be disjoint.

A slice costs two atomic operations on a reference count, a checked index a branch, and two arrays that may overlap a
test before each loop: together more than the arithmetic on a row of a tile. `load` and `store` have none of these; the
index is not checked. Equal numbers mean one buffer, different numbers buffers that do not overlap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..jit import driver, inline
from ..scratch import ALIGNMENT

MAX_BUFFERS = 32
"""Buffers that can be told apart; those with higher numbers may overlap any other."""


@inline
def aligned(rows: int, columns: int, like: NDArray[Any]) -> NDArray[Any]:
    """A zeroed array (rows, columns) of the dtype of `like` that begins a cache line."""
    raw = np.zeros(rows * columns + ALIGNMENT // like.itemsize, like.dtype)
    first = (-raw.ctypes.data) % ALIGNMENT // like.itemsize
    return raw[first : first + rows * columns].reshape(rows, columns)


def _mark(builder: Any, instruction: Any, number: int) -> None:
    """Say which buffer an access touches, and with it which it does not."""
    if number >= MAX_BUFFERS:
        return
    module = builder.module
    domain = module.add_metadata(["langevin_kit buffers"])
    scopes = [module.add_metadata([f"buffer {i}", domain]) for i in range(MAX_BUFFERS)]
    others = [scope for i, scope in enumerate(scopes) if i != number]
    instruction.set_metadata("alias.scope", module.add_metadata([scopes[number]]))
    instruction.set_metadata("noalias", module.add_metadata(others))


def _address(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    return builder.gep(context.make_array(array)(context, builder, value).data, [index], inbounds=True)


@intrinsic(prefer_literal=True)
def load(typingctx: Any, array: Any, number: Any, index: Any) -> Any:
    """Entry `index` of a contiguous array, counted flat, of buffer `number` (a literal)."""
    if not (isinstance(array, types.Array) and isinstance(number, types.IntegerLiteral)):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = builder.load(_address(context, builder, array, args[0], args[2]))
        _mark(builder, value, number.literal_value)
        return value

    return array.dtype(array, number, types.intp), codegen


@intrinsic(prefer_literal=True)
def store(typingctx: Any, array: Any, number: Any, index: Any, value: Any) -> Any:
    """Write entry `index` of a contiguous array, counted flat, of buffer `number` (a literal)."""
    if not (isinstance(array, types.Array) and isinstance(number, types.IntegerLiteral)):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        written = builder.store(args[3], _address(context, builder, array, args[0], args[2]))
        _mark(builder, written, number.literal_value)
        return context.get_dummy_value()

    return types.void(array, number, types.intp, array.dtype), codegen


@driver
def fill_tile(tile: NDArray[np.floating], X: NDArray[np.floating], low: int, high: int) -> None:
    """The particles low … high of X (d, n) in front, zeros behind."""
    for a in range(tile.shape[0]):
        for i in range(tile.shape[1]):
            tile[a, i] = X[a, low + i] if i < high - low else 0.0


@driver
def repeat_tile(tile: NDArray[np.floating], X: NDArray[np.floating], low: int, high: int) -> None:
    """The particles low … high of X (d, n) in front, copies of the first behind."""
    for a in range(tile.shape[0]):
        for i in range(tile.shape[1]):
            tile[a, i] = X[a, low + i if i < high - low else low]


@driver
def empty_tile(tile: NDArray[np.floating], X: NDArray[np.floating], low: int, high: int) -> None:
    """Write the particles low … high of X (d, n) back."""
    for a in range(tile.shape[0]):
        for i in range(high - low):
            X[a, low + i] = tile[a, i]
