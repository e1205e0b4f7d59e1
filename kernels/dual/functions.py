"""Functions of dual numbers: those of `langevin_kit.kernels.elementary` with their slopes.

A plain function compiles as it is written once `STAND_INS` are what its `exp`, `log` … mean: those of numbers that
depend on no coordinate are the library's too, so no platform's library decides a bit.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np
from numba import types

from ..elementary import float32 as elementary32
from ..elementary import float64 as elementary64
from .number import Dual, Plain, chain, leaf, leaf_value, like, multiply_add, value
from .target import Target

_MODULES: dict[Any, ModuleType] = {types.float32: elementary32, types.float64: elementary64}

_FORMS: list[tuple[Any, Callable[..., Any]]] = []


def overloaded(*names: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile `names` for types of which the decorated function returns a form, inlined; None elsewhere."""

    def decorate(typing: Callable[..., Any]) -> Callable[..., Any]:
        _FORMS.extend((name, typing) for name in names)
        return typing

    return decorate


def install(target: Target, adapted: Callable[..., Any] = lambda found, arguments: found) -> None:
    """Teach a compiler all functions.

    Parameters
    ----------
    target : Target
    adapted : callable
        (implementation, types of its arguments) → what the compiler is given.
    """
    for name, typing in _FORMS:
        target.overload(name, _unannotated(typing, adapted))


def _unannotated(typing: Callable[..., Any], adapted: Callable[..., Any]) -> Callable[..., Any]:
    """Numba wants equal signatures, annotations included."""

    @wraps(typing)
    def form(*arguments: Any) -> Any:
        found = typing(*arguments)
        if found is not None:
            found.__annotations__.clear()
            found = adapted(found, arguments)
        return found

    typing.__annotations__.clear()
    form.__annotations__ = {}
    return form


def below(x: Dual) -> ModuleType:
    """Where the functions of the value are; those of a dual value are again these."""
    return _MODULES.get(x.value_type, sys.modules[__name__])


def _exp(m: ModuleType) -> Callable[[Any], Any]:
    def exp(x: Any) -> Any:
        e = m.exp(value(x))
        return chain(x, e, e)

    return exp


def _log(m: ModuleType) -> Callable[[Any], Any]:
    def log(x: Any) -> Any:
        v = value(x)
        return chain(x, m.log(v), like(1.0, x) / v)

    return log


def _sqrt(m: ModuleType) -> Callable[[Any], Any]:
    def sqrt(x: Any) -> Any:
        r = m.sqrt(value(x))
        return chain(x, r, like(0.5, x) / r)

    return sqrt


def _sin(m: ModuleType) -> Callable[[Any], Any]:
    def sin(x: Any) -> Any:
        v = value(x)
        return chain(x, m.sin(v), m.cos(v))

    return sin


def _cos(m: ModuleType) -> Callable[[Any], Any]:
    def cos(x: Any) -> Any:
        v = value(x)
        return chain(x, m.cos(v), -m.sin(v))

    return cos


def _tan(m: ModuleType) -> Callable[[Any], Any]:
    def tan(x: Any) -> Any:
        u = m.tan(value(x))
        return chain(x, u, multiply_add(u, u, like(1.0, x)))

    return tan


def _sinh(m: ModuleType) -> Callable[[Any], Any]:
    def sinh(x: Any) -> Any:
        v = value(x)
        return chain(x, m.sinh(v), m.cosh(v))

    return sinh


def _cosh(m: ModuleType) -> Callable[[Any], Any]:
    def cosh(x: Any) -> Any:
        v = value(x)
        return chain(x, m.cosh(v), m.sinh(v))

    return cosh


def _tanh(m: ModuleType) -> Callable[[Any], Any]:
    def tanh(x: Any) -> Any:
        u = m.tanh(value(x))
        return chain(x, u, multiply_add(-u, u, like(1.0, x)))

    return tanh


def _atan(m: ModuleType) -> Callable[[Any], Any]:
    def atan(x: Any) -> Any:
        v = value(x)
        one = like(1.0, x)
        return chain(x, m.atan(v), one / multiply_add(v, v, one))

    return atan


def _stand_in(name: str, rule: Callable[[ModuleType], Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """A name for compiled code alone, and what it is for plain and for dual numbers."""

    def function(x: Any) -> Any:
        raise NotImplementedError(f"{name} of dual numbers is for compiled code")

    function.__name__ = function.__qualname__ = name
    of_float32, of_float64 = getattr(elementary32, name), getattr(elementary64, name)

    @overloaded(function)
    def typing(x: Any) -> Any:
        if isinstance(x, Dual):
            return rule(below(x))
        if x == types.float32:
            return lambda x: of_float32(x)
        return (lambda x: of_float64(np.float64(x))) if isinstance(x, Plain) else None

    return function


exp = _stand_in("exp", _exp)
log = _stand_in("log", _log)
sqrt = _stand_in("sqrt", _sqrt)
sin = _stand_in("sin", _sin)
cos = _stand_in("cos", _cos)
tan = _stand_in("tan", _tan)
sinh = _stand_in("sinh", _sinh)
cosh = _stand_in("cosh", _cosh)
tanh = _stand_in("tanh", _tanh)
atan = _stand_in("atan", _atan)

STAND_INS: dict[Any, Any] = {
    getattr(module, f.__name__): f for module in (math, np) for f in (exp, log, sqrt, sin, cos, tan, sinh, cosh, tanh)
} | {math.atan: atan, np.arctan: atan}
"""What these functions of math and numpy are for compiled code."""


@overloaded(abs, math.fabs, np.abs)
def _absolute(x: Any) -> Any:
    """|x|; its slope at 0 is 0."""
    if not isinstance(x, Dual):
        return None
    m = _MODULES[leaf(x)]
    if isinstance(x.value_type, Dual):
        return lambda x: chain(x, abs(value(x)), m.sign(leaf_value(x)))
    return lambda x: chain(x, m.absolute(value(x)), m.sign(value(x)))


def _either(a: Any, b: Any) -> bool:
    return all(isinstance(t, (*Plain, Dual)) for t in (a, b)) and any(isinstance(t, Dual) for t in (a, b))


@overloaded(min, np.minimum)
def _min(a: Any, b: Any) -> Any:
    return (lambda a, b: b if b < a else a) if _either(a, b) else None


@overloaded(max, np.maximum)
def _max(a: Any, b: Any) -> Any:
    return (lambda a, b: b if b > a else a) if _either(a, b) else None


@overloaded(float)
def _float(x: Any) -> Any:
    return (lambda x: x) if isinstance(x, Dual) else None
