r"""Vectors that hold p places of c channels, one place behind the other, and weights that all places share.

Three kinds of nodes are enough. With the blocks :math:`x_j ∈ R^c` of a vector and a table τ of blocks,

.. math::

    \text{each:}\ y_j = A x_j, \qquad \text{gather:}\ y_i = x_{τ_i}, \qquad \text{scatter:}\ y_j = Σ_{i: τ_i = j} x_i

where a block of the number −1 is 0. Gather and scatter are each other's transposes, A and Aᵀ those of each. A
convolution is each of patches, which are gathered; a bias at every place is gathered, and what is pooled is scattered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from langevin_kit.system.dense.graph import Node, Shape, add, is_value, multiply, number, product, scaled, subtract

MAX_LENGTH = 2**20
"""Components that a vector made here may have; a tile of particles of 2²⁰ takes a quarter of a gigabyte."""


_SUMS: dict[str, Callable[[Node, Node], Node]] = {"add": add, "subtract": subtract}


class DoesNotFit(ValueError):
    """Sizes that do not fit the shapes, in words."""


def at_each(matrix: Node, x: Node) -> Node:
    """A scaled matrix (m, k) times every k components of a vector (p k)."""
    factor, matrix = scaled(matrix)
    factor_of_x, x = scaled(x)
    m, k = matrix.shape
    places = x.shape[0] // k
    if places == 1:
        return multiply(multiply(factor, factor_of_x), product(matrix, x))
    shape = (places * m,)
    bare = number(0, shape) if is_value(x, 0) else Node("each", shape, (matrix, x))
    return multiply(multiply(factor, factor_of_x), bare)


def gather(x: Node, table: tuple[int, ...], block: int) -> Node:
    """The blocks of a vector that a table names, of so many components each."""
    return _moved("gather", x, table, (len(table) * block,))


def scatter(x: Node, table: tuple[int, ...], length: int) -> Node:
    """The vector of that length in which each block of x is added where a table says: the transpose of `gather`.

    Of a sum of products at places each is scattered, so that none has to stand whole.
    """
    if x.kind in _SUMS and _is_of_products(x):
        return _SUMS[x.kind](*(scatter(part, table, length) for part in x.arguments))
    return _moved("scatter", x, table, (length,))


def _is_of_products(x: Node) -> bool:
    _, x = scaled(x)
    return x.kind == "each" or (x.kind in _SUMS and all(map(_is_of_products, x.arguments)))


def _moved(kind: str, x: Node, table: tuple[int, ...], shape: Shape) -> Node:
    factor, x = scaled(x)
    if is_value(x, 0):
        return number(0, shape)
    is_identity = shape == x.shape and table == tuple(range(len(table)))
    return multiply(factor, x if is_identity else Node(kind, shape, (x,), table=table))


def block_of(node: Node) -> int:
    """Components of a block of what gathers or scatters."""
    long = node if node.kind == "gather" else node.arguments[0]
    return long.shape[0] // len(node.table)


def each(W: Node, x: Node) -> Node:
    """``each(W, x)``."""
    if len(W.shape) != 2 or len(x.shape) != 1 or x.shape[0] % W.shape[1]:
        raise DoesNotFit(
            f"each of shapes {W.shape} and {x.shape}; a matrix (m, k) and a vector of p k components are needed"
        )
    _check_length("each", x.shape[0] // W.shape[1] * W.shape[0])
    return at_each(W, x)


def patches(x: Node, height: Node, width: Node, size: Node) -> Node:
    """``patches(x, height, width, size)``."""
    rows, columns, n = _size("height", height), _size("width", width), _size("size", size)
    return _windows("patches", x, (rows, columns), (n, n))


def windows(x: Node, length: Node, size: Node) -> Node:
    """``windows(x, length, size)``."""
    return _windows("windows", x, (_size("length", length), 1), (_size("size", size), 1))


def repeat(b: Node, n: Node) -> Node:
    """``repeat(b, n)``."""
    times = _size("n", n)
    if len(b.shape) != 1:
        raise DoesNotFit(f"repeat of shape {b.shape}; a vector is needed: a scalar stands at every place as it is")
    _check_length("repeat", times * b.shape[0])
    return gather(b, (0,) * times, b.shape[0])


def places_mean(x: Node, channels: Node) -> Node:
    """``places_mean(x, channels)``."""
    c = _size("channels", channels)
    if len(x.shape) != 1 or x.shape[0] % c:
        raise DoesNotFit(f"places_mean of shape {x.shape} over places of {c} channels; a vector (p {c}) is needed")
    places = x.shape[0] // c
    return multiply(number(1 / places), scatter(x, (0,) * places, c))


@dataclass(frozen=True)
class Function:
    """A function of the language of vectors: how many arguments it takes, and what it makes of them."""

    count: int
    make: Callable[..., Node]


FUNCTIONS = {
    "each": Function(2, each),
    "patches": Function(4, patches),
    "windows": Function(3, windows),
    "repeat": Function(2, repeat),
    "places_mean": Function(2, places_mean),
}


def _windows(name: str, x: Node, image: tuple[int, int], window: tuple[int, int]) -> Node:
    """At every pixel of an image the pixels of a window around it, row after row; zeros beyond the border."""
    height, width = image
    places = height * width
    wanted = f"{height} × {width}" if name == "patches" else f"{height}"
    if len(x.shape) != 1 or x.shape[0] % places:
        raise DoesNotFit(f"{name} of shape {x.shape} with {wanted} places; a vector ({places} c) of them is needed")
    if window[0] % 2 == 0:
        raise DoesNotFit(f"the size of {name} must be odd, so that a place is in the middle; got {window[0]}")
    c = x.shape[0] // places
    _check_length(name, places * window[0] * window[1] * c)
    above, left = window[0] // 2, window[1] // 2
    table = tuple(
        i * width + j if 0 <= i < height and 0 <= j < width else -1
        for row in range(height)
        for column in range(width)
        for i in range(row - above, row + above + 1)
        for j in range(column - left, column + left + 1)
    )
    return gather(x, table, c)


def _size(name: str, node: Node) -> int:
    value = float(node.value) if node.is_number and node.shape == () else 0.0
    if not (value.is_integer() and 1 <= value <= MAX_LENGTH):
        got = f"{value:g}" if node.is_number and node.shape == () else f"what is no number, of shape {node.shape}"
        raise DoesNotFit(f"{name} must be a positive integer, written as a number; got {got}")
    return int(value)


def _check_length(name: str, length: int) -> None:
    if length > MAX_LENGTH:
        raise DoesNotFit(f"{name} would make {length} components; at most {MAX_LENGTH} are allowed")
