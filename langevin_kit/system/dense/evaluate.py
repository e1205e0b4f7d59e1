"""A graph's value in NumPy, in float64 or, for tests of its derivatives, in complex128."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.system.dense.graph import Node, postorder
from langevin_kit.system.dense.places import block_of

Array = NDArray[Any]


MOST = 2**22
"""Numbers of one node that are held at once: those of all nodes are, for as many points as this allows."""


def evaluate(node: Node, x: Array, t: float, parameters: Mapping[str, Array]) -> Array:
    """Value of shape (m, ...) of a vector or (...) of a scalar node, for x of shape (d, ...)."""
    order, longest = _order(node)
    n, points = int(np.prod(x.shape[1:])), max(1, MOST // longest)
    if n <= points:
        return _evaluated(order, x, t, parameters)
    flat = x.reshape(len(x), n)
    parts = [_evaluated(order, flat[:, low : low + points], t, parameters) for low in range(0, n, points)]
    return np.concatenate(parts, axis=-1).reshape(node.shape + x.shape[1:])


@lru_cache(maxsize=256)
def _order(node: Node) -> tuple[list[Node], int]:
    """Of `postorder`, and the most numbers that one of the nodes has of a point."""
    order = postorder([node])
    return order, max(each.shape[0] if len(each.shape) == 1 else 1 for each in order)


def evaluate_all(nodes: Sequence[Node], x: Array, t: float, parameters: Mapping[str, Array]) -> list[Array]:
    """Values of several nodes as `evaluate` gives them; what they share is computed once."""
    values = _values(postorder(nodes), x, t, parameters)
    return [np.broadcast_to(values[node], node.shape + x.shape[1:]) for node in nodes]


def outer(u: Array, v: Array, shape: tuple[int, ...]) -> Array:
    """Σ u vᵀ over particles, of factors (m, N) and (k, N) of a matrix (m, k), or also over blocks, (p m, N), (p k, N).

    Examples
    --------
    >>> outer(np.ones((4, 3)), np.ones((2, 3)), (2, 1))
    array([[6.],
           [6.]])
    """
    if len(u) == shape[0]:
        return np.asarray(u @ v.T)
    by_place = u.reshape(-1, shape[0], u.shape[1]), v.reshape(-1, shape[1], v.shape[1])
    return np.asarray(np.tensordot(*by_place, axes=([0, 2], [0, 2])))


def _evaluated(order: Sequence[Node], x: Array, t: float, parameters: Mapping[str, Array]) -> Array:
    """The value of the last of nodes in an order of `postorder`."""
    values = _values(order, x, t, parameters)
    return np.broadcast_to(values[order[-1]], order[-1].shape + x.shape[1:])


def _values(order: Sequence[Node], x: Array, t: float, parameters: Mapping[str, Array]) -> dict[Node, Array]:
    """The value of each node in an order of `postorder`, with axes of length 1 where it is the same for all."""
    values: dict[Node, Array] = {}
    with np.errstate(all="ignore"):
        for each in order:
            arguments = [values[a] for a in each.arguments]
            values[each] = np.asarray(_value(each, arguments, x, t, parameters))
    return values


def _value(node: Node, arguments: list[Array], x: Array, t: float, parameters: Mapping[str, Array]) -> Any:
    match node.kind:
        case "number":
            return node.value
        case "state" | "normals" | "given" | "moved":
            return x[node.first : node.first + node.shape[0]]
        case "time":
            return t
        case "temperature" | "amplitude":
            return parameters[str(node.value)]
        case "parameter":
            value = parameters[str(node.value)]
            return value.reshape(value.shape + (1,) * (x.ndim - 1) * value.ndim)
        case "matrix":
            a = parameters[str(node.value)]
            return a + a.T if node.orientation == "S" else a.T if node.orientation == "T" else a
        case "power":
            return arguments[0] ** int(node.value)
        case "product":
            a, y = arguments
            return np.tensordot(a, np.broadcast_to(y, node.arguments[1].shape + x.shape[1:]), axes=1)
        case "each":
            a, y = arguments
            seen = np.broadcast_to(y, node.arguments[1].shape + x.shape[1:])
            places = len(seen) // a.shape[1]
            return (a @ seen.reshape(places, a.shape[1], seen[0].size)).reshape(node.shape + x.shape[1:])
        case "gather" | "scatter":
            return _moved(node, np.broadcast_to(arguments[0], node.arguments[0].shape + x.shape[1:]))
        case "sum" | "dot":
            wide = [np.broadcast_to(y, z.shape + x.shape[1:]) for y, z in zip(arguments, node.arguments, strict=True)]
            return np.sum(np.multiply(*wide) if len(wide) == 2 else wide[0], axis=0)
    return _FUNCTIONS[node.kind](*arguments)


def _moved(node: Node, x: Array) -> Array:
    """What gathers or scatters blocks of x."""
    shape = (block_of(node), *x.shape[1:])
    blocks, found = x.reshape(-1, *shape), np.zeros((node.shape[0] // shape[0], *shape), x.dtype)
    for i, j in enumerate(node.table):
        if j >= 0 and node.kind == "gather":
            found[i] = blocks[j]
        elif j >= 0:
            found[j] += blocks[i]
    return found.reshape(node.shape + x.shape[1:])


def _logsumexp(z: Array) -> Any:
    shift = z.real.max(axis=0)
    return shift + np.log(np.exp(z - shift).sum(axis=0))


def _softmax(z: Array) -> Any:
    e = np.exp(z - z.real.max(axis=0))
    return e / e.sum(axis=0)


def _abs(x: Array) -> Any:
    """Analytic in x, so that a complex step passes through."""
    return np.where(x.real > 0, x, -x)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("add", "subtract", "multiply", "divide")},
    **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "sin", "cos", "sinh", "cosh", "tanh")},
    "abs": _abs,
    "atanh": np.arctanh,
    "atan": np.arctan,
    "logcosh": lambda x: _abs(x) + np.log1p(np.exp(-2 * _abs(x))) - np.log(2),
    "sign": lambda x: np.sign(x.real),
    "held": lambda x: x,
    "step": lambda x, above, below: np.where(x.real > 0, above, below),
    "logsumexp": _logsumexp,
    "softmax": _softmax,
}
