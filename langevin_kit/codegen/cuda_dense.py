"""A dense system and a scheme → a program for a CUDA device: matrix products, and between two of them one kernel.

The step is the CPU's, from the graph and the rules of `dense_loops`: sums are fused at the same places. Whatever lies
between two products is computed at the latest place that serves, in one kernel of one thread a particle. A system
without a product has one kernel, which makes many steps a launch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numba import cuda, types
from numpy.typing import NDArray

from langevin_kit.codegen.cuda_dense_loops import Draw, Graph, Kernel
from langevin_kit.codegen.dense import FUNCTIONS, LEAST_EXPONENT, check_scheme, ends, mirrored
from langevin_kit.codegen.dense_loops import changes
from langevin_kit.errors import BackendUnavailable
from langevin_kit.kernels import noise, walls
from langevin_kit.kernels.counter_rng import STREAM_DYNAMICS, philox
from langevin_kit.kernels.cuda.device import Device
from langevin_kit.kernels.cuda.products import COLUMNS, product_kernel, row_blocks
from langevin_kit.kernels.jit import fma
from langevin_kit.schemes import Scheme, scheme_from
from langevin_kit.system.dense import DenseDerived, Move, places
from langevin_kit.system.dense.graph import MOVED, PLACES, Node, is_value, postorder

_SCALARS = {
    "first": types.int64,
    "n": types.int64,
    "time_step": types.float64,
    "key0": types.uint32,
    "key1": types.uint32,
    "particle0": types.int64,
}


@dataclass(frozen=True)
class Matrix:
    """Where a matrix stands in `DenseDerived.flat_parameters`, and what multiplies with it.

    Attributes
    ----------
    offset, rows, columns : int
        Where it begins, and its shape.
    orientation : str
        ``""`` for A as it is, ``"T"`` for its transpose, ``"S"`` for A + Aᵀ.
    """

    offset: int
    rows: int
    columns: int
    orientation: str = ""

    def operand(self, parameters: NDArray[np.float64], dtype: str) -> NDArray[Any]:
        """U (k, m), C-contiguous, for a product Uᵀ x; rounded to the dtype as the CPU does it."""
        A = parameters[self.offset : self.offset + self.rows * self.columns].reshape(self.rows, self.columns)
        if self.orientation == "S":
            return (A + A.T).astype(dtype)
        return np.ascontiguousarray(A if self.orientation == "T" else A.T, dtype)


@dataclass(frozen=True)
class Launch:
    """A kernel with the names of its arguments.

    Attributes
    ----------
    kernel : str
    arguments : tuple of str
    shared : bool
        Whether it works on buffers of one column, whatever the number of particles.
    row_blocks : int
        Blocks of threads for the same particles.
    columns : int
        Particles of a thread.
    """

    kernel: str
    arguments: tuple[str, ...]
    shared: bool = False
    row_blocks: int = 1
    columns: int = 1

    def blocks(self, particles: int, threads: int) -> int:
        """Blocks of so many threads that serve all particles."""
        return self.row_blocks * -(-(1 if self.shared else particles) // (threads * self.columns))


@dataclass(frozen=True)
class Product:
    """Out = Uᵀ source for a matrix U (k, m), a buffer (k, columns) and a buffer (m, columns), by a library."""

    matrix: str
    source: str
    out: str


Call = Launch | Product


@dataclass(frozen=True)
class Steps:
    """What makes steps.

    Attributes
    ----------
    begin : tuple of Launch or Product
        Calls before a first step, with its number: needed again wherever X or the number of the next step is not what
        the step before has left. The last kernel of a step does the same for the next one while it has X at hand.
    each : tuple of Launch or Product
        Calls of a step, in order.
    many : bool
        Whether `each` is one launch that makes ``n`` steps; else it makes one, and ``n`` is no argument.
    """

    begin: tuple[Call, ...]
    each: tuple[Call, ...]
    many: bool


@dataclass(frozen=True)
class DenseProgram:
    """What a host does to move particles.

    Arguments have the names of `buffers`, `shared` and `matrices`, and these. Arrays are C-contiguous, and all numbers
    in the dtype unless a type is said.

    - ``X`` (d, n): the state, and by the names of `states` rows of it; ``parameters``: the flat parameters;
    - ``first``, ``n`` (int64): the number of the step, and how many are made;
    - ``time_step`` (float64), ``dt``, ``temperature``, ``amplitude`` = √(2TΔt); `ends` of j: `Wall.inside` of vector j;
    - ``key0``, ``key1`` (uint32): the seed; ``particle0`` (int64): the number of the first particle.

    Attributes
    ----------
    kernels : mapping of str to (function, signature)
        As `kernels.cuda.compiler.ptx` takes them.
    states : mapping of str to slice
        Rows of X that are a vector of a state of several.
    buffers : mapping of str to int
        Rows of buffers with a column a particle; they need no first value.
    shared : mapping of str to int
        Rows of buffers with one column.
    matrices : mapping of str to Matrix
    setup : tuple of Launch or Product
        Calls made once, before all others.
    noisy, noiseless : Steps
        Calls of the steps with T > 0, and of those with T = 0.
    """

    kernels: Mapping[str, tuple[Any, Any]]
    states: Mapping[str, slice]
    buffers: Mapping[str, int]
    shared: Mapping[str, int]
    matrices: Mapping[str, Matrix]
    setup: tuple[Call, ...]
    noisy: Steps
    noiseless: Steps


def program(
    derived: DenseDerived, scheme: Scheme, dtype: str, walled: Collection[int] = (), *, fast: bool
) -> DenseProgram:
    """The program of a system and a scheme.

    Parameters
    ----------
    derived : DenseDerived
    scheme : Scheme
    dtype : str
        "float32" or "float64".
    walled : sequence of int
        Numbers of the vectors whose components turn back at reflecting walls.
    fast : bool
        Whether products are a library's and kernels are compiled for speed. Otherwise paths have the CPU's bits.

    Raises
    ------
    InvalidArgument
        For a scheme that a vector of coordinates does not take.
    BackendUnavailable
        For weights that places share.
    """
    check_scheme(scheme)
    outputs = [output for move in derived.moves for output in move.outputs]
    returns = [*derived.retractions.values()]
    return _Maker(derived, outputs, scheme, dtype, walled, fast=fast, returns=returns).program()


def scalars_program(derived: DenseDerived, scalars: Mapping[int, Node]) -> DenseProgram:
    """The program that evaluates scalars of each particle, in float64 and with the CPU's bits.

    Each goes to the row of ``rows`` (≥ rows, n), an argument beside those of `DenseProgram`, that is its key; X is in
    float64 too. The calls are those of ``noiseless``, and the time is ``first`` ``time_step``.
    """
    maker = _Maker(derived, list(scalars.values()), scheme_from("euler_maruyama"), "float64", fast=False)
    return maker.scalars(list(scalars))


class _Maker:
    """Makes a program: all calls first, since what they read decides which buffers are written."""

    def __init__(
        self,
        derived: DenseDerived,
        outputs: list[Node],
        scheme: Scheme,
        dtype: str,
        walled: Collection[int] = (),
        *,
        fast: bool,
        returns: Sequence[Node] = (),
    ) -> None:
        self._derived, self._outputs, self._scheme, self._dtype = derived, outputs, scheme, dtype
        self._walled = walled
        self._device, self._fast = Device(fast=fast), fast
        self._graph = Graph(derived, [*outputs, *returns])
        if any(node.kind in PLACES for node in self._graph.order):
            raise BackendUnavailable(
                f"backend: a GPU takes no {', '.join(places.FUNCTIONS)} in this version. Use backend='cpu'."
            )
        self._draw = Draw(derived.d, scheme.noise.per_call[dtype], *scheme.group(derived.d, dtype))
        self._matrices: dict[str, Matrix] = {}
        self._buffers: dict[str, int] = {}
        self._shared: dict[str, int] = {}
        self._kernels: dict[str, tuple[Any, Any]] = {}
        self._named: dict[str, str] = {}
        self._known = _globals(scheme, dtype, self._device)
        parts = self._graph.states.items() if len(derived.states) > 1 else ()
        self._states = {name: slice(state.first, state.first + state.shape[0]) for state, name in parts}

    def program(self) -> DenseProgram:
        setup = self._setup()
        noisy = self._steps(self._outputs, noise=True)
        noiseless = self._steps([move.force for move in self._derived.moves], noise=False)
        return self._made(setup, noisy, noiseless)

    def scalars(self, rows: Sequence[int]) -> DenseProgram:
        setup = self._setup()

        def stored(kernels: list[Kernel], products: list[list[Product]]) -> None:
            def finish(*values: str) -> Sequence[str]:
                return [f"rows[{row}, i] = {value}" for row, value in zip(rows, values, strict=True)]

            kernels[-1].row_wise(0, self._outputs, finish)

        shared, own = self._needed(self._outputs)
        calls = self._calls(shared, shared=True) + self._calls(own, outputs=self._outputs, move=stored)
        return self._made(setup, ([], []), ([], calls))

    def _setup(self) -> list[Kernel | Product]:
        return self._calls([node for node in self._graph.kept if not changes(node)], shared=True)

    def _made(
        self,
        setup: list[Kernel | Product],
        noisy: tuple[list[Kernel], list[Kernel | Product]],
        noiseless: tuple[list[Kernel], list[Kernel | Product]],
    ) -> DenseProgram:
        for node in self._graph.kept:
            if self._graph.names[node] in self._graph.loaded:
                buffers = self._buffers if node.depends_on_state else self._shared
                buffers[self._graph.names[node]] = node.shape[0] if node.shape else 1
        return DenseProgram(
            setup=self._finished(setup, "setup"),
            noisy=self._finished_steps(*noisy, "noisy"),
            noiseless=self._finished_steps(*noiseless, "noiseless"),
            kernels=self._kernels,
            states=self._states,
            buffers=self._buffers,
            shared=self._shared,
            matrices=self._matrices,
        )

    def _needed(self, outputs: Sequence[Node]) -> tuple[list[Node], list[Node]]:
        """What is computed at every step: what time alone changes, and what particles do."""
        needed = [node for node in postorder(outputs) if node in self._graph.names and changes(node)]
        own = [node for node in needed if node.depends_on_state and node.kind != "state"]
        return [node for node in needed if not node.depends_on_state], own

    def _steps(self, outputs: Sequence[Node], *, noise: bool) -> tuple[list[Kernel], list[Kernel | Product]]:
        """Calls before a first step, and those of each; what time alone changes comes before what particles do."""
        shared, own = self._needed(outputs)
        move = self._stochastic if noise else self._deterministic
        calls = self._calls(shared, shared=True) + self._calls(own, outputs=outputs, move=move)
        first, last = calls[0], calls[-1]
        if shared or first is last or not isinstance(first, Kernel) or not isinstance(last, Kernel) or first.draws:
            return [], calls
        (ahead, *_) = self._calls(own, outputs=outputs, move=move, ahead=True)
        assert isinstance(ahead, Kernel)
        last.then(ahead)
        return [first], calls[1:]

    def _calls(
        self,
        nodes: Sequence[Node],
        *,
        shared: bool = False,
        ahead: bool = False,
        outputs: Sequence[Node] = (),
        move: Callable[[list[Kernel], list[list[Product]]], None] | None = None,
    ) -> list[Kernel | Product]:
        """Kernels and the products between them that compute nodes, each at the latest stage that serves."""
        depth = self._depth(nodes, outputs or nodes)
        if move == self._stochastic and self._derived.noise_shapes:
            depth = max(depth, 1)
        stage = dict.fromkeys(nodes, depth)
        for node in reversed(nodes):
            for need in self._graph.needs(node) & stage.keys():
                stage[need] = min(stage[need], stage[node] - (node.kind == "product"))
        kernels = [Kernel(self._graph, self._draw, shared=shared, ahead=ahead) for _ in range(depth + 1)]
        products: list[list[Product]] = [[] for _ in kernels]
        for node in nodes:
            if node.kind == "product":
                matrix, x = node.arguments
                out = self._graph.names[node]
                products[stage[node]].append(Product(self._operand(matrix), self._graph.load(x), out))
            else:
                kernels[stage[node]].compute(node)
        if move is not None:
            move(kernels, products)
        calls: list[Kernel | Product] = []
        for before, kernel in zip(products, kernels, strict=True):
            calls += before
            calls += [] if kernel.is_empty else [kernel]
        return calls

    def _depth(self, nodes: Sequence[Node], ends: Sequence[Node]) -> int:
        """The most products in a row."""
        level: dict[Node, int] = {}
        for node in postorder(ends):
            level[node] = max((level[a] for a in node.arguments), default=0) + (
                node.kind == "product" and node in nodes
            )
        return max((level[node] for node in ends), default=0)

    def _stochastic(self, kernels: list[Kernel], products: list[list[Product]]) -> None:
        shapes = self._derived.noise_shapes
        at, noise = sum(value.size for value in self._derived.parameters.values()), "normals"
        if shapes:
            self._buffers[noise] = self._derived.d
            kernels[-2].row_wise(self._derived.d, [], lambda: ["normals[r, i] = z"], draws=0)
        for j, (rows, columns) in enumerate(shapes):
            source, noise = noise, f"noise{j}"
            self._buffers[noise] = rows
            self._matrices[f"root{j}"] = Matrix(at, rows, columns)
            products[-1].append(Product(f"root{j}", source, noise))
            at += rows * columns
        own = "normals[r, i] + " if self._derived.adds_noise else ""
        z = f"({own}{noise}[r, i])" if shapes else "z"

        def moved(j: int, move: Move, x: str, force: str, divergence: str, noise: str) -> Sequence[str]:
            drift = force if is_value(move.divergence, 0) else f"fma(temperature, {divergence}, {force})"
            made = noise if move.is_rooted else f"{noise}*{z}"
            step = f"stochastic({x}, {drift}, {made}, dt, amplitude)"
            return [f"{self._graph.states[move.state]}[r, i] = {mirrored(step, j) if j in self._walled else step}"]

        for j, move in enumerate(self._derived.moves):
            (n,), draws = move.state.shape, None if shapes or move.is_rooted else move.state.first
            given, makes = [move.state, *move.outputs], self._moved(move)
            kernels[-1].row_wise(n, given, partial(moved, j, move), draws=draws, after=self._outputs, makes=makes)
        self._return(kernels[-1])

    def _deterministic(self, kernels: list[Kernel], products: list[list[Product]]) -> None:
        def moved(j: int, move: Move, x: str, force: str) -> Sequence[str]:
            step = f"deterministic({x}, {force}, dt)"
            return [f"{self._graph.states[move.state]}[r, i] = {mirrored(step, j) if j in self._walled else step}"]

        moves = self._derived.moves
        for j, move in enumerate(moves):
            (n,), after = move.state.shape, [each.force for each in moves]
            given, makes = [move.state, move.force], self._moved(move)
            kernels[-1].row_wise(n, given, partial(moved, j, move), after=after, makes=makes)
        self._return(kernels[-1])

    def _moved(self, move: Move) -> list[Node]:
        """The vector where a move has left it, if something depends on it."""
        return [node for node in self._graph.order if node.kind == "moved" and node.first == move.state.first]

    def _return(self, kernel: Kernel) -> None:
        """Bring vectors back to where they live."""
        for node in self._graph.kept:
            if node.stage == MOVED:
                kernel.compute(node)
        for j, place in self._derived.retractions.items():
            state = self._derived.states[j]
            name, (n,) = self._graph.states[state], state.shape
            kernel.row_wise(n, [place], lambda value, name=name: [f"{name}[r, i] = {value}"])

    def _operand(self, matrix: Node) -> str:
        for known, made in self._matrices.items():
            if made == self._place(matrix):
                return known
        name = f"u{len(self._matrices)}"
        self._matrices[name] = self._place(matrix)
        return name

    def _place(self, matrix: Node) -> Matrix:
        rows, columns = matrix.shape[::-1] if matrix.orientation == "T" else matrix.shape
        return Matrix(self._graph.offsets[str(matrix.value)], rows, columns, matrix.orientation)

    def _finished_steps(self, begin: Sequence[Kernel | Product], each: Sequence[Kernel | Product], label: str) -> Steps:
        many = len(each) == 1 and not begin
        return Steps(self._finished(begin, f"{label}_begin"), self._finished(each, label, many=many), many)

    def _finished(self, calls: Sequence[Kernel | Product], label: str, *, many: bool = False) -> tuple[Call, ...]:
        return tuple(
            self._product(call) if isinstance(call, Product) else self._launch(call, f"{label}_{j}", many=many)
            for j, call in enumerate(calls)
        )

    def _product(self, call: Product) -> Call:
        """A library's, or the kernel that has the CPU's bits."""
        if self._fast:
            return call
        m = (self._buffers | self._shared)[call.out]
        name = f"product_{m}"
        if name not in self._kernels:
            array = getattr(types, self._dtype)[:, ::1]
            self._kernels[name] = product_kernel(m, self._dtype, self._device), (array, array, array)
        shared = call.out in self._shared
        return Launch(name, (call.matrix, call.source, call.out), shared, row_blocks(m), COLUMNS)

    def _launch(self, kernel: Kernel, name: str, *, many: bool) -> Launch:
        """A kernel takes the arguments that its source names; equal ones are compiled once."""
        body = kernel.source(many=many)
        real = getattr(types, self._dtype)
        kinds = dict.fromkeys(("X", *self._states, "rows", *self._buffers, *self._shared), real[:, ::1]) | {
            "parameters": real[::1]
        }
        kinds |= _SCALARS | dict.fromkeys(("dt", "temperature", "amplitude"), real)
        kinds |= {end: real for j in self._walled for end in ends(j)}
        words = {*re.findall(r"\w+", body)}
        arguments = tuple(argument for argument in kinds if argument in words)
        name = self._named.setdefault(body, name)
        if name not in self._kernels:
            known = dict(self._known)
            exec(compile(f"def {name}({', '.join(arguments)}):\n{body}", "<cuda>", "exec"), known)
            self._kernels[name] = known[name], tuple(kinds[argument] for argument in arguments)
        return Launch(name, arguments, kernel.shared)


def _globals(scheme: Scheme, dtype: str, device: Device) -> dict[str, Any]:
    """What kernels call, as the device's twins of the CPU's functions."""
    elementary = import_module(f"langevin_kit.kernels.elementary.{dtype}")
    steps = import_module(f"langevin_kit.kernels.schemes.{scheme.name}")
    functions = {name: getattr(elementary, name) for name in FUNCTIONS}
    functions |= {"deterministic": steps.deterministic, "stochastic": steps.stochastic, "fma": fma, "philox": philox}
    functions |= {"mirrored": walls.mirrored}
    functions |= {"gaussian": getattr(noise, scheme.noise.kernel[dtype])}
    real = getattr(np, dtype)
    known = {"cuda": cuda, "np": np, "R": real, "LEAST": real(LEAST_EXPONENT[dtype])}
    return known | {"STREAM_DYNAMICS": STREAM_DYNAMICS} | {name: device.twin(f) for name, f in functions.items()}
