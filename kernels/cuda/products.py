"""The product Y = Uᵀ X on a device with the bits of `kernels.cpu.gemm`: each entry is one chain of `fma` from zero on.

A thread holds a block of Y in registers through the whole chain (Goto & van de Geijn, ACM Trans. Math. Softw. 34, 12,
2008). Threads of a warp have neighbouring particles: they load entries of U together, and X and Y side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from ..jit import fma
from .device import Device

MOST_ROWS = 8
"""Rows of Y that a thread holds at most."""

COLUMNS = 4
"""Particles of a thread, a whole block of threads apart: 32 sums take 12 loads at each inner index."""

_SOURCE = """\
def product(U, X, Y):
    block = cuda.blockIdx.x
    row = (block % {blocks})*{rows}
    column = (block // {blocks})*({columns}*cuda.blockDim.x) + cuda.threadIdx.x
    last = Y.shape[1] - 1
{places}
{zeros}
    for q in range(U.shape[0]):
{loads}
{sums}
{stores}
"""


def row_blocks(m: int) -> int:
    """Blocks that share m rows of Y."""
    return -(-m // MOST_ROWS)


def product_source(m: int) -> str:
    """Source of `product(U, X, Y)` for C-contiguous U (k, m), X (k, n) and Y (m, n).

    A block of b threads has `COLUMNS` b particles, and as many rows as the others if they can be so shared. Beyond an
    edge a thread takes the last row or particle for its own, and stores nothing.
    """
    blocks = row_blocks(m)
    rows = -(-m // blocks)
    is_whole = rows * blocks == m
    columns = range(COLUMNS)
    places = [f"r{r} = row + {r}" if is_whole else f"r{r} = min(row + {r}, {m - 1})" for r in range(rows)]
    places += [f"c{c} = column + {c}*cuda.blockDim.x; i{c} = min(c{c}, last)" for c in columns]
    stores = []
    for c in columns:
        stores.append(f"if c{c} <= last:")
        for r in range(rows):
            stores.append(
                f"    Y[r{r}, c{c}] = s{r}_{c}" if is_whole else f"    if row + {r} < {m}: Y[r{r}, c{c}] = s{r}_{c}"
            )
    pairs = [(r, c) for r in range(rows) for c in columns]
    loads = [f"u{r} = U[q, r{r}]" for r in range(rows)] + [f"x{c} = X[q, i{c}]" for c in columns]
    return _SOURCE.format(
        blocks=blocks,
        rows=rows,
        columns=COLUMNS,
        places=_block(places, 4),
        zeros=_block([f"s{r}_{c} = R(0.0)" for r, c in pairs], 4),
        loads=_block(loads, 8),
        sums=_block([f"s{r}_{c} = fma(u{r}, x{c}, s{r}_{c})" for r, c in pairs], 8),
        stores=_block(stores, 4),
    )


def product_kernel(m: int, dtype: str, device: Device) -> Any:
    """The function of `product_source`, as `compiler.ptx` takes it."""
    known: dict[str, Any] = {"cuda": cuda, "fma": device.twin(fma), "R": getattr(np, dtype)}
    exec(compile(product_source(m), "<cuda>", "exec"), known)
    return known["product"]


def _block(lines: list[str], width: int) -> str:
    return "\n".join(" " * width + line for line in lines)
