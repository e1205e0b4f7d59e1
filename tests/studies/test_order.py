"""Orders of schemes: exact ones of any torus and temperature; sampled ones against the exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.schemes import scheme_from
from langevin_kit.studies import Oracle, Torus
from langevin_kit.studies._sampled import Sampler

STEPS = (0.1, 0.05, 0.025)
RING = {"x": lk.periodic(0.0, 2 * np.pi)}
SYSTEM = lk.System(energy="1.2*cos(x) + 0.4*sin(2*x)", mobility="1 + 0.6*sin(x)", temperature=1.0, walls=RING)
LINE = lk.System(energy="x**2/2", mobility="1/(1 + x**2)", temperature=0.5)


def test_averages_of_any_period_and_temperature() -> None:
    """The same equation in other units of length, energy and mobility, and with a parameter, has the same biases."""
    other = lk.System(
        energy="2*(a*cos(3*x) + 0.4*sin(6*x))",
        mobility="(1 + 0.6*sin(3*x))/18",
        temperature=2.0,
        parameters={"a": 1.2},
        walls={"x": lk.periodic(-np.pi / 3, np.pi / 3)},
    )
    schemes = ["euler_maruyama", "platen", "pvd2"]
    first, second = (lk.order_study(system, schemes, time_steps=STEPS) for system in (SYSTEM, other))
    np.testing.assert_allclose(second.bias, first.bias, rtol=1e-4)
    expected = [[5.48e-2, 2.48e-2, 1.18e-2], [6.56e-3, 1.44e-3, 3.28e-4], [1.185e-3, 3.03e-4, 7.96e-5]]
    np.testing.assert_allclose(first.bias, expected, rtol=5e-3)
    assert (first.bias_error < 1e-3 * first.bias).all()
    assert (first.method == "exact").all()
    assert (abs(first.order - first.expected_order) < 4 * first.order_error).all()
    assert (first.order_error < 0.2).all()


def test_a_discrete_noise_has_its_own_bias() -> None:
    given: list[Any] = ["platen", {"name": "platen", "noise": "three_point"}, {"name": "platen", "noise": "rademacher"}]
    ds = lk.order_study(SYSTEM, given, time_steps=STEPS)
    assert ds.scheme.values.tolist() == ["platen", "platen, three_point", "platen, rademacher"]
    assert ds.expected_order.values.tolist() == [2, 2, 1]
    assert ds.order[1] == pytest.approx(2, abs=0.25)
    assert ds.order[2] < 1.3


def test_two_coordinates_with_an_extra_drift() -> None:
    """The law is no Boltzmann law then: it is the null vector of the generator."""
    walls = {"x": lk.periodic(0.0, 2 * np.pi), "y": lk.periodic(0.0, 2 * np.pi)}
    cross = "0.5*sin(x - y)"
    system = lk.System(
        energy="cos(x) + 0.5*sin(y)",
        mobility=[["1 + 0.2*sin(x)", cross], [cross, "1 + 0.2*cos(y)"]],
        drift=["0.7*cos(y)", "0.4"],
        temperature=1.0,
        coordinates=("x", "y"),
        walls=walls,
    )
    ds = lk.order_study(system, ["euler_maruyama"], time_steps=STEPS)
    assert float(ds.order[0]) == pytest.approx(1.0, abs=0.1)


def test_sampled_transients_are_the_exact_ones() -> None:
    """How far halving moves the mean of each function, within 4.5 standard errors (of 9: a false alarm of 6e-5)."""
    exact = {}
    for name in ("euler_maruyama", "platen"):
        flat = lk.System(**{**SYSTEM.to_dict(), "walls": {}})
        oracle = Oracle(flat, scheme_from(name), Torus.of_circles(1))
        at = {n: oracle.transients(0.5 / n, n, [0.9], 96, 40) for n in (5, 10, 20, 40)}
        exact[name] = np.array([at[n] - at[2 * n] for n in (5, 10, 20)])
    start, seed = np.array([0.9]), np.random.SeedSequence(1)
    known = Sampler(SYSTEM, "transients", np.array(STEPS), 0.5, start, 40_000, seed, "float64", "cpu")
    gaps = np.stack([known._gaps(scheme_from("euler_maruyama"), dt) for dt in STEPS])
    mean, stderr = gaps.mean(axis=1), gaps.std(axis=1, ddof=1) / np.sqrt(gaps.shape[1])
    assert (abs(mean - exact["euler_maruyama"]) < 4.5 * stderr).all()
    # Another scheme's are told apart, at each time step.
    assert (abs(mean - exact["platen"]) > 6 * stderr).any(axis=1).all()


def test_orders_along_paths() -> None:
    ds = lk.order_study(
        LINE, ["euler_maruyama", "milstein"], time_steps=(0.05, 0.025, 0.0125), kind="paths", time=0.5, start=0.7,
        n_particles=4000, rng=1,
    )  # fmt: skip
    assert (ds.method == "sampled").all()
    assert ds.expected_order.values.tolist() == [0.5, 1.0]
    assert float(ds.order[0]) == pytest.approx(0.5, abs=0.2)
    assert float(ds.order[1]) == pytest.approx(1.0, abs=0.1)
    assert (ds.bias > 10 * ds.bias_error).all()
    assert ds.attrs["time"] == 0.5
    assert ds.bias.attrs["long_name"] == "change of paths (root mean square) when Δt is halved"


def test_paths_on_a_ring_are_as_far_apart_as_off_it() -> None:
    """One of the two may have gone round the ring where the other has not yet."""
    flat = lk.System(**{**SYSTEM.to_dict(), "walls": {}})
    ring, line = (
        lk.order_study(s, ["euler_maruyama"], time_steps=STEPS, kind="paths", time=0.5, n_particles=500, rng=1)
        for s in (SYSTEM, flat)
    )
    np.testing.assert_allclose(ring.bias, line.bias, rtol=1e-9)
    np.testing.assert_allclose(ring.order_error, line.order_error, rtol=1e-6)


def test_sampled_averages_of_an_unbounded_coordinate() -> None:
    """Of a harmonic well the variance is T/(1 − Δt/2): u² moves by Δt/4 when Δt is halved, u by nothing."""
    well = lk.System(energy="x**2/2", temperature=0.5)
    ds = lk.order_study(well, ["euler_maruyama"], time_steps=(0.4, 0.2, 0.1), time=8.0, n_particles=20_000, rng=1)
    dt = ds.time_step.values
    moved = (1 / (1 - dt / 2) - 1 / (1 - dt / 4)) * (1 - dt[-1] / 4)
    assert (abs(ds.bias[0] - moved) < 4.5 * ds.bias_error[0]).all()
    assert (ds.bias[0] > 10 * ds.bias_error[0]).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"time_steps": (0.1, 0.05)}, "time_steps: .*three different positive numbers"),
        ({"time_steps": (0.1, 0.05, 0.0)}, "time_steps: .*three different positive numbers"),
        ({"kind": "path"}, "kind: got 'path'; did you mean 'paths'"),
        ({"kind": "transients"}, "time: got None"),
        ({"kind": "transients", "time": 0.33}, "time: got 0.33, which is no whole number of time steps 0.1"),
        ({"kind": "paths", "time": 0.5, "n_particles": 3}, "n_particles: got 3; 20 at least"),
        ({"start": (1.0, 2.0)}, "start: got .*one finite number, or 1"),
        ({"schemes": ["leimkuhler_matthews"]}, "K must not depend on position"),
        ({"schemes": ["mala"]}, "'mala', whose averages have no bias"),
        ({"schemes": "heun"}, "a sequence of schemes"),
        ({"schemes": []}, "schemes: got none"),
        ({"schemes": [{"name": "heun", "halved": True}]}, "the study halves steps itself"),
    ],
)
def test_what_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        lk.order_study(SYSTEM, **{"time_steps": STEPS, **given})


@pytest.mark.parametrize(
    ("system", "said"),
    [
        (lk.System(energy="x**2", temperature=0.0), "temperature: got 0"),
        (lk.System(energy="v @ v", temperature=1.0, coordinates={"v": 3}), "a vector of coordinates"),
        ("x**2", "system: got str"),
    ],
)
def test_systems_that_are_refused(system: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        lk.order_study(system, time_steps=STEPS)
