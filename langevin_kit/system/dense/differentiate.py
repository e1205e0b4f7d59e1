"""The gradient of a scalar graph with respect to a vector, by reverse accumulation, as a graph again.

Griewank & Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from langevin_kit.system.dense.graph import (
    Node,
    dependents,
    divide,
    function,
    multiply,
    number,
    postorder,
    power,
    product,
    sign,
    softmax,
    step,
    subtract,
    sum_of,
    total,
    transpose,
)


def gradient(scalar: Node, variable: Node) -> Node:
    """∂(scalar)/∂(variable), of the shape of this vector: of the state, or of normals.

    Examples
    --------
    >>> v = Node("state", (3,), value="v")
    >>> gradient(total(power(v, 2)), v) == multiply(number(2), v)
    True
    """
    cotangents: dict[Node, list[Node]] = defaultdict(list)
    cotangents[scalar].append(number(1))
    moving = dependents([scalar], [variable])
    for node in reversed(postorder([scalar])):
        if node not in moving or node not in cotangents or node == variable:
            continue
        cotangent = sum_of(cotangents[node])
        for argument, derivative in zip(node.arguments, _DERIVATIVES[node.kind](node, cotangent), strict=True):
            if argument in moving:
                cotangents[argument].append(_fitted(derivative, argument))
    return sum_of(cotangents[variable]) if variable in cotangents else number(0, variable.shape)


def _fitted(derivative: Node, argument: Node) -> Node:
    """Undo a broadcast: a scalar argument collects what all components send."""
    if derivative.shape == argument.shape:
        return derivative
    return multiply(derivative, number(1, argument.shape)) if derivative.shape == () else total(derivative)


def _power(node: Node, g: Node) -> tuple[Node, ...]:
    (x,), exponent = node.arguments, int(node.value)
    return (multiply(g, multiply(number(exponent), power(x, exponent - 1))),)


def _divide(node: Node, g: Node) -> tuple[Node, ...]:
    _, b = node.arguments
    return divide(g, b), multiply(number(-1), divide(multiply(g, node), b))


def _step(node: Node, g: Node) -> tuple[Node, ...]:
    """The slope of a kink's step is 0: texts cannot use a step alone, only in products that are continuous."""
    x, _, _ = node.arguments
    return number(0, x.shape), step(x, g, number(0)), step(x, number(0), g)


def _unary(slope: Callable[[Node, Node], Node]) -> Callable[[Node, Node], tuple[Node, ...]]:
    return lambda node, g: (multiply(g, slope(node.arguments[0], node)),)


_ONE = number(1)

_DERIVATIVES: dict[str, Callable[[Node, Node], tuple[Node, ...]]] = {
    "add": lambda node, g: (g, g),
    "subtract": lambda node, g: (g, multiply(number(-1), g)),
    "multiply": lambda node, g: (multiply(g, node.arguments[1]), multiply(g, node.arguments[0])),
    "divide": _divide,
    "power": _power,
    "step": _step,
    "exp": _unary(lambda x, y: y),
    "log": _unary(lambda x, y: divide(_ONE, x)),
    "sqrt": _unary(lambda x, y: divide(number(0.5), y)),
    "sin": _unary(lambda x, y: function("cos", x)),
    "cos": _unary(lambda x, y: multiply(number(-1), function("sin", x))),
    "sinh": _unary(lambda x, y: function("cosh", x)),
    "cosh": _unary(lambda x, y: function("sinh", x)),
    "tanh": _unary(lambda x, y: subtract(_ONE, power(y, 2))),
    "atanh": _unary(lambda x, y: divide(_ONE, subtract(_ONE, power(x, 2)))),
    "logcosh": _unary(lambda x, y: function("tanh", x)),
    "abs": _unary(lambda x, y: sign(x)),
    "product": lambda node, g: (_ONE, product(transpose(node.arguments[0]), g)),
    "dot": lambda node, g: (multiply(g, node.arguments[1]), multiply(g, node.arguments[0])),
    "sum": lambda node, g: (g,),
    "logsumexp": lambda node, g: (multiply(g, softmax(node.arguments[0])),),
}
"""Kind → cotangents of its arguments, given the node and its own cotangent g."""
