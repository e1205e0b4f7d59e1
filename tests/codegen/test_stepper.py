"""The generated step against a second implementation, and its bits under any split of particles and steps."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit import System
from langevin_kit.codegen import stepper
from langevin_kit.schemes import NOISES, EulerMaruyama
from langevin_kit.testing import euler_maruyama

PLANE = ("x", "y")
SYSTEMS = {
    "1-D": System(energy="(x**2 - 1)**2 + a*x", mobility="1/(1 + x**2)", temperature=0.5, parameters={"a": 0.25}),
    "1-D in time": System(energy="(x - sin(2*t))**2", mobility="1 + exp(-t)*tanh(x)**2", temperature=0.3),
    "2-D": System(
        energy="(x**2 - 1)**2 + exp(-(x - y)**2) + log(1 + y**2) + y**2/2",
        mobility=[["1/(1 + x**2) + 1/5", 0], [0, "1.5 + cos(x*y)"]],
        temperature=0.5,
        coordinates=PLANE,
    ),
    "tensor with a drift": System(
        energy="(x**2 - 1)**2 + y**2/2",
        mobility=[["1 + x**2/4", "sin(x) + x*y/8"], ["sin(x) + x*y/8", "1.25 + y**2/4"]],
        drift=["y", "-x + cos(3*t)"],
        temperature=0.4,
        coordinates=PLANE,
    ),
    # The factor is full where S is zero: σ₂₁ = −σ₁₀σ₂₀/σ₁₁.
    "3-D tensor in time": System(
        energy="x**2/2 + y**2 + cos(z) + z**2/2",
        mobility=[["2", "sin(t + x)", "cos(z)/2"], ["sin(t + x)", "1.5", 0], ["cos(z)/2", 0, "1 + y**2/8"]],
        temperature=0.5,
        coordinates=("x", "y", "z"),
    ),
    "rank one": System(
        energy="x**2/2 + y**2/2",
        mobility=[["(1 + sin(y)/2)**2", "(1 + sin(y)/2)*cos(x)"], ["(1 + sin(y)/2)*cos(x)", "cos(x)**2"]],
        temperature=0.5,
        coordinates=PLANE,
    ),
    "tensor of parameters": System(
        energy="k*(x**2 + y**2)/2",
        mobility=[["a", "c"], ["c", "b"]],
        temperature=0.5,
        coordinates=PLANE,
        parameters={"k": 1.5, "a": 1.2, "c": -0.6, "b": 0.7},
    ),
    "with an antisymmetric part": System(
        energy="(x**2 - 1)**2 + y**2/2 + z**2/2",
        mobility=[["1 + x**2/4", "cos(x)/2 + y", "t"], ["cos(x)/2 - y", "2", "-z"], ["-t", "z + sin(y)/2", "1.5"]],
        temperature=0.4,
        coordinates=("x", "y", "z"),
    ),
    "U flow": System(energy="x**2/2 + y**4", mobility=[[1, -3], [2, 2.5]], temperature=0.5, coordinates=PLANE),
    "tensor of numbers": System(
        energy="x**2/2 + y**2/2 + z**2/2",
        mobility=[[1, 2, 0.5], [2, 4, 1], [0.5, 1, 3]],
        temperature=0.5,
        coordinates=("x", "y", "z"),
    ),
}
FULL = [name for name, system in SYSTEMS.items() if not system.facts.is_diagonal]
KEY = (np.uint32(12345), np.uint32(67890))
N = 600


def start(system: System, dtype: str = "float64", n: int = N) -> NDArray[np.floating]:
    return np.random.default_rng(3).normal(0.0, 0.7, (system.n_dim, n)).astype(dtype)


def module_of(system: System, dtype: str = "float64", noise: str = "gaussian") -> ModuleType:
    return stepper(system, EulerMaruyama(noise), dtype)


def advance(
    system: System,
    x: NDArray[np.floating],
    n_steps: int,
    *,
    first: int = 0,
    block: int = 256,
    low: int = 0,
    high: int | None = None,
    temperature: float | None = None,
    time_step: float = 1e-2,
    noise: str = "gaussian",
) -> NDArray[np.floating]:
    x = x.copy()
    t = system.temperature if temperature is None else temperature
    high = x.shape[1] if high is None else high
    module = module_of(system, str(x.dtype), noise)
    module.advance(x, low, high, block, first, n_steps, system.values, time_step, t, *KEY)
    return x


@pytest.mark.parametrize("name", SYSTEMS)
def test_paths_equal_the_numpy_reference(name: str) -> None:
    system = SYSTEMS[name]
    x = start(system)
    expected = euler_maruyama(system, x, 1e-2, 64, (12345, 67890))
    np.testing.assert_allclose(advance(system, x, 64), expected, rtol=0, atol=2e-12)
    wrong_key = euler_maruyama(system, x, 1e-2, 64, (12345, 67891))
    assert np.abs(wrong_key - expected).max() > 0.1


@pytest.mark.parametrize("noise", NOISES)
def test_paths_of_every_noise_equal_the_numpy_reference(noise: str) -> None:
    system = SYSTEMS["3-D tensor in time"]
    x = start(system)
    expected = euler_maruyama(system, x, 1e-2, 50, (12345, 67890), 7, noise)
    # Normals of 32 bits have NumPy's values only to the rounding of float32.
    atol = 1e-5 if noise == "gaussian_32" else 2e-12
    np.testing.assert_allclose(advance(system, x, 50, first=7, noise=noise), expected, rtol=0, atol=atol)
    assert np.abs(advance(system, x, 50, first=6, noise=noise) - expected).max() > 0.1


@pytest.mark.parametrize("name", SYSTEMS)
def test_float32_draws_its_own_normals_and_follows_the_drift(name: str) -> None:
    system = SYSTEMS[name]
    x = start(system, "float32")
    expected = euler_maruyama(replace(system, temperature=0.0), x.astype(float), 1e-2, 64, (0, 0))
    np.testing.assert_allclose(advance(system, x, 64, temperature=0.0), expected, rtol=0, atol=5e-6)
    d, dt = system.n_dim, 1e-8
    z = advance(system, np.zeros_like(x), 1, time_step=dt) / np.sqrt(2 * system.temperature * dt)
    # Mean and covariance of N normals within 5 standard errors, and the rounding of float32.
    s = system.symmetric_mobility_at(np.zeros(d))
    assert (np.abs(z.mean(axis=1)) < 5 * np.sqrt(s.diagonal() / N)).all()
    bound = 5 * np.sqrt((s**2 + np.outer(s.diagonal(), s.diagonal())) / N)
    assert (np.abs(np.cov(z).reshape(d, d) - s) < bound + 1e-5).all()


def split(system: System, dtype: str, noise: str = "gaussian") -> None:
    """Hold a run against the same in other blocks, in parts, and for single particles."""
    x = start(system, dtype)
    whole = advance(system, x, 37, noise=noise)
    for block in (1, 7, 64, 512, 1024):
        np.testing.assert_array_equal(advance(system, x, 37, block=block, noise=noise), whole)
    in_parts, first = x, 0
    for steps in (1, 2, 3, 5, 1, 4, 8, 13):
        in_parts = advance(system, in_parts, steps, first=first, noise=noise)
        first += steps
    np.testing.assert_array_equal(in_parts, whole)
    for particle in (0, 1, 255, 256, N - 1):
        alone = advance(system, x, 37, low=particle, high=particle + 1, noise=noise)
        np.testing.assert_array_equal(alone[:, particle], whole[:, particle])
    assert np.unique(whole, axis=1).shape[1] == N


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_bits_do_not_depend_on_the_split(name: str, dtype: str) -> None:
    split(SYSTEMS[name], dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("noise", NOISES)
def test_bits_of_every_noise_do_not_depend_on_the_split(noise: str, dtype: str) -> None:
    """With three coordinates a group is 4 steps of 3 calls, 2 of 3, or 42 of one."""
    system = SYSTEMS["3-D tensor in time"]
    split(system, dtype, noise)
    # A start in the middle of a group of 42 signs, and over its end.
    x = start(system, dtype)
    later = advance(system, x, 9, first=39, noise=noise)
    in_parts = advance(system, advance(system, x, 4, first=39, noise=noise), 5, first=43, noise=noise)
    np.testing.assert_array_equal(in_parts, later)


def fused(a: float, b: float, c: float) -> float:
    """a b + c rounded once."""
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return exact.numerator / exact.denominator


@pytest.mark.claim("C17")
@pytest.mark.parametrize("name", SYSTEMS)
def test_zero_temperature_is_the_explicit_euler_step_bit_for_bit(name: str) -> None:
    """dx = −K∇E dt, from the module's own coefficients and one exactly rounded operation a step."""
    system, dt, steps, n = SYSTEMS[name], 1e-2, 20, 40
    x = start(system, n=n)
    coefficients = module_of(system).coefficients
    expected = x.copy()
    for k in range(steps):
        for i in range(n):
            force = coefficients(k * dt, *expected[:, i], *system.parameters.values())
            expected[:, i] = [fused(dt, force[a], expected[a, i]) for a in range(system.n_dim)]
    got = advance(system, x, steps, temperature=0.0)
    np.testing.assert_array_equal(got, expected)
    reference = euler_maruyama(replace(system, temperature=0.0), x, dt, steps, (0, 0))
    np.testing.assert_allclose(got, reference, rtol=0, atol=1e-13)


@pytest.mark.claim("C17")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_zero_temperature_draws_nothing_and_is_the_limit_of_low_ones(name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    x = start(system, dtype)
    cold = advance(system, x, 50, temperature=0.0)
    # At T = 1e-300 noise and divergence are far below half an ulp of any coordinate: the noisy code path gives the
    # same bits, so switching it off changed nothing else.
    smallest = 1e-300 if dtype == "float64" else 1e-60
    np.testing.assert_array_equal(advance(system, x, 50, temperature=smallest), cold)
    module = module_of(system, dtype)
    y = x.copy()
    module.advance(y, 0, N, 256, 0, 50, system.values, 1e-2, 0.0, *KEY[::-1])
    np.testing.assert_array_equal(y, cold)
    assert np.abs(advance(system, x, 50) - cold).max() > 0.1
