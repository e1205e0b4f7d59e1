"""Box–Muller by the special function units: the normals of `kernels.noise` from the same words, up to rounding.

They replace those of the same names in the fast mode. The CPU takes sine and cosine of an octant, which the two upper
bits negate and swap. Here those of any angle cost the same. With the word w = (negate, swap, low, …) as a fraction of a
turn and χ = 2π (w − low/4), the CPU's point is (sin χ, cos χ), or (sin χ, −cos χ) if the octant is swapped.
"""

from __future__ import annotations

import math

from numba.cuda import libdevice
from numpy import float32, int32, uint32

from ..jit import bits_of_float32, float32_of_bits, fma
from ..noise import _HALF_ULP_32, _ULP_32

_TWO_LN_2 = float32(2 * math.log(2))
_ANGLE = float32(math.pi * 2.0**-31)
_QUARTER_PI = float32(math.pi / 4)
_LOW = uint32(0x20000000)
_SIGN = uint32(0x80000000)


def _pair_f32(a: uint32, b: uint32) -> tuple[float32, float32]:
    """Two normals from a word of the radius and one of the angle."""
    u = fma(float32(uint32(a)), _ULP_32, _HALF_ULP_32)
    # The approximate logarithm of 1, or next to it, may have either sign.
    r = float32(math.sqrt(float32(abs(libdevice.fast_log2f(u)) * _TWO_LN_2)))
    # w − low/4 is w with that bit flipped, less 1/8 of a turn.
    angle = fma(float32(int32(uint32(b) ^ _LOW)), _ANGLE, -_QUARTER_PI)
    swap = int32(uint32(uint32(b) << uint32(1)) & _SIGN)
    mirrored = float32_of_bits(int32(bits_of_float32(r) ^ swap))
    return float32(r * float32(math.sin(angle))), float32(mirrored * float32(math.cos(angle)))
