"""A field and its pullback → the source of one module: Runge–Kutta steps of a tile of particles, forward and back.

The discrete adjoint of explicit steps x ← x + h Σ bᵢ kᵢ, kᵢ = f(xᵢ), xᵢ = x + h Σ aᵢⱼ kⱼ is, with λ = ∂L/∂x behind a
step,

    μᵢ = h bᵢ λ + h Σ aⱼᵢ νⱼ,    νᵢ = μᵢ ∂f/∂x(xᵢ),    λ ← λ + Σ νᵢ,    ∂L/∂θ += μᵢ ∂f/∂θ(xᵢ)

(Hager, Numer. Math. 87, 247, 2000). The stages xᵢ are kept, not what f computes on its way: that is computed again, in
the cache. A scheme's coefficients are run-time arguments, so that all schemes share a module. Sums over particles are
taken tile by tile, in one order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from types import ModuleType

from langevin_kit.cache import load
from langevin_kit.cache.modules import MAX_MODULES
from langevin_kit.codegen.dense import block, header
from langevin_kit.codegen.dense_loops import Buffer, Loops, indented
from langevin_kit.codegen.dense_noise import Draw
from langevin_kit.codegen.dense_places import sides_of, table_source
from langevin_kit.kernels.cpu.buffers import MAX_BUFFERS
from langevin_kit.kernels.cpu.outer import LANE_BYTES, NARROW
from langevin_kit.schemes import NOISES
from langevin_kit.system.dense.field import AMPLITUDE, TEMPERATURE, Field
from langevin_kit.system.dense.graph import Node, is_value

STEP_SLOPES = ("step", "time", "amplitude", "temperature")
"""What `backward` sums of each step, if it is asked to: slopes in Δt, in t, in √(2T/Δt) and in T, as far as f depends
on them; see `Adjoint`."""

WIDTH = 64
"""Particles of a tile. Networks from 2-14-14-2 to 784-128-784 are within a tenth of the best of 32 to 256: wider tiles
are a little faster where vectors are long, and half as fast where particles are few."""

_IMPORTS = """\
from langevin_kit.kernels.cpu.buffers import repeat_tile
from langevin_kit.kernels.cpu.normals import draw_words, normals_{suffix} as normals
from langevin_kit.kernels.cpu.outer import add_narrow, add_outer, add_rows, turn
"""

_STEPS = """\

@cached_driver
def {name}(X, low, high, steps, tableau, parameters, temperature, key, stages, {more}):
    first, starts, sizes = steps
    a, b, c = tableau
    key0, key1, particle0 = key
    like = np.zeros(1, R)
    T = R(temperature)
    n = b.size
    b2 = aligned({d}, {P}, like)
    x = aligned({d}, {P}, like)
    slopes = aligned(n*{d}, {P}, like)
{setup}
    for first_of_tile in range(low, high, {P}):
        tile, end = first_of_tile//{P}, min(first_of_tile + {P}, high)
{body}
"""

_FORWARD = """\
repeat_tile(x, X, first_of_tile, end)
for s in range(sizes.size):
    k = first + s
    amplitude = R(math.sqrt(2.0*temperature/sizes[s]))
{draw}
    for i_stage in range(n):
        t = R(starts[s] + c[i_stage]*sizes[s])
        for at in range({size}):
            store(b2, {whole}, at, load(x, {x}, at))
        for j in range(i_stage):
            w = R(sizes[s]*a[i_stage, j])
            if w != R(0.0):
                for at in range({size}):
                    store(b2, {whole}, at, fma(w, load(slopes, {slopes}, j*{size} + at), load(b2, {whole}, at)))
        if stages.shape[0] > 0:
            kept = stages[tile, s*n + i_stage]
            for at in range({size}):
                store(kept, {whole}, at, load(b2, {whole}, at))
        if i_stage == 0 and known:
            for r in range({d}):
                for i in range({P}):
                    store(slopes, {slopes}, r*{P} + i, rates[0, r, min(first_of_tile + i, end - 1)])
        else:
{evaluate}
        if rates.shape[0] > 0:
            empty_tile(slopes[i_stage*{d}:(i_stage + 1)*{d}], rates[i_stage], first_of_tile, end)
    for j in range(n):
        w = R(sizes[s]*b[j])
        if w != R(0.0):
            for at in range({size}):
                store(x, {x}, at, fma(w, load(slopes, {slopes}, j*{size} + at), load(x, {x}, at)))
empty_tile(x, X, first_of_tile, end)
"""

_BACKWARD = """\
leaf = first_of_tile//leaf_size
fill_tile(x, X, first_of_tile, end)
{clear}
for s in range(sizes.size - 1, -1, -1):
    k = first + s
    amplitude = R(math.sqrt(2.0*temperature/sizes[s]))
{draw}
{clear_step}
    for i_stage in range(n - 1, -1, -1):
        t = R(starts[s] + c[i_stage]*sizes[s])
        kept = stages[tile, s*n + i_stage]
        for at in range({size}):
            store(b2, {whole}, at, load(kept, {whole}, at))
        w = R(sizes[s]*b[i_stage])
        for at in range({size}):
            store({given}, {whole}, at, w*load(x, {x}, at))
        for j in range(i_stage + 1, n):
            w = R(sizes[s]*a[j, i_stage])
            if w != R(0.0):
                for at in range({size}):
                    more = load(slopes, {slopes}, j*{size} + at)
                    store({given}, {whole}, at, fma(w, more, load({given}, {whole}, at)))
{evaluate}
{gather}
{flush_step}
    for j in range(n):
        for at in range({size}):
            store(x, {x}, at, load(x, {x}, at) + load(slopes, {slopes}, j*{size} + at))
empty_tile(x, X, first_of_tile, end)
{flush}
"""


class Adjoint:
    """The compiled module of a field.

    Parameters
    ----------
    field : Field
    dtype : "float64" or "float32"
    names : sequence of str
        Parameters whose slopes are summed.
    by_step : bool
        Whether `backward` sums slopes of each step, too (`STEP_SLOPES`): Σᵢ μᵢ·kᵢ/Δt + Σᵢ cᵢ ∂(μᵢ·f)/∂t is the slope
        in the step's length at fixed amplitude, Σᵢ ∂(μᵢ·f)/∂t that in the time it begins.

    Attributes
    ----------
    size : int
        Numbers of all slopes in parameters: each raveled, one behind the other.
    """

    def __init__(self, field: Field, dtype: str, names: Sequence[str], *, by_step: bool = False) -> None:
        self.field, self.dtype, self.names, self.by_step = field, dtype, tuple(names), by_step
        self.offsets, at = {}, 0
        for name in self.names:
            self.offsets[name] = at
            at += field.derived.parameters[name].size
        self.size = at

    @property
    def source(self) -> str:
        """Source of `forward` and `backward`."""
        imports = _IMPORTS.format(suffix=self.dtype.replace("float", "f"))
        return header(self.dtype) + imports + self._forward() + self._backward()

    @cached_property
    def module(self) -> ModuleType:
        """The compiled code.

        `forward(X, low, high, steps, tableau, parameters, temperature, key, stages, rates, known)` moves the columns
        low … high of X (d, N), low a multiple of a tile, through the steps (first, starts, sizes) of a tableau
        (a, b, c); the key is (key0, key1, particle0). It writes each stage to `stages` (tiles, steps·n, d, P), and f at
        each stage of the last step to `rates` (n, d, N), unless they have no rows; `known` says that ``rates[0]`` is f
        at the beginning. `backward(X, …, stages, total, of_steps, leaf_size)` takes λ in X back through the same steps,
        and adds slopes to `total` (leaves, size), and to `of_steps` (leaves, 4, steps): a leaf is so many particles, a
        multiple of a tile.
        """
        return load(self.source)

    def _forward(self) -> str:
        field = self.field
        loops = Loops(field.derived, field.velocity, WIDTH)
        draw = Draw(NOISES["gaussian"], field.d, WIDTH, self.dtype)
        evaluate = [*loops.each_step, *loops.each_draw]
        slopes = loops.buffer_of(f"n*{field.d}", "slopes")
        x = loops.buffer_of(str(field.d), "x")
        for state, f in zip(field.derived.states, field.velocity, strict=True):
            evaluate += loops.loop(state.shape[0], [f], lambda v, s=state: [self._kept(slopes, s, v)])
        body = _FORWARD.format(
            **self._names(x, slopes),
            draw=block(self._draw(draw, loops), 1),
            evaluate=block(evaluate, 3),
        )
        return table_source(loops.tables) + self._steps("forward", "rates, known", draw, loops, body)

    def _backward(self) -> str:
        field = self.field
        shapes = {name: field.derived.parameters[name].shape for name in self.names}
        factors = {name: field.factors(name) for name, shape in shapes.items() if len(shape) == 2}
        others = {name: field.slope(Node("parameter", s, value=name)) for name, s in shapes.items() if len(s) < 2}
        scalars = self._scalars() if self.by_step else {}
        sides = [
            (side, size)
            for name, pairs in factors.items()
            for pair in pairs
            for side, size in zip(pair, shapes[name], strict=True)
        ]
        whole, by_place = sides_of(sides)
        outputs = [*field.pullback, *whole, *others.values(), *scalars.values()]
        loops = Loops(field.derived, outputs, WIDTH, by_place)
        draw = Draw(NOISES["gaussian"], field.d, WIDTH, self.dtype)
        given = loops.cotangent(field.cotangents)
        slopes, x = loops.buffer_of(f"n*{field.d}", "slopes"), loops.buffer_of(str(field.d), "x")
        evaluate = [*loops.each_step, *loops.each_draw]
        for state, f in zip(field.derived.states, field.pullback, strict=True):
            evaluate += loops.loop(state.shape[0], [f], lambda v, s=state: [self._kept(slopes, s, v)])
        sums = _Sums(self, loops)
        for name, pairs in factors.items():
            sums.matrix(name, shapes[name], pairs)
        for name, node in others.items():
            sums.other(name, node)
        for name, node in scalars.items():
            sums.of_step(STEP_SLOPES.index(name), node, scale="/sizes[s]" if name == "step" else "")
        if "time" in scalars:  # a stage's time is that of the step and cᵢ of its length
            sums.of_step(STEP_SLOPES.index("step"), scalars["time"], "R(c[i_stage])")
        body = _BACKWARD.format(
            **self._names(x, slopes),
            given=given.name,
            draw=block(self._draw(draw, loops), 1),
            evaluate=block(evaluate, 2),
            clear=block(sums.clear, 0),
            clear_step=block(sums.clear_step, 1),
            gather=block(sums.gather, 2),
            flush_step=block(sums.flush_step, 1),
            flush=block(sums.flush, 0),
        )
        return table_source(loops.tables) + self._steps("backward", "total, of_steps, leaf_size", draw, loops, body)

    def _names(self, x: Buffer, slopes: Buffer) -> dict[str, object]:
        d, P = self.field.d, WIDTH
        return {"d": d, "P": P, "size": d * P, "x": x.number, "slopes": slopes.number, "whole": MAX_BUFFERS}

    def _steps(self, name: str, more: str, draw: Draw, loops: Loops, body: str) -> str:
        setup = [*(draw.setup if self.field.noisy else []), *loops.setup]
        names = {"d": self.field.d, "P": WIDTH, "name": name, "more": more}
        return _STEPS.format(**names, setup=block(setup, 1), body=block(body.splitlines(), 2))

    def _kept(self, slopes: Buffer, state: Node, value: str) -> str:
        first = state.first * WIDTH
        return f"store({slopes}, i_stage*{self.field.d * WIDTH} + {first} + at, {value})"

    def _draw(self, draw: Draw, loops: Loops) -> list[str]:
        """Fill the buffers of the step's normals."""
        if not self.field.noisy:
            return []
        lines = [line.replace("particle0 + a", "particle0 + first_of_tile") for line in draw.lines]
        for z in loops.normals:
            if z.kind == "normals":
                row = draw.row(z.first - self.field.d)
                lines += loops.loop(z.shape[0], [], lambda z=z: [loops.store(z, "load(z, 1, q + i)")], before=row)
        return lines

    def _scalars(self) -> dict[str, Node]:
        field = self.field
        leaves = {"time": Node("time", ()), "amplitude": AMPLITUDE, "temperature": TEMPERATURE}
        found = {"step": field.work, **{name: field.slope(leaf) for name, leaf in leaves.items()}}
        return {name: node for name, node in found.items() if not is_value(node, 0)}


class _Sums:
    """Lines that add slopes over stages and steps in the tile, and then over its particles."""

    def __init__(self, adjoint: Adjoint, loops: Loops) -> None:
        self.clear: list[str] = []
        self.clear_step: list[str] = []
        self.gather: list[str] = []
        self.flush_step: list[str] = []
        self.flush: list[str] = []
        self._of, self._loops = adjoint, loops
        item = int(adjoint.dtype.removeprefix("float")) // 8
        self._strip, self._lanes = 128 // item, LANE_BYTES // item
        self._turned: dict[Node, str] = {}
        self._placed: dict[Node, Buffer] = {}

    def matrix(self, name: str, shape: tuple[int, ...], pairs: Sequence[tuple[Node, Node]]) -> None:
        """Σ u vᵀ of a matrix, with the shorter side's rows in registers and the longer side turned."""
        rows, columns = shape
        swapped = rows > columns
        m, n = (columns, rows) if swapped else (rows, columns)
        lefts_and_rights = [(v, u) if swapped else (u, v) for u, v in pairs]
        if m <= NARROW:  # there is less to add up than to turn
            total, add = self._array(m * n, self._lanes), self._narrow
            row, many = f"j*{rows} + i" if swapped else f"i*{columns} + j", self._lanes
            column = "l"
        else:
            total, add = self._array(m, self._strips(n)), self._wide
            row, many = ("j", 1) if swapped else ("i", 1)
            column = "i" if swapped else "j"
        for u, v in lefts_and_rights:
            self.gather += add(u, v, total) if u.shape[0] == m else self._by_place(u, m, v, n, total)
        self.clear.append(f"{total}[:] = R(0.0)")
        at = self._of.offsets[name]
        self.flush += [
            f"for i in range({rows}):",
            f"    for j in range({columns}):",
            f"        for l in range({many}):",
            f"            total[leaf, {at} + i*{columns} + j] += {total}[{row}, {column}]",
        ]

    def _narrow(self, left: Node, right: Node, total: str) -> list[str]:
        return [f"add_narrow({self._buffer(left).name}, {self._buffer(right).name}, {total})"]

    def _wide(self, left: Node, right: Node, total: str) -> list[str]:
        return [f"add_outer({self._buffer(left).name}, {self._turn(right)}, {total})"]

    def _by_place(self, left: Node, m: int, right: Node, n: int, total: str) -> list[str]:
        """Σ u vᵀ over places, each turned as it comes."""
        (before, u), (more, v) = self._place(left, m), self._place(right, n)
        if m <= NARROW:
            lines = [f"add_narrow({u}, {v}, {total})"]
        else:
            turned = self._array(WIDTH, self._strips(n))
            lines = [f"turn({v}, {turned})", f"add_outer({u}, {turned}, {total})"]
        return [f"for place in range({left.shape[0] // m}):", *indented([*before, *more, *lines])]

    def _place(self, node: Node, size: int) -> tuple[list[str], str]:
        standing = None if self._loops.has_no_buffer(node) else self._buffer(node)
        return self._loops.place(node, size, standing)

    def other(self, name: str, node: Node) -> None:
        """The sum of a vector, or of a number of each particle."""
        rows = node.shape[0] if node.shape else 1
        at, standing = self._of.offsets[name], self._loops.standing(node)
        if node.shape and standing:
            lanes = self._array(rows, self._lanes)
            self.clear.append(f"{lanes}[:] = R(0.0)")
            self.gather.append(f"add_rows({standing.name}, {lanes})")
            self.flush += [
                f"for r in range({rows}):",
                f"    for i in range({self._lanes}):",
                f"        total[leaf, {at} + r] += {lanes}[r, i]",
            ]
            return
        total = self._loops.buffer(rows)
        self.clear.append(f"{total.name}[:] = R(0.0)")
        self.gather += self._added(total, node)
        self.flush += [
            f"for r in range({rows}):",
            f"    for i in range({WIDTH}):",
            f"        total[leaf, {at} + r] += {total.name}[r, i]",
        ]

    def of_step(self, row: int, node: Node, weight: str = "", scale: str = "") -> None:
        """A number of each step, and of `of_steps` the row that it is added to."""
        total = self._loops.buffer(1)
        self.clear_step.append(f"{total.name}[:] = R(0.0)")
        self.gather += self._added(total, node, weight)
        self.flush_step += [f"for i in range({WIDTH}):", f"    of_steps[leaf, {row}, s] += {total.name}[0, i]{scale}"]

    def _added(self, total: Buffer, node: Node, weight: str = "") -> list[str]:
        rows, at = (node.shape[0], "at") if node.shape else (0, "i")
        sum_so_far = f"load({total}, {at})"

        def finish(value: str) -> list[str]:
            more = f"fma({weight}, {value}, {sum_so_far})" if weight else f"{sum_so_far} + {value}"
            return [f"store({total}, {at}, {more})"]

        return self._loops.loop(rows, [node], finish)

    def _strips(self, n: int) -> int:
        """Columns of whole strips."""
        return -(-n // self._strip) * self._strip

    def _array(self, rows: int, columns: int) -> str:
        name = self._loops.new_name()
        self._loops.setup.append(f"{name} = aligned({rows}, {columns}, like)")
        return name

    def _buffer(self, node: Node) -> Buffer:
        """Where a vector stands; it is put there if it stands nowhere."""
        known = self._loops.standing(node) or self._placed.get(node)
        if known is None:
            known = self._placed[node] = self._loops.buffer(node.shape[0])
            self.gather += self._loops.loop(node.shape[0], [node], lambda v: [f"store({known}, at, {v})"])
        return known

    def _turn(self, node: Node) -> str:
        if node not in self._turned:
            buffer = self._buffer(node)
            self._turned[node] = self._array(WIDTH, self._strips(node.shape[0]))
            self.gather.append(f"turn({buffer.name}, {self._turned[node]})")
        return self._turned[node]


@lru_cache(maxsize=MAX_MODULES)
def adjoint(field: Field, dtype: str, names: tuple[str, ...], *, by_step: bool = False) -> Adjoint:
    """The compiled module of a field; the same one for the same field."""
    return Adjoint(field, dtype, names, by_step=by_step)
