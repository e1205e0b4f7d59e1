"""Neurons and noisy synapses: the energy that falls, the joint law, and the law of slow synapses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument

T, KAPPA = 0.25, 0.8
NODE, WEIGHT = np.polynomial.legendre.leggauss(120)


@pytest.mark.claim("E26")
def test_the_energy_of_neurons_and_synapses_falls() -> None:
    """At T = 0, of 200 paths of 4 units and 6 couplings; they end in fixed points, where κ w = y yᵀ."""
    system = networks.noisy_synapses(4, temperature=0.0, stiffness=0.5, time_scale=2.0)
    rng = np.random.default_rng(0)
    start = np.concatenate([rng.uniform(-0.9, 0.9, (200, 4)), rng.normal(size=(200, 6))], axis=1)
    ds = lk.simulate(system, initial=start, time_step=0.05, n_steps=8000, save_every=40, save_positions=True)
    E = np.stack([system.energy_at(x) for x in ds.position.values])
    assert (np.diff(E, axis=0) < 1e-12).all()
    assert (E[0] - E[-1]).min() > 0.01
    y, w = np.split(ds.position[-1].values, [4])
    first, second = np.triu_indices(4, 1)
    np.testing.assert_allclose(0.5 * w, y[first] * y[second], atol=1e-6)
    assert np.abs(w).max() > 1


def slow(T_w: float) -> tuple[np.ndarray, np.ndarray]:
    """w and its weights q(w) for one pair of units, Z(w) by quadrature over both."""
    y = np.stack(np.meshgrid(NODE, NODE, indexing="ij"))
    bare = sum(((1 + x) * np.log((1 + x) / 2) + (1 - x) * np.log((1 - x) / 2)) / 2 for x in y)
    w = np.linspace(-6, 6, 1201)
    z = np.array([np.outer(WEIGHT, WEIGHT).ravel() @ np.exp((a * y[0] * y[1] - bare).ravel() / T) for a in w])
    q = np.exp(-KAPPA * w**2 / 2 / T_w) * z ** (T / T_w)
    return w, q / q.sum()


@pytest.mark.parametrize(("T_w", "tau"), [(0.25, 1.0), (0.12, 40.0), pytest.param(0.5, 40.0, marks=pytest.mark.slow)])
def test_synapses_have_the_law_of_replicas(T_w: float, tau: float) -> None:
    """⟨w²⟩ and ⟨|w|⟩ of one pair within 4.4 s.e. (+ 1 % of τ = 40): at T_w = T whatever τ, else for slow ones.

    The law without Z(w), a normal one, and that of the other temperature are off by more than 10.
    """
    system = networks.noisy_synapses(2, temperature=T, synaptic_temperature=T_w, stiffness=KAPPA, time_scale=tau)
    steps = int(12 * tau / KAPPA / 0.02)
    ds = lk.simulate(
        system,
        initial=lk.initial.gaussian([0.0, 0.0, 0.0], [1e-4, 1e-4, T_w / KAPPA]),
        n_particles=10_000,
        time_step=0.02,
        n_steps=steps,
        save_every=steps,
        observables={"square": "w @ w", "size": "sum(abs(w))"},
        rng=3,
    )

    def scores(w: np.ndarray, q: np.ndarray) -> list[float]:
        means = {"square": float(w**2 @ q), "size": float(np.abs(w) @ q)}
        allowed = 0.0 if T_w == T else 0.01
        return [
            float(max(0.0, abs(ds[name][-1] - mean) - allowed * mean) / ds[f"{name}_stderr"][-1])
            for name, mean in means.items()
        ]

    assert max(scores(*slow(T_w))) < 4.4
    w, _ = slow(T_w)
    normal = np.exp(-KAPPA * w**2 / 2 / T_w)
    assert max(scores(w, normal / normal.sum())) > 10
    assert max(scores(*slow(0.2))) > 10


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"n": 1}, "n: got 1"),
        ({"activation": "identity"}, "one between two limits"),
        ({"temperature": 0.0, "synaptic_temperature": 0.1}, "with the temperature 0"),
        ({"stiffness": 0.0}, r"stiffness: got 0\.0"),
        ({"time_scale": -1.0}, r"time_scale: got -1\.0"),
        ({"fields": [1.0]}, None),
        ({"fields": [1.0, 2.0, 3.0]}, r"fields: got shape \(3,\)"),
    ],
)
def test_bad_arguments_are_refused(given: dict[str, Any], match: str | None) -> None:
    about = {"n": 2, "temperature": 0.3, **given}
    if match is None:
        networks.noisy_synapses(about.pop("n"), **about)
        return
    with pytest.raises(InvalidArgument, match=match):
        networks.noisy_synapses(about.pop("n"), **about)
