"""The figure of a network: what it shows are the run's numbers, and nothing overlaps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from figures import overlapping
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidStore
from langevin_kit.plot import overview, recall

XI = np.random.default_rng(0).choice([-1.0, 1.0], (3, 16))
SPINS = lk.SpinSystem(couplings=networks.hebb(XI), temperature=0.3, parameters={"patterns": XI})


def spins(**changed: Any) -> xr.Dataset:
    options: dict[str, Any] = {"initial": lk.initial.patterns(XI, 0.2), "n_particles": 30, "save_positions": True}
    options |= {"time_step": 1.0, "n_steps": 10, "rng": 0, "title": "Sixteen spins, 5 % off: $x_1$"}
    return lk.simulate(SPINS, **{**options, **changed})


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return spins()


def axis(fig: Figure, label: str) -> Axes:
    return next(ax for ax in fig.axes if label in ax.get_ylabel())


def images(fig: Figure) -> list[np.ndarray]:
    return [np.asarray(ax.images[0].get_array()) for ax in fig.axes if ax.images]


def test_images_are_patterns_starts_and_ends(ds: xr.Dataset) -> None:
    shown = images(recall(ds))
    x = ds.position.values
    wanted = [XI[p % 3] for p in range(8)] + [x[0, :, p] for p in range(8)] + [x[-1, :, p] for p in range(8)]
    np.testing.assert_array_equal(shown, np.reshape(wanted, (24, 4, 4)))
    wide = images(recall(ds.assign_attrs(image="[2, 8]")))
    np.testing.assert_array_equal(wide, np.reshape(wanted, (24, 2, 8)))


def test_curves_are_the_runs_numbers(ds: xr.Dataset) -> None:
    fig, found = recall(ds), ds.langevin.overlap()
    lines = axis(fig, "overlap with the own pattern").lines
    np.testing.assert_array_equal([line.get_ydata() for line in lines[:30]], found.overlap_of_particle.values.T)
    np.testing.assert_array_equal(lines[31].get_ydata(), found.overlap)
    np.testing.assert_array_equal(axis(fig, "energy").lines[0].get_ydata(), ds.energy)
    (eigenvalues,) = (line for line in axis(fig, "spectrum").lines if line.get_label() == "eigenvalues of W")
    np.testing.assert_allclose(eigenvalues.get_ydata(), np.linalg.eigvalsh(networks.hebb(XI))[::-1], atol=1e-12)


def test_of_other_starts_the_nearest_pattern_is_shown() -> None:
    start = np.array([XI[2], -XI[0], XI[1]])
    ds = spins(initial=start, n_particles=3)
    fig, found = recall(ds), ds.langevin.overlap()
    assert found.overlap.attrs["long_name"] == "overlap with the nearest pattern"
    ends = np.einsum("mi,ip->mp", XI, ds.position.values[-1]) / 16
    assert found.pattern_of_particle.values.tolist() == ends.argmax(axis=0).tolist()
    np.testing.assert_array_equal(images(fig)[0].ravel(), XI[found.pattern_of_particle.values[0]])


def test_singular_values_before_and_after_learning() -> None:
    U = 0.1 * np.random.default_rng(1).normal(size=(16, 4))
    network = networks.bipartite(U, temperature=0.1)
    learned = lk.learn.recall_and_learn(network, XI, n_updates=20, learning_rate=0.02, time_step=0.02, rng=0)
    system = lk.System(**{**learned.system.to_dict(), "parameters": {**learned.system.parameters, "patterns": XI}})
    ds = lk.simulate(system, initial=lk.initial.patterns(XI, 0.1, scale=0.9, n_hidden=4), n_particles=4, rng=0,
                     time_step=0.01, n_steps=20, save_positions=True,
                     attrs={"learning": json.dumps(learned.history.to_dict())})  # fmt: skip
    lines = {line.get_label(): line.get_ydata() for line in axis(recall(ds), "spectrum").lines}
    np.testing.assert_allclose(lines["σ(U) before learning"], np.linalg.svd(U, compute_uv=False), rtol=1e-12)
    after = np.linalg.svd(learned.system.parameters["U"], compute_uv=False)
    np.testing.assert_allclose(lines["σ(U) after learning"], after, rtol=1e-12)
    assert np.abs(after - lines["σ(U) before learning"]).max() > 0.01


def test_patterns_that_are_no_square_have_no_images() -> None:
    xi = XI[:, :15]
    system = lk.SpinSystem(couplings=networks.hebb(xi), temperature=0.3, parameters={"patterns": xi})
    narrow = lk.simulate(system, initial=lk.initial.patterns(xi), n_particles=9, time_step=1.0, n_steps=4, rng=0,
                         save_positions=True)  # fmt: skip
    fig = recall(narrow)
    assert len(fig.axes) == 3
    assert overlapping(fig) == []


def test_nothing_of_a_network_overlaps_or_is_cut(ds: xr.Dataset) -> None:
    assert overlapping(recall(ds)) == []


def test_the_overview_is_by_what_ran(ds: xr.Dataset, tmp_path: Path) -> None:
    assert images(overview(ds, tmp_path / "spins.png"))
    assert (tmp_path / "spins.png").read_bytes().startswith(b"\x89PNG")
    assert not images(overview(ds.drop_vars("position")))
    with pytest.raises(InvalidStore, match="stored positions"):
        recall(ds.drop_vars("position"))
    with pytest.raises(InvalidStore):
        overview(xr.Dataset())
