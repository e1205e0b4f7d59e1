"""The generated step of dense systems against NumPy, and its bits under any split of particles and steps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from splits import whole_and_in_parts

from langevin_kit import System
from langevin_kit.cache import load
from langevin_kit.codegen import measure
from langevin_kit.codegen import stepper as pointwise
from langevin_kit.codegen.dense import scalars_source, stepper, stepper_source, tile_width
from langevin_kit.schemes import scheme_from
from langevin_kit.system.dense import DenseDerived, dense
from langevin_kit.testing.numpy_reference import normals


def energy_source(system: DenseDerived) -> str:
    return scalars_source(system, "values", {0: system.energy})


KEY = (np.uint32(12345), np.uint32(67890))
SCHEME = scheme_from("euler_maruyama")
N = 150


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def well(d: int) -> NDArray[np.float64]:
    a = rng(2).normal(size=(d, d)) / np.sqrt(d)
    return a @ a.T + np.eye(d)


SYSTEMS = {
    # One product, one reduction, mobility of every kind; lengths that divide neither 8 rows nor a generator's call.
    "hopfield": dense(
        name="v",
        length=12,
        energy="v @ v / 2 - tanh(g*v) @ W @ tanh(g*v) / 2 - b @ tanh(g*v)",
        mobility="1 / (1 + v**2)",
        parameters={"W": rng(3).normal(size=(12, 12)) / 4, "g": 1.25, "b": rng(4).normal(size=12)},
    ),
    "ornstein-uhlenbeck": dense(
        name="x",
        length=10,
        energy="x @ A @ x / 2 + b @ x",
        mobility=(well(10) + well(10).T) / 2 + np.triu(np.ones((10, 10)), 1) - np.tril(np.ones((10, 10)), -1),
        parameters={"A": well(10), "b": rng(5).normal(size=10)},
    ),
    "mixture": dense(
        name="x",
        length=5,
        energy="(x - m) @ (x - m)/2 - logsumexp(X @ x + h*cos(t))",
        mobility="0.5 + exp(-t)*s",
        parameters={"X": rng(6).normal(size=(7, 5)), "h": rng(7).normal(size=7), "m": rng(8).normal(size=5), "s": 0.7},
    ),
    "drift in time": dense(
        name="u",
        length=3,
        drift="W @ leaky_relu(u, 0.1) - u + I*sin(3*t) + exp(c)/(1 + u**4)",
        mobility="1/(2 + u @ u)",
        parameters={"W": rng(9).normal(size=(3, 3)), "I": [1.0, -2.0, 0.5], "c": [0.1, 0.2, 0.3]},
    ),
    "functions": dense(
        name="x",
        length=9,
        energy="sum(abs(x)*x**2 + sqrt(1 + x**2) + log(cosh(x)) + sin(x)*cos(x) + sinh(x/2))"
        " + sum(logcosh(2*x) + atanh(x/8)**2 + atan(2*x)**2) + 3*(x @ x)**2/4",
        mobility="m + tanh(x)**2 * k",
        parameters={"m": np.linspace(0.5, 1, 9), "k": np.linspace(0, 1, 9)},
    ),
    "low rank": dense(
        name="x",
        length=6,
        energy="x @ x/2 + sum(x**4)/4",
        mobility={"diagonal": np.linspace(0.5, 1, 6), "factor": rng(12).normal(size=(6, 2))},
    ),
    "bipartite": dense(
        name=("v", "h"),
        length=(7, 5),
        energy="v @ v/2 + h @ h/2 - tanh(v) @ U @ logcosh(h)",
        mobility={"v": "m/(1 + v**2)", "h": "1/(1 + v @ v)"},
        drift={"h": "c*cos(3*t)"},
        parameters={"U": rng(13).normal(size=(7, 5)) / 3, "m": np.linspace(0.5, 1, 7), "c": rng(14).normal(size=5)},
    ),
    "momenta": dense(
        name=("x", "p"),
        length=(3, 3),
        drift={"x": "p", "p": "x - x**3 - p"},
        mobility={"x": 0.5, "p": "1 + tanh(p)**2"},
    ),
    "one": dense(name="x", length=1, energy="sum((x**2 - 1)**2)"),
}
TEMPERATURE = 0.4


def advance(
    system: DenseDerived,
    x: NDArray[np.floating],
    n_steps: int,
    *,
    first: int = 0,
    low: int = 0,
    high: int | None = None,
    block: int = 256,
    temperature: float = TEMPERATURE,
    time_step: float = 1e-2,
    parameters: dict[str, Any] | None = None,
) -> NDArray[np.floating]:
    x = x.copy()
    high = x.shape[1] if high is None else high
    flat = system.flat_parameters(parameters)
    module(system, str(x.dtype)).advance(x, low, high, block, first, n_steps, flat, time_step, temperature, *KEY)
    return x


def module(system: DenseDerived, dtype: str = "float64") -> ModuleType:
    return stepper(system, SCHEME, dtype)


def start(system: DenseDerived, dtype: str = "float64", n: int = N) -> NDArray[np.floating]:
    return rng(0).normal(0.0, 0.7, (system.d, n)).astype(dtype)


def noise(d: int, k: int, n: int, key: tuple[int, int]) -> NDArray[np.float64]:
    """The normals of step k, (d, n), by the rule that a pointwise system of d coordinates follows too."""
    steps, calls = (1, d // 2) if d % 2 == 0 else (2, d)
    words = [normals(np.arange(n), k // steps * calls + j, key) for j in range(calls)]
    s = k % steps
    return np.concatenate(words)[s * d : (s + 1) * d]


def reference(
    system: DenseDerived,
    x: NDArray[np.floating],
    n_steps: int,
    *,
    key: tuple[int, int] = (12345, 67890),
    temperature: float = TEMPERATURE,
    time_step: float = 1e-2,
) -> NDArray[np.float64]:
    """Euler–Maruyama in NumPy, float64."""
    y = np.array(x, np.float64)
    for k in range(n_steps):
        t = k * time_step
        drift = system.force_at(y, t) + temperature * system.mobility_divergence_at(y, t)
        z = np.zeros_like(y)
        if temperature:
            z = noise(*y.shape[:1], k, y.shape[1], key)
            z = system.noise_root() @ z if system.noise_shapes else np.sqrt(system.mobility_at(y, t)) * z
        y = y + time_step * drift + np.sqrt(2 * temperature * time_step) * z
    return y


@pytest.mark.parametrize("name", SYSTEMS)
def test_paths_equal_the_numpy_reference(name: str) -> None:
    system = SYSTEMS[name]
    x = start(system)
    expected = reference(system, x, 33)
    np.testing.assert_allclose(advance(system, x, 33), expected, rtol=0, atol=2e-12)
    assert np.abs(reference(system, x, 33, key=(12345, 67891)) - expected).max() > 0.1


@pytest.mark.parametrize("name", SYSTEMS)
def test_float32_follows_the_drift_and_draws_normals(name: str) -> None:
    system = SYSTEMS[name]
    x = start(system, "float32")
    expected = reference(system, x, 33, temperature=0.0)
    np.testing.assert_allclose(advance(system, x, 33, temperature=0.0), expected, rtol=0, atol=1e-5)
    # From one point, the covariance of one small step: N = 20000 gives it to √(2/N) of a variance, 5 of which are
    # exceeded once in 1e6 of the d² entries.
    n, dt = 20_000, 1e-6
    y = advance(system, np.zeros((system.d, n), "float32"), 1, time_step=dt).astype(float) / np.sqrt(
        2 * TEMPERATURE * dt
    )
    S = system.mobility_at(np.zeros((system.d, 1)))
    S = (S + S.T) / 2 if system.noise_shapes else np.diag(S[:, 0])
    bound = 5 * np.sqrt((S**2 + np.outer(S.diagonal(), S.diagonal())) / n)
    assert (np.abs(np.cov(y).reshape(system.d, system.d) - S) < bound).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_bits_do_not_depend_on_the_split(name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    x = start(system, dtype)
    whole = whole_and_in_parts(partial(advance, system), x)
    np.testing.assert_array_equal(advance(system, x, 22, block=1024), whole)
    shared = x.copy()
    arguments = (256, 0, 22, system.flat_parameters(), 1e-2, TEMPERATURE, *KEY)
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(module(system, dtype).advance, shared, a, a + 50, *arguments) for a in range(0, N, 50)]
        [task.result() for task in tasks]
    np.testing.assert_array_equal(shared, whole)
    # Others in the tile, even broken ones, change nothing.
    strange = x.copy()
    strange[:, 1::2] = np.inf
    np.testing.assert_array_equal(advance(system, strange, 22)[:, ::2], whole[:, ::2])
    assert len(np.unique(whole[0])) == N


POINTWISE = {
    1: System(energy="(x**2 - 1)**2 + x/4", mobility="1/(1 + x**2)", temperature=TEMPERATURE),
    2: System(
        energy="(x**2 - 1)**2 + x/4 + (y**2 - 1)**2 + y/4",
        mobility=[["1/(1 + x**2)", 0], [0, "1/(1 + y**2)"]],
        temperature=TEMPERATURE,
        coordinates=("x", "y"),
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("d", POINTWISE)
def test_noise_is_shared_with_pointwise_systems(d: int, dtype: str) -> None:
    system = dense(name="v", length=d, energy="sum((v**2 - 1)**2 + v/4)", mobility="1/(1 + v**2)")
    x = start(system, dtype)
    y = x.copy()
    pointwise(POINTWISE[d], SCHEME, dtype).advance(y, 0, N, 256, 3, 21, np.zeros(0), 1e-2, TEMPERATURE, *KEY)
    np.testing.assert_allclose(advance(system, x, 21, first=3), y, rtol=0, atol=1e-13 if dtype == "float64" else 1e-5)
    assert np.abs(advance(system, x, 21, first=4) - y).max() > 0.1


def fused(a: float, b: float, c: float) -> float:
    """a b + c rounded once."""
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return exact.numerator / exact.denominator


@pytest.mark.claim("C17")
def test_zero_temperature_is_the_explicit_euler_step_bit_for_bit() -> None:
    """Each entry of A v is one chain of exactly rounded operations, and the step one more."""
    d, n, steps, dt = 11, 3, 4, 0.1
    A = np.round(well(d), 6)
    system = dense(name="v", length=d, energy="v @ A @ v / 2", parameters={"A": A})
    x = start(system, n=n)

    def euler(fma: Callable[[float, float, float], float]) -> NDArray[np.float64]:
        y = x.copy()
        for _ in range(steps):
            force = np.zeros_like(y)
            for a, i in np.ndindex(d, n):
                total = 0.0
                for b in range(d):
                    total = fma(A[a, b] + A[b, a], y[b, i], total)
                force[a, i] = -0.5 * total
            y = np.vectorize(fma)(dt, force, y)
        return y

    got = advance(system, x, steps, time_step=dt, temperature=0.0)
    np.testing.assert_array_equal(got, euler(fused))
    assert (got != euler(lambda a, b, c: a * b + c)).any()


@pytest.mark.claim("C17")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_zero_temperature_draws_nothing_and_is_the_limit_of_low_ones(name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    x = start(system, dtype)
    cold = advance(system, x, 20, temperature=0.0)
    smallest = 1e-300 if dtype == "float64" else 1e-60
    np.testing.assert_array_equal(advance(system, x, 20, temperature=smallest), cold)
    y = x.copy()
    module(system, dtype).advance(y, 0, N, 256, 0, 20, system.flat_parameters(), 1e-2, 0.0, *KEY[::-1])
    np.testing.assert_array_equal(y, cold)
    assert np.abs(advance(system, x, 20) - cold).max() > 0.1


@pytest.mark.parametrize("name", SYSTEMS)
def test_energy_rows(name: str) -> None:
    system = SYSTEMS[name]
    for dtype in ("float64", "float32"):
        x = start(system, dtype)
        out = np.full(N, np.nan)
        load(measure._HEADER + energy_source(system)).values(x, 3, N, 0.3, system.flat_parameters(), out[None])
        np.testing.assert_allclose(out[: N - 3], system.energy_at(x, 0.3)[3:], rtol=1e-13, atol=1e-12)
        assert np.isnan(out[N - 3 :]).all()


@pytest.mark.parametrize(("dtype", "least"), [("float32", 64.0), ("float64", 600.0)])
def test_small_exponentials_are_zero_and_not_subnormal(dtype: str, least: float) -> None:
    """A subnormal weight would make each product with it a hundred times as slow."""
    system = dense(name="v", length=2, energy="-logsumexp(v)")
    x = np.array([[least + 1, least - 1], [0.0, 0.0]], dtype)
    moved = advance(system, x, 1, temperature=0.0, time_step=1.0)
    assert moved[1, 0] == 0.0
    assert moved[1, 1] == pytest.approx(np.exp(1.0 - least), rel=1e-5, abs=0)
    assert np.isnan(advance(system, np.array([[np.nan], [0.0]], dtype), 1, temperature=0.0)).all()


def test_other_parameters_need_no_new_source() -> None:
    system = SYSTEMS["ornstein-uhlenbeck"]
    changed = dense(
        name="x",
        length=10,
        energy="x @ A @ x / 2 + b @ x",
        mobility=np.eye(10),
        parameters={"A": 2 * well(10), "b": np.ones(10)},
    )
    assert stepper_source(changed, SCHEME, "float64") == stepper_source(system, SCHEME, "float64")
    assert energy_source(changed) == energy_source(system)
    x = start(system)
    given = {"A": 2 * well(10), "b": np.ones(10), "mobility": np.eye(10)}
    np.testing.assert_array_equal(advance(system, x, 9, parameters=given), advance(changed, x, 9))
    assert np.abs(advance(system, x, 9) - advance(changed, x, 9)).max() > 0.1


def test_no_name_of_the_user_reaches_the_source() -> None:
    system = dense(name="evil", length=4, energy="evil @ danger @ evil", parameters={"danger": np.eye(4)})
    source = stepper_source(system, SCHEME, "float32") + energy_source(system)
    assert "evil" not in source
    assert "danger" not in source


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tiles_are_whole_strips(dtype: str) -> None:
    item = np.dtype(dtype).itemsize
    for d in (1, 2, 3, 8, 10, 64, 1000):
        width = tile_width(d, dtype)
        assert width * item % 128 == 0
        assert width & (width - 1) == 0
        assert 32 <= width <= 256
