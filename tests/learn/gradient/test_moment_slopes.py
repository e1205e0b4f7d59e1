"""Slopes of free energies by moments: exact laws of linear units, and the updates of `recall_and_learn`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument, LearningWarning, NonFinite
from langevin_kit.learn import Loss, Moments, energy_slope, recall_and_learn

T, DT = 0.3, 0.05
RNG = np.random.default_rng(0)
U = 0.3 * RNG.normal(size=(3, 2))
N = 400
DATA = RNG.normal(size=(N, 3)) * [1.0, 0.6, 0.4]
INITIAL = np.concatenate([DATA, np.zeros((N, 2))], axis=1)
TIMES = [0.0, 1.0]


def linear(scale: float = 1.0, temperature: float = T) -> lk.System:
    return networks.bipartite(scale * U, "identity", "identity", temperature=temperature)


def test_an_update_of_persistent_and_of_contrastive_chains_is_the_slope() -> None:
    """Bit for bit, with free particles that begin at the data, and where held ones have come to."""
    about: dict[str, Any] = {"n_updates": 1, "learning_rate": 1.0, "time_step": DT, "recall_steps": 20, "check": False}
    for rule in ("likelihood", "contrastive"):
        learned = recall_and_learn(linear(), DATA, rule=rule, rng=5, **about)
        found = Moments(DT, 20).gradient(linear(), INITIAL, TIMES, learn=["U"], rng=5)
        if rule == "contrastive":
            found = Moments(DT, 20, free=found.states[0]).gradient(linear(), INITIAL, TIMES, learn=["U"], rng=5)
        np.testing.assert_array_equal(learned.system.parameters["U"], U - found.parameters["U"])
        np.testing.assert_array_equal(found.states[0].T, learned.recalled)
        np.testing.assert_array_equal(found.states[1].T, learned.chains)
        assert found.loss == pytest.approx(
            linear().energy_at(learned.recalled).mean() - linear().energy_at(learned.chains).mean(), rel=1e-14
        )


def test_slopes_are_those_of_the_likelihood() -> None:
    r"""Of linear units −⟨v vᵀ⟩U + Σ_{vh}, Σ = T (A − ½Δt A²)⁻¹ the law of the steps; in data (1 − UUᵀ) v/N, summed.

    z ≤ 4.4 of 24 seeds (Student's t: 2e-4 each of 9 numbers). Without the negative phase, a control, z is above 10.
    """
    A = np.block([[np.eye(3), -U], [-U.T, np.eye(2)]])
    covariance = T * np.linalg.inv(A - DT / 2 * A @ A)
    positive, negative = -DATA.T @ DATA @ U / N, covariance[:3, 3:]
    of_data = (DATA @ (np.eye(3) - U @ U.T) * DATA).mean(axis=0)
    runs = [Moments(DT, 300).gradient(linear(), INITIAL, TIMES, learn=["U"], rng=seed) for seed in range(24)]

    def score(sampled: Any, exact: np.ndarray) -> float:
        error = np.std(sampled, axis=0, ddof=1) / np.sqrt(len(sampled))
        return float((np.abs(np.mean(sampled, axis=0) - exact) / error).max())

    assert score([run.parameters["U"] for run in runs], positive + negative) < 4.4
    assert score([run.parameters["U"] for run in runs], positive) > 10
    assert score([(run.initial[:, :3] * DATA).sum(axis=0) for run in runs], of_data) < 4.4
    assert all((run.initial[:, 3:] == 0).all() for run in runs)


def test_at_zero_temperature_the_loss_is_the_energy_that_holding_costs() -> None:
    """L = ⟨min_h E(v, h)⟩ − min E, of which the slope in U and in data is exact: by complex steps to 1e-12."""
    found = Moments(DT, 2000).gradient(linear(temperature=0.0), INITIAL, TIMES, learn=["U"])

    def loss(W: np.ndarray, v: np.ndarray) -> Any:
        h = v @ W
        return (v * v).sum() / (2 * N) - (h * h).sum() / (2 * N)  # the free minimum is 0

    assert found.loss == pytest.approx(loss(U, DATA), rel=1e-12)
    for index in np.ndindex(U.shape):
        moved = U.astype(complex)
        moved[index] += 1e-30j
        assert found.parameters["U"][index] == pytest.approx(loss(moved, DATA).imag / 1e-30, abs=1e-12)
    np.testing.assert_allclose(found.initial[:, :3], DATA @ (np.eye(3) - U @ U.T) / N, atol=1e-14)


def test_without_free_particles_there_is_a_warning() -> None:
    """And the slope is ⟨∂E/∂θ⟩ of the held ones."""
    with pytest.warns(LearningWarning, match="without free particles nothing bounds what is learnt"):
        found = Moments(DT, 20, free=None).gradient(linear(), INITIAL, TIMES, rng=1)
    assert found.states.shape == (1, N, 5)
    np.testing.assert_array_equal(found.states[0, :, :3], DATA)
    expected = energy_slope(linear(), found.states[0].T, list(found.parameters))
    assert {"U", "I", "J"} <= set(found.parameters)
    for name, value in expected.items():
        np.testing.assert_allclose(found.parameters[name], value, rtol=1e-13, atol=1e-15)


def test_all_vectors_may_hold_data() -> None:
    """Held particles stay where they are; parameters given count for the system's."""
    system, values = linear(), {"U": 0.5 * U}
    found = Moments(DT, 5, held=("v", "h")).gradient(system, INITIAL, TIMES, parameters=values, learn=["U"], rng=0)
    np.testing.assert_array_equal(found.states[0], INITIAL)
    same = Moments(DT, 5, held=("v", "h")).gradient(linear(0.5), INITIAL, TIMES, learn=["U"], rng=0)
    np.testing.assert_array_equal(found.parameters["U"], same.parameters["U"])


@pytest.mark.parametrize(
    ("about", "given", "match"),
    [
        ({"held": "w"}, {}, r"held: unknown vector 'w'; known are h, v"),
        ({"free": "chains"}, {}, r"free: got 'chains'; 'data', places"),
        ({"free": np.zeros((3, 5))}, {}, r"free: got shape \(3, 5\); \(400, 5\), that of initial"),
        ({"n_steps": 0}, {}, "n_steps: got 0"),
        ({"time_step": -1.0}, {}, "time_step"),
        ({}, {"objective": Loss("v @ v", targets={}).of(linear())}, "objective: got one; .* Give None"),
        ({}, {"learn": ["tau_v"]}, "does not depend on 'tau_v'"),
    ],
)
def test_arguments_are_refused_by_name(about: dict[str, Any], given: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        Moments(**{"time_step": DT, "n_steps": 5, **about}).gradient(linear(), INITIAL, TIMES, **given)


def test_particles_that_run_away_are_named() -> None:
    with pytest.raises(NonFinite, match="smaller time_step"):
        Moments(50.0, 1000).gradient(linear(), INITIAL, TIMES, rng=0)
