"""Bipartite networks: their energy, what moves each layer, the Boltzmann law, clamped units, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument, NotNormalizable
from langevin_kit.networks._activations import ACTIVATIONS

PAIRS = [("identity", "tanh"), ("tanh", "identity"), ("logistic", "algebraic"), ("leaky_relu", "leaky_hardtanh")]
U = np.random.default_rng(0).normal(size=(4, 3)) / 5
INPUTS, BIAS = np.array([0.3, -0.2, 0.1, 0.4]), np.array([0.1, -0.3, 0.2])
EVERY = ["identity", "tanh", "logistic", "algebraic", "leaky_relu", "leaky_hardtanh"]


def network(visible: str, hidden: str, temperature: float = 0.5, **given: Any) -> lk.System:
    about: dict[str, Any] = {"inputs": INPUTS, "hidden_inputs": BIAS, "time_scales": (0.5, 2.0)}
    return networks.bipartite(U, visible, hidden, temperature=temperature, **{**about, **given})


def potentials(n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(0, 1.5, (4, n)), rng.normal(0, 1.5, (3, n))


def moved(name: str, potential: np.ndarray) -> np.ndarray:
    """What a layer's own coordinates are where its potential is that."""
    f = ACTIVATIONS[name]
    return potential if f.is_unbounded else f.value(potential)


@pytest.mark.parametrize("hidden", EVERY)
@pytest.mark.parametrize("visible", EVERY)
def test_the_energy_is_that_of_the_lagrangians(visible: str, hidden: str) -> None:
    """To 1e-12, whichever coordinates move; up to one number for bounded layers, whose L* may begin elsewhere."""
    v, h = potentials()
    g, f = ACTIVATIONS[visible], ACTIVATIONS[hidden]
    expected = ((v - INPUTS[:, None]) * g.value(v) - g.integral(v)).sum(axis=0)
    expected += ((h - BIAS[:, None]) * f.value(h) - f.integral(h)).sum(axis=0)
    expected -= np.einsum("ir,ij,jr->r", g.value(v), U, f.value(h))
    found = network(visible, hidden).energy_at(np.concatenate([moved(visible, v), moved(hidden, h)]))
    difference = found - expected
    np.testing.assert_allclose(difference, difference[0], atol=1e-10)
    if g.is_unbounded and f.is_unbounded:
        np.testing.assert_allclose(difference, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("visible", "hidden"), [*(pytest.param(*pair, marks=pytest.mark.slow) for pair in PAIRS[:3]), PAIRS[3]]
)
def test_the_flow_is_that_of_the_definition(visible: str, hidden: str) -> None:
    """At T = 0 τ dv/dt = g′ (U f + I − v) of a potential, g′ times that of an output; and E of no path rises."""
    v, h = potentials()
    g, f = ACTIVATIONS[visible], ACTIVATIONS[hidden]
    system = network(visible, hidden, 0.0)
    got = system.force_at(np.concatenate([moved(visible, v), moved(hidden, h)]))
    to_v = (U @ f.value(h) + INPUTS[:, None] - v) * g.slope(g.value(v)) / 0.5
    to_h = (U.T @ g.value(v) + BIAS[:, None] - h) * f.slope(f.value(h)) / 2.0
    np.testing.assert_allclose(got, np.concatenate([to_v, to_h]), rtol=1e-8, atol=1e-10)
    start = np.concatenate([moved(visible, v), moved(hidden, h)]).T.copy()
    ds = lk.simulate(system, initial=start, time_step=0.01, n_steps=40_000, save_every=200, save_positions=True)
    E = np.stack([system.energy_at(x) for x in ds.position.values])
    assert (np.diff(E, axis=0) < 1e-12).all()
    assert (E[0] - E[-1]).min() > 1e-3
    assert np.abs(system.force_at(ds.position[-1].values)).max() < 1e-4


def line(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for a unit's coordinate."""
    node, weight = np.polynomial.legendre.leggauss(400)
    f = ACTIVATIONS[name]
    low, high = (-14.0, 14.0) if f.is_unbounded else (f.lowest, f.highest)
    return low + (high - low) * (1 + node) / 2, weight


@pytest.mark.parametrize(
    ("visible", "hidden"),
    [
        ("tanh", "leaky_hardtanh"),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in [*PAIRS, ("leaky_relu", "leaky_relu")]),
    ],
)
def test_the_law_is_that_of_boltzmann(visible: str, hidden: str) -> None:
    """⟨v⟩, ⟨h⟩, ⟨v h⟩ of two units by quadrature, within 4.4 s.e. (false alarms: 3e-5); at T/4 others."""
    T = 0.6
    system = networks.bipartite([[0.6]], visible, hidden, inputs=0.3, hidden_inputs=-0.2, temperature=T)
    (v, of_v), (h, of_h) = line(visible), line(hidden)
    x = np.stack(np.meshgrid(v, h, indexing="ij"))
    E = system.energy_at(x)
    q = np.outer(of_v, of_h) * np.exp(-(E - E.min()) / T)
    q /= q.sum()
    texts = {"v": ("sum(v)", x[0]), "h": ("sum(h)", x[1]), "vh": ("v @ h", x[0] * x[1]), "square": ("v @ v", x[0] ** 2)}

    def scores(temperature: float) -> list[float]:
        ds = lk.simulate(
            replace(system, temperature=temperature),
            initial=lk.initial.gaussian([0.4, 0.4], 1e-4),
            n_particles=4000,
            time_step=0.02,
            n_steps=1500,
            save_every=1500,
            observables={name: text for name, (text, _) in texts.items()},
            rng=4,
        )
        return [float(abs(ds[name][-1] - (q * of).sum()) / ds[f"{name}_stderr"][-1]) for name, (_, of) in texts.items()]

    assert max(scores(T)) < 4.4
    assert max(scores(T / 4)) > 10


def test_outputs_are_the_inverse_hessian_form_in_other_coordinates() -> None:
    """Potentials with K = (∂²L)⁻¹ and the measure μ = det ∂²L become, with y = g(v), what `bipartite` moves: exactly.

    In potentials the drift is then U f − v + I, without K; with μ = 1 in place of it the law is another.
    """
    parameters = {"U": 0.7, "I": 0.3, "J": -0.2}
    form: dict[str, Any] = {
        "energy": "(v - I)*tanh(v) - log(cosh(v)) + (h - J)*h - h**2/2 - U*tanh(v)*h",
        "mobility": [["cosh(v)**2", 0], [0, 1]],
        "measure": "1/cosh(v)**2",
        "temperature": 0.6,
        "coordinates": ("v", "h"),
        "parameters": parameters,
    }
    potentials = lk.System(**form)
    x = np.random.default_rng(0).normal(0, 0.7, (2, 40))
    v, h = x
    np.testing.assert_allclose(potentials.drift_at(x), [0.7 * h - v + 0.3, 0.7 * np.tanh(v) - h - 0.2], atol=1e-12)
    outputs = potentials.transform({"y": "tanh(v)", "z": "h"}, {"v": "atanh(y)", "h": "z"})
    network = networks.bipartite([[0.7]], "tanh", "identity", inputs=0.3, hidden_inputs=-0.2, temperature=0.6)
    y = np.stack([np.tanh(v), h])
    np.testing.assert_allclose(outputs.drift_at(y), network.drift_at(y), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(outputs.mobility_at(y), network.mobility_at(y), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(outputs.measure_at(y), 1, rtol=1e-12)
    wrong = lk.System(**form | {"measure": 1.0}).transform({"y": "tanh(v)", "z": "h"}, {"v": "atanh(y)", "h": "z"})
    assert np.abs(wrong.drift_at(y) - network.drift_at(y)).max() > 0.1


def test_clamped_units_stay_and_the_others_follow() -> None:
    """Bit for bit; h of linear units has the mean Uᵀ v + J and the variance T, and a mask holds single units."""
    v = np.random.default_rng(3).normal(size=4)
    system = networks.bipartite(U, "identity", "identity", hidden_inputs=BIAS, temperature=0.3, clamped="v")
    start = np.tile(np.concatenate([v, np.zeros(3)]), (20_000, 1))
    about: dict[str, Any] = {"time_step": 0.02, "n_steps": 400, "save_every": 400, "rng": 0, "save_positions": True}
    ds = lk.simulate(system, initial=start, **about)
    last = ds.position[-1].values
    np.testing.assert_array_equal(last[:4], start.T[:4])
    error = np.sqrt(0.3 / 20_000)
    assert np.abs(last[4:].mean(axis=1) - U.T @ v - BIAS).max() < 4.4 * error
    variance = 0.3 / (1 - 0.02 / 2)
    assert np.abs(last[4:].var(axis=1) / variance - 1).max() < 4.4 * np.sqrt(2 / 20_000)
    masked = networks.bipartite(
        U, "identity", "identity", temperature=0.3, clamped=np.array([True, False, True, False])
    )
    ds = lk.simulate(masked, initial=start[:50], **about)
    assert (ds.position[-1].values == start[:50].T).all(axis=1).tolist() == [True, False, True] + [False] * 4


def test_a_start_on_a_kink_is_checked_beside_it() -> None:
    """Patterns of ±1 are where leaky_hardtanh bends, and E has two slopes."""
    network = networks.bipartite(U, "leaky_hardtanh", "leaky_hardtanh", temperature=0.3)
    start = np.random.default_rng(0).choice([-1.0, 1.0], size=(20, 7))
    assert lk.check(network, positions=start.T, time_step=0.05).rates["stiffness"] < 2


def test_which_networks_have_no_law() -> None:
    """At the limit 1/√(s_v s_h) for unbounded layers, not for others, at T = 0, or with a layer clamped."""
    unit = np.eye(2)
    for visible, hidden, limit in (
        ("identity", "leaky_relu", 1.0),
        ("identity", networks.leaky_hardtanh(0.25), 2.0),
        ("leaky_hardtanh", "leaky_hardtanh", 10.0),
    ):
        networks.bipartite(0.99 * limit * unit, visible, hidden, temperature=1.0)
        with pytest.raises(NotNormalizable, match=rf"singular value .* = {limit:g}, with the slopes"):
            networks.bipartite(1.01 * limit * unit, visible, hidden, temperature=1.0)
        networks.bipartite(1.01 * limit * unit, visible, hidden, temperature=0.0)
        networks.bipartite(1.01 * limit * unit, visible, hidden, temperature=1.0, clamped="v")
    networks.bipartite(9 * unit, "identity", "tanh", temperature=1.0)
    # Along the singular vectors E falls without end beyond the limit, and rises below it.
    far = 1e3 * np.array([[1.0, 2.0], [0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    for strength, sign in ((0.99, 1), (1.01, -1)):
        E = networks.bipartite(strength * unit, "identity", "identity", temperature=0.0).energy_at(far)
        assert sign * (E[1] - E[0]) > 0


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"visible": "relu"}, r"activation: got 'relu'.*Z is infinite.*leaky_relu"),
        ({"hidden": "thanh"}, r"activation: got 'thanh'; did you mean 'tanh'"),
        ({"U": np.zeros(3)}, r"U: got shape \(3,\)"),
        ({"inputs": [1.0, 2.0]}, r"inputs: got shape \(2,\); a number or \(4,\)"),
        ({"time_scales": (1.0,)}, r"time_scales: got \(1\.0,\); two"),
        ({"time_scales": (1.0, 0.0)}, r"time_scales\[1\]: got 0\.0"),
        ({"clamped": [True]}, r"clamped: got .*\(4,\) of bool"),
        ({"clamped": "y"}, r"clamped: got 'y'; 'v', 'h'"),
    ],
)
def test_bad_arguments_are_refused(given: dict[str, Any], match: str) -> None:
    about = {"U": U, "visible": "tanh", "hidden": "tanh", **given}
    with pytest.raises(InvalidArgument, match=match):
        networks.bipartite(about.pop("U"), about.pop("visible"), about.pop("hidden"), temperature=1.0, **about)


@pytest.mark.parametrize("slope", [0.0, 1.0, -0.1, np.nan])
@pytest.mark.parametrize("make", [networks.leaky_relu, networks.leaky_hardtanh])
def test_slopes_are_between_0_and_1(make: Any, slope: float) -> None:
    with pytest.raises(InvalidArgument, match=r"slope: got .*(between 0 and 1|finite)"):
        make(slope)
