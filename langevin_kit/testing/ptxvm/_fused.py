"""a·b + c with one rounding, where NumPy has none.

Boldo & Melquiond, IEEE Trans. Comput. 57, 462 (2008): the sum of the parts that a rounded product and sum leave is
rounded to odd, after which rounding once more is rounding once. Rationals serve where these parts might leave the
range.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_SPLIT = 2.0**27 + 1
_SAFE = 400
"""Exponents up to here in size leave room for all parts."""


def fused(a: Array, b: Array, c: Array) -> Array:
    """a·b + c for float32 or float64 arrays of one shape.

    Examples
    --------
    >>> x = np.array([1 + 2.0**-30])
    >>> fused(x, x, np.array([-1.0]))[0] == 2.0**-29 + 2.0**-60
    np.True_
    """
    with np.errstate(all="ignore"):
        return _single(a, b, c) if a.dtype == np.float32 else _double(a, b, c)


def _single(a: Array, b: Array, c: Array) -> Array:
    """Of float32: the product is exact in float64."""
    wide = c.astype(np.float64)
    high, low = _sum(a.astype(np.float64) * b.astype(np.float64), wide)
    return _odd(high, low).astype(np.float32)


def _double(a: Array, b: Array, c: Array) -> Array:
    product = a * b
    high, low = _sum(c, _rest(a, b, product))
    top, rest = _sum(product, high)
    value = top + _odd(*_sum(rest, low))
    zero = (a == 0) | (b == 0)
    value = np.where(zero, product + c, value)
    far = ~zero & ~(_moderate(a) & _moderate(b) & ((c == 0) | _moderate(c)))
    for i in np.flatnonzero(far):
        value[i] = _exact(float(a[i]), float(b[i]), float(c[i]))
    return np.asarray(value)


def _sum(a: Array, b: Array) -> tuple[Array, Array]:
    """The rounded sum, and what it lacks (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _rest(a: Array, b: Array, product: Array) -> Array:
    """What a rounded product lacks (Dekker)."""
    (a1, a2), (b1, b2) = ((high, x - high) for x in (a, b) for high in [_SPLIT * x - (_SPLIT * x - x)])
    return np.asarray(((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2)


def _odd(high: Array, low: Array) -> Array:
    """The sum rounded to odd."""
    even = (high.view(np.uint64) & np.uint64(1)) == 0
    away = np.nextafter(high, np.where(low > 0, np.inf, -np.inf))
    return np.where((low != 0) & even & np.isfinite(high), away, high)


def _moderate(x: Array) -> Array:
    exponent = np.frexp(x)[1]
    return np.asarray(np.isfinite(x) & (np.abs(exponent) < _SAFE))


def _exact(a: float, b: float, c: float) -> float:
    if not np.isfinite([a, b, c]).all():
        return a * b + c if not np.isfinite([a, b]).all() else c
    total = Fraction(a) * Fraction(b) + Fraction(c)
    if total == 0:
        return a * b + c
    try:
        return total.numerator / total.denominator
    except OverflowError:
        return float(np.copysign(np.inf, float(total.numerator > 0) - 0.5))
