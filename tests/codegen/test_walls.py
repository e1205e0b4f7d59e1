"""Steps within walls against NumPy, their turns, bits and limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit import System, periodic, reflecting
from langevin_kit.codegen import stepper
from langevin_kit.schemes import EulerMaruyama
from langevin_kit.testing import euler_maruyama

Positions = NDArray[np.floating]

KEY = (np.uint32(12345), np.uint32(67890))
N = 600
RING = {"x": periodic(-np.pi, np.pi)}
SYSTEMS = {
    "segment": System(
        energy="a*x", mobility="1 + x**2", temperature=1.0, parameters={"a": -2.0}, walls={"x": reflecting(0.0, 1.0)}
    ),
    "half line": System(energy="x + x**2/8", mobility="1/(1 + x**2)", temperature=0.5, walls={"x": reflecting(0.0)}),
    "ring": System(energy="cos(x) - 2*sin(x)", mobility="1.5 + sin(x)", temperature=0.5, walls=RING),
    "strip": System(
        energy="sin(2*pi*y)*cos(pi*x)",
        mobility=[["1 + x*y*(1 - y)", "0.8*cos(x)*cos(2*pi*y)"], ["0.8*cos(x)*cos(2*pi*y)", "1"]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": reflecting(0.0, 1.0), "y": periodic(0.0, 1.0)},
    ),
    "turned strip": System(
        energy="sin(2*pi*y)*cos(pi*x)",
        mobility=[["1 + x*y*(1 - y)", "0.5*cos(x) + 0.2*sin(x + 1)"], ["0.3*cos(x) - 0.2*sin(x + 1)", "1"]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": reflecting(0.0, 1.0), "y": periodic(0.0, 1.0)},
    ),
    "turned corners": System(
        energy="x + y/2",
        mobility=[[1, 0.9], [-0.2, 1]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": reflecting(-1.0, 1.0), "y": reflecting(-1.0, 1.0)},
    ),
    "corners": System(
        energy="x + y/2",
        mobility=[[1, 0.9], [0.9, 1]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": reflecting(-1.0, 1.0), "y": reflecting(-1.0, 1.0)},
    ),
    "mixed": System(
        energy="y**2/2 + x + cos(z)/2",
        mobility=[["1 + y**2/9", "cos(t)/2", "0.4*sin(z)"], ["cos(t)/2", 1, 0], ["0.4*sin(z)", 0, "c"]],
        drift=["0", "0", "v"],
        temperature=0.5,
        coordinates=("x", "y", "z"),
        parameters={"c": 0.8, "v": 2.0},
        walls={"x": reflecting(0.0), "z": periodic(-np.pi, np.pi)},
    ),
}


def start(system: System, dtype: str = "float64", n: int = N) -> Positions:
    """Positions inside the walls, then turns of zero."""
    u = np.random.default_rng(3).random((system.n_dim, n))
    for a, wall in enumerate(system.walls.get(x) for x in system.names):
        low, high = (-1.0, 1.0) if wall is None else np.clip([wall.lower, wall.upper], -4, 4)
        u[a] = low + (high - low) * u[a]
    return np.concatenate([u, np.zeros((len(system.walled("periodic")), n))]).astype(dtype)


def advance(
    system: System,
    x: Positions,
    n_steps: int,
    *,
    first: int = 0,
    low: int = 0,
    high: int | None = None,
    block: int = 256,
    time_step: float = 1e-2,
) -> Positions:
    x = x.copy()
    module = stepper(system, EulerMaruyama(), str(x.dtype))
    high = x.shape[1] if high is None else high
    module.advance(x, low, high, block, first, n_steps, system.values, time_step, system.temperature, *KEY)
    return x


def unwrapped(system: System, state: Positions) -> Positions:
    """Coordinates with the turns added back."""
    x = state[: system.n_dim].astype(np.float64)
    for row, a in enumerate(system.walled("periodic")):
        x[a] += state[system.n_dim + row] * (system.upper - system.lower)[a]
    return x


def difference(system: System, x: Positions, y: Positions) -> Positions:
    """x − y, on a ring the short way round."""
    apart = x[: system.n_dim] - y
    for a in system.walled("periodic"):
        length = (system.upper - system.lower)[a]
        apart[a] -= length * np.round(apart[a] / length)
    return apart


@pytest.mark.claim("C09")
@pytest.mark.parametrize("temperature", [None, 0.0])
@pytest.mark.parametrize("name", SYSTEMS)
def test_paths_equal_the_numpy_reference(name: str, temperature: float | None) -> None:
    system = SYSTEMS[name] if temperature is None else replace(SYSTEMS[name], temperature=temperature)
    x = start(system)
    got = advance(system, x, 64)
    expected = euler_maruyama(system, x[: system.n_dim], 1e-2, 64, (12345, 67890))
    # Enough particles have met a wall for the comparison to mean something.
    free = euler_maruyama(replace(system, walls={}), x[: system.n_dim], 1e-2, 64, (12345, 67890))
    assert (np.abs(free - expected).max(axis=0) > 0.1).mean() > 0.05
    np.testing.assert_allclose(difference(system, got, expected), 0.0, atol=2e-12)


@pytest.mark.claim("C09")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_particles_stay_within_and_bits_do_not_depend_on_the_split(name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    x = start(system, dtype)
    whole = advance(system, x, 37)
    for block in (1, 7, 1024):
        np.testing.assert_array_equal(advance(system, x, 37, block=block), whole)
    in_parts, first = x, 0
    for steps in (1, 2, 3, 5, 26):
        in_parts = advance(system, in_parts, steps, first=first)
        first += steps
        for a in range(system.n_dim):
            lower, upper = np.array([system.lower[a], system.upper[a]]).astype(dtype)
            below = np.less if a in system.walled("periodic") else np.less_equal
            assert (lower <= in_parts[a]).all()
            assert below(in_parts[a], upper).all()
    np.testing.assert_array_equal(in_parts, whole)
    for particle in (0, 255, 256, N - 1):
        alone = advance(system, x, 37, low=particle, high=particle + 1)
        np.testing.assert_array_equal(alone[:, particle], whole[:, particle])


@pytest.mark.claim("C09")
def test_turns_make_the_path_of_the_whole_line() -> None:
    system = SYSTEMS["ring"]
    x = start(system)
    got = advance(system, x, 400)
    assert (got[1] == np.round(got[1])).all()
    assert np.abs(got[1]).max() >= 1
    line = euler_maruyama(replace(system, walls={}), x[:1], 1e-2, 400, (12345, 67890))
    np.testing.assert_allclose(unwrapped(system, got), line, rtol=0, atol=1e-10)
    assert np.abs(got[:1] - line).max() > 6


def test_a_drift_of_many_periods_in_a_step_counts_every_turn() -> None:
    """T = 0, so that a place is known: 3 1/4 periods a step, and −3 1/4."""
    system = System(
        energy="-v*x", temperature=0.0, parameters={"v": 3.25}, coordinates=("x",), walls={"x": periodic(0.0, 1.0)}
    )
    x = np.array([[0.0, 0.5, 0.75], [0.0, 0.0, 0.0]])
    ahead = advance(system, x, 2, time_step=1.0)
    np.testing.assert_array_equal(ahead, [[0.5, 0.0, 0.25], [6, 7, 7]])
    back = advance(replace(system, parameters={"v": -3.25}), ahead, 2, time_step=1.0)
    np.testing.assert_array_equal(back, x)


@pytest.mark.claim("C09")
def test_zero_temperature_turns_back_along_the_conormal() -> None:
    """A constant force −K∇E drives 0.3 beyond x = 0: the particle turns back by 0.6 along K n = (1, 0.5)."""
    system = System(
        energy="x",
        mobility=[[1, 0.5], [0.5, 1]],
        temperature=0.0,
        coordinates=("x", "y"),
        walls={"x": reflecting(0.0, 2.0)},
    )
    got = advance(system, np.array([[0.7], [0.0]]), 1, time_step=1.0)
    np.testing.assert_allclose(got, [[0.3], [-0.5 + 0.3]], rtol=0, atol=1e-15)
    opposite = advance(replace(system, energy="-x"), np.array([[1.3], [0.0]]), 1, time_step=1.0)
    np.testing.assert_allclose(opposite, [[1.7], [0.5 - 0.3]], rtol=0, atol=1e-15)


def test_a_step_longer_than_the_domain_loses_that_particle_and_no_other() -> None:
    """E = −a x⁴/4 throws far particles over both walls; the others go on as without them."""
    system = replace(SYSTEMS["segment"], energy="-x**4*a/4", temperature=0.0, parameters={"a": 1.0}, mobility=1.0)
    system = replace(system, walls={"x": reflecting(-10.0, 10.0)})
    x = np.array([[0.1, 9.0, -0.2, -8.0, 0.3]])
    got = advance(system, x, 3, time_step=0.1)
    np.testing.assert_array_equal(np.isnan(got), [[False, True, False, True, False]])
    kept = advance(system, np.ascontiguousarray(x[:, ::2]), 3, time_step=0.1)
    np.testing.assert_array_equal(got[:, ::2], kept)


@pytest.mark.claim("C09")
@pytest.mark.parametrize("correlation", [0.9, -0.9, 0.99, -0.99])
def test_corners_lose_no_particle(correlation: float) -> None:
    """Mirrors at an angle of 26° and 8°: a particle may need 7 reflections and 22."""
    system = replace(SYSTEMS["corners"], mobility=[["a", "c"], ["c", "a"]], parameters={"a": 1.0, "c": correlation})
    x = 2 * np.random.default_rng(1).random((2, 20_000)) - 1
    x = advance(system, x, 200, time_step=1e-3)
    assert (np.abs(x) <= 1).all()
    # A step longer than the domain is lost here too.
    lost = np.isnan(advance(system, x, 1, time_step=4.0)).any(axis=0)
    assert 0.1 < lost.mean() < 0.9
