"""Functions of dual numbers: those of `langevin_kit.kernels.elementary` with their slopes.

Python's and NumPy's names are overloaded, so that a plain function compiles as it is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from ..elementary import float32 as elementary32
from ..elementary import float64 as elementary64
from ..jit import OPTIONS
from .number import Dual, Plain, chain, leaf, leaf_value, like, multiply_add, value

_INLINED: dict[str, Any] = {**OPTIONS, "forceinline": True}

_MODULES: dict[Any, ModuleType] = {types.float32: elementary32, types.float64: elementary64}


def overloaded(*names: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile `names` for types of which the decorated function returns a form, inlined; None elsewhere."""

    def decorate(typing: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(typing)
        def form(*arguments: Any) -> Any:
            found = typing(*arguments)
            if found is not None:
                found.__annotations__.clear()
            return found

        # Numba wants equal signatures, annotations included.
        typing.__annotations__.clear()
        form.__annotations__ = {}
        for name in names:
            overload(name, prefer_literal=True, jit_options=_INLINED)(form)
        return typing

    return decorate


def below(x: Dual) -> ModuleType:
    """Where the functions of the value are; those of a dual value are again these."""
    return _MODULES.get(x.value_type, math)


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


def _define(names: tuple[Any, ...], rule: Callable[[ModuleType], Callable[[Any], Any]]) -> None:
    @overloaded(*names)
    def typing(x: Any) -> Any:
        return rule(below(x)) if isinstance(x, Dual) else None


for _name, _rule in {
    "exp": _exp,
    "log": _log,
    "sqrt": _sqrt,
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _tanh,
}.items():
    _define((getattr(math, _name), getattr(np, _name)), _rule)


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
