"""The functions that expressions may use, as SymPy sees them."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

import sympy as sp


class Greater(sp.Function):  # type: ignore[misc]
    """1 where a > b, else 0; a plain function, so that SymPy does not try to solve it."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """0."""
        return sp.Integer(0)


class GreaterEqual(sp.Function):  # type: ignore[misc]
    """1 where a >= b, else 0."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """0."""
        return sp.Integer(0)


class Select(sp.Function):  # type: ignore[misc]
    """Select(c, a, b): a where c > 0, else b; the other branch may be non-finite."""

    nargs = 3

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """That of the branch that is taken."""
        condition = self.args[0]
        return sp.Integer(0) if argindex == 1 else Select(condition, *map(sp.Integer, (argindex == 2, argindex == 3)))


class Sign(sp.Function):  # type: ignore[misc]
    """−1, 0 or 1. Its slope is 0: SymPy's own would be a Dirac delta."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """0."""
        return sp.Integer(0)


class Absolute(sp.Function):  # type: ignore[misc]
    """|x| of a real number; SymPy's own takes arguments apart into real and imaginary parts."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The sign."""
        return Sign(self.args[0])


class _OfReal:
    """Of a real number, by decree: to find out whether it is one, SymPy's own expand all powers of their argument."""

    is_extended_real = True
    args: tuple[sp.Expr, ...]

    def _eval_is_real(self) -> bool | None:
        real: bool | None = self.args[0].is_real
        return real

    def _eval_is_finite(self) -> bool | None:
        finite: bool | None = self.args[0].is_finite
        return finite

    def as_real_imag(self, deep: bool = True, **hints: Any) -> tuple[Any, sp.Expr]:
        """Itself, and 0."""
        return self, sp.Integer(0)


class Sinh(_OfReal, sp.sinh):  # type: ignore[misc]
    """Hyperbolic sine."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The hyperbolic cosine."""
        return Cosh(self.args[0])


class Cosh(_OfReal, sp.cosh):  # type: ignore[misc]
    """Hyperbolic cosine."""

    is_extended_positive = True

    def _eval_is_positive(self) -> bool | None:
        return self._eval_is_finite()

    def _eval_is_nonnegative(self) -> bool | None:
        return self._eval_is_finite()

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The hyperbolic sine."""
        return Sinh(self.args[0])


class Tanh(_OfReal, sp.tanh):  # type: ignore[misc]
    """Hyperbolic tangent."""

    is_finite = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """1 − tanh²."""
        return 1 - self**2


class Atan(_OfReal, sp.atan):  # type: ignore[misc]
    """Inverse tangent."""

    is_finite = True


JUMPING = (Greater, GreaterEqual, Select, Sign, Absolute)
"""What may make an expression jump: |x| in a quotient."""


for _own in (Sinh, Cosh, Tanh, Atan):
    _own.__name__ = _own.__name__.lower()  # by which SymPy finds the values at numbers


def compared(holds: Callable[[Any, Any], bool], function: Callable[..., sp.Expr], a: Any, b: Any) -> sp.Expr:
    """A comparison: a number where both sides are."""
    a, b = sp.sympify(a), sp.sympify(b)
    return sp.Integer(int(bool(holds(a, b)))) if a.is_Number and b.is_Number else function(a, b)


def selected(condition: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """One of two expressions: the right one where the condition is a number."""
    return (a if condition > 0 else b) if condition.is_Number else Select(condition, a, b)


SMOOTH: dict[str, tuple[Callable[..., sp.Expr], Callable[[float], float]]] = {
    "exp": (sp.exp, math.exp),
    "log": (sp.log, math.log),
    "sqrt": (sp.sqrt, math.sqrt),
    "sin": (sp.sin, math.sin),
    "cos": (sp.cos, math.cos),
    "tan": (sp.tan, math.tan),
    "sinh": (Sinh, math.sinh),
    "cosh": (Cosh, math.cosh),
    "tanh": (Tanh, math.tanh),
    "atan": (Atan, math.atan),
    "abs": (Absolute, abs),
}
"""Functions of one argument that every expression may use, and their values at numbers; `abs` has a kink."""

INVERSE: dict[str, tuple[Callable[..., sp.Expr], Callable[[float], float]]] = {
    name: (getattr(sp, name), getattr(math, name)) for name in ("asin", "acos", "asinh", "acosh", "atanh")
}
"""Functions that maps between coordinates may use too; no kernel has them, so none may be left in a system."""

LOGICAL: dict[str, tuple[int, Callable[..., sp.Expr]]] = {
    "sign": (1, lambda a: compared(operator.gt, Greater, a, 0) - compared(operator.gt, Greater, 0, a)),
    "min": (2, lambda a, b: selected(compared(operator.gt, Greater, b, a), a, b)),
    "max": (2, lambda a, b: selected(compared(operator.gt, Greater, a, b), a, b)),
}
"""Functions with jumps or branches and their number of arguments: for observables, which are never differentiated."""

CONSTANTS: dict[str, sp.Expr] = {"pi": sp.Float(math.pi)}

COMPARISONS: dict[type, Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Gt: lambda a, b: compared(operator.gt, Greater, a, b),
    ast.GtE: lambda a, b: compared(operator.ge, GreaterEqual, a, b),
    ast.Lt: lambda a, b: compared(operator.gt, Greater, b, a),
    ast.LtE: lambda a, b: compared(operator.ge, GreaterEqual, b, a),
}
"""Operators between two values, as functions that are 1 or 0."""
