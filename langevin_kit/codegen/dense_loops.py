"""A graph over a tile of particles → source of loops: matrix products, reductions, and fused elementwise loops between.

A tile holds a vector as a buffer (m, P), a scalar of each particle as a buffer (1, P). A node gets a buffer when a
product or reduction gives or takes it, or when it is costly and more than one loop needs it; all else is computed in
the loop that uses it. What depends on neither state nor time is computed once, before the particles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from langevin_kit.codegen.dense_body import Body
from langevin_kit.codegen.dense_places import is_of_parameter, passed_on, rows_of, table_name
from langevin_kit.system.dense.derived import DenseDerived
from langevin_kit.system.dense.graph import CONTRACTIONS, HELD, PLACES, Node, postorder
from langevin_kit.system.dense.places import block_of

_COSTLY = frozenset({"exp", "log", "sqrt", "sin", "cos", "sinh", "cosh", "tanh", "atan", "atanh", "logcosh", "divide"})
_TAKES_BUFFER = frozenset({"product", "logsumexp", "softmax"}) | PLACES
"""Contractions whose argument stands in a buffer; `dot` and `sum` compute theirs as they go."""

_NUMBERS = {"time": "t", "temperature": "T", "amplitude": "amplitude"}
"""Numbers that are the same for all particles, and what generated source calls them."""

_EXPONENTIALS = """\
for i in range({P}):
    store({top}, i, load({z}, i))
for r in range(1, {m}):
    for i in range({P}):
        highest = load({top}, i)
        v = load({z}, r*{P} + i)
        store({top}, i, v if v > highest else highest)
for i in range({P}):
    store({sum}, i, R(0.0))
for r in range({m}):
    for i in range({P}):
        v = load({z}, r*{P} + i) - load({top}, i)
        e = R(0.0) if v < LEAST else exp(v)
        store({sum}, i, load({sum}, i) + e){keep}
"""

_SOFTMAX = """\
for i in range({P}):
    store({sum}, i, R(1.0)/load({sum}, i))
for r in range({m}):
    for i in range({P}):
        store({out}, r*{P} + i, load({out}, r*{P} + i)*load({sum}, i))
"""


@dataclass(frozen=True)
class Buffer:
    """A buffer of the tile; as text, its name and number as `load` and `store` take them."""

    number: int
    own_name: str = ""

    @property
    def name(self) -> str:
        """Its name in the source."""
        return self.own_name or f"b{self.number}"

    def __str__(self) -> str:
        return f"{self.name}, {self.number}"


STATE = Buffer(2)
"""The state's own; 0 and 1 are the generator's words and the normals. Of several vectors each has rows of it."""


class Loops:
    """Loops that fill every buffer the outputs need, in an order in which each finds its arguments.

    Parameters
    ----------
    derived : DenseDerived
        For the layout of the parameters.
    outputs : sequence of Node
        What the caller's own loops will compute, through `loop`.
    width : int
        Particles P of a tile.
    sides : mapping of Node to int
        What the caller takes place by place, through `place`, and the components of a place.

    Attributes
    ----------
    tables : dict
        Its keys are what `langevin_kit.codegen.dense_places.table_source` has to define in the module.
    setup : list of str
        Lines before the particles: buffers, packed matrices, parameters, and what is constant.
    each_step, each_draw, each_end : list of str
        Lines of every step: before the caller's loops; what they need of the step's normals, which stand in buffers
        then (`normals`); and what depends on where vectors have moved.
    normals : sequence of Node
        Those that are needed in a buffer.
    """

    def __init__(
        self, derived: DenseDerived, outputs: Sequence[Node], width: int, sides: Mapping[Node, int] | None = None
    ) -> None:
        self.P = width
        self.tables: dict[tuple[int, ...], None] = {}
        self.setup: list[str] = []
        self.each_step: list[str] = []
        self.each_draw: list[str] = []
        self.each_end: list[str] = []
        self._n_buffers, self._n_names = STATE.number + 1, 0
        self._buffers: dict[Node, Buffer] = self._states(derived.states)
        self._straight: dict[Node, str] = {}
        self._vectors: dict[Node, str] = {}
        self._matrices: dict[Node, str] = {}
        self._n_matrices = 0
        self._offsets = offsets(derived)
        self._parts: dict[tuple[Node, int], Buffer] = {}
        order = postorder([*outputs, *(sides or {})])
        self._scalars = straight(order)
        self._name_scalars(order)
        self._passed = passed_on(order, outputs, sides or {})
        kept = in_buffers(order, [*outputs, *(sides or {})], self._scalars, self._passed)
        self.normals = [node for node in order if node.kind in ("normals", "given")]
        for node in self.normals:
            self._buffers[node] = self.buffer(node.shape[0])
        places = {state.first: self._buffers[state] for state in derived.states}
        self._buffers |= {node: places[node.first] for node in order if node.kind == "moved"}
        taken = {node.arguments[-1] for node in order if node.kind in _TAKES_BUFFER}
        own = [node for node in kept if (node.kind in _COSTLY and node.shape) or is_of_parameter(node)]
        rows = [node for node in own if not (changes(node) or node in taken)]
        for node in kept:
            if node not in rows:
                self._buffers[node] = self.buffer(node.shape[0] if node.shape else 1)
        for node in kept:
            lines = self._constant(node) if node in rows else self._filled(node)
            (self.setup, self.each_step, self.each_draw, self.each_end)[node.stage].extend(lines)

    def buffer(self, rows: int) -> Buffer:
        """A new buffer."""
        buffer = Buffer(self._n_buffers)
        self._n_buffers += 1
        self.setup.append(f"{buffer.name} = aligned({rows}, {self.P}, like)")
        return buffer

    def buffer_of(self, rows: str, name: str) -> Buffer:
        """A number for a buffer of the caller's own, which other loops do not overlap."""
        buffer = Buffer(self._n_buffers, name)
        self._n_buffers += 1
        return buffer

    def cotangent(self, parts: Sequence[Node]) -> Buffer:
        """The buffer of vectors that are given, one behind the other."""
        whole = self.buffer(sum(part.shape[0] for part in parts))
        first = parts[0].first
        for part in parts:
            if part in self._buffers:
                rows = f"{whole.name}[{part.first - first}:{part.first - first + part.shape[0]}]"
                self.setup.append(f"{self._buffers[part].name} = {rows}")
        return whole

    def standing(self, node: Node) -> Buffer | None:
        """The buffer that holds a vector, if one does."""
        return self._buffers.get(node)

    def has_no_buffer(self, node: Node) -> bool:
        """Whether a vector is at hand place by place alone, through `place`."""
        return node in self._passed

    def load(self, node: Node) -> str:
        """The entry `at` of a vector that stands in a buffer."""
        return f"load({self._buffers[node]}, at)"

    def store(self, node: Node, value: str) -> str:
        """What writes that entry."""
        return f"store({self._buffers[node]}, at, {value})"

    def _states(self, states: Sequence[Node]) -> dict[Node, Buffer]:
        """The state's own buffer, or rows of it that do not overlap."""
        if len(states) == 1:
            return {states[0]: STATE}
        parts = {state: Buffer(STATE.number + 1 + j) for j, state in enumerate(states)}
        self._n_buffers += len(parts)
        for state, part in parts.items():
            self.setup.append(f"{part.name} = {STATE.name}[{state.first}:{state.first + state.shape[0]}]")
        return parts

    def packed(self, offset: int, rows: int, columns: int, orientation: str = "") -> str:
        """The name of the matrix at an offset of the parameters, as `gemm` takes it."""
        name = f"u{self._n_matrices}"
        self._n_matrices += 1
        matrix = f"parameters[{offset}:{offset + rows * columns}].reshape({rows}, {columns})"
        shape = (rows, columns) if orientation == "T" else (columns, rows)
        pack = "pack_symmetric" if orientation == "S" else "pack"
        turned = ".T" if orientation == "T" else ""
        self.setup.append(f"{name} = aligned({shape[0]}, {shape[1]}, like)")
        self.setup.append(f"{pack}({name}, {matrix}{turned})")
        return name

    def loop(
        self,
        rows: int,
        expressions: Sequence[Node],
        finish: Callable[..., Sequence[str]],
        *,
        before: Sequence[str] = (),
        by_row: bool = False,
        own: Node | None = None,
    ) -> list[str]:
        """A loop over a vector (rows > 0) or over particles (rows = 0) with the lines that `finish(*values)` gives.

        In it `at` counts the tile flat and, where the loop goes by rows, `r` the rows and `i` the particles; `before`
        are lines of each row, and `own` is the node whose buffer the loop fills.
        """
        body = _TileBody(self, own)
        values = [body.value(e) for e in expressions]
        lines = [*body.lines, *finish(*values)]
        if not rows:
            return [f"for i in range({self.P}):", *indented(lines)]
        if not (by_row or before or body.row_lines or body.uses_lane):
            return [f"for at in range({rows * self.P}):", *indented(lines)]
        inner = [f"for i in range({self.P}):", *indented([f"at = r*{self.P} + i", *lines])]
        return [f"for r in range({rows}):", *indented([*before, *body.row_lines, *inner])]

    def _name_scalars(self, order: Iterable[Node]) -> None:
        """Name what is one number for all particles, and read the parameters."""
        body = _TileBody(self)
        for node in order:
            if node.kind == "parameter":
                name = f"p{len(self._vectors) + len(self._straight)}"
                at = self._offsets[str(node.value)]
                if node.shape == ():
                    self.setup.append(f"{name} = R(parameters[{at}])")
                    self._straight[node] = name
                else:
                    self.setup.append(f"{name} = parameters[{at}:{at + node.shape[0]}].astype(R)")
                    self._vectors[node] = name
            elif node.kind in _NUMBERS:
                self._straight[node] = _NUMBERS[node.kind]
            elif node.kind == "matrix":
                rows, columns = node.shape[::-1] if node.orientation == "T" else node.shape
                at = self._offsets[str(node.value)]
                self._matrices[node] = self.packed(at, rows, columns, node.orientation)
            elif node in self._scalars and node.arguments:
                body.lines = []
                self._straight[node] = body.value(node)
                (self.each_step if node.depends_on_time else self.setup).extend(body.lines)

    def _constant(self, node: Node) -> list[str]:
        """The lines that compute a vector that is the same for all particles: a number for each row, not a buffer."""
        if is_of_parameter(node):
            return self._repeated(node)
        body = _TileBody(self, node)
        value, name = body.value(node), f"c{len(self._vectors)}"
        self._vectors[node] = name
        # Of a buffer the first particle's entry is read.
        lines = [f"at, i = r*{self.P}, 0", *body.row_lines, *body.lines, f"{name}[r] = {value}"]
        return [f"{name} = np.zeros({node.shape[0]}, R)", f"for r in range({node.shape[0]}):", *indented(lines)]

    def _repeated(self, node: Node) -> list[str]:
        """The same for blocks of a parameter."""
        name, given, size = f"c{len(self._vectors)}", self._vectors[node.arguments[0]], block_of(node)
        self._vectors[node] = name
        return [
            f"{name} = np.zeros({node.shape[0]}, R)",
            f"for r in range({node.shape[0]}):",
            f"    block = {self.table(node)}[r//{size}]",
            "    if block >= 0:",
            f"        {name}[r] = {given}[block*{size} + r % {size}]",
        ]

    def _filled(self, node: Node) -> list[str]:
        """The lines that fill a node's buffer."""
        out = self._buffers[node]
        match node.kind:
            case "product":
                matrix, x = node.arguments
                return [f"gemm({self._matrices[matrix]}, {self._buffers[x].name}, {out.name})"]
            case "each":
                matrix, x = node.arguments
                m, k = matrix.shape
                lines, source = self.place(x, k)
                lines += [f"gemm({self._matrices[matrix]}, {source}, {out.name}[place*{m}:(place + 1)*{m}])"]
                return [f"for place in range({node.shape[0] // m}):", *indented(lines)]
            case "gather" if not is_of_parameter(node):
                (x,) = node.arguments
                return [f"take({self._buffers[x].name}, {self.table(node)}, 0, {block_of(node)}, {out.name})"]
            case "gather":
                lines = self._repeated(node)
                return lines + self.loop(node.shape[0], [node], lambda v: [f"store({out}, at, {v})"], own=node)
            case "scatter":
                return [f"{out.name}[:] = R(0.0)", *self._given_back(node, out)]
            case "logsumexp" | "softmax":
                return self._exponentials(node, out)
            case "dot" | "sum":
                zero = [f"for i in range({self.P}):", f"    store({out}, i, R(0.0))"]
                total = f"load({out}, i)"

                def finish(*v: str) -> list[str]:
                    more = f"fma({v[0]}, {v[1]}, {total})" if len(v) == 2 else f"{total} + {v[0]}"
                    return [f"store({out}, i, {more})"]

                return zero + self.loop(node.arguments[0].shape[0], node.arguments, finish, by_row=True)
        rows, index = (node.shape[0], "at") if node.shape else (0, "i")
        return self.loop(rows, [node], lambda v: [f"store({out}, {index}, {v})"], own=node)

    def _given_back(self, node: Node, out: Buffer) -> list[str]:
        """The lines that add what is scattered to a buffer."""
        (x,), size = node.arguments, block_of(node)
        if x in self._buffers:
            return [f"give({self._buffers[x].name}, {self.table(node)}, 0, {size}, {out.name})"]
        lines, source = self.place(x, rows_of(x))
        lines += [f"give({source}, {self.table(node)}, place*{rows_of(x) // size}, {size}, {out.name})"]
        return [f"for place in range({x.shape[0] // rows_of(x)}):", *indented(lines)]

    def place(self, node: Node, size: int, standing: Buffer | None = None) -> tuple[list[str], str]:
        """Lines that have the components of the place of number `place` at hand, and the array in which they stand.

        `standing` is the buffer of a vector that the caller has put there.
        """
        buffer = standing or self._buffers.get(node)
        if buffer:
            return [], f"{buffer.name}[place*{size}:(place + 1)*{size}]"
        if (node, size) not in self._parts:
            self._parts[node, size] = self.buffer(size)
        part = self._parts[node, size].name
        if node.kind == "gather":
            block, given = block_of(node), self._buffers[node.arguments[0]].name
            return [f"take({given}, {self.table(node)}, place*{size // block}, {block}, {part})"], part
        matrix, x = node.arguments
        lines, source = self.place(x, matrix.shape[1])
        return [*lines, f"gemm({self._matrices[matrix]}, {source}, {part})"], part

    def table(self, node: Node) -> str:
        """The name of a node's table."""
        self.tables[node.table] = None
        return table_name(node.table)

    def _exponentials(self, node: Node, out: Buffer) -> list[str]:
        (z,) = node.arguments
        names: dict[str, object] = {"P": self.P, "m": z.shape[0], "z": self._buffers[z], "out": out}
        names |= {"top": self.buffer(1), "sum": self.buffer(1)}
        keep = f"\n        store({out}, r*{self.P} + i, e)" if node.kind == "softmax" else ""
        lines = _EXPONENTIALS.format(**names, keep=keep).splitlines()
        if node.kind == "softmax":
            return lines + _SOFTMAX.format(**names).splitlines()
        total = f"load({names['top']}, i) + log(load({names['sum']}, i))"
        return [*lines, f"for i in range({self.P}):", f"    store({out}, i, {total})"]

    def new_name(self) -> str:
        """A variable that no other loop uses."""
        self._n_names += 1
        return f"v{self._n_names}"


class _TileBody(Body):
    """Of a loop over a tile.

    Attributes
    ----------
    row_lines : list of str
        Lines before the loop over a row's particles.
    uses_lane : bool
        Whether a line needs the particle's number.
    """

    def __init__(self, loops: Loops, own: Node | None = None) -> None:
        super().__init__(loops._scalars | loops._buffers.keys(), loops.new_name)
        self.loops = loops
        self.own = own
        self.row_lines: list[str] = []
        self.uses_lane = False

    def held(self, node: Node) -> str:
        if node in self.loops._straight:
            return self.loops._straight[node]
        if node in self.loops._buffers and node != self.own:
            self.uses_lane |= node.shape == ()
            return self.assign(f"load({self.loops._buffers[node]}, {'at' if node.shape else 'i'})")
        if node in self.loops._vectors:
            name = self.loops.new_name()
            self.row_lines.append(f"{name} = {self.loops._vectors[node]}[r]")
            return name
        return ""


def straight(order: Iterable[Node]) -> set[Node]:
    """What is one number for all particles without a sum over components, of nodes in an order of `postorder`."""
    found: set[Node] = set()
    for node in order:
        is_source = node.kind in ("number", "parameter", *_NUMBERS)
        if node.shape == () and (is_source or (node.arguments and found.issuperset(node.arguments))):
            found.add(node)
    return found


def in_buffers(
    order: Sequence[Node], outputs: Sequence[Node], scalars: Set[Node], passed: Set[Node] = frozenset()
) -> list[Node]:
    """The nodes beside variables that get a buffer, in order; `scalars` are those of `straight`, `passed` get none."""
    variables = {node for node in order if node.is_variable}
    chosen: set[Node] = set()
    for node in order:
        if node in scalars:
            continue
        if node.kind in CONTRACTIONS or node.kind == HELD:
            chosen.add(node)
        if node.kind in _TAKES_BUFFER and not is_of_parameter(node):
            chosen.add(node.arguments[-1])
        if node.shape != ():
            chosen.update(a for a in node.arguments if a.shape == () and a not in scalars)
        if node.kind in _COSTLY and not changes(node):
            chosen.add(node)
    if any(output.shape for output in outputs):
        chosen.update(output for output in outputs if output.shape == () and output not in scalars)
    chosen -= variables | passed
    uses: Counter[Node] = Counter()
    kept = chosen | scalars | variables
    for expressions in [*(_computed(node) for node in chosen), outputs]:
        uses.update(node for node in inside(expressions, kept) if node.kind in _COSTLY)
    chosen.update(node for node, count in uses.items() if count > 1)
    return [node for node in order if node in chosen]


def inside(expressions: Iterable[Node], kept: Set[Node]) -> set[Node]:
    """What a loop computes: all that its expressions need down to what is kept."""
    found: set[Node] = set()
    stack = list(expressions)
    while stack:
        node = stack.pop()
        if not (node in found or node in kept):
            found.add(node)
            stack.extend(node.arguments)
    return found


def offsets(derived: DenseDerived) -> dict[str, int]:
    """Where each parameter begins in `DenseDerived.flat_parameters`."""
    sizes = [value.size for value in derived.parameters.values()]
    return {name: sum(sizes[:i]) for i, name in enumerate(derived.parameters)}


def indented(lines: Iterable[str]) -> list[str]:
    """One level further to the right."""
    return [f"    {line}" for line in lines]


def _computed(node: Node) -> tuple[Node, ...]:
    """What the loop that fills a node's buffer computes."""
    if node.kind in _TAKES_BUFFER:
        return ()
    return node.arguments


def changes(node: Node) -> bool:
    """Whether a node is not the same at every step."""
    return node.depends_on_state or node.depends_on_time
