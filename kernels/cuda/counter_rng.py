"""Philox4x32-10 as a CUDA compiler wants it: the words of `kernels.counter_rng`, spelled in 32 bits.

Numba types `uint32 ^ uint32` as uint64. On the CPU that vectorises best; a CUDA compiler carries the empty upper words
through every round, which costs twenty additions of zero a call.
"""

from __future__ import annotations

from numpy import uint32, uint64

from ..counter_rng import _MULTIPLIER_0, _MULTIPLIER_1, _WEYL_0, _WEYL_1, _WORD


def philox(
    c0: uint32, c1: uint32, c2: uint32, c3: uint32, k0: uint32, k1: uint32
) -> tuple[uint32, uint32, uint32, uint32]:
    """Four uniform 32-bit words from a counter of four words and a key of two."""
    c0, c1, c2, c3, k0, k1 = uint32(c0), uint32(c1), uint32(c2), uint32(c3), uint32(k0), uint32(k1)
    for _ in range(10):
        p0 = _MULTIPLIER_0 * uint64(c0)
        p1 = _MULTIPLIER_1 * uint64(c2)
        c0 = uint32(uint32(uint32(p1 >> _WORD) ^ c1) ^ k0)
        c2 = uint32(uint32(uint32(p0 >> _WORD) ^ c3) ^ k1)
        c1 = uint32(p1)
        c3 = uint32(p0)
        k0 = uint32(k0 + _WEYL_0)
        k1 = uint32(k1 + _WEYL_1)
    return c0, c1, c2, c3
