"""Steps to absorbing walls against NumPy: who is absorbed, where and when; their bits and limits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit import System, absorbing, periodic, reflecting
from langevin_kit.codegen import stepper
from langevin_kit.codegen.cuda import draws
from langevin_kit.codegen.pointwise import stepper_source
from langevin_kit.errors import InvalidArgument
from langevin_kit.schemes import EulerMaruyama, Scheme
from langevin_kit.testing.numpy_reference import _coloured, numbers_of_step, philox

States = NDArray[np.floating]

KEY = (np.uint32(12345), np.uint32(67890))
N, DT = 600, 2.5e-3
SYSTEMS = {
    "segment": System(energy="a*x", mobility="1 + x**2", temperature=1.0, parameters={"a": -2.0},
                      walls={"x": absorbing(0.0, 1.0)}),
    "half line": System(energy="x + x**2/8", mobility="1/(1 + x**2)", temperature=0.5, walls={"x": absorbing(0.0)}),
    "strip": System(
        energy="sin(2*pi*y)*cos(pi*x)",
        mobility=[["1 + x**2*y*(1 - y)", "0.8*cos(x)*cos(2*pi*y)"], ["0.8*cos(x)*cos(2*pi*y)", "1"]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": absorbing(upper=1.0), "y": periodic(0.0, 1.0)},
    ),
    "square": System(
        energy="x + y/2",
        mobility=[["1 + y**2", 0], [0, 2]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": absorbing(-1.0, 1.0), "y": absorbing(-1.0, 1.0)},
    ),
}  # fmt: skip


def start(system: System, dtype: str = "float64", n: int = N) -> States:
    u = np.random.default_rng(3).random((system.n_dim, n))
    for a, name in enumerate(system.names):
        low, high = np.clip([system.walls[name].lower, system.walls[name].upper], -1, 1)
        u[a] = low + (high - low) * u[a]
    return np.concatenate([u, np.zeros((system.n_rows - system.n_dim, n))]).astype(dtype)


def advance(
    system: System,
    x: States,
    n_steps: int,
    *,
    first: int = 0,
    low: int = 0,
    high: int | None = None,
    block: int = 256,
    scheme: Scheme = EulerMaruyama(),  # noqa: B008
) -> States:
    x = x.copy()
    module = stepper(system, scheme, str(x.dtype))
    high = x.shape[1] if high is None else high
    module.advance(x, low, high, block, first, n_steps, system.values, DT, system.temperature, *KEY)
    return x


def reference(system: System, x: States, n_steps: int) -> States:
    """The same by NumPy: each wall has a bridge of its own."""
    d, walled = system.n_dim, system.walled("absorbing")
    steps, calls = EulerMaruyama().group(d, "float64")
    x, gone = x[:d].copy(), np.zeros(x.shape[1])
    p = np.arange(x.shape[1], dtype=np.uint64)
    for k in range(n_steps):
        t = k * DT
        z = numbers_of_step(EulerMaruyama().noise, np.arange(x.shape[1]), k, d, KEY)
        noise = np.sqrt(2 * system.temperature * DT) * _coloured(system, x, t, z)
        y = x + system.drift_at(x, t) * DT + noise
        met = np.zeros(len(gone), bool)
        for j, a in enumerate(walled):
            call, word = divmod(k % steps * len(walled) + j, 4)
            address = [np.full_like(p, c) for c in (0, k // steps * calls + call, 3)]
            u = (philox((p, *address), KEY)[word] + 0.5) * 2.0**-32
            for sign, bound in ((1, system.lower[a]), (-1, system.upper[a])):
                if np.isfinite(bound):
                    before, after = sign * (x[a] - bound), sign * (y[a] - bound)
                    spread = 2 * system.temperature * DT * system.mobility_at(x, t)[a, a]
                    nearer = before * after < np.prod(
                        [system.upper[a] + system.lower[a] - bound - v for v in (x[a], y[a])], axis=0
                    )
                    meets = (after <= 0) | (nearer & (u < np.exp(-2 * before * after / spread)))
                    y[a][meets] = bound
                    met |= meets
        for a in system.walled("periodic"):
            y[a] = system.lower[a] + np.mod(y[a] - system.lower[a], system.walls[system.names[a]].length)
        x = np.where(gone > 0, x, y)
        gone = np.where((gone == 0) & met, t + DT / 2, gone)
    return np.concatenate([x, gone[None]])


@pytest.mark.parametrize("name", SYSTEMS)
def test_paths_equal_the_numpy_reference(name: str) -> None:
    system, x = SYSTEMS[name], start(SYSTEMS[name])
    got, expected = advance(system, x, 25), reference(system, x, 25)
    np.testing.assert_allclose(got[-1], expected[-1], rtol=1e-14)
    np.testing.assert_allclose(got[: system.n_dim], expected[:-1], rtol=0, atol=1e-11)
    assert 0.05 < (got[-1] > 0).mean() < 0.95


@pytest.mark.parametrize(("name", "dtype"), [*((name, "float64") for name in SYSTEMS), ("square", "float32")])
def test_absorbed_particles_stay_at_the_wall_and_bits_do_not_depend_on_the_split(name: str, dtype: str) -> None:
    system, x = SYSTEMS[name], start(SYSTEMS[name], dtype)
    middle, whole = advance(system, x, 7), advance(system, x, 25)
    gone = middle[-1] > 0
    assert (middle[:, gone] == whole[:, gone]).all()
    at_wall = [whole[a] == getattr(system, side)[a].astype(dtype) for a, side in system.absorbers]
    assert (np.any(at_wall, axis=0) == (whole[-1] > 0)).all()
    inside = [np.abs(whole[a] - np.clip(whole[a], *np.array([system.lower[a], system.upper[a]], dtype))) for a in (0,)]
    assert not np.any(inside)
    parts = advance(system, middle, 18, first=7, high=300, block=256)
    parts = advance(system, parts, 18, first=7, low=300, block=512)
    assert parts.tobytes() == whole.tobytes()


def test_at_zero_temperature_the_ends_of_steps_decide() -> None:
    system = System(energy="-x", temperature=0.0, walls={"x": absorbing(upper=5.5 * DT)})
    got = advance(system, start(SYSTEMS["segment"], n=1) * 0.0, 9)
    np.testing.assert_allclose(got[:, 0], [5.5 * DT, 5.5 * DT], rtol=1e-15)


def test_functions_are_taken_as_texts_are() -> None:
    system = System(
        energy=lambda x, a: a * x,
        mobility=lambda x: 1 + x * x,
        temperature=1.0,
        parameters={"a": -2.0},
        walls={"x": absorbing(0.0, 1.0)},
    )
    x = start(system)
    got, expected = advance(system, x, 25), advance(SYSTEMS["segment"], x, 25)
    np.testing.assert_array_equal(got[1], expected[1])
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-12)


def test_one_of_two_walls_may_reflect() -> None:
    """As half of the segment between two absorbing walls, about whose middle all is even: the same passages."""
    half = System(energy="x**2", temperature=1.0, walls={"x": absorbing(0.0, 1.0, reflects="lower")})
    whole = System(energy="x**2", temperature=1.0, walls={"x": absorbing(-1.0, 1.0)})
    x = np.concatenate([np.linspace(0.01, 0.9, N)[None], np.zeros((1, N))])
    got, expected = advance(half, x, 1), advance(whole, x, 1)
    np.testing.assert_array_equal(got[1], expected[1])
    np.testing.assert_array_equal(got[0], np.abs(expected[0]))
    later = advance(half, x, 400)
    assert ((later[0] == 1) == (later[1] > 0)).all()
    assert (later[0] >= 0).all()
    assert 0.1 < (later[1] > 0).mean() < 0.95
    with pytest.raises(InvalidArgument, match=r"reflects = 'upper'; .* two finite absorbing walls"):
        absorbing(0.0, reflects="upper")


def test_absorbing_and_reflecting_walls_of_two_coordinates() -> None:
    """K n leads along the other coordinate: a reflection may carry a particle to the wall that absorbs it."""
    system = System(
        energy=0.0,
        mobility=[[1, 0.9], [0.9, 1]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": absorbing(-1.0, 1.0), "y": reflecting(-1.0, 1.0)},
    )
    got = advance(system, start(system), 150)
    assert (np.abs(got[:2]) <= 1).all()
    assert ((np.abs(got[0]) == 1) == (got[2] > 0)).all()
    assert 0.3 < (got[2] > 0).mean() < 0.9


def test_halved_steps_have_uniform_numbers_of_their_own() -> None:
    """A group of them has twice as many steps as its calls serve: eight in float32, four of which a call serves."""
    for scheme, later in ((EulerMaruyama(halved=True), 1), (EulerMaruyama(), 0)):
        calls, _ = draws(SYSTEMS["segment"], scheme, "float32", "{}", "{call} {stream}")
        source = stepper_source(SYSTEMS["segment"], scheme, "float32")
        assert sum(call.endswith("STREAM_UNIFORM") for call in calls) == 1
        assert sum(call.endswith("STREAM_UNIFORM_LATER") for call in calls) == later
        assert f"for c in range({1 + later}):\n{' ' * 16}call = np.uint32((k // {4 + 4 * later})*1 + c % 1)" in source
    system, x, halved = SYSTEMS["segment"], start(SYSTEMS["segment"], "float32"), EulerMaruyama(halved=True)
    split = advance(system, advance(system, x, 11, scheme=halved), 14, first=11, scheme=halved)
    whole = advance(system, x, 25, scheme=halved)
    assert split.tobytes() == whole.tobytes()
