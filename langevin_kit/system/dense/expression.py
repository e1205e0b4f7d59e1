"""Text over state vectors to a graph, through a whitelist of syntax: no eval, no attribute, no undeclared name.

Every shape is checked where it arises, so that an error points at the operation and says both shapes.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any

from langevin_kit.errors import InvalidExpression, did_you_mean
from langevin_kit.system.dense import graph, places
from langevin_kit.system.dense.graph import FUNCTIONS, Node
from langevin_kit.system.text import MAX_DEPTH, MAX_EXPONENT, MAX_NUMBER, marked, syntax_tree

REDUCTIONS: dict[str, Callable[[Node], Node]] = {"sum": graph.total, "logsumexp": graph.logsumexp}
"""Functions of a vector that give a scalar."""

SHORTHANDS: dict[str, Callable[[Node], Node]] = {
    "elu": graph.elu,
    "hardtanh": graph.hardtanh,
    "softplus": graph.softplus,
}
"""Elementwise functions that are made of others, and need their argument more than once."""

CONSTANTS = {"pi": math.pi}

RESERVED = frozenset(
    {"t", "T", "leaky_relu", "relu", "sign", *CONSTANTS, *FUNCTIONS, *REDUCTIONS, *SHORTHANDS, *places.FUNCTIONS}
)
"""Names that no state vector or parameter may have."""

WITHOUT_JUMPS = ("energy", "mobility")
"""Fields of which derivatives are taken, which would miss what jumps."""

_HINTS = {
    "relu": "its slope 0 makes Z infinite and K = 1/g' singular; use leaky_relu(x, slope)",
    "max": "it has jumps in its slope that no gradient shows; use logsumexp",
    "softmax": "write exp(z - logsumexp(z))",
    "norm": "write sqrt(v @ v)",
    "sign": "it jumps, which no gradient shows; it is for drifts and observables alone",
    "dot": "write a @ b",
}


def parse(text: Any, names: Mapping[str, Node], *, field: str) -> Node:
    """Read an expression of vectors.

    Parameters
    ----------
    text : str or number
        Python syntax: numbers, the declared names, ``pi``; ``+ - * /`` elementwise, where scalars broadcast; ``**``
        with an integer exponent; ``A @ v``, ``v @ A``, ``v @ A @ v`` and the inner product ``v @ w``; the functions of
        `FUNCTIONS` and `SHORTHANDS` elementwise; ``leaky_relu(x, slope)``; ``sum(z)`` and ``logsumexp(z)`` of a vector;
        and ``sign(z)``, −1, 0 or 1, where no derivatives are taken: in drifts and observables. Of vectors that hold
        places of c channels, one place behind the other, where sizes are numbers:

        - ``each(W, x)``, a matrix (m, k) times every k components of x (p k), (p m);
        - ``patches(x, height, width, size)``, for every pixel of an image, row after row, the channels of the
          size × size pixels around it, zeros beyond the border, (height width size² c); size is odd;
        - ``windows(x, length, size)``, the same of a sequence, (length size c);
        - ``repeat(b, n)``, a vector n times, and ``places_mean(x, channels)``, the mean over places, (channels,).
    names : mapping of str to Node
        State, time and parameters that may occur.
    field : str
        What the text is, for the error message.

    Raises
    ------
    InvalidExpression
        With the field, the text, a mark under the offending place, and the shapes where shapes are at fault.

    Examples
    --------
    >>> names = {"v": Node("state", (3,), value="v"), "W": Node("matrix", (3, 3), value="W")}
    >>> parse("v @ W @ v / 2", names, field="energy").shape
    ()
    """
    source, tree = syntax_tree(text, field)
    return _Reader(source, names, field).read(tree, 0)


class _Reader:
    def __init__(self, source: str, names: Mapping[str, Node], field: str) -> None:
        self.source, self.field = source, field
        self.names = {**{name: graph.number(value) for name, value in CONSTANTS.items()}, **names}
        self.functions = {"leaky_relu", *FUNCTIONS, *REDUCTIONS, *SHORTHANDS, *places.FUNCTIONS} | (
            {"sign"} if field.partition(".")[0] not in WITHOUT_JUMPS else set()
        )

    def fail(self, node: ast.AST, message: str) -> InvalidExpression:
        return InvalidExpression(marked(self.field, self.source, message, getattr(node, "col_offset", 0)))

    def read(self, node: ast.AST, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.fail(node, f"nested deeper than {MAX_DEPTH} levels")
        reader = _READERS.get(type(node))
        if reader is None:
            raise self.fail(node, f"{type(node).__name__} is not allowed in an expression")
        try:
            return self.checked(node, reader(self, node, depth + 1))
        except InvalidExpression:
            raise
        except (OverflowError, ZeroDivisionError, ValueError) as error:
            raise self.fail(node, f"this has no real, finite value ({error})") from None

    def checked(self, node: ast.AST, value: Node) -> Node:
        if value.is_number and not abs(float(value.value)) < MAX_NUMBER:
            raise self.fail(node, "this number is too large or not finite; at most 1e300 is allowed")
        return value

    def constant(self, node: ast.Constant, depth: int) -> Node:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.fail(node, f"{node.value!r} is no real number")
        return graph.number(node.value)

    def name(self, node: ast.Name, depth: int) -> Node:
        if node.id not in self.names:
            if node.id in self.functions:
                raise self.fail(node, f"{node.id!r} is a function: write {node.id}(...)")
            raise self.fail(node, f"unknown name {node.id!r}{did_you_mean(node.id, self.names)}")
        return self.names[node.id]

    def call(self, node: ast.Call, depth: int) -> Node:
        if not isinstance(node.func, ast.Name):
            raise self.fail(node, "only a function's name can be called, as in tanh(v)")
        name = node.func.id
        if name not in self.functions:
            hint = f": {_HINTS[name]}" if name in _HINTS else did_you_mean(name, self.functions)
            raise self.fail(node, f"{name!r} is no function of dense expressions{hint}")
        placed = places.FUNCTIONS.get(name)
        count = placed.count if placed else 2 if name == "leaky_relu" else 1
        if len(node.args) != count or node.keywords:
            raise self.fail(node, f"{name} takes {count} argument{'s' * (count > 1)}, got {len(node.args)}")
        arguments = [self.read(argument, depth) for argument in node.args]
        if placed:
            try:
                return placed.make(*arguments)
            except places.DoesNotFit as error:
                raise self.fail(node, str(error)) from None
        if len(arguments[0].shape) == 2:
            raise self.fail(node, f"{name} of a matrix of shape {arguments[0].shape}; a vector is needed")
        if name in REDUCTIONS:
            if arguments[0].shape == ():
                raise self.fail(node, f"{name} of a scalar; a vector is needed")
            return REDUCTIONS[name](arguments[0])
        if name == "leaky_relu":
            x, slope = arguments
            if slope.shape != () or slope.depends_on_state:
                raise self.fail(node, "the slope of leaky_relu must be a number or a scalar parameter")
            return graph.leaky_relu(x, slope)
        if name in SHORTHANDS:
            return SHORTHANDS[name](arguments[0])
        return graph.sign(arguments[0]) if name == "sign" else graph.function(name, arguments[0])

    def unary(self, node: ast.UnaryOp, depth: int) -> Node:
        value = self.read(node.operand, depth)
        if isinstance(node.op, ast.USub):
            return graph.multiply(graph.number(-1), value)
        if isinstance(node.op, ast.UAdd):
            return value
        raise self.fail(node, f"{type(node.op).__name__} is not allowed in an expression")

    def binary(self, node: ast.BinOp, depth: int) -> Node:
        return self.combined(node, self.read(node.left, depth), self.read(node.right, depth))

    def combined(self, node: ast.BinOp, left: Node, right: Node) -> Node:
        if isinstance(node.op, ast.MatMult):
            return self.matmul(node, left, right)
        if isinstance(node.op, ast.Pow):
            return self.power(node, left, right)
        operation = _OPERATIONS.get(type(node.op))
        if operation is None:
            raise self.fail(node, f"{type(node.op).__name__} is not allowed; use + - * / ** @")
        ranks = {len(left.shape), len(right.shape)}
        scales = isinstance(node.op, ast.Mult) or (isinstance(node.op, ast.Div) and right.shape == ())
        if 2 in ranks and not (scales and 0 in ranks):
            raise self.fail(
                node,
                f"{type(node.op).__name__} of shapes {left.shape} and {right.shape}; a matrix may be scaled by a "
                "scalar and multiplied with @, all else is done on arrays before",
            )
        if () not in (left.shape, right.shape) and left.shape != right.shape:
            raise self.fail(node, f"{type(node.op).__name__} of vectors of shapes {left.shape} and {right.shape}")
        if isinstance(node.op, ast.Div) and graph.is_value(right, 0):
            raise self.fail(node, "division by zero")
        return operation(left, right)

    def power(self, node: ast.BinOp, base: Node, exponent: Node) -> Node:
        if len(base.shape) == 2:
            raise self.fail(node, f"a power of a matrix of shape {base.shape}; multiply the arrays before")
        if not (exponent.is_number and exponent.shape == () and float(exponent.value).is_integer()):
            raise self.fail(node, "the exponent must be an integer; write sqrt(v), or exp(b*log(v)) for v > 0")
        if abs(float(exponent.value)) > MAX_EXPONENT:
            raise self.fail(node, f"exponent {exponent.value}: at most {MAX_EXPONENT} in size is allowed")
        return graph.power(base, int(exponent.value))

    def matmul(self, node: ast.BinOp, left: Node, right: Node) -> Node:
        ranks = (len(left.shape), len(right.shape))
        if 0 in ranks:
            raise self.fail(node, f"@ of shapes {left.shape} and {right.shape}; scalars are multiplied with *")
        if ranks == (2, 2):
            raise self.fail(
                node,
                f"@ of two matrices of shapes {left.shape} and {right.shape}; write A @ (B @ v), from the vector on",
            )
        if left.shape[-1] != right.shape[0]:
            raise self.fail(node, f"@ of shapes {left.shape} and {right.shape}; the inner lengths must be equal")
        if ranks == (1, 1):
            return graph.dot(left, right)
        return graph.product(left, right) if ranks == (2, 1) else graph.product(graph.transpose(right), left)


_OPERATIONS: dict[type, Callable[[Node, Node], Node]] = {
    ast.Add: graph.add,
    ast.Sub: graph.subtract,
    ast.Mult: graph.multiply,
    ast.Div: graph.divide,
}

_READERS: dict[type, Callable[[_Reader, Any, int], Node]] = {
    ast.Constant: _Reader.constant,
    ast.Name: _Reader.name,
    ast.Call: _Reader.call,
    ast.UnaryOp: _Reader.unary,
    ast.BinOp: _Reader.binary,
}
