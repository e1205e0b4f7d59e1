"""Text to SymPy through a whitelist of syntax: no eval, no sympify, no attribute, no name that was not declared."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy as sp

from langevin_kit.errors import InvalidExpression, did_you_mean

MAX_LENGTH = 4096
MAX_DEPTH = 100
MAX_EXPONENT = 64


class Greater(sp.Function):  # type: ignore[misc]
    """1 where a > b, else 0; a plain function, so that SymPy does not try to solve it."""

    nargs = 2


class GreaterEqual(sp.Function):  # type: ignore[misc]
    """1 where a >= b, else 0."""

    nargs = 2


class Select(sp.Function):  # type: ignore[misc]
    """Select(c, a, b): a where c > 0, else b; the other branch may be non-finite."""

    nargs = 3


SMOOTH: dict[str, Callable[..., sp.Expr]] = {
    "exp": sp.exp,
    "log": sp.log,
    "sqrt": sp.sqrt,
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": sp.tan,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "tanh": sp.tanh,
    "abs": sp.Abs,
}
"""Functions of one argument that every expression may use (`abs` has a kink, its slope is `sign`)."""

LOGICAL: dict[str, Callable[..., sp.Expr]] = {
    "sign": sp.sign,
    "min": lambda a, b: Select(Greater(b, a), a, b),
    "max": lambda a, b: Select(Greater(a, b), a, b),
}
"""Functions with jumps or branches: for observables, which are never differentiated."""

CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi}

RESERVED = frozenset({"t", "T", *CONSTANTS, *SMOOTH, *LOGICAL})
"""Names that no coordinate or parameter may have."""


def parse(text: str | float, symbols: Mapping[str, sp.Symbol], *, field: str, logical: bool = False) -> sp.Expr:
    """Read an expression.

    Parameters
    ----------
    text : str or number
        Python syntax: numbers, the declared names, ``pi``, ``+ - * / **`` and the functions of `SMOOTH`;
        with `logical` also comparisons, ``and or not``, ``a if c else b`` and the functions of `LOGICAL`.
        A comparison counts 1 where it holds and 0 elsewhere.
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
    source = text.strip() if isinstance(text, str) else repr(text)
    if len(source) > MAX_LENGTH:
        raise InvalidExpression(f"{field}: {len(source)} characters of text; at most {MAX_LENGTH} are allowed.")
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise InvalidExpression(f"{field}: got {text!r} of type {type(text).__name__}; give text or a number.")
    try:
        tree = ast.parse(source, mode="eval")
    except SyntaxError as error:
        raise InvalidExpression(_marked(field, source, f"{error.msg}", (error.offset or 1) - 1)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidExpression(f"{field}: cannot be read as an expression ({error}).") from None
    expression = _Reader(source, symbols, field, logical).read(tree.body, 0)
    if expression.has(sp.nan, sp.zoo, sp.oo, sp.I):
        raise InvalidExpression(f"{field}: {source!r} has no real, finite value: it simplifies to {expression}.")
    return expression


def _marked(field: str, source: str, message: str, column: int) -> str:
    start = max(0, column - 60)
    line = source[start : start + 120].replace("\n", " ").replace("\t", " ")
    return f"{field}: {message}\n    {line}\n    {' ' * (column - start)}^"


class _Reader:
    def __init__(self, source: str, symbols: Mapping[str, sp.Symbol], field: str, logical: bool) -> None:
        self.source, self.field, self.logical = source, field, logical
        self.names: dict[str, sp.Expr] = {**CONSTANTS, **symbols}
        self.functions = {**SMOOTH, **(LOGICAL if logical else {})}

    def fail(self, node: ast.AST, message: str) -> InvalidExpression:
        return InvalidExpression(_marked(self.field, self.source, message, getattr(node, "col_offset", 0)))

    def read(self, node: ast.AST, depth: int) -> sp.Expr:
        if depth > MAX_DEPTH:
            raise self.fail(node, f"nested deeper than {MAX_DEPTH} levels")
        reader = _READERS.get(type(node))
        if reader is None or (type(node) in _LOGICAL_NODES and not self.logical):
            why = "only allowed in observables" if type(node) in _LOGICAL_NODES else "not allowed in an expression"
            raise self.fail(node, f"{type(node).__name__} is {why}")
        try:
            value = reader(self, node, depth + 1)
        except (RecursionError, OverflowError, ZeroDivisionError) as error:
            raise self.fail(node, f"cannot be evaluated ({error})") from None
        if value.is_number and not value.has(sp.I) and not _representable(value):
            raise self.fail(node, "this number is too large or not finite; at most 1e300 is allowed")
        return value

    def constant(self, node: ast.Constant, depth: int) -> sp.Expr:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.fail(node, f"{node.value!r} is no real number")
        if not abs(node.value) < 1e300:
            raise self.fail(node, "this number is too large; at most 1e300 is allowed")
        return sp.Rational(repr(node.value))

    def name(self, node: ast.Name, depth: int) -> sp.Expr:
        if node.id not in self.names:
            if node.id in self.functions:
                raise self.fail(node, f"{node.id!r} is a function: write {node.id}(...)")
            raise self.fail(node, f"unknown name {node.id!r}{did_you_mean(node.id, self.names)}")
        return self.names[node.id]

    def call(self, node: ast.Call, depth: int) -> sp.Expr:
        if not isinstance(node.func, ast.Name) or node.func.id not in self.functions:
            name = getattr(node.func, "id", "this")
            hint = "it is for observables only" if name in LOGICAL else did_you_mean(name, self.functions).lstrip("; ")
            raise self.fail(node, f"{name!r} is no function that is known here{'; ' if hint else ''}{hint}")
        count = 2 if node.func.id in ("min", "max") else 1
        if len(node.args) != count or node.keywords:
            raise self.fail(node, f"{node.func.id} takes {count} argument{'s' * (count > 1)}, got {len(node.args)}")
        return self.functions[node.func.id](*(self.read(argument, depth) for argument in node.args))

    def unary(self, node: ast.UnaryOp, depth: int) -> sp.Expr:
        value = self.read(node.operand, depth)
        if isinstance(node.op, ast.Not):
            if not self.logical:
                raise self.fail(node, "'not' is only allowed in observables")
            return 1 - value
        if isinstance(node.op, ast.USub):
            return -value
        if isinstance(node.op, ast.UAdd):
            return value
        raise self.fail(node, "this operator is not allowed in an expression")

    def binary(self, node: ast.BinOp, depth: int) -> sp.Expr:
        left, right = self.read(node.left, depth), self.read(node.right, depth)
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
        if exponent.is_number:
            if not abs(float(exponent)) <= MAX_EXPONENT:
                raise self.fail(node, f"exponent {exponent}: at most {MAX_EXPONENT} in size is allowed")
            if base.is_number and base != 0 and abs(float(exponent) * float(sp.log(sp.Abs(base)))) > 690:
                raise self.fail(node, "this power is out of range")
            return base**exponent
        if base.is_number and base.is_positive:
            return sp.exp(exponent * sp.log(base))
        raise self.fail(node, "the exponent must be a number; write exp(b*log(a)) for a**b with a > 0")

    def compare(self, node: ast.Compare, depth: int) -> sp.Expr:
        values = [self.read(part, depth) for part in (node.left, *node.comparators)]
        result: sp.Expr = sp.Integer(1)
        for operator, left, right in zip(node.ops, values, values[1:], strict=False):
            if type(operator) not in _COMPARISONS:
                raise self.fail(node, "use < <= > >=; equality of real numbers has probability zero")
            result = result * _COMPARISONS[type(operator)](left, right)
        return result

    def boolean(self, node: ast.BoolOp, depth: int) -> sp.Expr:
        values = [self.read(part, depth) for part in node.values]
        if isinstance(node.op, ast.And):
            return sp.Mul(*values)
        return 1 - sp.Mul(*(1 - value for value in values))

    def conditional(self, node: ast.IfExp, depth: int) -> sp.Expr:
        return Select(*(self.read(part, depth) for part in (node.test, node.body, node.orelse)))


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
_LOGICAL_NODES: Iterable[type] = (ast.Compare, ast.BoolOp, ast.IfExp)
_COMPARISONS: dict[type, Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Gt: Greater,
    ast.GtE: GreaterEqual,
    ast.Lt: lambda a, b: Greater(b, a),
    ast.LtE: lambda a, b: GreaterEqual(b, a),
}


def _representable(value: sp.Expr) -> bool:
    try:
        return abs(float(value)) < 1e300
    except (TypeError, OverflowError, ValueError):
        return True
