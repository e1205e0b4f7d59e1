"""Vectors of coordinates on CUDA without a device: programs of kernels and products, executed on the CPU.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from cuda_tools import require_compiler
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit.codegen.dense import ends, stepper
from langevin_kit.errors import BackendUnavailable, InvalidArgument
from langevin_kit.kernels.cpu.gemm import gemm, pack
from langevin_kit.schemes import scheme_from
from langevin_kit.system.dense import DenseDerived, dense, graph
from langevin_kit.testing.ptxvm import Machine
from langevin_kit.testing.sass import assemble

require_compiler()

from langevin_kit.codegen.cuda_dense import Call, DenseProgram, Launch, Product, program, scalars_program  # noqa: E402


def numbers(seed: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[-1])


SYSTEMS = {
    # One product; all else in one kernel, which ends with what the next product takes.
    "network": dense(
        name="v",
        length=64,
        drift="U @ leaky_relu(v, 0.1) - v + I",
        parameters={"U": numbers(1, 64, 64), "I": numbers(2, 64)},
    ),
    # Two products, and between them the loops of a softmax.
    "mixture": dense(
        name="x",
        length=5,
        energy="(x - m) @ (x - m)/2 + logsumexp(X @ x + h*cos(t))**2/2",
        mobility="0.5 + exp(-t)*s",
        parameters={"X": numbers(3, 7, 5), "h": numbers(4, 7), "m": numbers(5, 5), "s": 0.7},
    ),
    # Noise by a root, that is by one product more.
    "matrix mobility": dense(
        name="x",
        length=6,
        energy="x @ A @ x / 2 + b @ x",
        mobility=np.eye(6) + np.triu(np.ones((6, 6)), 1) / 4 - np.tril(np.ones((6, 6)), -1) / 4,
        parameters={"A": numbers(6, 6, 6), "b": numbers(7, 6)},
    ),
    # What precedes the product has a sum and the time, so it is computed ahead in loops of its own.
    "ahead": dense(
        name="u",
        length=6,
        drift="W @ (tanh(u*cos(t))/(1 + u @ u)) - u*(u @ u)",
        mobility="k + tanh(u)**2 * k",
        parameters={"W": numbers(8, 6, 6), "k": np.linspace(0.5, 1, 6)},
    ),
    # Buffers of one column: constants, and what time alone changes, with a product of each.
    "columns": dense(
        name="u",
        length=3,
        drift="W @ (u*sqrt(1 + u**2)) - u + V @ (c*sin(t)) + exp(V @ c)/(1 + u**2) + softmax_of*logsumexp(c*t)*u",
        mobility="1/(2 + u @ u)",
        parameters={"W": numbers(9, 3, 3), "V": numbers(10, 3, 4), "c": numbers(11, 4), "softmax_of": 0.3},
    ),
    "low rank": dense(
        name="x",
        length=5,
        energy="x @ x/2 + sum(x**4)/4",
        mobility={"diagonal": np.linspace(0.5, 1, 5), "factor": numbers(12, 5, 2)},
    ),
    # Two products of a step, of rows of the state; normals of a vector begin inside a call of the generator.
    "bipartite": dense(
        name=("v", "h"),
        length=(7, 5),
        energy="v @ v/2 + h @ h/2 - tanh(v) @ U @ h - logcosh(h) @ logcosh(h)/8",
        mobility={"v": "m", "h": "1/(1 + v @ v)"},
        drift={"h": "c*cos(3*t)"},
        parameters={"U": numbers(13, 7, 5), "m": [1.0, 0, 0.5, 1, 0, 1, 1], "c": numbers(14, 5)},
    ),
    # Each moved by components of the other: the second by what is held before the first moves.
    "momenta": dense(
        name=("x", "p"),
        length=(3, 3),
        drift={"x": "hardtanh(p)", "p": "x - x**3 - p + elu(x - p)*softplus(x)"},
        mobility={"x": 0, "p": "1 + tanh(p)**2"},
    ),
    # No product: many steps a launch.
    "alone": dense(
        name="x",
        length=3,
        energy="sum((x**2 - a)**2)/4 + (x @ x)**2/8 + sum(x)*sin(t) + sum(atan(2*x))",
        mobility="1/(1 + x**2)",
        parameters={"a": [0.5, 1.0, 1.5]},
    ),
    # Roots: normals in a buffer, sums of them, and vectors that return to where they live. Two of different lengths,
    # with a product of each and one of normals, and one that is moved by components of the other.
    "simplex": dense(
        name="h",
        length=3,
        energy="h @ log(h) - c @ h",
        mobility={"root": "sqrt(h)*z - h*(sqrt(h) @ z)", "divergence": "1 - 3*h"},
        parameters={"c": [0.3, -0.2, 0.1]},
        retraction={"h": "(abs(h) + 1e-30)/sum(abs(h) + 1e-30)"},
    ),
    "layers": dense(
        name=("v", "h", "s"),
        length=(7, 5, 5),
        energy="v @ v/2 - v @ (U @ h) + h @ log(h) - (h @ s)*cos(t)",
        mobility={
            "v": "1 + tanh(v)**2",
            "h": {"root": "sqrt(g)*(sqrt(h)*z - h*(sqrt(h) @ z))", "divergence": "g*(1 - 5*h)"},
            "s": {"root": "A @ z - s*((A @ z) @ s)", "divergence": 0.5},
        },
        drift={"s": "h"},
        parameters={"U": numbers(15, 7, 5), "A": numbers(16, 5, 5), "g": 0.5},
        retraction={"h": "abs(h)/sum(abs(h))", "s": "s/sqrt(s @ s)"},
    ),
    # Output coordinates, between walls.
    "walls": dense(
        name="y",
        length=5,
        energy="y @ atanh(y) + sum(log(1 - y**2))/2 - y @ W @ y/2",
        mobility="1 - y**2",
        parameters={"W": numbers(13, 5, 5)},
    ),
}
WALLS = {"walls": {0: lk.reflecting(-1.0, 1.0)}, "bipartite": {1: lk.reflecting(-0.5, 0.25)}}
"""By the number of the vector."""
SCHEME = scheme_from("euler_maruyama")
N, THREADS, TIME_STEP, TEMPERATURE, KEY = 37, 32, 1e-2, 0.4, (np.uint32(11), np.uint32(22))
FIRST_PARTICLE = 2**32 - 20


@cache
def made(name: str, dtype: str, capability: tuple[int, int] = (9, 0), *, fast: bool) -> tuple[DenseProgram, Any]:
    """A program, and its PTX by the kernel's name."""
    from langevin_kit.kernels.cuda.compiler import ptx

    done = program(SYSTEMS[name], SCHEME, dtype, WALLS.get(name, ()), fast=fast)
    texts = {kernel: ptx(*pair, capability, fast=fast) for kernel, pair in done.kernels.items()}
    return done, texts


class Host:
    """Buffers full of NaN, and calls in order."""

    def __init__(self, name: str, x: NDArray[Any], *, fast: bool = False) -> None:
        self.program, self.texts = made(name, x.dtype.name, fast=fast)
        self.real, flat = x.dtype.type, SYSTEMS[name].flat_parameters()
        rows = [(self.program.buffers, x.shape[1]), (self.program.shared, 1)]
        self.values: dict[str, Any] = {
            buffer: np.full((m, columns), np.nan, x.dtype) for kind, columns in rows for buffer, m in kind.items()
        }
        self.values |= {u: matrix.operand(flat, x.dtype.name) for u, matrix in self.program.matrices.items()}
        self.values |= {"X": x, **{part: x[rows] for part, rows in self.program.states.items()}}
        self.values |= {"parameters": flat.astype(x.dtype)}
        self.values |= {"time_step": np.float64(TIME_STEP), "dt": self.real(TIME_STEP)}
        self.values |= {"key0": KEY[0], "key1": KEY[1], "particle0": np.int64(FIRST_PARTICLE)}
        for j, wall in WALLS.get(name, {}).items():
            self.values |= dict(zip(ends(j), map(self.real, wall.inside(x.dtype.name)), strict=True))
        self.call(self.program.setup)

    def advance(self, first: int, n: int, temperature: float, *, begins: bool = True) -> None:
        R, values = self.real, self.values
        values |= {"temperature": R(temperature), "amplitude": R(np.sqrt(2.0 * temperature * TIME_STEP))}
        values |= {"first": np.int64(first), "n": np.int64(n)}
        steps = self.program.noisy if temperature else self.program.noiseless
        if begins:
            self.call(steps.begin)
        for k in range(first, first + 1 if steps.many else first + n):
            values["first"] = np.int64(k)
            self.call(steps.each)

    def call(self, calls: Sequence[Call]) -> None:
        for call in calls:
            if isinstance(call, Product):
                np.matmul(self.values[call.matrix].T, self.values[call.source], out=self.values[call.out])
            else:
                arguments = [self.values[argument] for argument in call.arguments]
                blocks = call.blocks(self.values["X"].shape[1], THREADS)
                Machine(self.texts[call.kernel]).launch(blocks, THREADS, *arguments)


def start(name: str, dtype: str, n: int = N) -> NDArray[Any]:
    x = SYSTEMS[name].retracted(np.random.default_rng(0).normal(0.0, 0.7, (SYSTEMS[name].d, n))).astype(dtype)
    for j, wall in WALLS.get(name, {}).items():
        state = SYSTEMS[name].states[j]
        rows = slice(state.first, state.first + state.shape[0])
        x[rows] = np.clip(x[rows], *wall.inside(dtype))
    return x


def on_cpu(name: str, x: NDArray[Any], first: int, n: int, temperature: float) -> None:
    system, walls = SYSTEMS[name], WALLS.get(name, {})
    inside = [end for wall in walls.values() for kind in ("float32", "float64") for end in wall.inside(kind)]
    flat = np.concatenate([system.flat_parameters(), inside])
    constants = (flat, TIME_STEP, temperature, *KEY, FIRST_PARTICLE)
    advance = stepper(system, SCHEME, x.dtype.name, walls).advance
    advance(x, 0, x.shape[1], 256, first, n, *constants)


@pytest.mark.parametrize(
    ("name", "dtype", "steps"),
    [
        ("network", "float32", 2),
        ("mixture", "float32", 3),
        ("matrix mobility", "float64", 3),
        ("ahead", "float32", 3),
        ("columns", "float32", 3),
        ("bipartite", "float32", 3),
        pytest.param("bipartite", "float64", 3, marks=pytest.mark.slow),
        ("momenta", "float32", 3),
        ("alone", "float32", 6),
        ("alone", "float64", 6),
        ("simplex", "float32", 6),
        ("simplex", "float64", 6),
        ("layers", "float32", 4),
        pytest.param("layers", "float64", 4, marks=pytest.mark.slow),
        ("walls", "float32", 12),
        ("walls", "float64", 12),
    ],
)
def test_paths_are_those_of_the_cpu_bit_for_bit(name: str, dtype: str, steps: int) -> None:
    """From inside a group of steps, with a restart, past 2**32 particles, and at T = 0."""
    expected, got = start(name, dtype), start(name, dtype)
    host = Host(name, got)
    on_cpu(name, expected, 3, steps, TEMPERATURE)
    host.advance(3, steps - 1, TEMPERATURE)
    host.advance(3 + steps - 1, 1, TEMPERATURE)
    assert got.tobytes() == expected.tobytes()
    assert np.isfinite(got).all()
    on_cpu(name, expected, 7, steps - 1, 0.0)
    host.advance(7, steps - 1, 0.0)
    assert got.tobytes() == expected.tobytes()


def test_walls_turn_what_is_compared_above() -> None:
    """Particles that start next to a wall are mirrored; in a mirror an ulp further on they would have other bits."""
    x = start("walls", "float32")
    assert (np.abs(x) == np.float32(WALLS["walls"][0].inside("float32")[1])).any()
    moved, beside = x.copy(), x.copy()
    host, other = Host("walls", moved), Host("walls", beside)
    host.advance(3, 12, TEMPERATURE)
    other.values["upper_end0"] = np.float32(1)
    other.advance(3, 12, TEMPERATURE)
    assert (moved != beside).any()


def test_bits_show_another_step_and_what_was_left_out() -> None:
    """The control of the test above: two faults of a host."""
    expected = start("ahead", "float32")
    on_cpu("ahead", expected, 3, 2, TEMPERATURE)

    def differs(first: int, *, begins: bool = True) -> bool:
        got = start("ahead", "float32")
        host = Host("ahead", got)
        host.advance(first, 2, TEMPERATURE, begins=begins)
        return got.tobytes() != expected.tobytes()

    assert not differs(3)
    assert differs(4)
    assert differs(3, begins=False)


@pytest.mark.parametrize(("name", "steps"), [("network", 30), ("mixture", 30)])
def test_the_fast_mode_is_near(name: str, steps: int) -> None:
    """Within 1e-5 of the CPU's paths, and not of the same bits."""
    expected, got = start(name, "float32"), start(name, "float32")
    on_cpu(name, expected, 0, steps, TEMPERATURE)
    Host(name, got, fast=True).advance(0, steps, TEMPERATURE)
    assert np.linalg.norm(got - expected) < 1e-5 * np.linalg.norm(expected)
    assert got.tobytes() != expected.tobytes()


@pytest.mark.parametrize("m", [1, 8, 11])
def test_each_entry_of_a_product_is_the_cpus_chain(m: int) -> None:
    """Whole blocks of rows and others, with particles that fill no block; nothing is written beyond."""
    from numba import types

    from langevin_kit.kernels.cuda.compiler import ptx
    from langevin_kit.kernels.cuda.device import Device
    from langevin_kit.kernels.cuda.products import COLUMNS, product_kernel, row_blocks

    array = types.float32[:, ::1]
    text = ptx(product_kernel(m, "float32", Device(fast=False)), (array, array, array), (9, 0), fast=False)
    U, X = (numbers(seed, *shape).astype("float32") for seed, shape in ((1, (9, m)), (2, (9, 256))))
    expected, got = np.empty((m, 256), "float32"), np.full((m, 203), np.nan, "float32")
    packed = np.empty_like(U)
    pack(packed, U.T.astype(np.float64))
    gemm(packed, X, expected)
    blocks = row_blocks(m) * -(-203 // (THREADS * COLUMNS))
    Machine(text).launch(blocks, THREADS, U, np.ascontiguousarray(X[:, :203]), got)
    assert got.tobytes() == np.ascontiguousarray(expected[:, :203]).tobytes()
    chain = np.zeros((m, 203), "float32")
    for u, x in zip(U, X, strict=True):
        chain += u[:, None] * x[:203]  # with a rounding more
    assert got.tobytes() != chain.tobytes()


def test_few_kernels() -> None:
    """One between two products; and where there is none, one for all steps."""
    network = program(SYSTEMS["network"], SCHEME, "float32", fast=True)
    assert [type(call) for call in network.noisy.each] == [Product, Launch]
    assert [type(call) for call in network.noiseless.each] == [Product, Launch]
    assert network.buffers.keys() == {"b0", "b1"}
    mixture = program(SYSTEMS["mixture"], SCHEME, "float32", fast=True)
    assert [type(call) for call in mixture.noisy.each] == [Product, Launch, Product, Launch]
    alone = program(SYSTEMS["alone"], SCHEME, "float32", fast=True)
    assert alone.noisy.many
    assert not alone.buffers
    columns = program(SYSTEMS["columns"], SCHEME, "float32", fast=True)
    assert columns.setup
    assert columns.shared


def test_other_parameters_need_no_other_kernel() -> None:
    """No name or value of the user's stands in a kernel."""
    system = dense(
        name="evil", length=4, drift="danger @ evil + odd", parameters={"danger": np.eye(4), "odd": [7.5] * 4}
    )
    done = program(system, SCHEME, "float32", fast=True)
    for function, _ in done.kernels.values():
        code = function.__code__
        assert not {"evil", "danger", "odd"} & {*code.co_names, *code.co_varnames}
        assert 7.5 not in code.co_consts


def test_matrices_are_rounded_as_the_cpu_rounds_them() -> None:
    """A + Aᵀ is summed before it is rounded."""
    A = numbers(1, 3, 3)
    system = dense(name="v", length=3, energy="v @ A @ v", parameters={"A": A})
    (matrix,) = program(system, SCHEME, "float32", fast=True).matrices.values()
    got = matrix.operand(system.flat_parameters(), "float32")
    np.testing.assert_array_equal(got, (A + A.T).astype("float32"))
    assert (got != A.astype("float32") + A.T.astype("float32")).any()


def test_weights_that_places_share_are_refused() -> None:
    shared = dense(name="x", length=4, drift="each(A, x) + repeat(b, 2)", parameters={"A": np.eye(2), "b": [1.0, 2.0]})
    with pytest.raises(BackendUnavailable, match="a GPU takes no each, patches, windows, repeat, places_mean"):
        program(shared, SCHEME, "float32", fast=False)
    (energy,) = dense(name="x", length=4, energy="sum(places_mean(x, 2)**2)").gradients
    with pytest.raises(BackendUnavailable, match="Use backend='cpu'"):
        scalars_program(SYSTEMS["alone"], {0: graph.total(energy)})


def test_other_schemes_are_refused() -> None:
    derived: DenseDerived = SYSTEMS["alone"]
    with pytest.raises(InvalidArgument, match="gaussian"):
        program(derived, scheme_from(lk.EulerMaruyama(noise="three_point")), "float32", fast=False)
    with pytest.raises(InvalidArgument, match="halved"):
        program(derived, scheme_from(lk.EulerMaruyama(halved=True)), "float32", fast=False)


@pytest.mark.parametrize(
    ("name", "fast", "capability"),
    [
        ("bipartite", False, (9, 0)),
        ("network", False, (8, 0)),
        ("network", False, (9, 0)),
        ("mixture", True, (9, 0)),
        ("walls", False, (9, 0)),
        ("walls", True, (9, 0)),
        ("simplex", False, (9, 0)),
    ],
)
def test_kernels_live_in_registers(name: str, capability: tuple[int, int], *, fast: bool) -> None:
    """No stack, no spills; in the exact mode nothing that an assembler may fuse."""
    for kernel, text in made(name, "float32", capability, fast=fast)[1].items():
        found = assemble(text, capability)
        assert (found.stack, found.spilled) == (0, 0), kernel
        most = 96 if kernel.startswith("product") else 64 if name == "simplex" else 48
        assert found.registers <= most, (kernel, found.registers)
        operations = re.findall(r"^\s*(?:@!?%p\d+\s+)?((?:add|sub|mul|mad|fma|div|sqrt|rcp)\.\S*f\d\d)", text, re.M)
        if not fast:
            assert not [operation for operation in operations if ".rn" not in operation]
