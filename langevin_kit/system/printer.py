"""SymPy expressions to straight-line source of scalar operations that LLVM vectorises.

Every line is one operation on the state's dtype; a product and a sum meet in an explicit `fma`, literals are cast,
powers are products, quotients share one reciprocal, and no name that a user typed reaches the source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import sympy as sp

from langevin_kit.errors import InvalidExpression
from langevin_kit.system.functions import Absolute, Atan, Cosh, Greater, GreaterEqual, Select, Sign, Sinh, Tanh
from langevin_kit.system.lines import Lines

FUNCTIONS: dict[type, str] = {
    sp.exp: "exp",
    sp.log: "log",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tan: "tan",
    Atan: "atan",
    Sinh: "sinh",
    Cosh: "cosh",
    Tanh: "tanh",
    Absolute: "absolute",
    Sign: "sign",
}
"""SymPy function → its name in `langevin_kit.kernels.elementary`."""


class Printer(Lines):
    """Collects lines of source; equal sub-expressions are computed once.

    Parameters
    ----------
    names : mapping of Symbol to str
        What each symbol is called in the source.
    """

    branches: ClassVar[dict[type, str]] = {
        Greater: "R(1.0) if {} > {} else R(0.0)",
        GreaterEqual: "R(1.0) if {} >= {} else R(0.0)",
        Select: "{1} if {0} > R(0.0) else {2}",
    }

    def __init__(self, names: Mapping[sp.Symbol, str]) -> None:
        super().__init__()
        self._known: dict[sp.Expr, str] = dict(names)

    def emit(self, expressions: Sequence[sp.Expr]) -> list[str]:
        """Append the lines that compute the expressions; return the names that hold them."""
        shared, reduced = sp.cse(list(expressions), symbols=sp.numbered_symbols("cse"), optimizations="basic")
        for symbol, expression in shared:
            self._known[symbol] = self._print(expression)
        return [self._print(expression) for expression in reduced]

    def _print(self, e: sp.Expr) -> str:
        if e not in self._known:
            self._known[e] = self._literal(e) if e.is_number else self._operation(e)
        return self._known[e]

    def _literal(self, e: sp.Expr) -> str:
        value = float(e)
        if not math.isfinite(value):
            raise InvalidExpression(
                "a derivative has a coefficient beyond float64: rescale the coordinates or numbers."
            )
        return f"R({value!r})"

    def _operation(self, e: sp.Expr) -> str:
        if e.is_Add:
            return self._sum(e)
        if e.is_Mul:
            return self._product(e)
        if e.is_Pow:
            return self._power(*e.as_base_exp())
        if e.func in FUNCTIONS:
            return self.assign(f"{FUNCTIONS[e.func]}({self._print(e.args[0])})")
        if e.func in self.branches:
            return self.assign(self.branches[e.func].format(*map(self._print, e.args)))
        allowed = ", ".join(sorted(FUNCTIONS.values()))
        raise InvalidExpression(f"{e} uses {e.func}, which has no compiled form; allowed are {allowed}.")

    def _sum(self, e: sp.Expr) -> str:
        products = [term for term in e.args if term.is_Mul]
        plain = [term for term in e.args if not term.is_Mul]
        total = self._print(plain[0] if plain else products.pop(0))
        for term in plain[1:]:
            total = self.assign(f"{total} + {self._print(term)}")
        for term in products:
            coefficient, rest = term.as_coeff_Mul()
            sign = "-" if coefficient == -1 else ""
            if not sign and coefficient != 1:
                a, b = self._print(coefficient), self._print(rest)
            elif rest.is_Mul:
                *head, last = rest.args
                a, b = self._product(sp.Mul(*head)), self._print(last)
            else:
                total = self.assign(f"{total} - {self._print(rest)}")
                continue
            total = self.assign(f"fma({sign}{a}, {b}, {total})")
        return total

    def _product(self, e: sp.Expr) -> str:
        coefficient, rest = e.as_coeff_Mul()
        factors = [self._print(factor) for factor in sp.Mul.make_args(rest)]
        result = factors[0]
        for factor in factors[1:]:
            result = self.assign(f"{result}*{factor}")
        if coefficient == -1:
            return self.assign(f"-{result}")
        return result if coefficient == 1 else self.assign(f"{self._print(coefficient)}*{result}")

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> str:
        if base is sp.E:
            return self.assign(f"exp({self._print(exponent)})")
        if exponent.is_negative:
            return (
                self.assign(f"R(1.0)/{self._print(base)}")
                if exponent == -1
                else self._integer_or_root(self._print(1 / base), -exponent)
            )
        return self._integer_or_root(self._print(base), exponent)

    def _integer_or_root(self, base: str, exponent: sp.Expr) -> str:
        whole, fraction = divmod(exponent, 1) if exponent.is_Rational else (sp.Integer(0), exponent)
        if fraction not in (0, sp.Rational(1, 2)):
            logarithm = self.assign(f"log({base})")
            return self.assign(f"exp({self.assign(f'{self._print(exponent)}*{logarithm}')})")
        result = self.assign(f"sqrt({base})") if fraction else ""
        square = base
        count = int(whole)
        while count:
            if count & 1:
                result = self.assign(f"{result}*{square}") if result else square
            count >>= 1
            if count:
                square = self.assign(f"{square}*{square}")
        return result


class ArrayPrinter(Printer):
    """The same lines for NumPy arrays, where a branch is a function."""

    branches: ClassVar[dict[type, str]] = {
        Greater: "greater({}, {})",
        GreaterEqual: "greater_equal({}, {})",
        Select: "select({}, {}, {})",
    }
