"""What a proof asks of a device: words, normals, and how many instructions and bytes it gets through."""

from __future__ import annotations

import numpy as np
from numba import cuda
from numpy import float32
from numpy.typing import NDArray

from ..counter_rng import philox
from ..jit import fma
from ..noise import gaussian_f32, gaussian_f64

FUSED = 128
"""Multiply-adds of a round, in eight chains: more than the latency of an instruction."""


def words(counters: NDArray[np.uint32], keys: NDArray[np.uint32], out: NDArray[np.uint32]) -> None:
    """Philox of counters (4, n) and keys (2, n) to words (4, n)."""
    i = cuda.grid(1)
    if i < out.shape[1]:
        a, b, c, d = counters[0, i], counters[1, i], counters[2, i], counters[3, i]
        out[0, i], out[1, i], out[2, i], out[3, i] = philox(a, b, c, d, keys[0, i], keys[1, i])


def normals_f32(four: NDArray[np.uint32], z: NDArray[np.float32]) -> None:
    """Normals (4, n) of words (4, n)."""
    i = cuda.grid(1)
    if i < z.shape[1]:
        z[0, i], z[1, i], z[2, i], z[3, i] = gaussian_f32(four[0, i], four[1, i], four[2, i], four[3, i])


def normals_f64(four: NDArray[np.uint32], z: NDArray[np.float64]) -> None:
    """Normals (2, n) of words (4, n)."""
    i = cuda.grid(1)
    if i < z.shape[1]:
        z[0, i], z[1, i] = gaussian_f64(four[0, i], four[1, i], four[2, i], four[3, i])


def fused_chains(x: NDArray[np.float32], rounds: int) -> None:
    """Hardly anything but fused multiply-adds, `FUSED` a round: the rate at which instructions are issued."""
    i = cuda.grid(1)
    a, half = x[i], float32(0.5)
    # Each chain begins elsewhere: a compiler may compute equal ones once.
    c0, c1, c2, c3 = a, a + float32(1), a + float32(2), a + float32(3)
    c4, c5, c6, c7 = a + float32(4), a + float32(5), a + float32(6), a + float32(7)
    for _ in range(rounds):
        for _ in range(FUSED // 8):
            c0, c1, c2, c3 = fma(c0, half, a), fma(c1, half, a), fma(c2, half, a), fma(c3, half, a)
            c4, c5, c6, c7 = fma(c4, half, a), fma(c5, half, a), fma(c6, half, a), fma(c7, half, a)
    x[i] = ((c0 + c1) + (c2 + c3)) + ((c4 + c5) + (c6 + c7))


def copied(source: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Copy: the rate at which memory is read and written."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = source[i]
