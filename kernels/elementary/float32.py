"""Elementary functions of float32, without float64 arithmetic.

Largest error in units in the last place (ulp) against float64, over every argument from 1e-4 to the end of the domain:
exp 1.02, log 0.83, sin 1.54, cos 1.54, tan 3.54, sinh 2.18, cosh 1.47, tanh 1.21, atan 1.41, atanh 2.21,
sqrt 0.5;
absolute and sign are exact.
`sin`, `cos`, `tan` and `sincos` hold for |x| <= 2**17; beyond that, and at infinities, they return NaN.
`exp` is 0 for x < -87, where a result would no more be a normal number by a factor of two.
Every other argument is allowed. A NaN gives a NaN; sin and tan lose the sign of a zero, the others keep it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy import float32, int32, uint32

from ..jit import bits_of_float32, float32_of_bits, fma, inline
from . import polynomial

_NAN = float32(np.nan)
_INF = float32(np.inf)
_ZERO = float32(0)
_QUARTER = float32(0.25)
_HALF = float32(0.5)
_ONE = float32(1)
_TWO = float32(2)
_SMALLEST_NORMAL = float32(2.0**-126)
_TINY = float32(2.0**-13)

_MANTISSA_BITS = int32(23)
_BIAS = int32(127)
_SIGN = int32(-(2**31))
_MAGNITUDE = int32(2**31 - 1)

# Adding 1.5 * 2**23 rounds to an integer and leaves it in the low bits.
_ROUND = float32(1.5 * 2.0**23)
_ROUND_BITS = int32(0x4B400000)

# The high part of ln 2 has 9 bits, so its product with an exponent is exact (Cephes).
_LOG2_E = float32(1.44269504088896341)
_LN_2 = float32(math.log(2.0))
_LN_2_HIGH = float32(0.693359375)
_LN_2_LOW = float32(-2.12194440e-4)

_EXP = (
    float32(1.9875691500e-4),
    float32(1.3981999507e-3),
    float32(8.3334519073e-3),
    float32(4.1665795894e-2),
    float32(1.6666665459e-1),
    float32(5.0000001201e-1),
)
"""(exp r - 1 - r) / r**2 for |r| <= ln(2)/2 (Cephes, expf.c)."""

_LOG = (
    float32(7.0376836292e-2),
    float32(-1.1514610310e-1),
    float32(1.1676998740e-1),
    float32(-1.2420140846e-1),
    float32(1.4249322787e-1),
    float32(-1.6668057665e-1),
    float32(2.0000714765e-1),
    float32(-2.4999993993e-1),
    float32(3.3333331174e-1),
)
"""(log(1 + f) - f + f**2/2) / f**3 for sqrt(1/2) <= 1 + f < sqrt(2) (Cephes, logf.c)."""

_SIN = (float32(-1.9515295891e-4), float32(8.3321608736e-3), float32(-1.6666654611e-1))
"""(sin r - r) / r**3 in r**2 for |r| <= pi/4 (Cephes, sinf.c)."""

_COS = (
    float32(2.443315711809948e-5),
    float32(-1.388731625493765e-3),
    float32(4.166664568298827e-2),
    float32(-0.5),
    float32(1),
)
"""cos r in r**2 for |r| <= pi/4 (Cephes, sinf.c)."""

_TANH = (
    float32(-5.70498872745e-3),
    float32(2.06390887954e-2),
    float32(-5.37397155531e-2),
    float32(1.33314422036e-1),
    float32(-3.33332819422e-1),
)
"""(tanh y - y) / y**3 in y**2 for |y| <= 0.625 (Cephes, tanhf.c)."""

_ATANH = (
    float32(0.11881669601985898),
    float32(0.14265971215396721),
    float32(0.20000160450942275),
    float32(0.33333333130547023),
)
"""(atanh(s)/s - 1) / s**2 in s**2 for |s| <= 0.201: interpolation at the Chebyshev nodes in 60 digits."""

_ATAN = (
    float32(0.042256858199834824),
    float32(-0.0823550596833229),
    float32(0.11006880551576614),
    float32(-0.14279800653457642),
    float32(0.19999875128269196),
    float32(-0.3333333432674408),
)
"""(atan(s)/s - 1) / s**2 in s**2 for |s| <= 1/2: interpolation at the Chebyshev nodes in 60 digits."""

_TWO_OVER_PI = float32(0.63661977236758134)
_HALF_PI_HIGH = float32(1.57079637050628662e0)
_HALF_PI_MIDDLE = float32(-4.37113882867379289e-8)
_HALF_PI_LOW = float32(-1.71512451000588187e-15)
_LARGEST_ANGLE = float32(2.0**17)
"""Up to here the error of x * 2/pi moves the remainder by less than 4e-3 beyond pi/4."""


@inline
def sqrt(x: np.float32) -> np.float32:
    """Square root, correctly rounded; NaN for x < 0."""
    return float32(math.sqrt(x))


@inline
def absolute(x: np.float32) -> np.float32:
    """|x|, exact."""
    return float32_of_bits(int32(bits_of_float32(x) & _MAGNITUDE))


@inline
def sign(x: np.float32) -> np.float32:
    """-1, 0 or 1; a zero or NaN is returned as it is."""
    return _ONE if x > _ZERO else (-_ONE if x < _ZERO else x)


@inline
def _with_sign(magnitude: np.float32, x: np.float32) -> np.float32:
    return float32_of_bits(int32(bits_of_float32(magnitude) | int32(bits_of_float32(x) & _SIGN)))


@inline
def _power_of_two(n: np.int32) -> np.float32:
    return float32_of_bits(int32(int32(n + _BIAS) << _MANTISSA_BITS))


@inline
def _exp_parts(x: np.float32) -> tuple[np.int32, np.float32]:
    """The integer n and q in [-0.3, 0.42] with exp x = 2**n (1 + q)."""
    shifted = fma(x, _LOG2_E, _ROUND)
    n = shifted - _ROUND
    r = fma(n, -_LN_2_LOW, fma(n, -_LN_2_HIGH, x))
    return int32(bits_of_float32(shifted) - _ROUND_BITS), fma(r * r, polynomial(r, _EXP), r)


@inline
def exp(x: np.float32) -> np.float32:
    """Exponential; overflows to infinity, and is 0 where it would be below 2**-125.5.

    A result that is no normal number would cost nine times as much.
    """
    x = float32(89) if x > float32(89) else x
    x = float32(-87.5) if x < float32(-87.5) else x
    n, q = _exp_parts(x)
    # Half of 2**n: it is a normal number up to the overflow, and 0 at the lower end.
    return fma(_TWO, q, _TWO) * _power_of_two(int32(n - int32(1)))


@inline
def _log(x: np.float32, exponent_bias: np.int32) -> np.float32:
    """Logarithm of a positive normal number times 2**(127 - exponent_bias)."""
    # Adding bits of 1 - sqrt(1/2) lets the mantissa run from sqrt(1/2) to sqrt(2), so that log 1 loses no digits.
    bits = int32(bits_of_float32(x) + int32(0x004AFB0D))
    e = float32(int32(int32(bits >> _MANTISSA_BITS) - exponent_bias))
    f = float32_of_bits(int32(int32(bits & int32(0x007FFFFF)) + int32(0x3F3504F3))) - _ONE
    z = f * f
    tail = fma(f * z, polynomial(f, _LOG), e * _LN_2_LOW)
    return fma(e, _LN_2_HIGH, f + fma(-_HALF, z, tail))


_SCALED_BIAS = int32(127 + 25)


@inline
def log(x: np.float32) -> np.float32:
    """Natural logarithm; -infinity at 0, NaN for x < 0."""
    small = x < _SMALLEST_NORMAL
    y = _log(x * float32(2.0**25) if small else x, _SCALED_BIAS if small else _BIAS)
    y = y if x < _INF else x
    return y if x > _ZERO else (-_INF if x == _ZERO else _NAN)


@inline
def minus_two_log(u: np.float32) -> np.float32:
    """-2 log u for a normal u in (0, 1], without the special cases of `log`."""
    return float32(-2) * _log(u, _BIAS)


@inline
def sincos_octant(r: np.float32) -> tuple[np.float32, np.float32]:
    """Sine and cosine for |r| <= pi/4, without reduction."""
    z = r * r
    return fma(r * z, polynomial(z, _SIN), r), polynomial(z, _COS)


@inline
def sincos(x: np.float32) -> tuple[np.float32, np.float32]:
    """Sine and cosine, with one reduction for both; NaN for |x| > 2**17."""
    x = x if absolute(x) <= _LARGEST_ANGLE else _NAN
    shifted = fma(x, _TWO_OVER_PI, _ROUND)
    n = shifted - _ROUND
    r = fma(n, -_HALF_PI_LOW, fma(n, -_HALF_PI_MIDDLE, fma(n, -_HALF_PI_HIGH, x)))
    s, c = sincos_octant(r)
    quadrant = uint32(bits_of_float32(shifted))
    odd = uint32(quadrant & uint32(1)) != uint32(0)
    sign_of_sine = int32(uint32(quadrant & uint32(2)) << uint32(30))
    sign_of_cosine = int32(uint32(uint32(quadrant + uint32(1)) & uint32(2)) << uint32(30))
    sine = float32_of_bits(int32(bits_of_float32(c if odd else s) ^ sign_of_sine))
    cosine = float32_of_bits(int32(bits_of_float32(s if odd else c) ^ sign_of_cosine))
    return sine, cosine


@inline
def sin(x: np.float32) -> np.float32:
    """Sine; NaN for |x| > 2**17."""
    return sincos(x)[0]


@inline
def cos(x: np.float32) -> np.float32:
    """Cosine; NaN for |x| > 2**17."""
    return sincos(x)[1]


@inline
def tan(x: np.float32) -> np.float32:
    """Tangent; NaN for |x| > 2**17."""
    s, c = sincos(x)
    return s / c


@inline
def _quarter_exp_parts(x: np.float32) -> tuple[np.float32, np.float32]:
    """A power of two h and q with exp |x| = 4 h (1 + q); the quarter keeps h finite up to the overflow of sinh."""
    x = absolute(x)
    n, q = _exp_parts(float32(89.5) if x > float32(89.5) else x)
    return _power_of_two(int32(n - int32(2))), q


@inline
def sinh(x: np.float32) -> np.float32:
    """Hyperbolic sine, accurate near 0."""
    h, q = _quarter_exp_parts(x)
    # With e = exp|x| - 1 = 4 a, sinh|x| = (e + e/(e + 1))/2 has no cancellation.
    a = fma(h, q, h - _QUARTER)
    y = _with_sign(fma(_TWO, a, a / fma(_TWO, a, _HALF)), x)
    return x if absolute(x) < _TINY else y


@inline
def cosh(x: np.float32) -> np.float32:
    """Hyperbolic cosine."""
    h, q = _quarter_exp_parts(x)
    a = fma(h, q, h)
    return fma(_TWO, a, _ONE / (float32(8) * a))


@inline
def tanh(x: np.float32) -> np.float32:
    """Hyperbolic tangent, accurate near 0, 1 in magnitude beyond 10."""
    y = absolute(x)
    z = y * y
    n, q = _exp_parts(_TWO * (float32(10) if y > float32(10) else y))
    h = _power_of_two(n)
    below = fma(y * z, polynomial(z, _TANH), y)
    above = _ONE - _TWO / fma(h, q, h + _ONE)
    return _with_sign(below if y < float32(0.625) else above, x)


@inline
def atanh(x: np.float32) -> np.float32:
    """Inverse hyperbolic tangent, accurate near 0 and up to the last number below 1; infinite at 1, NaN beyond."""
    y = absolute(x)
    above, below = _ONE + y, _ONE - y
    # With h = 2**k near above/below, above = h below (1 + s)/(1 - s), so atanh y = k/2 ln 2 + atanh s, |s| <= 0.201.
    apart = int32(bits_of_float32(above) - bits_of_float32(below))
    k = int32(int32(apart + int32(1 << 22)) >> _MANTISSA_BITS)
    h = _power_of_two(k)
    # Where 1 - y is rounded, h is 1 or 2 and this numerator is not; for h = 1 it is 2 y.
    near = fma(y, _ONE + h, _ONE - h)
    s = (near if y < _HALF else fma(-h, below, above)) / fma(h, below, above)
    half = _HALF * float32(k)
    z = s * s
    r = fma(half, _LN_2_HIGH, s + fma(s * z, polynomial(z, _ATANH), half * _LN_2_LOW))
    return _with_sign(r if y < _ONE else (_INF if y == _ONE else _NAN), x)


@inline
def atan(x: np.float32) -> np.float32:
    """Inverse tangent, accurate near 0; pi/2 in magnitude at infinity."""
    y = absolute(x)
    # atan y = atan s + 0, pi/4 or pi/2 with s = y, (y - 1)/(y + 1) or -1/y; the numerators are exact.
    is_small, is_large = y <= _HALF, y > _TWO
    numerator = y if is_small else (-_ONE if is_large else y - _ONE)
    denominator = _ONE if is_small else (y if is_large else y + _ONE)
    share = _ZERO if is_small else (_ONE if is_large else _HALF)
    s = numerator / denominator
    z = s * s
    tail = fma(s * z, polynomial(z, _ATAN), share * _HALF_PI_MIDDLE)
    return _with_sign(fma(share, _HALF_PI_HIGH, s + tail), x)


@inline
def logcosh(x: np.float32) -> np.float32:
    """Logarithm of cosh: |x| − ln 2 + ln(1 + exp(−2|x|)), which does not overflow; its error is one of |x| + 1."""
    y = absolute(x)
    return (y - _LN_2) + log(_ONE + exp(-_TWO * y))
