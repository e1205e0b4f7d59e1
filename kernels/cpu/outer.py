"""Sums of outer products Y += U Vᵀ over the particles of a tile, with the same bits on every x86 target.

The product with a matrix runs over rows of a tile; this one runs over its columns. V is turned first, a square of
registers at a time, so that both are the same block of `gemm`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..jit import driver
from .gemm import by_blocks, fits

LANE_BYTES = 64
"""Of the partial sums of a row: of every sixteenth float32, or eighth float64."""

NARROW = 4
"""Up to so many rows are summed in lanes, without turning the other side."""


@intrinsic
def _turn(typingctx: Any, side: Any, X: Any, Y: Any, row: Any, column: Any) -> Any:
    """Write the square of X (k, P) at a row and a column into Y (P, n), turned; its side is a literal, in bytes."""
    if not (isinstance(side, types.IntegerLiteral) and X == Y):
        return None
    scalar = X.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, y = (context.make_array(X)(context, builder, value) for value in args[1:3])
        row, column = args[3:]
        item = scalar.bitwidth // 8
        whole, width = side.literal_value // item, min(side.literal_value, fits(context)[1]) // item
        vector = ir.VectorType(context.get_value_type(scalar), width)

        def address(array: Any, i: Any, down: int, j: Any, right: int) -> Any:
            columns = cgutils.unpack_tuple(builder, array.shape)[1]
            start = builder.add(builder.mul(builder.add(i, ir.Constant(i.type, down)), columns), j)
            return builder.bitcast(
                builder.gep(array.data, [builder.add(start, ir.Constant(start.type, right))]), vector.as_pointer()
            )

        for down, right in product(range(0, whole, width), repeat=2):
            rows = [builder.load(address(x, row, down + r, column, right), align=item) for r in range(width)]
            apart = 1
            while apart < width:
                lanes = range(width)
                low = [lane if not lane & apart else width + lane - apart for lane in lanes]
                high = [lane + apart if not lane & apart else width + lane for lane in lanes]
                for r in range(width):
                    if not r & apart:
                        pair = rows[r], rows[r + apart]
                        for place, mask in ((r, low), (r + apart, high)):
                            chosen = ir.Constant(ir.VectorType(ir.IntType(32), width), mask)
                            rows[place] = builder.shuffle_vector(*pair, chosen)
                apart *= 2
            for r, value in enumerate(rows):
                builder.store(value, address(y, column, right + r, row, down), align=item)
        return context.get_dummy_value()

    return types.void(side, X, Y, types.intp, types.intp), codegen


@driver
def turn(X: NDArray[np.floating], Y: NDArray[np.floating]) -> None:
    """Y (P, n) = Xᵀ of X (k, P) in its first k columns; P is a multiple of 64 bytes, n of a strip, and not below k."""
    k, P = X.shape
    size = X.itemsize
    at = k - k % (64 // size)
    for column in range(0, P, 64 // size):
        for row in range(0, at, 64 // size):
            _turn(64, X, Y, row, column)
    if k - at >= 32 // size:
        for column in range(0, P, 32 // size):
            _turn(32, X, Y, at, column)
        at += 32 // size
    if k - at >= 16 // size:
        for column in range(0, P, 16 // size):
            _turn(16, X, Y, at, column)
        at += 16 // size
    for i in range(P):
        for r in range(at, k):
            Y[i, r] = X[r, i]


add_outer = driver(by_blocks("add_outer", adds=True))
"""Y (m, n) += U V for U (m, P) and V (P, n), C-contiguous; n is a multiple of a strip."""


@intrinsic
def _add_lanes(typingctx: Any, rows: Any, U: Any, V: Any, Y: Any, i: Any, j: Any) -> Any:
    """Add the products of `rows` (a literal) rows of U, from i on, and row j of V to partial sums in Y.

    Without rows it is the row of V itself that is added.
    """
    if not (isinstance(rows, types.IntegerLiteral) and U == V == Y):
        return None
    scalar, count = V.dtype, rows.literal_value

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        u, v, y = (context.make_array(V)(context, builder, value) for value in args[1:4])
        i, j = args[4:]
        n, columns = cgutils.unpack_tuple(builder, v.shape)
        item = scalar.bitwidth // 8
        lanes = LANE_BYTES // item
        vector = ir.VectorType(context.get_value_type(scalar), lanes)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f{scalar.bitwidth}"
        )
        below = [builder.add(i, ir.Constant(i.type, r)) for r in range(max(1, count))]

        def address(data: Any, row: Any, length: Any, column: Any) -> Any:
            start = builder.add(builder.mul(row, length), column)
            return builder.bitcast(builder.gep(data, [start]), vector.as_pointer())

        places = [
            address(y.data, builder.add(builder.mul(r, n), j), ir.Constant(i.type, lanes), ir.Constant(i.type, 0))
            for r in below
        ]
        sums = [cgutils.alloca_once(builder, vector) for _ in below]
        for total, place in zip(sums, places, strict=True):
            builder.store(builder.load(place, align=item), total)
        with cgutils.for_range_slice(builder, ir.Constant(i.type, 0), columns, ir.Constant(i.type, lanes)) as (at, _):
            value = builder.load(address(v.data, j, columns, at), align=item)
            for r, total in zip(below, sums, strict=True):
                so_far = builder.load(total)
                if count:
                    factor = builder.load(address(u.data, r, columns, at), align=item)
                    builder.store(builder.call(fma, [factor, value, so_far]), total)
                else:
                    builder.store(builder.fadd(so_far, value), total)
        for total, place in zip(sums, places, strict=True):
            builder.store(builder.load(total), place, align=item)
        return context.get_dummy_value()

    return types.void(rows, U, V, Y, types.intp, types.intp), codegen


@driver
def add_narrow(U: NDArray[np.floating], V: NDArray[np.floating], Y: NDArray[np.floating]) -> None:
    """Y (m n, lanes) += U_i V_j, row i n + j, of U (m, P) with few rows and V (n, P); P is a multiple of the lanes.

    Lane l sums particles l, l + lanes, …; the sum of the lanes is Σ U_i V_j.
    """
    m, n = U.shape[0], V.shape[0]
    for j in range(n):
        i = 0
        while i + 4 <= m:
            _add_lanes(4, U, V, Y, i, j)
            i += 4
        if m & 2:
            _add_lanes(2, U, V, Y, i, j)
            i += 2
        if m & 1:
            _add_lanes(1, U, V, Y, i, j)


@driver
def add_rows(V: NDArray[np.floating], Y: NDArray[np.floating]) -> None:
    """Y (n, lanes) += V (n, P), in lanes as `add_narrow`."""
    for j in range(V.shape[0]):
        _add_lanes(0, V, V, Y, 0, j)
