"""Reflecting walls of a vector: the step against NumPy, its bits, and what it does on a wall and beyond both."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from splits import whole_and_in_parts

import langevin_kit as lk
from langevin_kit.codegen import stepper
from langevin_kit.schemes import scheme_from
from langevin_kit.testing import euler_maruyama

Positions = NDArray[np.floating]

KEY = (np.uint32(12345), np.uint32(67890))
SCHEME = scheme_from("euler_maruyama")
N = 150


def numbers(seed: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[-1])


SYSTEMS = {
    "hopfield": lk.System(
        coordinates={"y": 12},
        energy="y @ atanh(y) + sum(log(1 - y**2))/2 - y @ W @ y/2 - b @ y",
        mobility="1 - y**2",
        temperature=0.4,
        parameters={"W": numbers(1, 12, 12), "b": numbers(2, 12)},
        walls={"y": lk.reflecting(-1.0, 1.0)},
    ),
    # Units of a logistic f: walls at 0, where numbers are densest, and at 1.
    "logistic": lk.System(
        coordinates={"y": 5},
        energy="y @ log(y) + (1 - y) @ log(1 - y) - c*(y @ y)",
        mobility="y*(1 - y)/tau",
        temperature=0.5,
        parameters={"c": 1.2, "tau": [1.0, 2.0, 3.0, 4.0, 5.0]},
        walls={"y": lk.reflecting(0.0, 1.0)},
    ),
    # One wall, an extra drift, a mobility of all components, and none of them constant in time; and between others
    # a second vector, beside one without any.
    "half space": lk.System(
        coordinates={"x": 3, "v": 4, "free": 2},
        energy="x @ x/2 + free @ free + x @ (U @ v)",
        mobility={"x": "(1 + sin(t)**2)/(1 + x @ x)", "v": "1 + v**2", "free": 1},
        drift={"x": "I*cos(t) - x"},
        temperature=0.5,
        parameters={"I": [1.0, -2.0, 0.5], "U": numbers(3, 3, 4)},
        walls={"v": lk.reflecting(-0.5, 0.75), "x": lk.reflecting(upper=0.25)},
    ),
}


def start(system: lk.System, dtype: str = "float64") -> Positions:
    low, high = np.maximum(system.lower, -1), np.minimum(system.upper, 1)
    margin = 0.05 * (high - low)
    u = np.random.default_rng(0).uniform(size=(system.n_dim, N))
    return np.asarray((low + margin)[:, None] + u * (high - low - 2 * margin)[:, None]).astype(dtype)


def advance(
    system: lk.System, x: Positions, n: int, *, first: int = 0, low: int = 0, high: int | None = None, dt: float = 1e-2
) -> Positions:
    x = x.copy()
    high = x.shape[1] if high is None else high
    constants = (system.values, dt, system.temperature, *KEY)
    stepper(system, SCHEME, x.dtype.name).advance(x, low, high, 256, first, n, *constants)
    return x


def reference(system: lk.System, x: Positions, n: int, *, mirrors: bool = True) -> tuple[Positions, int]:
    """Steps without walls in NumPy, mirrored one after another; and how many were beyond a wall."""
    free, turns = replace(system, walls={}), 0
    lower, upper = system.lower[:, None], system.upper[:, None]
    for k in range(n):
        x = euler_maruyama(free, x, 1e-2, 1, KEY, first=k)
        near = np.clip(x, lower, upper)
        turns += int((near != x).sum())
        x = 2 * near - x if mirrors else near
    return x, turns


@pytest.mark.parametrize("name", SYSTEMS)
def test_paths_equal_the_numpy_reference(name: str) -> None:
    system = SYSTEMS[name]
    x = start(system)
    expected, turns = reference(system, x, 33)
    got = advance(system, x, 33)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
    assert turns > 10
    with pytest.raises(AssertionError):  # left on the wall instead of mirrored, where K ∇E may be 0·∞
        np.testing.assert_allclose(got, reference(system, x, 33, mirrors=False)[0], rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_bits_do_not_depend_on_the_split(name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    x = start(system, dtype)
    whole = whole_and_in_parts(partial(advance, system), x)
    assert np.isfinite(whole).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_scalar_coordinates_with_walls_at_the_next_numbers_have_the_same_bits(dtype: str) -> None:
    """Free diffusion, turned back every few steps: the mirror of a vector stands one number inside its walls."""
    wall = lk.reflecting(-0.3, 0.7)
    vector = lk.System(coordinates={"v": 2}, temperature=1.0, walls={"v": wall})
    inside = lk.reflecting(*wall.inside(dtype))
    scalar = lk.System(coordinates=("x", "y"), temperature=1.0, walls={"x": inside, "y": inside})
    x = np.random.default_rng(0).uniform(-0.2, 0.6, (2, N)).astype(dtype)
    got = advance(vector, x, 200, dt=2e-3)
    np.testing.assert_array_equal(got, advance(scalar, x, 200, dt=2e-3))
    outside = lk.System(coordinates=("x", "y"), temperature=1.0, walls={"x": wall, "y": wall})
    assert (got != advance(outside, x, 200, dt=2e-3)).any()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_step_that_ends_on_a_wall_is_next_to_it(dtype: str) -> None:
    """From ½ by exactly ½ at T = 0; the place has an energy and a force, which the wall itself has not."""
    system = lk.System(
        coordinates={"y": 2},
        energy="y @ atanh(y) + sum(log(1 - y**2))/2",
        mobility="1 - y**2",
        temperature=0.0,
        walls={"y": lk.reflecting(-1.0, 1.0)},
    )
    pushed = lk.System(
        coordinates={"y": 2}, drift="a", temperature=0.0, parameters={"a": [1.0, -1.0]}, walls=dict(system.walls)
    )
    one = np.dtype(dtype).type(1)
    x = np.array([[0.5], [-0.5]], dtype)
    x = advance(pushed, x, 1, dt=0.5)
    beyond = one - np.nextafter(one, 0 * one)
    np.testing.assert_array_equal(np.abs(x), 1 - 2 * beyond)  # the image of 1 in a mirror an ulp below it
    for place in (x, np.array(system.walls["y"].inside(dtype), dtype)[:, None]):
        assert np.isfinite(advance(system, place, 3)).all()
        assert np.isfinite(system.energy_at(place)).all()
        assert np.isfinite(system.force_at(place)).all()
        np.testing.assert_allclose(system.force_at(place), 0, atol=1e-5 if dtype == "float32" else 1e-13)
    wall = np.array([[1.0], [-1.0]], dtype)
    assert np.isnan(system.energy_at(wall)).all()
    assert np.isnan(advance(system, wall, 1)).all()


@pytest.mark.parametrize("temperature", [0.0, 0.1])
def test_a_step_beyond_the_width_is_no_place(temperature: float) -> None:
    """Not folded: from 0 by 0.9 widths it is mirrored, by 1.7 it is NaN, and alone."""
    system = lk.System(
        coordinates={"y": 3},
        drift="a",
        mobility=1e-8,
        temperature=temperature,
        parameters={"a": [1.8, 3.4, 0.1]},
        walls={"y": lk.reflecting(-1.0, 1.0)},
    )
    got = advance(system, np.zeros((3, 1)), 1, dt=1.0)
    np.testing.assert_allclose(got[[0, 2], 0], [0.2, 0.1], atol=1e-3)
    assert np.isnan(got[1, 0])
