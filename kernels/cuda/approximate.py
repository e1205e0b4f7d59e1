"""Elementary functions of float32 by the special function units: as fast as a sum, and good to about 2⁻²⁰.

They replace those of `kernels.elementary.float32` of the same names in the fast mode, where the compiler makes them
`lg2.approx`, `ex2.approx`, `sin.approx`, `cos.approx` and `sqrt.approx` (PTX ISA 9.0, section 9.7.3).
"""

from __future__ import annotations

import math

from numpy import float32

from ..elementary.float32 import (
    _HALF_PI_HIGH,
    _HALF_PI_LOW,
    _HALF_PI_MIDDLE,
    _LARGEST_ANGLE,
    _NAN,
    _ROUND,
)
from ..jit import fma

_TURN = float32(0.5 / math.pi)
_TWO_PI_HIGH = float32(4 * _HALF_PI_HIGH)
_TWO_PI_MIDDLE = float32(4 * _HALF_PI_MIDDLE)
_TWO_PI_LOW = float32(4 * _HALF_PI_LOW)


def exp(x: float32) -> float32:
    """eˣ."""
    return float32(math.exp(x))


def log(x: float32) -> float32:
    """Natural logarithm."""
    return float32(math.log(x))


def sincos(x: float32) -> tuple[float32, float32]:
    """Sine and cosine; NaN for |x| > 2¹⁷. The units are exact enough only within two turns, so x is brought there."""
    x = x if abs(x) <= _LARGEST_ANGLE else _NAN
    n = float32(fma(x, _TURN, _ROUND) - _ROUND)
    r = fma(n, -_TWO_PI_LOW, fma(n, -_TWO_PI_MIDDLE, fma(n, -_TWO_PI_HIGH, x)))
    return float32(math.sin(r)), float32(math.cos(r))


def sqrt(x: float32) -> float32:
    """The square root."""
    return float32(math.sqrt(x))
