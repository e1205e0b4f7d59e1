"""Every landscape of the zoo runs, with the law it has or the reason why it has none."""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import zoo

PLANE = [[2.0, -1.0], [-1.0, 3.0]]
SPACE = [[2.0, -1.0, 0.0], [-1.0, 3.0, 0.5], [0.0, 0.5, 1.0]]
# Name, system, where it starts.
MEMBERS: dict[str, tuple[lk.System, Any]] = {
    "double_well": (zoo.double_well(), [-1.0]),
    "tilted_double_well": (zoo.tilted_double_well(), [-1.0]),
    "rugged_well": (zoo.rugged_well(), [0.0]),
    "muller_brown": (zoo.muller_brown(0.05), [-0.558, 1.442]),
    "mexican_hat": (zoo.mexican_hat(), [1.0, 0.0]),
    "rosenbrock": (zoo.rosenbrock(), [1.0, 1.0]),
    "egg_crate": (zoo.egg_crate(), [0.0, 0.0]),
    "gaussian_mixture": (zoo.gaussian_mixture([[-1.0, 0.0], [1.0, 1.0]]), [0.0, 0.0]),
    "ornstein_uhlenbeck": (zoo.ornstein_uhlenbeck(PLANE), [0.5, 0.5]),
    "ornstein_uhlenbeck in space": (zoo.ornstein_uhlenbeck(SPACE), [0.5, 0.5, 0.5]),
    "lennard_jones_cluster": (zoo.lennard_jones_cluster(3), zoo.lattice(3)),
    "lennard_jones_cluster of seven": (zoo.lennard_jones_cluster(7), zoo.lattice(7)),
}


def run(system: lk.System, start: Any, **changed: Any) -> Any:
    options = {"n_particles": 200, "time_step": 1e-4, "n_steps": 20, "save_every": 10, "rng": 0, **changed}
    return lk.simulate(system, initial=lk.initial.point(start), **options)


def test_every_landscape_is_here() -> None:
    made = {name for name in zoo.__all__ if "System" in str(inspect.signature(getattr(zoo, name)).return_annotation)}
    assert made == {name.split()[0] for name in MEMBERS}


SLOW = {"lennard_jones_cluster of seven", "egg_crate", "rosenbrock", "mexican_hat"}
"""Fourteen coordinates are compiled for twenty seconds; the others are like those that stay."""


@pytest.mark.parametrize("name", [pytest.param(m, marks=pytest.mark.slow if m in SLOW else ()) for m in MEMBERS])
def test_every_landscape_runs(name: str) -> None:
    system, start = MEMBERS[name]
    ds = run(system, start)
    assert ds["mean"].shape == (3, system.n_dim)
    assert np.isfinite(ds.energy).all()
    assert not ds.n_nonfinite.any()
    np.testing.assert_allclose(ds["mean"][0], start, atol=1e-12)
    np.testing.assert_allclose(ds.energy[0], system.energy_at(np.array(start)), rtol=1e-9, atol=1e-9)
    # Noise of 20 steps: Σ_a Var(x_a) = 2 d T t, but for the curvature of the energy, here below a tenth.
    spread = float(np.trace(ds.covariance[-1]))
    expected = 2 * system.n_dim * system.temperature * 20 * 1e-4
    assert spread == pytest.approx(expected, rel=5 * np.sqrt(2 / (200 * system.n_dim)) + 0.1)
    if name.startswith("lennard_jones"):
        assert ds.attrs["boltzmann"].startswith("none: ln Z not known: more than two coordinates and no quadratic")
        assert "kl_divergence" not in ds
    else:
        assert ds.attrs["boltzmann"] == "exp(-E/T)/Z"
        assert "kl_divergence" in ds
    assert json.loads(ds.attrs["run"])["start"] == pytest.approx(list(start), abs=1e-12)


def test_a_cluster_without_its_trap_has_no_law_and_says_so() -> None:
    ds = run(zoo.lennard_jones_cluster(3, confinement=0.0), zoo.lattice(3))
    assert ds.attrs["boltzmann"].startswith("none: E does not rise")
    assert ds.langevin.verdict().state == "cannot tell"


def test_three_coordinates_relax_to_the_law_in_space() -> None:
    """N(0, T k⁻¹) in every covariance, within 5 standard errors √((Σᵢⱼ² + Σᵢᵢ Σⱼⱼ)/N): a false alarm of 5e-6 in all.

    The step's own bias of a variance is at most Δt k/2 = 0.4 %, a tenth of its standard error.
    """
    n, stiffness = 2000, np.array(SPACE)
    ds = run(zoo.ornstein_uhlenbeck(SPACE), [0.5] * 3, n_particles=n, time_step=0.002, n_steps=6000, save_every=6000)
    law = np.linalg.inv(stiffness)
    scale = np.sqrt((law**2 + np.outer(law.diagonal(), law.diagonal())) / n)
    score = np.abs(ds.covariance.values[-1] - law) / scale
    assert score.max() < 5
    assert np.abs((ds.covariance.values[-1] - law * 1.5) / scale).max() > 10
    assert float(ds.kl_divergence[-1]) < float(ds.kl_divergence_floor[-1])
