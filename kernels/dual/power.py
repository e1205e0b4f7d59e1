"""Powers: products for integers, a square root beside them for halves, exp and log for all other exponents.

A base below zero needs an integer exponent, as in real numbers; other exponents give NaN there. An exponent that
is a number of the source costs nothing to examine: the compiler does it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ..jit import inline
from .functions import below, exp, log, overloaded
from .jet import Jet, Number, products
from .jet import chain as chained
from .number import Dual, Plain, built, chain, leaf_value, like, value

LARGEST_PRODUCT = 64.0
"""Larger half-integers are powers by exp and log."""


@intrinsic(prefer_literal=True)
def _literal_power(typingctx: Any, x: Any, n: Any) -> Any:
    """The nth power of x, n a literal integer."""
    if not isinstance(n, types.IntegerLiteral):
        return None
    exponent = n.literal_value

    def rule(x: Jet) -> Number:
        if exponent == 0:
            return x.number(1.0)
        if exponent == 1:
            return x
        if exponent > 0:
            before = products(x.value, exponent - 1)
            return chained(x, before * x.value, before * x.value.number(float(exponent)))
        r = x.value.reciprocal()
        power = products(r, -exponent)
        return chained(x, power, power * r * x.value.number(float(exponent)))

    return built(x, (x, n), rule)


@inline
def half_integer(v: Any, twice: int) -> Any:
    """The floating-point number v to the power twice/2."""
    one = like(1.0, v)
    square = v if twice >= 0 else one / v
    result = like(math.sqrt(square), v) if twice & 1 else one
    count = abs(twice) >> 1
    while count > 0:
        if count & 1:
            result = result * square
        square = square * square
        count >>= 1
    return result


def _by_logarithm(m: ModuleType) -> Callable[[Any, Any], Any]:
    def power(v: Any, n: Any) -> Any:
        exponent = leaf_value(n)
        # Any finite logarithm of zero that overflows: n = 0 must give 1 there.
        logarithm = like(-1e30, v) if v == 0 else m.log(m.absolute(v))
        odd = int(exponent) & 1
        # The sign of a power of a number below zero; NaN where it would be complex.
        sign = (1.0 - 2.0 * odd) if exponent == int(exponent) else math.nan
        return m.exp(logarithm * like(exponent, v)) * like(sign if v < 0 else 1.0, v)

    return inline(power)


def _by_products_or_logarithm(m: ModuleType) -> Callable[[Any, Any], Any]:
    by_logarithm = _by_logarithm(m)

    def power(v: Any, n: Any) -> Any:
        if abs(n) <= LARGEST_PRODUCT and 2.0 * n == int(2.0 * n):
            return half_integer(v, int(2.0 * n))
        return by_logarithm(v, n)

    return inline(power)


def _of_value(x: Dual, n: Any) -> Callable[[Any, Any], Any]:
    """The same power of the value of x."""
    if isinstance(x.value_type, Dual):
        return inline(lambda v, n: v**n)
    if isinstance(n, types.Integer):
        return inline(lambda v, n: half_integer(v, 2 * n))
    return _by_products_or_logarithm(below(x)) if isinstance(n, types.Float) else _by_logarithm(below(x))


@overloaded(operator.pow, operator.ipow, pow, math.pow, np.power)
def _power(x: Any, n: Any) -> Any:
    if isinstance(x, Dual) and isinstance(n, types.IntegerLiteral):
        return lambda x, n: _literal_power(x, n)
    if isinstance(x, Dual) and (isinstance(n, (types.Integer, types.Float)) or (isinstance(n, Dual) and not n.indices)):
        raised = _of_value(x, n)

        def power(x: Any, n: Any) -> Any:
            if n == 0:
                return like(1.0, x)
            v = value(x)
            return chain(x, raised(v, n), raised(v, n - 1) * like(leaf_value(n), x))

        return power
    if isinstance(x, (*Plain, Dual)) and isinstance(n, Dual):
        return lambda x, n: exp(n * log(x))
    return None


INTRINSICS = (_literal_power,)
"""As those of `number`."""
