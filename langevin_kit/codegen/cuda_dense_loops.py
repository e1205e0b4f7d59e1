"""A graph over particles → lines of a kernel of one thread a particle: loops over rows, as few as the sums allow.

A vector stands in a buffer (m, n), the particles side by side, so that a warp loads a row at once; what is the same
for all particles in a buffer (m, 1). A scalar stays in a register, and has a buffer of one row only where a later
kernel needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from langevin_kit.codegen.dense_body import Body
from langevin_kit.codegen.dense_loops import changes, in_buffers, indented, inside, offsets, straight
from langevin_kit.system.dense import DenseDerived
from langevin_kit.system.dense.graph import Node, postorder

_NOISE = """\
normal = (k % {group})*{d}{behind}
call = np.uint32((k // {group})*{group_calls} + normal // {per_call})
begin = -(normal % {per_call})
while begin < {rows}:
    a0, a1, a2, a3 = philox(low, high, call, STREAM_DYNAMICS, key0, key1)
    {drawn} = gaussian(a0, a1, a2, a3)
    call = np.uint32(call + np.uint32(1))
    for j in range({per_call}):
        r = begin + j
        z = {chosen}
"""

_THREAD = """\
    i = cuda.grid(1)
    if i < {particles}:
"""

_PARTICLE = """\
        particle = np.uint64(particle0) + np.uint64(i)
        low = np.uint32(particle)
        high = np.uint32(particle >> np.uint64(32))
"""


class Graph:
    """What all kernels of a program share: what stands where.

    Parameters
    ----------
    derived : DenseDerived
    outputs : sequence of Node
        What the last kernel of a step computes.

    Attributes
    ----------
    order, kept : list of Node
        All nodes, and those that may have a buffer, arguments first.
    states : dict of Node to str
        Of the state, or of the rows of it that are a vector.
    names : dict of Node to str
        Of these and of buffers; a vector that has moved has the name of the state's.
    loaded : set of str
        Buffers that a kernel or a product reads; the others are not written either.
    """

    def __init__(self, derived: DenseDerived, outputs: Sequence[Node]) -> None:
        self.order = postorder(outputs)
        self.scalars = straight(self.order)
        kept, normals = in_buffers(self.order, outputs, self.scalars), [n for n in self.order if n.kind == "normals"]
        self.kept = [*normals, *kept]
        states = derived.states
        self.states = {state: f"X{j}" if len(states) > 1 else "X" for j, state in enumerate(states)}
        places = {state.first: name for state, name in self.states.items()}
        self.names = self.states | {node: places[node.first] for node in self.order if node.kind == "moved"}
        self.names |= {node: f"b{j}" for j, node in enumerate(kept)} | {
            node: f"drawn{j}" for j, node in enumerate(normals)
        }
        self.held = self.scalars | self.names.keys()
        self.loaded: set[str] = set()
        self.offsets = offsets(derived)

    def load(self, node: Node) -> str:
        """The name of a buffer that will be read."""
        self.loaded.add(self.names[node])
        return self.names[node]

    def needs(self, node: Node) -> set[Node]:
        """The buffers from which a node is computed."""
        found = inside(node.arguments, self.held) | {node}
        return {a for each in found for a in each.arguments if a in self.names}


@dataclass
class Draw:
    """How a particle's normals follow from its number and the step's: see `Noise.group`."""

    d: int
    per_call: int
    group: int
    group_calls: int

    def loop(self, lines: Iterable[str], first: int, rows: int) -> list[str]:
        """A loop over rows r of a vector that begins at a row of the state, with the normal z of each.

        A call of the generator serves a few rows, kept in registers.
        """
        names = [f"z{j}" for j in range(self.per_call)]
        chosen = names[-1]
        for j in reversed(range(self.per_call - 1)):
            chosen = f"({names[j]} if j == {j} else {chosen})"
        behind = f" + {first}" if first else ""
        head = _NOISE.format(**vars(self), drawn=", ".join(names), chosen=chosen, behind=behind, rows=rows).splitlines()
        inner = [*lines]
        if any(count % self.per_call for count in (self.d, first, rows)):
            inner = [f"if r >= 0 and r < {rows}:", *indented(inner)]
        return [*head, *indented(indented(inner)), f"    begin += {self.per_call}"]


class Kernel:
    """Lines of one kernel; pieces of work are added in an order in which each finds its arguments.

    A piece joins the first loop of as many rows that comes after all it needs.

    Parameters
    ----------
    graph : Graph
    draw : Draw
        For loops that draw normals.
    shared : bool
        Whether one thread computes what is the same for all particles.
    ahead : bool
        Whether it is for the step after the one that is made, as `then` takes it.
    """

    def __init__(self, graph: Graph, draw: Draw, *, shared: bool = False, ahead: bool = False) -> None:
        self._graph = graph
        self.shared = shared
        self._k, self._prefix = ("(k + 1)", "w") if ahead else ("k", "v")
        self._draw = draw
        self._constants: list[str] = []
        self._each_step: list[str] = []
        self._loops: list[_Loop] = []
        self._made: dict[Node, int] = {}
        self._known: dict[Node, str] = {}
        self._stores: dict[str, str] = {}
        self._n_names = 0
        self._uses_time = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was added."""
        return not self._loops

    @property
    def draws(self) -> bool:
        """Whether it draws normals."""
        return any(loop.draws is not None for loop in self._loops)

    def compute(self, node: Node) -> None:
        """Compute a node, and store it where something else will load it."""
        match node.kind:
            case "normals":
                at, loop = self._loop(node.shape[0], 0, node.first - self._draw.d)
                self._keep(node, loop.body.know(node, "z"), at)
            case "dot" | "sum":
                self._reduce(node)
            case "logsumexp" | "softmax":
                self._exponentials(node)
            case _:
                at, loop = self._loop(node.shape[0] if node.shape else 0, self._after(self._graph.needs(node)))
                self._keep(node, loop.body.value(node, own=node), at)

    def row_wise(
        self,
        rows: int,
        expressions: Sequence[Node],
        finish: Callable[..., Sequence[str]],
        *,
        draws: int | None = None,
        after: Sequence[Node] = (),
        makes: Sequence[Node] = (),
    ) -> None:
        """A loop over rows with the lines that `finish(*values)` gives, behind all that `after` needs.

        With `draws`, the first of these rows in the state, z is the row's normal. With `rows` = 0 the lines stand in no
        loop. What it `makes` is known from it on.
        """
        found = inside([*expressions, *after], self._graph.held)
        needs = {a for node in found for a in node.arguments} | {*expressions, *after}
        at, loop = self._loop(rows, self._after(needs), draws)
        loop.body.lines += finish(*map(loop.body.value, expressions))
        self._made |= dict.fromkeys(makes, at)

    def then(self, ahead: Kernel) -> None:
        """Add the first kernel of the next step; a loop over a vector alone joins the one that moves this vector."""
        self._constants += ahead._constants
        self._each_step += ahead._each_step
        self._stores |= ahead._stores
        self._uses_time |= ahead._uses_time
        names = self._graph.names
        reads = [{names[node] for node in loop.body.read} for loop in self._loops]
        moved = {name: at for at, read in enumerate(reads) for name in read & {*self._graph.states.values()}}
        for j, loop in enumerate(ahead._loops):
            own = [self._loops[moved[names[node]]] for node in loop.body.read if names[node] in moved]
            if loop.before or len(own) != 1 or len(loop.body.read) != 1 or own[0].rows != loop.rows:
                self._loops += ahead._loops[j:]
                return
            own[0].body.lines += loop.body.lines

    def source(self, *, many: bool) -> str:
        """The kernel without its name and arguments: one step, or if `many` n steps, from step `first` on."""
        loops = [line for loop in self._loops for line in loop.source(self._draw, self._is_needed)]
        step = [*self._each_step, *loops]
        if many:
            steps = ["for k in range(first, first + n):", *indented(step)]
        else:
            steps = ["k = first", *step] if self._uses_time or self.draws else step
        particle = _PARTICLE if self.draws else ""
        body = "\n".join(indented(indented([*self._constants, *steps])))
        return _THREAD.format(particles="1" if self.shared else "X.shape[1]") + particle + body + "\n"

    def scalar(self, node: Node) -> str:
        """The name of a scalar that is known before the loops."""
        if node not in self._known:
            lines = self._each_step if changes(node) else self._constants
            if node.kind == "time":
                self._uses_time = True
                self._known[node] = self.new_name()
                lines.append(f"{self._known[node]} = R({self._k}*time_step)")
            elif node in self._graph.names:
                self._known[node] = self.new_name()
                lines.append(f"{self._known[node]} = {self._graph.load(node)}[0, {column(node)}]")
            else:
                body = _Rows(self)
                self._known[node] = body.value(node, own=node)
                lines += body.lines
        return self._known[node]

    def new_name(self) -> str:
        """A variable that stands for nothing else in the kernel."""
        self._n_names += 1
        return f"{self._prefix}{self._n_names}"

    def _is_needed(self, line: str) -> bool:
        return line not in self._stores or self._stores[line] in self._graph.loaded

    def _after(self, needs: Iterable[Node]) -> int:
        """The first loop in which all is known: a vector in the loop that makes it, a scalar behind its own."""
        made = [self._made[node] + (not node.shape) for node in needs if node in self._made]
        return max(made, default=0)

    def _loop(self, rows: int, lowest: int, draws: int | None = None) -> tuple[int, _Loop]:
        for at in range(lowest, len(self._loops)):
            loop = self._loops[at]
            if loop.rows == rows and (draws is None or loop.draws in (None, draws)):
                loop.draws = draws if loop.draws is None else loop.draws
                return at, loop
        self._loops.append(_Loop(rows, _Rows(self), draws=draws))
        return len(self._loops) - 1, self._loops[-1]

    def _keep(self, node: Node, value: str, at: int, lines: list[str] | None = None) -> None:
        """Say what a node's value is called from loop `at` on, and store it."""
        line = f"{self._graph.names[node]}[{'r' if node.shape else '0'}, {column(node)}] = {value}"
        self._stores[line] = self._graph.names[node]
        (self._loops[at].body.lines if lines is None else lines).append(line)
        self._made[node] = at
        if not node.shape:
            self._known[node] = value

    def _reduce(self, node: Node) -> None:
        at, loop = self._loop(node.arguments[0].shape[0], self._after(self._graph.needs(node)))
        total = self.new_name()
        loop.before.append(f"{total} = R(0.0)")
        values = [loop.body.value(a) for a in node.arguments]
        more = f"fma({values[0]}, {values[1]}, {total})" if len(values) == 2 else f"{total} + {values[0]}"
        loop.body.lines.append(f"{total} = {more}")
        self._keep(node, total, at, loop.behind)

    def _exponentials(self, node: Node) -> None:
        """The largest, then the sum of exponentials, then their shares: one loop each."""
        (z,) = node.arguments
        top, total = self.new_name(), self.new_name()
        at, loop = self._loop(z.shape[0], self._after([z]))
        loop.before.append(f"{top} = R(0.0)")
        v = loop.body.value(z)
        loop.body.lines.append(f"{top} = {v} if r == 0 or {v} > {top} else {top}")
        at, loop = self._loop(z.shape[0], at + 1)
        loop.before.append(f"{total} = R(0.0)")
        v = loop.body.assign(f"{loop.body.value(z)} - {top}")
        e = loop.body.assign(f"R(0.0) if {v} < LEAST else exp({v})")
        loop.body.lines.append(f"{total} = {total} + {e}")
        if node.kind == "logsumexp":
            value = self.new_name()
            loop.behind.append(f"{value} = {top} + log({total})")
            self._keep(node, value, at, loop.behind)
            return
        place = f"{self._graph.load(node)}[r, {column(node)}]"
        factor = self.new_name()
        loop.body.lines.append(f"{place} = {e}")
        loop.behind.append(f"{factor} = R(1.0)/{total}")
        at, loop = self._loop(z.shape[0], at + 1)
        self._keep(node, loop.body.know(node, f"{place}*{factor}"), at)


class _Rows(Body):
    """The lines for one row, or for a scalar.

    Attributes
    ----------
    read : set of Node
        Vectors that are not the same at every step and are loaded.
    """

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel._graph.held, kernel.new_name)
        self.read: set[Node] = set()
        self._kernel = kernel
        self._own: Node | None = None

    def value(self, node: Node, own: Node | None = None) -> str:
        """The name that holds a node's value; `own` is what stands in a buffer but is computed here."""
        if own is not None:
            self._own = own
        return super().value(node)

    def know(self, node: Node, source: str) -> str:
        """Compute a node by other means than its own."""
        self._known[node] = self.assign(source)
        return self._known[node]

    def held(self, node: Node) -> str:
        graph = self._kernel._graph
        if node != self._own and node in graph.held:
            if node.shape:
                self.read |= {node} if changes(node) else set()
                return self.assign(f"{graph.load(node)}[r, {column(node)}]")
            return self._kernel.scalar(node)
        if node.kind == "parameter":
            return self.assign(f"parameters[{graph.offsets[str(node.value)]}{' + r' if node.shape else ''}]")
        return ""


def column(node: Node) -> str:
    """Of a buffer: the particle's, or the only one."""
    return "i" if node.depends_on_state else "0"


@dataclass
class _Loop:
    """A loop over rows, or lines without one (rows = 0), with lines before and behind it."""

    rows: int
    body: _Rows
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    draws: int | None = None
    """The row of the state where the loop's begin, if it draws normals for them."""

    def source(self, draw: Draw, is_needed: Callable[[str], bool]) -> list[str]:
        lines, behind = ([*filter(is_needed, part)] for part in (self.body.lines, self.behind))
        if not self.rows or not lines:
            return [*lines, *behind]
        if self.draws is None:
            return [*self.before, f"for r in range({self.rows}):", *indented(lines), *behind]
        return [*self.before, *draw.loop(lines, self.draws, self.rows), *behind]
