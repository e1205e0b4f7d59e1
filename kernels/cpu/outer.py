"""Sums of outer products Y += U Vᵀ over the particles of a tile, with the same bits on every x86 target.

The product with a matrix runs over rows of a tile; this one runs over its columns. V is turned first, a square of
registers at a time, so that both are the same block of `gemm`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..jit import driver
from .gemm import STRIP_BYTES, block

SQUARE_BYTES = 32
"""Of a side of the squares that are turned: a vector of every x86 target since 2013."""


@intrinsic
def _turn(typingctx: Any, X: Any, Y: Any, row: Any, column: Any) -> Any:
    """Write the square of X (k, P) at a row and a column into Y (P, n), turned."""
    if X != Y:
        return None
    scalar = X.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, y = (context.make_array(X)(context, builder, value) for value in args[:2])
        row, column = args[2:]
        width, item = SQUARE_BYTES * 8 // scalar.bitwidth, scalar.bitwidth // 8
        vector = ir.VectorType(context.get_value_type(scalar), width)

        def address(array: Any, i: Any, more: int, j: Any) -> Any:
            columns = cgutils.unpack_tuple(builder, array.shape)[1]
            start = builder.add(builder.mul(builder.add(i, ir.Constant(i.type, more)), columns), j)
            return builder.bitcast(builder.gep(array.data, [start]), vector.as_pointer())

        rows = [builder.load(address(x, row, r, column), align=item) for r in range(width)]
        side = 1
        while side < width:
            lanes = range(width)
            low = [lane if not lane & side else width + lane - side for lane in lanes]
            high = [lane + side if not lane & side else width + lane for lane in lanes]
            for r in range(width):
                if not r & side:
                    pair = rows[r], rows[r + side]
                    for place, mask in ((r, low), (r + side, high)):
                        chosen = ir.Constant(ir.VectorType(ir.IntType(32), width), mask)
                        rows[place] = builder.shuffle_vector(*pair, chosen)
            side *= 2
        for r, value in enumerate(rows):
            builder.store(value, address(y, column, r, row), align=item)
        return context.get_dummy_value()

    return types.void(X, Y, types.intp, types.intp), codegen


@driver
def turn(X: NDArray[np.floating], Y: NDArray[np.floating]) -> None:
    """Y (P, n) = Xᵀ of X (k, P) in its first k columns; P is a multiple of a square, n of a strip, and not below k."""
    side = SQUARE_BYTES // X.itemsize
    k, P = X.shape
    whole = k - k % side
    for column in range(0, P, side):
        for row in range(0, whole, side):
            _turn(X, Y, row, column)
    for i in range(P):
        for r in range(whole, k):
            Y[i, r] = X[r, i]


@driver
def add_outer(U: NDArray[np.floating], V: NDArray[np.floating], Y: NDArray[np.floating]) -> None:
    """Y (m, n) += U V for U (m, P) and V (P, n), C-contiguous; n is a multiple of a strip."""
    m = U.shape[0]
    strip = STRIP_BYTES // U.itemsize
    for column in range(0, V.shape[1], strip):
        row = 0
        while row + 8 <= m:
            block(8, True, U, V, Y, row, column)
            row += 8
        if m & 4:
            block(4, True, U, V, Y, row, column)
            row += 4
        if m & 2:
            block(2, True, U, V, Y, row, column)
            row += 2
        if m & 1:
            block(1, True, U, V, Y, row, column)
