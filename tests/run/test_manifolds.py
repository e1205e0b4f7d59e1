"""Runs of vectors that return to a manifold: what is kept, and what goes wrong by name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meters import Steps

import langevin_kit as lk
from langevin_kit.cli.summary import equation
from langevin_kit.errors import InvalidArgument, InvalidScenario, NonFinite, NotNormalizable
from langevin_kit.networks import layer
from langevin_kit.scenario import load

H = layer("softmax", "h", 3)
SYSTEM = lk.System(
    coordinates={"v": 2, "h": 3},
    energy=f"v @ v/2 + {H.energy} - v @ (U @ h)",
    mobility={"v": 1, "h": H.mobility("1/tau")},
    retraction={"h": H.retraction},
    temperature=0.5,
    parameters={"U": np.array([[1.2, -0.5, 0.1], [-0.3, 0.8, -0.9]]), "tau": 0.7},
)
START = np.concatenate([np.random.default_rng(1).normal(size=(300, 2)), np.full((300, 3), 1 / 3)], axis=1)
RUN: dict[str, Any] = {
    "initial": START,
    "time_step": 0.01,
    "n_steps": 60,
    "save_every": 10,
    "rng": 3,
    "save_positions": True,
}


def test_a_path_is_replayed_and_a_run_resumed(tmp_path: Path, eager: None) -> None:
    """With the bits of the whole, under other threads too."""
    whole = lk.simulate(SYSTEM, **RUN)
    np.testing.assert_allclose(whole.position.values[:, 2:].sum(axis=1), 1, rtol=0, atol=5e-16)
    for k in (0, 123):
        path = lk.replay(whole, k)
        np.testing.assert_array_equal(path.position.values[::10, :, 0], whole.position.values[:, :, k])
    threads = lk.simulate(SYSTEM, **RUN, backend=lk.CPU(threads=2, block_size=512))
    np.testing.assert_array_equal(threads.position, whole.position)
    with pytest.raises(KeyboardInterrupt):
        lk.simulate(SYSTEM, **RUN, store=tmp_path / "run.zarr", progress=Steps(25))
    assert lk.open(tmp_path / "run.zarr").sizes["time"] < whole.sizes["time"]
    lk.resume(tmp_path / "run.zarr")
    stored = lk.open(tmp_path / "run.zarr")
    np.testing.assert_array_equal(stored.position, whole.position)
    assert stored.langevin.system.to_dict() == SYSTEM.to_dict()
    assert "kl_divergence" not in whole
    assert "returns to a manifold" in whole.attrs["boltzmann"]


def test_a_system_is_built_again_from_its_dict() -> None:
    data = SYSTEM.to_dict()
    assert data["retraction"] == {"h": H.retraction}
    again, copied = lk.System(**data), pickle.loads(pickle.dumps(SYSTEM))
    assert again.content.fingerprint == SYSTEM.content.fingerprint == copied.content.fingerprint
    other = lk.System(**{**data, "retraction": {"h": "abs(h)/sum(abs(h))"}})
    assert other.content.fingerprint != SYSTEM.content.fingerprint
    mobility = {"v": 1, "h": {**H.mobility("1/tau"), "divergence": "0"}}
    assert lk.System(**{**data, "mobility": mobility}).content.fingerprint != SYSTEM.content.fingerprint
    assert "retraction" not in lk.System(energy="x**2", temperature=1.0).to_dict()
    words = equation(data)
    assert f"K of h = R Rᵀ, R z = sqrt(1/tau)*({H.root})" in words
    assert f"h returns to {H.retraction}" in words


def test_particles_start_on_the_manifold() -> None:
    """Wherever a law draws them; not where the retraction has no value."""
    drawn = lk.initial.gaussian([0.0] * 5, 1.0)
    ds = lk.simulate(SYSTEM, **{**RUN, "initial": drawn, "n_particles": 50, "n_steps": 10})
    np.testing.assert_allclose(ds.position.values[0, 2:].sum(axis=0), 1, rtol=0, atol=5e-16)
    assert (ds.position.values[0, 2:] > 0).all()
    path = lk.replay(ds, 7)
    np.testing.assert_array_equal(path.position.values[0, :, 0], ds.position.values[0, :, 7])
    sphere = lk.System(
        coordinates={"y": 3},
        energy=0.0,
        mobility={"root": "z - y*(y @ z)", "divergence": "-2*y"},
        retraction={"y": "y/sqrt(y @ y)"},
        temperature=1.0,
    )
    with pytest.raises(InvalidArgument, match=r"particle 1 starts at .*, from where the retraction leads to no finite"):
        lk.simulate(sphere, initial=np.array([[1.0, 0, 0], [0, 0, 0]]), time_step=0.01, n_steps=1)


def test_there_is_no_law_on_the_whole_space() -> None:
    """A circle in the plane, whose energy is linear: neither its quadrature nor that of a Gaussian is meant."""
    circle = lk.System(
        coordinates={"y": 2},
        energy="y @ y",
        mobility={"root": "z - y*(y @ z)", "divergence": "-y"},
        retraction={"y": "y/sqrt(y @ y)"},
        temperature=1.0,
    )
    with pytest.raises(NotNormalizable, match="'y' returns to a manifold after each step"):
        lk.boltzmann(circle)
    report = lk.check(circle, positions=np.array([[1.0], [0.0]]), time_step=0.01)
    assert report.law is None
    assert report.mobility_range == pytest.approx((0.0, 1.0), abs=1e-12)
    disc = lk.System(**{**circle.to_dict(), "retraction": {}, "mobility": 1.0})
    assert lk.boltzmann(disc).log_z == pytest.approx(np.log(np.pi), abs=1e-9)  # the control: of the plane


def test_check_refuses_what_is_no_manifold() -> None:
    def changed(**changes: Any) -> lk.System:
        return lk.System(**{**SYSTEM.to_dict(), **changes})

    lk.check(SYSTEM, positions=START.T, time_step=0.01)
    with pytest.raises(InvalidArgument, match=r"mobility: at .* the noise leads off the manifold by .* of "):
        lk.check(changed(mobility={"v": 1, "h": {"root": "sqrt(h)*z", "divergence": 1.0}}), positions=START.T)
    with pytest.raises(InvalidArgument, match=r"retraction: the place .*, to which it leads, is moved by"):
        lk.check(changed(retraction={"h": "(1 + abs(h))/sum(1 + abs(h))"}), positions=START.T)
    with pytest.raises(InvalidArgument, match="divergence of the mobility: component 'h"):
        lk.check(
            changed(mobility={"v": 1, "h": {**H.mobility("1/tau"), "divergence": "(1 - 4*h)/tau"}}), positions=START.T
        )


def test_a_step_that_is_too_long_is_an_error_that_names_it() -> None:
    """From a ball so far that its mirror leads out again on the other side."""
    own = layer("spherical", "y", 3, epsilon=0.5)
    pushed = lk.System(
        coordinates={"y": 3},
        energy=own.energy,
        mobility=own.mobility(),
        drift="b",
        retraction={"y": own.retraction},
        temperature=0.1,
        parameters={"b": [400.0, 0.0, 0.0]},
    )
    with pytest.raises(NonFinite, match="particle 0 is not finite after step 2"):
        lk.simulate(pushed, initial=np.zeros((4, 3)), time_step=0.01, n_steps=5, check=False)


SCENARIO = """
title = "A softmax layer"

[system]
energy = "h @ log(h) - J @ h"
temperature = 0.5
coordinates = { h = 3 }
parameters = { J = [0.6, -0.4, 0.2] }
mobility = { root = "sqrt(h)*z - h*(sqrt(h) @ z)", divergence = "1 - 3*h" }
retraction = { h = "(abs(h) + 1e-30)/sum(abs(h) + 1e-30)" }

[initial]
kind = "gaussian"
mean = 0.3
covariance = 0.01

[run]
n_particles = 100
time_step = 0.01
n_steps = 10
seed = 0
"""


def test_a_scenario_knows_roots_and_retractions(tmp_path: Path) -> None:
    path = tmp_path / "softmax.toml"
    path.write_text(SCENARIO)
    system = load(path).system
    assert system.retraction == {"h": "(abs(h) + 1e-30)/sum(abs(h) + 1e-30)"}
    y = np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(system.mobility_at(y), np.diag(y) - np.outer(y, y), atol=1e-15)
    for old, new in (("sqrt(h)*z - h", "sqrt(h)*z*z - h"), ("retraction = { h", "retraction = { g")):
        path.write_text(SCENARIO.replace(old, new))
        with pytest.raises(InvalidScenario, match=r"must be linear|no vector"):
            load(path)
