"""Text to SymPy through a whitelist of syntax: no eval, no sympify, no attribute, no name that was not declared.

Numbers are folded here, exactly while they are short fractions and in float64 otherwise, so that SymPy never expands a
tower of powers or meets a complex constant.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from langevin_kit.errors import InvalidExpression, did_you_mean
from langevin_kit.system.functions import COMPARISONS, CONSTANTS, INVERSE, LOGICAL, SMOOTH, Absolute, Sign, selected
from langevin_kit.system.text import MAX_EXPONENT, MAX_NUMBER, marked, syntax_tree

MAX_DEPTH, MAX_COSTLY = 24, 6
"""Levels within one another, and powers, comparisons and branches: over more SymPy takes exponentially long."""

MAX_DEGREE = 256
"""Of powers within one another, as a product: at times SymPy expands them to see whether a root is real."""

MAX_BITS = 256
"""Longest numerator or denominator that is kept exact."""


def parse(
    text: Any, symbols: Mapping[str, sp.Symbol], *, field: str, logical: bool = False, inverse: bool = False
) -> sp.Expr:
    """Read an expression.

    Parameters
    ----------
    text : str or number
        Python syntax: numbers, the declared names, ``pi``, ``+ - * / **`` and the functions of `SMOOTH`;
        with `logical` also comparisons, ``and or not``, ``a if c else b`` and the functions of `LOGICAL`.
        A comparison counts 1 where it holds and 0 elsewhere. With `inverse` the functions of `INVERSE` too. Line breaks
        count as blanks.
    symbols : mapping of str to sympy.Symbol
        The names that may occur.
    field : str
        What the text is, for the error message.

    Raises
    ------
    InvalidExpression
        With the field, the text, and a mark under the offending place.

    Examples
    --------
    >>> x = sp.Symbol("x", real=True)
    >>> parse("(x**2 - 1)**2", {"x": x}, field="energy").diff(x)
    4*x*(x**2 - 1)
    """
    source, tree = syntax_tree(text, field)
    expression = _Reader(source, symbols, field, logical, inverse).read(tree, 0)
    # SymPy itself writes √(x²) as |x|.
    return expression.replace(sp.Abs, Absolute).replace(sp.sign, Sign)


class _Reader:
    def __init__(self, source: str, symbols: Mapping[str, sp.Symbol], field: str, logical: bool, inverse: bool) -> None:
        self.source, self.field, self.logical = source, field, logical
        self.costly = 0
        self.names: dict[str, sp.Expr] = {**CONSTANTS, **symbols}
        self.smooth = {**SMOOTH, **(INVERSE if inverse else {})}
        self.functions = {*self.smooth, *(LOGICAL if logical else ())}

    def fail(self, node: ast.AST, message: str) -> InvalidExpression:
        return InvalidExpression(marked(self.field, self.source, message, getattr(node, "col_offset", 0)))

    def read(self, node: ast.AST, depth: int) -> sp.Expr:
        if depth > MAX_DEPTH:
            raise self.fail(node, f"nested deeper than {MAX_DEPTH} levels")
        reader = _READERS.get(type(node))
        if reader is None or (type(node) in _LOGICAL_NODES and not self.logical):
            why = (
                "allowed in mobilities, drifts and observables alone"
                if type(node) in _LOGICAL_NODES
                else "not allowed in an expression"
            )
            raise self.fail(node, f"{type(node).__name__} is {why}")
        costly = _costly(node)
        self.costly += costly
        if self.costly > MAX_COSTLY:
            raise self.fail(node, f"more than {MAX_COSTLY} powers, comparisons or branches within one another")
        try:
            return self.checked(node, reader(self, node, depth + 1))
        except (RecursionError, OverflowError, ZeroDivisionError, ValueError) as error:
            if isinstance(error, InvalidExpression):
                raise
            raise self.fail(node, f"this has no real, finite value ({error})") from None
        finally:
            self.costly -= costly

    def checked(self, node: ast.AST, value: sp.Expr) -> sp.Expr:
        """Fold a number; refuse what is complex, infinite, or has a factor or summand beyond float64."""
        if value.is_number:
            if not (value.is_Rational and max(value.p.bit_length(), value.q.bit_length()) <= MAX_BITS):
                value = sp.Float(float(value))
            parts = [value]
        else:
            if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I):
                raise self.fail(node, f"this has no real, finite value: it simplifies to {value}")
            parts = [value.as_coeff_Mul()[0], value.as_coeff_Add()[0]]
        if not all(abs(float(part)) < MAX_NUMBER for part in parts):
            raise self.fail(node, "this number is too large or not finite; at most 1e300 is allowed")
        if any(part != 0 and float(part) == 0.0 for part in parts):
            raise self.fail(node, "this number is too small for float64")
        return value

    def constant(self, node: ast.Constant, depth: int) -> sp.Expr:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.fail(node, f"{node.value!r} is no real number")
        if not abs(node.value) < MAX_NUMBER:
            raise self.fail(node, "this number is too large; at most 1e300 is allowed")
        return sp.Rational(repr(node.value))

    def name(self, node: ast.Name, depth: int) -> sp.Expr:
        if node.id not in self.names:
            if node.id in self.functions:
                raise self.fail(node, f"{node.id!r} is a function: write {node.id}(...)")
            raise self.fail(node, f"unknown name {node.id!r}{did_you_mean(node.id, self.names)}")
        return self.names[node.id]

    def call(self, node: ast.Call, depth: int) -> sp.Expr:
        if not isinstance(node.func, ast.Name):
            raise self.fail(node, "only a function's name can be called, as in sin(x)")
        name = node.func.id
        if name not in self.functions:
            hint = "; it is for observables only" if name in LOGICAL else did_you_mean(name, self.functions)
            raise self.fail(node, f"{name!r} is no function that is known here{hint}")
        count = LOGICAL[name][0] if name in LOGICAL else 1
        if len(node.args) != count or node.keywords:
            raise self.fail(node, f"{name} takes {count} argument{'s' * (count > 1)}, got {len(node.args)}")
        arguments = [self.read(argument, depth) for argument in node.args]
        if name in LOGICAL:
            return LOGICAL[name][1](*arguments)
        symbolic, numeric = self.smooth[name]
        if not arguments[0].is_Number:
            return symbolic(*arguments)
        value = numeric(float(arguments[0]))
        return sp.Integer(0) if value == 0 and name != "exp" else sp.Float(value)  # exp vanishes by underflow alone

    def unary(self, node: ast.UnaryOp, depth: int) -> sp.Expr:
        if isinstance(node.op, ast.Not):
            return 1 - self.truth(node.operand, depth)
        value = self.read(node.operand, depth)
        if isinstance(node.op, ast.USub):
            return -value
        if isinstance(node.op, ast.UAdd):
            return value
        raise self.fail(node, "this operator is not allowed in an expression")

    def binary(self, node: ast.BinOp, depth: int) -> sp.Expr:
        # A long sum nests to the left: its spine is walked, not descended.
        spine = [node]
        while isinstance(spine[-1].left, ast.BinOp):
            spine.append(spine[-1].left)
        value = self.read(spine[-1].left, depth)
        for part in reversed(spine):
            value = self.checked(part, self.combined(part, value, self.read(part.right, depth)))
        return value

    def combined(self, node: ast.BinOp, left: sp.Expr, right: sp.Expr) -> sp.Expr:
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                if right == 0:
                    raise self.fail(node, "division by zero")
                return left / right
            case ast.Pow():
                return self.power(node, left, right)
        raise self.fail(node, f"{type(node.op).__name__} is not allowed; use + - * / ** (powers are written **)")

    def power(self, node: ast.BinOp, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        if exponent.is_Number:
            if not abs(float(exponent)) <= MAX_EXPONENT:
                raise self.fail(node, f"exponent {exponent}: at most {MAX_EXPONENT} in size is allowed")
            if not base.is_Number:
                value = base**exponent
                if value.is_Pow and value.exp.is_Number and abs(float(value.exp)) > MAX_EXPONENT:
                    raise self.fail(node, f"a power of a power, {value.exp} in all: at most {MAX_EXPONENT} is allowed")
                degree = _degree(value)
                if degree > MAX_DEGREE:
                    raise self.fail(node, f"powers within powers, {degree:g} in all: at most {MAX_DEGREE} is allowed")
                return value
            value = math.pow(float(base), float(exponent))
            exact = exponent.is_Integer and base.is_Rational and base.p.bit_length() + base.q.bit_length() < MAX_BITS
            return base**exponent if exact else sp.Float(value)
        if base.is_Number and base > 0:
            return sp.exp(exponent * sp.Float(math.log(float(base))))
        raise self.fail(node, "the exponent must be a number; write exp(b*log(a)) for a**b with a > 0")

    def truth(self, node: ast.AST, depth: int) -> sp.Expr:
        """A condition: 1 or 0."""
        is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        if not (isinstance(node, ast.Compare | ast.BoolOp) or is_not):
            raise self.fail(node, "a comparison is needed here, such as x > 0")
        return self.read(node, depth)

    def compare(self, node: ast.Compare, depth: int) -> sp.Expr:
        values = [self.read(part, depth) for part in (node.left, *node.comparators)]
        result: sp.Expr = sp.Integer(1)
        for kind, left, right in zip(node.ops, values, values[1:], strict=False):
            if type(kind) not in COMPARISONS:
                raise self.fail(node, "use < <= > >=; equality of real numbers has probability zero")
            result = result * COMPARISONS[type(kind)](left, right)
        return result

    def boolean(self, node: ast.BoolOp, depth: int) -> sp.Expr:
        values = [self.truth(part, depth) for part in node.values]
        if isinstance(node.op, ast.And):
            return sp.Mul(*values)
        return 1 - sp.Mul(*(1 - value for value in values))

    def conditional(self, node: ast.IfExp, depth: int) -> sp.Expr:
        return selected(self.truth(node.test, depth), self.read(node.body, depth), self.read(node.orelse, depth))


def _degree(e: sp.Expr) -> float:
    """The largest product of exponents within one another."""
    within = max(map(_degree, e.args), default=1.0)
    return within * max(1.0, abs(float(e.exp))) if e.is_Pow and e.exp.is_Number else within


def _costly(node: ast.AST) -> int:
    """Powers, comparisons and branches that a node has within one another, itself or on the left spine of a sum."""
    if isinstance(node, ast.BinOp):
        spine: ast.AST = node
        count = 0
        while isinstance(spine, ast.BinOp):
            count += isinstance(spine.op, ast.Pow)
            spine = spine.left
        return count
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in LOGICAL
    return isinstance(node, ast.Compare | ast.IfExp)


_READERS: dict[type, Callable[[_Reader, Any, int], sp.Expr]] = {
    ast.Constant: _Reader.constant,
    ast.Name: _Reader.name,
    ast.Call: _Reader.call,
    ast.UnaryOp: _Reader.unary,
    ast.BinOp: _Reader.binary,
    ast.Compare: _Reader.compare,
    ast.BoolOp: _Reader.boolean,
    ast.IfExp: _Reader.conditional,
}
_LOGICAL_NODES = frozenset({ast.Compare, ast.BoolOp, ast.IfExp})
