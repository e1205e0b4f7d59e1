"""Free energies of bipartite networks: against closed forms and quadrature over both layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import learn, networks
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._activations import ACTIVATIONS

U = 0.25 * np.random.default_rng(0).normal(size=(4, 3))
INPUTS, BIAS, T = np.array([0.3, -0.2, 0.1, 0.4]), np.array([0.1, -0.3, 0.2]), 0.5
LINEAR = networks.bipartite(U, "identity", "identity", inputs=INPUTS, hidden_inputs=BIAS, temperature=T)


def test_linear_units_have_closed_forms() -> None:
    """F(v) to 1e-10; ln Z within 4.4 s.e. (false alarms: 1e-5), and that of another network beyond 10."""
    v = np.random.default_rng(1).normal(size=(50, 4))
    field = v @ U + BIAS
    expected = (v**2).sum(axis=1) / 2 - v @ INPUTS - (field**2).sum(axis=1) / 2 - 1.5 * T * np.log(2 * np.pi * T)
    np.testing.assert_allclose(learn.conditional_free_energy(LINEAR, v), expected, atol=1e-10)
    hessian = np.block([[np.eye(4), -U], [-U.T, np.eye(3)]])
    force = np.concatenate([INPUTS, BIAS])
    log_z = force @ np.linalg.solve(hessian, force) / 2 / T - np.linalg.slogdet(hessian / (2 * np.pi * T))[1] / 2
    found = learn.partition(LINEAR, time_step=0.02, n_steps=600, rng=0)
    assert 0 < found.stderr < 0.01
    assert abs(found.log_z - log_z) < 4.4 * found.stderr
    other = learn.partition(
        networks.bipartite(1.5 * U, "identity", "identity", inputs=INPUTS, hidden_inputs=BIAS, temperature=T),
        time_step=0.02,
        n_steps=600,
        rng=0,
    )
    assert abs(other.log_z - log_z) > 10 * other.stderr


@pytest.mark.claim("C19")
def test_recall_lowers_the_free_energy_to_that_of_the_held_units() -> None:
    """F[p, v] = ⟨E⟩ − T H of hidden units that move while v is held: it falls at every saved time, to −T ln ∫ e^(−E/T).

    Of linear units p is normal, so that H follows from the covariance. The end is within 4.4 s.e. and the bias of Δt.
    """
    v, dt, n = np.array([0.5, -1.0, 0.3, 0.8]), 0.02, 20_000
    held = networks.bipartite(U, "identity", "identity", inputs=INPUTS, hidden_inputs=BIAS, temperature=T, clamped="v")
    start = np.concatenate([np.tile(v, (n, 1)), 2 + 0.1 * np.random.default_rng(0).normal(size=(n, 3))], axis=1)
    ds = lk.simulate(held, initial=start, time_step=dt, n_steps=500, save_every=20, save_positions=True, rng=0)
    F = []
    for x in ds.position.values:
        entropy = (3 * np.log(2 * np.pi * np.e) + np.linalg.slogdet(np.cov(x[4:]))[1]) / 2
        F.append(held.energy_at(x).mean() - T * entropy)
    (least,) = learn.conditional_free_energy(LINEAR, v[None])
    error = T * np.sqrt(1.5 / n)  # of ⟨E⟩: three squares of variance T
    assert (np.diff(F) < 4.4 * 2**0.5 * error).all()
    assert (np.diff(F[:6]) < -10 * error).all()
    r = 1 / (1 - dt / 2)
    assert abs(F[-1] - least - 1.5 * T * (r - 1 - np.log(r))) < 4.4 * error
    assert min(F) > least - 4.4 * error


def quadrature(name: str) -> tuple[np.ndarray, np.ndarray]:
    f = ACTIVATIONS[name]
    node, weight = np.polynomial.legendre.leggauss(500)
    edges = np.array([-24.0, -1.0, 0.0, 1.0, 24.0]) if f.is_unbounded else np.array([f.lowest, f.highest])
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + node)).ravel(), (half * weight).ravel()


@pytest.mark.parametrize(
    ("visible", "hidden"), [("tanh", "leaky_hardtanh"), ("leaky_relu", "logistic"), ("identity", "algebraic")]
)
def test_other_units_by_quadrature_over_both(visible: str, hidden: str) -> None:
    """F(v) to 1e-7; ln Z of one pair within 4.4 s.e."""
    system = networks.bipartite([[0.7]], visible, hidden, inputs=0.3, hidden_inputs=-0.2, temperature=T)
    (v, of_v), (h, of_h) = quadrature(visible), quadrature(hidden)
    some = v[::50]
    x = np.stack(np.meshgrid(some, h, indexing="ij"))
    expected = -T * np.log(np.exp(-system.energy_at(x.reshape(2, -1)).reshape(x.shape[1:]) / T) @ of_h)
    found = learn.conditional_free_energy(system, some[:, None])
    np.testing.assert_allclose(found, expected, atol=1e-7)
    if visible == "tanh":
        log_z = np.log(np.exp(-learn.conditional_free_energy(system, v[:, None]) / T) @ of_v)
        made = learn.partition(system, time_step=0.02, n_steps=2000, rng=0)
        assert abs(made.log_z - log_z) < 4.4 * made.stderr
        assert made.slope[-1] < made.slope[0] - 10 * made.stderr


@pytest.mark.parametrize(("given", "match"), [({"time_step": -1.0}, "time_step"), ({"n_chains": 0}, "n_chains")])
def test_bad_arguments_of_an_integration_are_refused(given: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{match}: got"):
        learn.partition(LINEAR, **{"time_step": 0.1, **given})


@pytest.mark.parametrize(
    ("system", "match"),
    [
        (networks.bipartite(U, temperature=0.0), "got T = 0"),
        (lk.System(coordinates={"v": 2, "h": 2}, energy="v @ v + h @ h", temperature=1.0), "got 'U'"),
        (
            lk.System(
                coordinates={"v": 2, "h": 2},
                energy="v @ v + h @ h + (h @ h)**2 - v @ (U @ h)",
                temperature=1.0,
                parameters={"U": np.eye(2)},
            ),
            "see each other",
        ),
        (
            lk.System(coordinates={"v": 2}, energy="v @ (U @ v)", temperature=1.0, parameters={"U": np.eye(2)}),
            "that of two layers",
        ),
    ],
)
def test_other_energies_are_refused(system: Any, match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        learn.conditional_free_energy(system, np.zeros((3, 2 if system.n_dim < 7 else 4)))
    with pytest.raises(InvalidArgument, match=match):
        learn.partition(system, time_step=0.1)
