"""Elementary functions of float64.

Largest measured error in units in the last place (ulp) against an 80-bit long double, over 6e6 arguments each:
exp 1.07, log 0.80, sin 1.47, cos 1.50, tan 3.11, sinh 2.48, cosh 1.49, tanh 1.18, atan 1.41, atanh 2.19,
sqrt 0.5;
absolute and sign are exact.
`sin`, `cos`, `tan` and `sincos` hold for |x| <= 2**40; beyond that, and at infinities, they return NaN.
`exp` is 0 for x < -708, where a result would no more be a normal number by a factor of two.
Every other argument is allowed. A NaN gives a NaN; sin and tan lose the sign of a zero, the others keep it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy import float64, int64, uint64

from ..jit import bits_of_float64, float64_of_bits, fma, inline
from . import polynomial

_NAN = float64(np.nan)
_INF = float64(np.inf)
_ZERO = float64(0)
_QUARTER = float64(0.25)
_HALF = float64(0.5)
_ONE = float64(1)
_TWO = float64(2)
_SMALLEST_NORMAL = float64(2.0**-1022)
_TINY = float64(2.0**-28)

_MANTISSA_BITS = int64(52)
_BIAS = int64(1023)
_SIGN = int64(-(2**63))
_MAGNITUDE = int64(2**63 - 1)

# Adding 1.5 * 2**52 rounds to an integer and leaves it in the low bits: a conversion to int64 would not vectorise.
_ROUND = float64(1.5 * 2.0**52)
_ROUND_BITS = int64(0x4338000000000000)

# The high part of ln 2 has 32 bits, so its product with an exponent is exact (fdlibm).
_LOG2_E = float64(1.44269504088896339e0)
_LN_2 = float64(math.log(2.0))
_LN_2_HIGH = float64(6.93147180369123816490e-01)
_LN_2_LOW = float64(1.90821492927058770002e-10)

_EXP = (
    float64(2.5100375832561234e-08),
    float64(2.7620075879983367e-07),
    float64(2.7557268480310024e-06),
    float64(2.4801521322368692e-05),
    float64(1.9841269863040545e-04),
    float64(1.3888888917196719e-03),
    float64(8.3333333333300650e-03),
    float64(4.1666666666624164e-02),
    float64(1.6666666666666669e-01),
    float64(5.0000000000000010e-01),
)
"""(exp r - 1 - r) / r**2 for |r| <= ln(2)/2: interpolation at the Chebyshev nodes in 60 digits, error 3.9e-17 / r."""

_LOG = (
    float64(1.479819860511658591e-01),
    float64(1.531383769920937332e-01),
    float64(1.818357216161805012e-01),
    float64(2.222219843214978396e-01),
    float64(2.857142874366239149e-01),
    float64(3.999999999940941908e-01),
    float64(6.666666666666735130e-01),
    float64(0),
)
"""(log((1 + s)/(1 - s)) - 2 s) / s in s**2 (fdlibm, e_log.c)."""

_SIN = (
    float64(1.58969099521155010221e-10),
    float64(-2.50507602534068634195e-08),
    float64(2.75573137070700676789e-06),
    float64(-1.98412698298579493134e-04),
    float64(8.33333333332248946124e-03),
    float64(-1.66666666666666324348e-01),
)
"""(sin r - r) / r**3 in r**2 for |r| <= pi/4 (fdlibm, k_sin.c)."""

_COS = (
    float64(-1.13596475577881948265e-11),
    float64(2.08757232129817482790e-09),
    float64(-2.75573143513906633035e-07),
    float64(2.48015872894767294178e-05),
    float64(-1.38888888888741095749e-03),
    float64(4.16666666666666019037e-02),
    float64(-0.5),
    float64(1),
)
"""cos r in r**2 for |r| <= pi/4 (fdlibm, k_cos.c)."""

_TANH_P = (
    float64(-9.64399179425052238628e-1),
    float64(-9.92877231001918586564e1),
    float64(-1.61468768441708447952e3),
)
_TANH_Q = (
    float64(1),
    float64(1.12811678491632931402e2),
    float64(2.23548839060100448583e3),
    float64(4.84406305325125486048e3),
)
"""(tanh y - y) / y**3 = P/Q in y**2 for |y| <= 0.625 (Cephes, tanh.c)."""

_ATANH = (
    float64(6.8120436346919606e-02),
    float64(6.6038700016997846e-02),
    float64(7.6944841364487962e-02),
    float64(9.0908675506914959e-02),
    float64(1.1111111540325071e-01),
    float64(1.4285714283540604e-01),
    float64(2.0000000000004188e-01),
    float64(3.3333333333333332e-01),
)
"""(atanh(s)/s - 1) / s**2 in s**2 for |s| <= 0.201: interpolation at the Chebyshev nodes in 60 digits."""

_ATAN = (
    float64(-9.2157920470898585e-03),
    float64(2.5006503566489507e-02),
    float64(-3.8066536720573661e-02),
    float64(4.6280248685701533e-02),
    float64(-5.2400995079947131e-02),
    float64(5.8795784295824251e-02),
    float64(-6.6664356772359476e-02),
    float64(7.6922947125402846e-02),
    float64(-9.0909086203225228e-02),
    float64(1.1111111100917376e-01),
    float64(-1.4285714285599188e-01),
    float64(1.9999999999999488e-01),
    float64(-3.3333333333333331e-01),
)
"""(atan(s)/s - 1) / s**2 in s**2 for |s| <= 1/2: interpolation at the Chebyshev nodes in 60 digits."""

_TWO_OVER_PI = float64(6.36619772367581382433e-01)
_HALF_PI_HIGH = float64(1.57079632679489656e0)
_HALF_PI_MIDDLE = float64(6.12323399573676604e-17)
_HALF_PI_LOW = float64(-1.49738490485916983e-33)
_LARGEST_ANGLE = float64(2.0**40)
"""Up to here the error of x * 2/pi moves the remainder by less than 2e-4 beyond pi/4."""


@inline
def sqrt(x: np.float64) -> np.float64:
    """Square root, correctly rounded; NaN for x < 0."""
    return float64(math.sqrt(x))


@inline
def absolute(x: np.float64) -> np.float64:
    """|x|, exact."""
    return float64_of_bits(bits_of_float64(x) & _MAGNITUDE)


@inline
def sign(x: np.float64) -> np.float64:
    """-1, 0 or 1; a zero or NaN is returned as it is."""
    return _ONE if x > _ZERO else (-_ONE if x < _ZERO else x)


@inline
def _with_sign(magnitude: np.float64, x: np.float64) -> np.float64:
    return float64_of_bits(bits_of_float64(magnitude) | (bits_of_float64(x) & _SIGN))


@inline
def _power_of_two(n: np.int64) -> np.float64:
    return float64_of_bits(int64(int64(n + _BIAS) << _MANTISSA_BITS))


@inline
def _exp_parts(x: np.float64) -> tuple[np.int64, np.float64]:
    """The integer n and q in [-0.3, 0.42] with exp x = 2**n (1 + q)."""
    shifted = fma(x, _LOG2_E, _ROUND)
    n = shifted - _ROUND
    r = fma(n, -_LN_2_LOW, fma(n, -_LN_2_HIGH, x))
    return int64(bits_of_float64(shifted) - _ROUND_BITS), fma(r * r, polynomial(r, _EXP), r)


@inline
def exp(x: np.float64) -> np.float64:
    """Exponential; overflows to infinity, and is 0 where it would be below 2**-1021.5.

    A result that is no normal number would cost nine times as much.
    """
    x = float64(710) if x > float64(710) else x
    x = float64(-708.5) if x < float64(-708.5) else x
    n, q = _exp_parts(x)
    # Half of 2**n: it is a normal number up to the overflow, and 0 at the lower end.
    half = float64_of_bits(int64(int64(n + int64(1022)) << _MANTISSA_BITS))
    return fma(_TWO, q, _TWO) * half


@inline
def _log(x: np.float64, exponent_bias: np.float64) -> np.float64:
    """Logarithm of a positive normal number times 2**(2**52 + 1023 - exponent_bias)."""
    # Adding bits of 1 - sqrt(1/2) lets the mantissa run from sqrt(1/2) to sqrt(2), so that log 1 loses no digits.
    bits = uint64(bits_of_float64(x)) + uint64(0x00095F619980C433)
    # The exponent is written into the mantissa of 2**52: a conversion from int64 would not vectorise.
    e = float64_of_bits(int64(bits >> uint64(52) | uint64(0x4330000000000000))) - exponent_bias
    f = float64_of_bits(int64((bits & uint64(0x000FFFFFFFFFFFFF)) + uint64(0x3FE6A09E667F3BCD))) - _ONE
    s = f / (_TWO + f)
    h = _HALF * f * f
    tail = fma(s, h + polynomial(s * s, _LOG), e * _LN_2_LOW)
    return fma(e, _LN_2_HIGH, f - (h - tail))


_PLAIN_BIAS = float64(2.0**52 + 1023)
_SCALED_BIAS = float64(2.0**52 + 1023 + 54)


@inline
def log(x: np.float64) -> np.float64:
    """Natural logarithm; -infinity at 0, NaN for x < 0."""
    small = x < _SMALLEST_NORMAL
    y = _log(x * float64(2.0**54) if small else x, _SCALED_BIAS if small else _PLAIN_BIAS)
    y = y if x < _INF else x
    return y if x > _ZERO else (-_INF if x == _ZERO else _NAN)


@inline
def minus_two_log(u: np.float64) -> np.float64:
    """-2 log u for a normal u in (0, 1], without the special cases of `log`."""
    return float64(-2) * _log(u, _PLAIN_BIAS)


@inline
def sincos_octant(r: np.float64) -> tuple[np.float64, np.float64]:
    """Sine and cosine for |r| <= pi/4, without reduction."""
    z = r * r
    return fma(r * z, polynomial(z, _SIN), r), polynomial(z, _COS)


@inline
def sincos(x: np.float64) -> tuple[np.float64, np.float64]:
    """Sine and cosine, with one reduction for both; NaN for |x| > 2**40."""
    x = x if absolute(x) <= _LARGEST_ANGLE else _NAN
    shifted = fma(x, _TWO_OVER_PI, _ROUND)
    n = shifted - _ROUND
    r = fma(n, -_HALF_PI_LOW, fma(n, -_HALF_PI_MIDDLE, fma(n, -_HALF_PI_HIGH, x)))
    s, c = sincos_octant(r)
    quadrant = bits_of_float64(shifted)
    odd = (quadrant & int64(1)) != int64(0)
    sign_of_sine = int64((quadrant & int64(2)) << int64(62))
    sign_of_cosine = int64((int64(quadrant + int64(1)) & int64(2)) << int64(62))
    sine = float64_of_bits(bits_of_float64(c if odd else s) ^ sign_of_sine)
    cosine = float64_of_bits(bits_of_float64(s if odd else c) ^ sign_of_cosine)
    return sine, cosine


@inline
def sin(x: np.float64) -> np.float64:
    """Sine; NaN for |x| > 2**40."""
    return sincos(x)[0]


@inline
def cos(x: np.float64) -> np.float64:
    """Cosine; NaN for |x| > 2**40."""
    return sincos(x)[1]


@inline
def tan(x: np.float64) -> np.float64:
    """Tangent; NaN for |x| > 2**40."""
    s, c = sincos(x)
    return s / c


@inline
def _quarter_exp_parts(x: np.float64) -> tuple[np.float64, np.float64]:
    """A power of two h and q with exp |x| = 4 h (1 + q); the quarter keeps h finite up to the overflow of sinh."""
    x = absolute(x)
    n, q = _exp_parts(float64(710.6) if x > float64(710.6) else x)
    return _power_of_two(int64(n - int64(2))), q


@inline
def sinh(x: np.float64) -> np.float64:
    """Hyperbolic sine, accurate near 0."""
    h, q = _quarter_exp_parts(x)
    # With e = exp|x| - 1 = 4 a, sinh|x| = (e + e/(e + 1))/2 has no cancellation.
    a = fma(h, q, h - _QUARTER)
    y = _with_sign(fma(_TWO, a, a / fma(_TWO, a, _HALF)), x)
    return x if absolute(x) < _TINY else y


@inline
def cosh(x: np.float64) -> np.float64:
    """Hyperbolic cosine."""
    h, q = _quarter_exp_parts(x)
    a = fma(h, q, h)
    return fma(_TWO, a, _ONE / (float64(8) * a))


@inline
def tanh(x: np.float64) -> np.float64:
    """Hyperbolic tangent, accurate near 0, 1 in magnitude beyond 20."""
    y = absolute(x)
    z = y * y
    n, q = _exp_parts(_TWO * (float64(22) if y > float64(22) else y))
    h = _power_of_two(n)
    # y + y z P/Q below 0.625, 1 - 2/(exp 2y + 1) above; chosen before the division, of which there is then one.
    small = y < float64(0.625)
    start = y if small else _ONE
    numerator = y * z * polynomial(z, _TANH_P) if small else -_TWO
    denominator = polynomial(z, _TANH_Q) if small else fma(h, q, h + _ONE)
    return _with_sign(start + numerator / denominator, x)


@inline
def atanh(x: np.float64) -> np.float64:
    """Inverse hyperbolic tangent, accurate near 0 and up to the last number below 1; infinite at 1, NaN beyond."""
    y = absolute(x)
    above, below = _ONE + y, _ONE - y
    # With h = 2**k near above/below, above = h below (1 + s)/(1 - s), so atanh y = k/2 ln 2 + atanh s, |s| <= 0.201.
    apart = uint64(bits_of_float64(above)) - uint64(bits_of_float64(below))
    k = (apart + uint64(1 << 51)) >> uint64(52)
    h = _power_of_two(int64(k))
    # Where 1 - y is rounded, h is 1 or 2 and this numerator is not; for h = 1 it is 2 y.
    near = fma(y, _ONE + h, _ONE - h)
    s = (near if y < _HALF else fma(-h, below, above)) / fma(h, below, above)
    # The integer is written into the mantissa of 2**52: a conversion from int64 would not vectorise.
    half = _HALF * (float64_of_bits(int64(k | uint64(0x4330000000000000))) - float64(2.0**52))
    z = s * s
    r = fma(half, _LN_2_HIGH, s + fma(s * z, polynomial(z, _ATANH), half * _LN_2_LOW))
    return _with_sign(r if y < _ONE else (_INF if y == _ONE else _NAN), x)


@inline
def atan(x: np.float64) -> np.float64:
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
def logcosh(x: np.float64) -> np.float64:
    """Logarithm of cosh: |x| − ln 2 + ln(1 + exp(−2|x|)), which does not overflow; its error is one of |x| + 1."""
    y = absolute(x)
    return (y - _LN_2) + log(_ONE + exp(-_TWO * y))
