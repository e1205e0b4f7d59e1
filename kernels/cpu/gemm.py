"""The product Y = U X of a matrix and a tile of particles, with the same bits on every x86 target.

Each entry is one chain of `fma` over the inner index in ascending order, so it depends on its own particle alone: not
on the width of the tile, the other particles in it, or the vector length. A block of up to eight rows and one strip of
columns stays in registers through the whole chain (Goto & van de Geijn, ACM Trans. Math. Softw. 34, 12, 2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..jit import driver

STRIP_BYTES = 128
"""Width of a strip: two of the widest vectors. The columns of a tile must be a multiple of it."""

_VECTOR_BYTES = 64


@intrinsic
def _block(typingctx: Any, rows: Any, U: Any, X: Any, Y: Any, row: Any, column: Any) -> Any:
    """One block of `rows` (a literal) by one strip of Y = Uᵀ X, all three C-contiguous and of one floating type."""
    if not isinstance(rows, types.IntegerLiteral) or not (U == X == Y):
        return None
    height, scalar = rows.literal_value, X.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = context.get_value_type(scalar)
        width = _VECTOR_BYTES * 8 // scalar.bitwidth
        vector = ir.VectorType(element, width)
        name = f"llvm.fma.v{width}f{scalar.bitwidth}"
        fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
        u, x, y = (context.make_array(U)(context, builder, value) for value in args[1:4])
        row, column = args[4:]
        depth, u_columns = cgutils.unpack_tuple(builder, u.shape)
        x_columns = cgutils.unpack_tuple(builder, x.shape)[1]

        def address(data: Any, i: Any, j: Any, columns: Any) -> Any:
            return builder.gep(data, [builder.add(builder.mul(i, columns), j)])

        def as_vector(pointer: Any) -> Any:
            return builder.bitcast(pointer, vector.as_pointer())

        def constant(i: int) -> Any:
            return ir.Constant(row.type, i)

        zero = ir.Constant(vector, None)
        sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(2)] for _ in range(height)]
        for pair in sums:
            for total in pair:
                builder.store(zero, total)
        undefined = ir.Constant(vector, ir.Undefined)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), width), None)
        with cgutils.for_range(builder, depth) as loop:
            x_row = address(x.data, loop.index, column, x_columns)
            u_row = address(u.data, loop.index, row, u_columns)
            halves = [
                builder.load(as_vector(builder.gep(x_row, [constant(q * width)])), align=scalar.bitwidth // 8)
                for q in range(2)
            ]
            for r in range(height):
                entry = builder.load(builder.gep(u_row, [constant(r)]))
                first = builder.insert_element(undefined, entry, ir.Constant(ir.IntType(32), 0))
                entries = builder.shuffle_vector(first, undefined, lanes)
                for half, total in zip(halves, sums[r], strict=True):
                    builder.store(builder.call(fma, [entries, half, builder.load(total)]), total)
        for r in range(height):
            for q in range(2):
                target = address(
                    y.data, builder.add(row, constant(r)), builder.add(column, constant(q * width)), x_columns
                )
                builder.store(builder.load(sums[r][q]), as_vector(target), align=scalar.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(rows, U, X, Y, types.intp, types.intp), codegen


@driver
def gemm(U: NDArray[np.floating], X: NDArray[np.floating], Y: NDArray[np.floating]) -> None:
    """Y = Uᵀ X for C-contiguous U (k, m), X (k, P) and Y (m, P); P is a multiple of a strip."""
    m = U.shape[1]
    strip = STRIP_BYTES // X.itemsize
    for column in range(0, X.shape[1], strip):
        row = 0
        while row + 8 <= m:
            _block(8, U, X, Y, row, column)
            row += 8
        if m & 4:
            _block(4, U, X, Y, row, column)
            row += 4
        if m & 2:
            _block(2, U, X, Y, row, column)
            row += 2
        if m & 1:
            _block(1, U, X, Y, row, column)


@driver
def pack(U: NDArray[np.floating], A: NDArray[np.float64]) -> None:
    """U = Aᵀ in the dtype of U: the operand with which `gemm` gives A X."""
    for i in range(U.shape[0]):
        for j in range(U.shape[1]):
            U[i, j] = A[j, i]


@driver
def pack_symmetric(U: NDArray[np.floating], A: NDArray[np.float64]) -> None:
    """U = A + Aᵀ in the dtype of U."""
    for i in range(U.shape[0]):
        for j in range(U.shape[1]):
            U[i, j] = A[i, j] + A[j, i]
