"""Elementary functions of float32 by the special function units: as fast as a sum, and good to about 2⁻²¹.

They replace those of `kernels.elementary.float32` of the same names in the fast mode, where the compiler makes them
`lg2.approx`, `ex2.approx`, `sin.approx`, `cos.approx` and `sqrt.approx` (PTX ISA 9.0, section 9.7.3).
"""

from __future__ import annotations

import math

from numpy import float32

_MINUS_TWO = float32(-2)


def exp(x: float32) -> float32:
    """eˣ."""
    return float32(math.exp(x))


def log(x: float32) -> float32:
    """Natural logarithm."""
    return float32(math.log(x))


def minus_two_log(u: float32) -> float32:
    """−2 ln u."""
    return float32(_MINUS_TWO * float32(math.log(u)))


def sincos_octant(r: float32) -> tuple[float32, float32]:
    """Sine and cosine."""
    return float32(math.sin(r)), float32(math.cos(r))


def sqrt(x: float32) -> float32:
    """The square root."""
    return float32(math.sqrt(x))
