"""The product Y = U X of a matrix and a tile of particles, with the same bits on every x86 target.

Each entry is one chain of `fma` over the inner index in ascending order, so it depends on its own particle alone: not
on the width of the tile, the other particles in it, or the vector length. A block of up to eight rows and one strip of
columns stays in registers through the whole chain, and finds its rows of the matrix packed one behind the other (Goto &
van de Geijn, ACM Trans. Math. Softw. 34, 12, 2008).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..jit import driver, inline

Array = NDArray[np.floating]

STRIP_BYTES = 128
"""Width of a strip: two of the widest vectors. The columns of a tile must be a multiple of it."""

_WIDE = (8, 64)
_NARROW = (4, 32)
"""Rows of a block and bytes of a vector, for 32 registers of 64 bytes and for 16 of 32: sums and operands must fit."""


def fits(context: Any) -> tuple[int, int]:
    """The block for the processor that is compiled for; the bits are the same for all."""
    _, _, features = context.codegen().magic_tuple()
    return _WIDE if "+avx512f" in features else _NARROW


@intrinsic
def block(typingctx: Any, rows: Any, adds: Any, U: Any, X: Any, Y: Any, row: Any, column: Any) -> Any:
    """`rows` by one strip of Y = U X, of a packed U; or, if it `adds`, of Y += U X, of U as it is.

    Both are literals; all three arrays are C-contiguous and of one floating type.
    """
    if not (isinstance(rows, types.IntegerLiteral) and isinstance(adds, types.BooleanLiteral) and U == X == Y):
        return None
    scalar = X.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        u, x, y = (context.make_array(U)(context, builder, value) for value in args[2:5])
        row, column = args[5:]
        depth = cgutils.unpack_tuple(builder, x.shape)[0]
        panel, height_of_panel = builder.mul(row, depth), ir.Constant(row.type, rows.literal_value)
        x_columns = cgutils.unpack_tuple(builder, x.shape)[1]
        height, vector_bytes = fits(context)
        width = vector_bytes * 8 // scalar.bitwidth
        vector = ir.VectorType(context.get_value_type(scalar), width)
        name = f"llvm.fma.v{width}f{scalar.bitwidth}"
        fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
        zero, undefined = ir.Constant(vector, None), ir.Constant(vector, ir.Undefined)
        first_lane, item = ir.Constant(ir.IntType(32), 0), scalar.bitwidth // 8
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), width), None)

        def pointer(data: Any, i: Any, columns: Any, j: Any, more: int) -> Any:
            start = builder.add(j, builder.mul(i, columns))
            return builder.gep(data, [builder.add(start, ir.Constant(start.type, more))])

        def as_vector(address: Any) -> Any:
            return builder.bitcast(address, vector.as_pointer())

        def everywhere(entry: Any) -> Any:
            return builder.shuffle_vector(builder.insert_element(undefined, entry, first_lane), undefined, lanes)

        def target(r: int, q: int) -> Any:
            return as_vector(pointer(y.data, builder.add(row, ir.Constant(row.type, r)), x_columns, column, q))

        def entry_of(index: Any, r: int) -> Any:
            if adds.literal_value:
                return pointer(u.data, builder.add(row, ir.Constant(row.type, r)), depth, index, 0)
            return pointer(u.data, index, height_of_panel, panel, r)

        def part(low: int, high: int, left: int) -> None:
            """Rows low … high by two vectors, from the column `left` on: the sums stay in registers."""
            places = [(r, left + q * width) for r in range(low, high) for q in range(2)]
            sums = {place: cgutils.alloca_once(builder, vector) for place in places}
            for place, total in sums.items():
                builder.store(builder.load(target(*place), align=item) if adds.literal_value else zero, total)
            with cgutils.for_range(builder, depth) as loop:
                columns = {q: pointer(x.data, loop.index, x_columns, column, q) for q in (left, left + width)}
                values = {q: builder.load(as_vector(address), align=item) for q, address in columns.items()}
                for r in range(low, high):
                    entry = everywhere(builder.load(entry_of(loop.index, r)))
                    for q, value in values.items():
                        builder.store(builder.call(fma, [entry, value, builder.load(sums[r, q])]), sums[r, q])
            for place, total in sums.items():
                builder.store(builder.load(total), target(*place), align=item)

        for low in range(0, rows.literal_value, height):
            for left in range(0, STRIP_BYTES // item, 2 * width):
                part(low, min(low + height, rows.literal_value), left)
        return context.get_dummy_value()

    return types.void(rows, adds, U, X, Y, types.intp, types.intp), codegen


def by_blocks(name: str, *, adds: bool) -> Callable[[Array, Array, Array], None]:
    """A loop over strips and blocks of rows of Y (m, P); P is a multiple of a strip."""

    def product(U: Array, X: Array, Y: Array) -> None:
        m = Y.shape[0]
        strip = STRIP_BYTES // X.itemsize
        for column in range(0, X.shape[1], strip):
            row = 0
            while row + 8 <= m:
                block(8, adds, U, X, Y, row, column)
                row += 8
            if m & 4:
                block(4, adds, U, X, Y, row, column)
                row += 4
            if m & 2:
                block(2, adds, U, X, Y, row, column)
                row += 2
            if m & 1:
                block(1, adds, U, X, Y, row, column)

    # Machine code of two processes may meet in a third: names of symbols must tell functions apart.
    product.__name__ = product.__qualname__ = name
    return product


gemm = driver(by_blocks("gemm", adds=False))
"""Y = A X for a U (k, m) that `pack` made of A, C-contiguous X (k, P) and Y (m, P); P is a multiple of a strip."""


@inline
def _rows_of_panel(row: int, m: int) -> int:
    """Rows of the panel that begins there: 8, and at the end 4, 2, 1."""
    left = m - row
    return 8 if left >= 8 else 4 if left >= 4 else 2 if left >= 2 else 1


@driver
def pack(U: NDArray[np.floating], A: NDArray[np.float64]) -> None:
    """Fill U (k, m) with A (m, k) in its dtype, as `gemm` reads it: panels of rows, each column after column."""
    k, m = U.shape
    flat, at, row = U.reshape(k * m), 0, 0
    while row < m:
        rows = _rows_of_panel(row, m)
        for j in range(k):
            for r in range(row, row + rows):
                flat[at] = A[r, j]
                at += 1
        row += rows


@driver
def pack_symmetric(U: NDArray[np.floating], A: NDArray[np.float64]) -> None:
    """As `pack`, of A + Aᵀ."""
    pack(U, A + A.T)
