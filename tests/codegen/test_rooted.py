"""Mobilities given by their roots, and vectors that return to a manifold: the step against NumPy, and its bits."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from splits import whole_and_in_parts

import langevin_kit as lk
from langevin_kit.codegen import stepper
from langevin_kit.networks import layer
from langevin_kit.schemes import scheme_from
from langevin_kit.testing import euler_maruyama

Positions = NDArray[np.floating]

KEY = (np.uint32(12345), np.uint32(67890))
SCHEME = scheme_from("euler_maruyama")
N = 150


def numbers(seed: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[-1])


BALL = layer("spherical", "y", 4, epsilon="eps")
SYSTEMS = {
    "ball": lk.System(
        coordinates={"y": 4},
        energy=f"{BALL.energy} - b @ y",
        mobility=BALL.mobility(),
        temperature=0.4,
        parameters={"eps": 0.5, "b": numbers(1, 4)},
        retraction={"y": BALL.retraction},
    ),
    # Three vectors, with normals that begin inside a call of the generator; a root with a matrix, one in time, and one
    # of another vector, which has moved before; a number for a divergence, which is none of these roots'.
    "layers": lk.System(
        coordinates={"v": 7, "h": 5, "s": 5},
        energy="v @ v/2 - v @ (U @ h) + h @ log(h) - (h @ s)*cos(t)",
        mobility={
            "v": "1 + tanh(v)**2",
            "h": {"root": "sqrt(h)*z*g - h*((sqrt(h) @ z)*g)", "divergence": "(1 - 5*h)*g**2"},
            "s": {"root": "A @ z - s*((A @ z) @ s) + h*sum(z)*sin(t)", "divergence": 0.5},
        },
        drift={"s": "h"},
        temperature=0.4,
        parameters={"U": numbers(2, 7, 5), "A": numbers(3, 5, 5), "g": 0.7},
        retraction={"h": "(abs(h) + 1e-30)/sum(abs(h) + 1e-30)", "s": "s/sqrt(s @ s)"},
    ),
}
slow_one = [pytest.param("ball"), pytest.param("layers", marks=pytest.mark.slow)]


def start(system: lk.System, dtype: str = "float64") -> Positions:
    x = np.random.default_rng(0).normal(0.0, 0.4, (system.n_dim, N))
    return system.retracted(x).astype(dtype)


def advance(
    system: lk.System, x: Positions, n: int, *, first: int = 0, low: int = 0, high: int | None = None
) -> Positions:
    x = x.copy()
    high = x.shape[1] if high is None else high
    constants = (system.values, 1e-2, system.temperature, *KEY)
    stepper(system, SCHEME, x.dtype.name).advance(x, low, high, 256, first, n, *constants)
    return x


@pytest.mark.parametrize("name", SYSTEMS)
def test_paths_equal_the_numpy_reference(name: str) -> None:
    system = SYSTEMS[name]
    x = start(system)
    got = advance(system, x, 33)
    np.testing.assert_allclose(got, euler_maruyama(system, x, 1e-2, 33, KEY), rtol=0, atol=1e-10)
    cold = replace(system, temperature=0.0)
    np.testing.assert_allclose(advance(cold, x, 33), euler_maruyama(cold, x, 1e-2, 33, KEY), rtol=0, atol=1e-12)
    assert np.abs(advance(cold, x, 33) - got).max() > 0.1
    free = replace(system, retraction={})
    assert not np.allclose(got, euler_maruyama(free, x, 1e-2, 33, KEY), rtol=0, atol=1e-3, equal_nan=True)
    assert not np.allclose(got, euler_maruyama(system, x, 1e-2, 33, KEY, first=1), rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", slow_one)
def test_bits_do_not_depend_on_the_split(name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    x = start(system, dtype)
    whole = whole_and_in_parts(partial(advance, system), x)
    assert np.isfinite(whole).all()
    assert len(np.unique(whole[0])) == N


def test_zero_temperature_draws_nothing_and_is_the_limit_of_low_ones() -> None:
    system = SYSTEMS["ball"]
    x = start(system)
    cold = advance(replace(system, temperature=0.0), x, 20)
    np.testing.assert_array_equal(advance(replace(system, temperature=1e-300), x, 20), cold)
    assert np.abs(advance(system, x, 20) - cold).max() > 0.1


def test_a_step_from_one_place_has_the_covariance_of_the_mobility() -> None:
    """Over √(2TΔt), from 20000 steps: S to 5 √(2/N) of a variance, exceeded once in 10⁶ of the entries."""
    system = replace(SYSTEMS["ball"], parameters={"eps": 0.5, "b": np.zeros(4)}, retraction={})
    place = np.array([0.4, -0.5, 0.1, 0.3])
    n, dt = 20_000, 1e-4
    x = np.repeat(place[:, None], n, axis=1)
    stepper(system, SCHEME, "float64").advance(x, 0, n, 256, 0, 1, system.values, dt, 0.4, *KEY)
    S = system.mobility_at(place)
    found = np.cov(x) / (2 * 0.4 * dt)
    bound = 5 * np.sqrt((S**2 + np.outer(S.diagonal(), S.diagonal())) / n)
    assert (np.abs(found - S) < bound).all()
    assert (np.abs(found - np.diag(S.diagonal())) > 3 * bound).any()
