"""Expressions of state vectors as a graph of few operations, built by constructors that simplify as they go.

A node has shape () for a scalar, (m,) for a vector, (m, k) for a matrix. Scalars broadcast over vectors; matrices occur
only as scaled left or right operands of ``@``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

Shape = tuple[int, ...]

FUNCTIONS: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "atanh": math.atanh,
    "atan": math.atan,
    "abs": abs,
    "logcosh": lambda x: abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2),
}
"""Elementwise functions that a text may use, and their values at numbers."""

ELEMENTWISE = frozenset({"add", "subtract", "multiply", "divide", "power", "step", "sign", *FUNCTIONS})
"""Kinds whose component i depends on the components i of their arguments."""

PLACES = frozenset({"gather", "scatter", "each"})
"""Kinds that take vectors as blocks of components, one behind the other (`langevin_kit.system.dense.places`)."""

CONTRACTIONS = frozenset({"product", "dot", "sum", "logsumexp", "softmax"}) | PLACES
"""Kinds whose components depend on several, or other, components of an argument."""

HELD = "held"
"""Kind of what is its argument, computed before any vector of the state moves."""

CONSTANT, STEP, DRAWN, MOVED = range(4)
"""When a node is known: before all steps, before a step's numbers are drawn, behind that, and where a vector has moved
to."""

_STAGES = {"time": STEP, "amplitude": STEP, "state": STEP, "normals": DRAWN, "given": DRAWN, "moved": MOVED}


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes
    ----------
    kind : str
        ``number``, ``state``, ``time``, ``parameter``, ``matrix``, `HELD`, or a member of `ELEMENTWISE` or
        `CONTRACTIONS`; ``normals``, the step's normal numbers of a vector, and ``moved``, this vector after the step;
        ``given``, other numbers of each particle's own, ``temperature``, and ``amplitude``, a number of the step.
    shape : tuple of int
    arguments : tuple of Node
    value : float, int or str
        A number's value, the name of a vector, parameter or matrix, the exponent of a power.
    orientation : str
        Of a matrix A: ``""`` as it is, ``"T"`` its transpose, ``"S"`` the sum A + Aᵀ.
    first : int
        Of a state vector, also of one that has moved: the row of the state where it begins; of normals and of what is
        given, that many rows behind the state's.
    table : tuple of int
        Of what gathers or scatters blocks: the number of the block that each comes from or goes to, −1 for none.
    """

    kind: str
    shape: Shape
    arguments: tuple[Node, ...] = ()
    value: float | str = 0.0
    orientation: str = ""
    first: int = 0
    table: tuple[int, ...] = field(default=(), repr=False)
    depends_on_state: bool = field(init=False, compare=False)
    depends_on_time: bool = field(init=False, compare=False)
    stage: int = field(init=False, compare=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        on_state = self.is_variable or any(a.depends_on_state for a in self.arguments)
        on_time = self.kind in ("time", "amplitude") or any(a.depends_on_time for a in self.arguments)
        object.__setattr__(self, "depends_on_state", on_state)
        object.__setattr__(self, "depends_on_time", on_time)
        stage = max((a.stage for a in self.arguments), default=_STAGES.get(self.kind, CONSTANT))
        object.__setattr__(self, "stage", stage)
        # Kept, since hashing shared arguments again and again takes exponential time.
        key = (self.kind, self.shape, self.arguments, self.value, self.orientation, self.first, self.table)
        object.__setattr__(self, "_hash", hash(key))

    def __hash__(self) -> int:
        return self._hash

    @property
    def is_number(self) -> bool:
        """Whether the value is known without a run."""
        return self.kind == "number"

    @property
    def is_variable(self) -> bool:
        """Whether it is a vector of numbers of each particle's own."""
        return self.kind in ("state", "normals", "given", "moved")


def number(value: float, shape: Shape = ()) -> Node:
    """A constant, the same for every component."""
    return Node("number", shape, value=float(value))


def is_value(node: Node, value: float) -> bool:
    """Whether a node is that constant."""
    return node.is_number and node.value == value


def add(a: Node, b: Node) -> Node:
    """A + b."""
    if a.is_number and b.is_number:
        return number(_value(a) + _value(b), _broadcast(a, b))
    if is_value(a, 0) and b.shape == _broadcast(a, b):
        return b
    if is_value(b, 0) and a.shape == _broadcast(a, b):
        return a
    if b.kind == "multiply" and is_value(b.arguments[0], -1):
        return subtract(a, b.arguments[1])
    return _elementwise("add", a, b)


def subtract(a: Node, b: Node) -> Node:
    """A − b."""
    if a.is_number and b.is_number:
        return number(_value(a) - _value(b), _broadcast(a, b))
    if is_value(b, 0) and a.shape == _broadcast(a, b):
        return a
    if is_value(a, 0) and b.shape == _broadcast(a, b):
        return multiply(number(-1), b)
    return _elementwise("subtract", a, b)


def multiply(a: Node, b: Node) -> Node:
    """A b: elementwise, or a matrix times a scalar; numbers are folded and gathered in front, x (1/x) is 1."""
    if b.is_number or (not a.is_number and len(b.shape) < len(a.shape)):
        a, b = b, a
    shape = _broadcast(a, b)
    if a.is_number:
        if b.is_number:
            return number(_value(a) * _value(b), shape)
        if is_value(a, 0):
            return number(0, shape)
        if is_value(a, 1) and b.shape == shape:
            return b
    for x, y in ((a, b), (b, a)):
        if x.kind == "multiply" and x.arguments[0].is_number:
            number_of_x, rest = x.arguments
            if y.is_number:
                return multiply(multiply(number_of_x, y), rest)
            return multiply(number_of_x, multiply(rest, y))
        if x.kind == "divide" and x.arguments[0].is_number and x.arguments[1] == y:
            return number(_value(x.arguments[0]), shape)
    return _elementwise("multiply", a, b)


def divide(a: Node, b: Node) -> Node:
    """A / b; by one shared reciprocal where b is a scalar that does not depend on the state."""
    if b.is_number:
        return multiply(number(1 / _value(b), b.shape), a)
    if b.shape == () and not b.depends_on_state and not is_value(a, 1):
        return multiply(divide(number(1), b), a)
    return _elementwise("divide", a, b)


def power(a: Node, exponent: int) -> Node:
    """A to an integer power."""
    if a.is_number:
        return number(_value(a) ** exponent, a.shape)
    if exponent < 0:
        return divide(number(1), power(a, -exponent))
    if exponent == 0:
        return number(1, a.shape)
    return a if exponent == 1 else Node("power", a.shape, (a,), exponent)


def function(name: str, a: Node) -> Node:
    """One of `FUNCTIONS`, elementwise."""
    return number(FUNCTIONS[name](_value(a)), a.shape) if a.is_number else Node(name, a.shape, (a,))


def sign(a: Node) -> Node:
    """−1, 0 or 1."""
    if a.is_number:
        return number((_value(a) > 0) - (_value(a) < 0), a.shape)
    return Node("sign", a.shape, (a,))


def step(x: Node, above: Node, below: Node) -> Node:
    """`above` where x > 0, else `below`."""
    return Node("step", _broadcast(x, _elementwise("add", above, below)), (x, above, below))


def leaky_relu(x: Node, slope: Node) -> Node:
    """X above 0, and slope·x below."""
    return multiply(step(x, number(1), slope), x)


def _above_zero(x: Node) -> Node:
    return leaky_relu(x, number(0))


def elu(x: Node) -> Node:
    """X above 0, and exp(x) − 1 below. Its slope at 0 is 1, as min(x, 0) = x − max(x, 0) makes it."""
    above = _above_zero(x)
    return add(above, subtract(function("exp", subtract(x, above)), number(1)))


def hardtanh(x: Node) -> Node:
    """X between −1 and 1, and these beyond; |x + 1| − |x − 1| would be 0 at large x."""
    return subtract(number(1), _above_zero(subtract(number(2), _above_zero(add(x, number(1))))))


def softplus(x: Node) -> Node:
    """Log(1 + exp x), without overflow."""
    half = multiply(number(0.5), x)
    return add(add(half, function("logcosh", half)), number(math.log(2)))


def product(matrix: Node, x: Node) -> Node:
    """Matrix times vector; scalar factors of both go in front."""
    factor, matrix = scaled(matrix)
    factor_of_x, x = scaled(x)
    shape = matrix.shape[:1]
    bare = number(0, shape) if is_value(x, 0) else Node("product", shape, (matrix, x))
    return multiply(multiply(factor, factor_of_x), bare)


def transpose(matrix: Node) -> Node:
    """The transpose of a scaled matrix."""
    factor, matrix = scaled(matrix)
    turned = {"": "T", "T": "", "S": "S"}[matrix.orientation]
    return multiply(factor, Node("matrix", matrix.shape[::-1], value=matrix.value, orientation=turned))


def dot(a: Node, b: Node) -> Node:
    """The inner product of two vectors."""
    factor_a, a = scaled(a)
    factor_b, b = scaled(b)
    if is_value(a, 1):
        a, b = b, a
    bare = total(a) if is_value(b, 1) else Node("dot", (), (a, b))
    return multiply(multiply(factor_a, factor_b), bare)


def total(a: Node) -> Node:
    """The sum of a vector's components."""
    factor, a = scaled(a)
    if a.is_number:
        return multiply(factor, number(_value(a) * a.shape[0]))
    if a.kind == "multiply":
        return multiply(factor, dot(*a.arguments))
    return multiply(factor, Node("sum", (), (a,)))


def logsumexp(a: Node) -> Node:
    """Log Σᵢ exp aᵢ, without overflow."""
    return Node("logsumexp", (), (a,))


def softmax(a: Node) -> Node:
    """Exp aᵢ / Σⱼ exp aⱼ, without overflow: the gradient of `logsumexp`."""
    return Node("softmax", a.shape, (a,))


def scaled(node: Node) -> tuple[Node, Node]:
    """A scalar factor and the rest of a vector or matrix."""
    if node.kind == "multiply" and node.arguments[0].shape == () and node.shape != ():
        factor, rest = scaled(node.arguments[1])
        return multiply(node.arguments[0], factor), rest
    return number(1), node


def sum_of(terms: Iterable[Node]) -> Node:
    """The sum of terms; s A x + s Aᵀx become s (A + Aᵀ) x, one product instead of two."""
    merged: list[Node] = []
    for term in terms:
        partner = next((i for i, other in enumerate(merged) if _are_transposed(other, term)), None)
        if partner is None:
            merged.append(term)
            continue
        factor, rest = scaled(term)
        matrix, x = rest.arguments
        symmetric = Node("matrix", matrix.shape, value=matrix.value, orientation="S")
        merged[partner] = multiply(factor, replace(rest, arguments=(symmetric, x)))
    result = merged[0]
    for term in merged[1:]:
        result = add(result, term)
    return result


def postorder(roots: Iterable[Node]) -> list[Node]:
    """Every node once, arguments before what uses them."""
    order: dict[Node, None] = {}
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, is_ready = stack.pop()
        if node in order:
            continue
        if is_ready:
            order[node] = None
        else:
            stack.append((node, True))
            stack.extend((argument, False) for argument in reversed(node.arguments))
    return list(order)


def jumps(*roots: Node) -> bool:
    """Whether nodes hold what may make them, or their slopes, jump."""
    return any(node.kind in ("step", "abs", "sign") for node in postorder(roots))


def substituted(node: Node, variable: Node, value: Node) -> Node:
    """The node with another one of the same shape in the place of a variable."""
    made = {variable: value}
    for each in postorder([node]):
        if each not in made:
            arguments = tuple(made[a] for a in each.arguments)
            made[each] = each if arguments == each.arguments else replace(each, arguments=arguments)
    return made[node]


def is_linear(node: Node, variable: Node) -> bool:
    """Whether a node is seen to be linear in a variable: a sum of terms that each have it once as a factor."""
    degrees: dict[Node, float] = {}
    for each in postorder([node]):
        degrees[each] = 1 if each == variable else _homogeneity(each, [degrees[a] for a in each.arguments])
    return degrees[node] == 1


def _homogeneity(node: Node, degrees: list[float]) -> float:
    """The power with which a node grows with a variable, NaN if it is not seen to be one."""
    match node.kind:
        case "add" | "subtract" if degrees[0] != degrees[1]:
            return math.nan
        case "add" | "subtract":
            return degrees[0]
        case "multiply" | "product" | "dot" | "sum" | "gather" | "scatter" | "each":
            return sum(degrees)
        case "divide" if degrees[1] == 0:
            return degrees[0]
        case "step" if degrees[0] == 0 and degrees[1] == degrees[2]:
            return degrees[1]
    return math.nan if any(degrees) else 0


def degree(node: Node) -> float:
    """The degree in the state of a polynomial, infinity for anything else."""
    degrees: dict[Node, float] = {}
    for each in postorder([node]):
        degrees[each] = _degree(each, [degrees[a] for a in each.arguments]) if each.depends_on_state else 0
    return degrees[node]


def _degree(node: Node, degrees: list[float]) -> float:
    match node.kind:
        case "state":
            return 1
        case "add" | "subtract":
            return max(degrees)
        case "multiply" | "product" | "dot" | "sum" | "gather" | "scatter" | "each":
            return sum(degrees)
        case "divide" if degrees[1] == 0:
            return degrees[0]
        case "power":
            return degrees[0] * int(node.value)
    return math.inf


def _are_transposed(a: Node, b: Node) -> bool:
    (factor_a, a), (factor_b, b) = scaled(a), scaled(b)
    if not (a.kind == b.kind in ("product", "each") and factor_a == factor_b and a.arguments[1] == b.arguments[1]):
        return False
    m, n = a.arguments[0], b.arguments[0]
    return m.value == n.value and {m.orientation, n.orientation} == {"", "T"}


def _elementwise(kind: str, a: Node, b: Node) -> Node:
    return Node(kind, _broadcast(a, b), (a, b))


def _broadcast(a: Node, b: Node) -> Shape:
    shape = a.shape or b.shape
    if () != b.shape != shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} do not match")
    return shape


def _value(node: Node) -> float:
    return float(node.value)
