"""Gradients of a scalar graph with respect to states and parameters, by reverse accumulation, as graphs again.

Griewank & Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from langevin_kit.system.dense.graph import (
    HELD,
    Node,
    divide,
    dot,
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
from langevin_kit.system.dense.places import at_each, block_of, gather, scatter


def gradient(scalar: Node, leaf: Node) -> Node:
    """∂(scalar)/∂(leaf), of the shape of this state vector, or this vector or scalar of the parameters.

    Examples
    --------
    >>> v = Node("state", (3,), value="v")
    >>> gradient(total(power(v, 2)), v) == multiply(number(2), v)
    True
    """
    for node, cotangent in _backwards(scalar, leaf):
        if node == leaf:
            return cotangent
    return number(0, leaf.shape)


def along(output: Node, states: Sequence[Node], directions: Sequence[Node]) -> Node:
    """Σᵢ (∂output/∂stateᵢ) vᵢ of a scalar or a vector: uᵀ(∂output) v, linear in u, is differentiated in u.

    Examples
    --------
    >>> v, w = Node("state", (3,), value="v"), Node("normals", (3,), value="w", first=3)
    >>> along(power(v, 2), [v], [w]) == multiply(number(2), multiply(w, v))
    True
    """
    cotangent = Node("normals", output.shape, value="cotangent")
    scalar = dot(cotangent, output) if output.shape else output
    slope = sum_of(dot(v, gradient(scalar, state)) for state, v in zip(states, directions, strict=True))
    return gradient(slope, cotangent) if output.shape else slope


def matrix_gradient(scalar: Node, name: str) -> list[tuple[Node, Node]]:
    """∂(scalar)/∂(matrix of that name) as a sum of outer products: their factors, (m,) and (k,) for a matrix (m, k).

    Where places share the matrix, factors are (p m,) and (p k,): the sum runs over their blocks as well, as `outer` of
    `langevin_kit.system.dense.evaluate` does it.

    Examples
    --------
    >>> from langevin_kit.system.dense.graph import dot
    >>> A, v, h = Node("matrix", (3, 2), value="A"), Node("state", (3,), value="v"), Node("state", (2,), value="h")
    >>> matrix_gradient(dot(v, product(A, h)), "A") == [(v, h)]
    True
    """
    terms = []
    for node, cotangent in _backwards(scalar, Node("matrix", (), value=name)):
        if node.kind in ("product", "each") and node.arguments[0].value == name:
            matrix, x = node.arguments
            terms += [(cotangent, x)] if matrix.orientation in ("", "S") else []
            terms += [(x, cotangent)] if matrix.orientation in ("T", "S") else []
    return terms


def _backwards(scalar: Node, leaf: Node) -> Iterator[tuple[Node, Node]]:
    """Each node through which the leaf, or the matrix of its name, reaches the scalar, and its cotangent."""
    order, reached = postorder([scalar]), set[Node]()
    for node in order:
        same = (node.kind, node.value) == (leaf.kind, leaf.value)
        if same or not reached.isdisjoint(node.arguments):
            reached.add(node)
    cotangents: dict[Node, list[Node]] = defaultdict(list)
    cotangents[scalar].append(number(1))
    for node in reversed(order):
        if node not in reached or node not in cotangents:
            continue
        cotangent = sum_of(cotangents[node])
        yield node, cotangent
        if not node.arguments:
            continue
        for argument, derivative in zip(node.arguments, _DERIVATIVES[node.kind](node, cotangent), strict=True):
            if argument in reached and argument.kind != "matrix":
                cotangents[argument].append(_fitted(derivative, argument))


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


def _softmax(node: Node, g: Node) -> tuple[Node, ...]:
    return (multiply(node, subtract(g, dot(g, node))),)


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
    "atan": _unary(lambda x, y: divide(_ONE, sum_of([_ONE, power(x, 2)]))),
    "logcosh": _unary(lambda x, y: function("tanh", x)),
    "sign": lambda node, g: (number(0, node.shape),),
    "abs": _unary(lambda x, y: sign(x)),
    "product": lambda node, g: (_ONE, product(transpose(node.arguments[0]), g)),
    "each": lambda node, g: (_ONE, at_each(transpose(node.arguments[0]), g)),
    "gather": lambda node, g: (scatter(g, node.table, node.arguments[0].shape[0]),),
    "scatter": lambda node, g: (gather(g, node.table, block_of(node)),),
    "dot": lambda node, g: (multiply(g, node.arguments[1]), multiply(g, node.arguments[0])),
    "sum": lambda node, g: (g,),
    "logsumexp": lambda node, g: (multiply(g, softmax(node.arguments[0])),),
    "softmax": _softmax,
    HELD: lambda node, g: (g,),
}
"""Kind → cotangents of its arguments, given the node and its own cotangent g."""
