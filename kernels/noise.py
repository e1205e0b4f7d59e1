"""Noise from uniform 32-bit words, without a branch, a table or a rejection.

A Philox call gives four words. From them come four normals of 32 bits, two of 53 bits, four three-point numbers, or 128
Rademacher signs, one a bit; each for a float32 and for a float64 state.

Box & Muller, Ann. Math. Stat. 29, 610 (1958): a normal pair is sqrt(-2 log u) times a point of the unit circle.
The point is an octant pair (sin, cos) of an angle in [-pi/4, pi/4), perhaps swapped and perhaps negated: these four
images cover the circle once, at a lower cost than reducing a full angle.
The discrete laws are those of Kloeden & Platen 1992, section 14.1 (two points) and 14.2 (three points).
"""

from __future__ import annotations

import math

import numpy as np
from numpy import float32, float64, int32, int64, uint32, uint64

from .elementary import float32 as elementary32
from .elementary import float64 as elementary64
from .jit import bits_of_float32, bits_of_float64, float32_of_bits, float64_of_bits, fma, inline

_ULP_32 = float32(2.0**-32)
_HALF_ULP_32 = float32(2.0**-33)
_ANGLE_32 = float32(math.pi * 2.0**-33)
_ANGLE_64_HIGH = float64(math.pi * 2.0**-33)
_ANGLE_64_LOW = float64(math.pi * 2.0**-63)

_WORD_64 = float64(2.0**-32)
_HALF_WORD_64 = float64(2.0**-33)
_ULP_64 = float64(2.0**-53)

_ONE_BITS = uint64(0x3FF0000000000000)
_ONE_LESS_HALF_ULP = float64(1 - 2.0**-53)
_ONE_BITS_32 = uint32(0x3F800000)

_SIXTH = uint32(715827883)
"""Words below it, and as many of the last, have probability 1/6 + 2**-32/3 each: the variance is 1 + 2**-31."""
_LAST_SIXTH = uint32(2**32 - 715827883)
_ROOT_3_32 = float32(math.sqrt(3))
_ROOT_3_64 = float64(math.sqrt(3))


@inline
def uniform_f64(a: np.uint32, b: np.uint32) -> np.float64:
    """(m + 1/2) / 2**52 in (0, 1), m the upper 52 bits of the words a, b; exact, and symmetric about 1/2."""
    # The bits are written into a number of [1, 2): a conversion from uint64 would not vectorise.
    m = (uint64(a) << uint64(32) | uint64(b)) >> uint64(12)
    return float64_of_bits(int64(m | _ONE_BITS)) - _ONE_LESS_HALF_ULP


@inline
def radius_uniform_f64(a: np.uint32, b: np.uint32) -> np.float64:
    """(m + 1) / 2**53 in (0, 1], m the upper 53 bits of the words a, b; exact."""
    # A word each is converted: a conversion from uint64 would not vectorise.
    return fma(float64(uint32(a)), _WORD_64, fma(float64(uint32(b) >> uint32(11)), _ULP_64, _ULP_64))


@inline
def _pair_f32(a: np.uint32, b: np.uint32) -> tuple[np.float32, np.float32]:
    r = elementary32.sqrt(elementary32.minus_two_log(uniform_word_f32(a)))
    s, c = elementary32.sincos_octant(float32(int32(uint32(b) << uint32(2))) * _ANGLE_32)
    r = float32_of_bits(int32(bits_of_float32(r) ^ int32(uint32(b) & uint32(0x80000000))))
    swap = (uint32(b) & uint32(0x40000000)) != uint32(0)
    return r * (c if swap else s), r * (s if swap else c)


@inline
def gaussian_f32(
    a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Four independent standard normals, each pair of a 32-bit radius and a 32-bit angle; |z| <= 6.77."""
    z0, z1 = _pair_f32(a, b)
    z2, z3 = _pair_f32(c, d)
    return z0, z1, z2, z3


@inline
def gaussian_f64(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> tuple[np.float64, np.float64]:
    """Two independent standard normals of a 53-bit radius and a 64-bit angle; |z| <= 8.58."""
    r = elementary64.sqrt(elementary64.minus_two_log(radius_uniform_f64(a, b)))
    angle = fma(float64(int32(uint32(c) << uint32(2))), _ANGLE_64_HIGH, float64(uint32(d)) * _ANGLE_64_LOW)
    s, co = elementary64.sincos_octant(angle)
    sign = int64((uint64(c) & uint64(0x80000000)) << uint64(32))
    r = float64_of_bits(bits_of_float64(r) ^ sign)
    swap = (uint32(c) & uint32(0x40000000)) != uint32(0)
    return r * (co if swap else s), r * (s if swap else co)


@inline
def gaussian_f32_as_f64(
    a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32
) -> tuple[np.float64, np.float64, np.float64, np.float64]:
    """The four normals of `gaussian_f32`, widened: half the generator calls of a float64 state's own."""
    z0, z1, z2, z3 = gaussian_f32(a, b, c, d)
    return float64(z0), float64(z1), float64(z2), float64(z3)


@inline
def gaussian_f64_as_f32(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> tuple[np.float32, np.float32]:
    """The two normals of `gaussian_f64`, rounded: the tails of a float32 state as far as 8.58."""
    z0, z1 = gaussian_f64(a, b, c, d)
    return float32(z0), float32(z1)


@inline
def uniform_word_f32(word: np.uint32) -> np.float32:
    """(m + 1/2) / 2**32 in (0, 1], of one word and rounded."""
    return fma(float32(uint32(word)), _ULP_32, _HALF_ULP_32)


@inline
def uniform_word_f64(word: np.uint32) -> np.float64:
    """(m + 1/2) / 2**32 in (0, 1), of one word."""
    return fma(float64(uint32(word)), _WORD_64, _HALF_WORD_64)


@inline
def _three_point_f32(word: np.uint32) -> np.float32:
    above = -_ROOT_3_32 if uint32(word) >= _LAST_SIXTH else float32(0)
    return _ROOT_3_32 if uint32(word) < _SIXTH else above


@inline
def three_point_f32(
    a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Four independent numbers: sqrt 3, 0, -sqrt 3 with probabilities 1/6, 2/3, 1/6; one word each."""
    return _three_point_f32(a), _three_point_f32(b), _three_point_f32(c), _three_point_f32(d)


@inline
def _three_point_f64(word: np.uint32) -> np.float64:
    above = -_ROOT_3_64 if uint32(word) >= _LAST_SIXTH else float64(0)
    return _ROOT_3_64 if uint32(word) < _SIXTH else above


@inline
def three_point_f64(
    a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32
) -> tuple[np.float64, np.float64, np.float64, np.float64]:
    """Four independent numbers: sqrt 3, 0, -sqrt 3 with probabilities 1/6, 2/3, 1/6; one word each."""
    return _three_point_f64(a), _three_point_f64(b), _three_point_f64(c), _three_point_f64(d)


@inline
def rademacher_f32(word: np.uint32, shift: np.uint32) -> np.float32:
    """1 or -1 with probability 1/2: -1 where bit `shift` (0 to 31) of the word is set."""
    return float32_of_bits(int32(uint32(uint32(uint32(word) >> uint32(shift)) << uint32(31)) | _ONE_BITS_32))


@inline
def rademacher_f64(word: np.uint32, shift: np.uint32) -> np.float64:
    """1 or -1 with probability 1/2: -1 where bit `shift` (0 to 31) of the word is set."""
    bit = uint64(uint32(word) >> uint32(shift))
    return float64_of_bits(int64(bit << uint64(63) | _ONE_BITS))
