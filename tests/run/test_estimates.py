"""Beyond two coordinates: the accessor estimates from mean and covariance what the run stores."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from langevin_kit import System, boltzmann
from langevin_kit.errors import InvalidStore
from langevin_kit.observables import plan
from langevin_kit.run import Langevin
from langevin_kit.run._dataset import Recorder, assemble
from langevin_kit.run._estimates import estimate

N = 5_000
SYSTEM = System(energy="x**2 + x*y/2 + y**2 + (z - 1)**2/2", temperature=0.7, coordinates=("x", "y", "z"))


def run(spread: float, system: System = SYSTEM) -> xr.Dataset:
    """A Dataset as `simulate` makes it, of one saved time of exact samples."""
    law = boltzmann(SYSTEM)
    assert law.gaussian is not None
    mean, covariance = law.gaussian
    x = np.random.default_rng(0).multivariate_normal(mean, spread**2 * covariance, N).T
    recorder = Recorder(plan(system, None, None), np.zeros(1), 1, 0, "float64", None)
    recorder.rows = 1
    moments = {"mean": x.mean(axis=1), "covariance": np.cov(x), "energy": SYSTEM.energy_at(x).mean()}
    recorder.values = {name: np.asarray(value)[None] for name, value in moments.items()}
    values, long_names = estimate([law], None, N, recorder.values)
    about = {
        "system": json.dumps(system.to_dict()),
        "run": json.dumps({"n_particles": N, "start": [0.0, 0.0, 0.0]}),
        "boltzmann": "exp(-E/T)/Z",
    }
    return assemble(system, recorder, values, about, long_names)


def test_the_accessor_repeats_the_run() -> None:
    ds = run(1.0)
    for name in ("kl_divergence", "free_energy", "entropy"):
        got = getattr(ds.langevin, name)()
        np.testing.assert_array_equal(got[name], ds[name])
        assert got[name].attrs == ds[name].attrs
    assert "a lower bound of KL(p‖q)" in ds.kl_divergence.attrs["long_name"]
    assert "an upper bound of H" in ds.entropy.attrs["long_name"]
    assert ds.kl_divergence_floor.attrs["long_name"].startswith("detection floor")
    assert "kl_divergence_limit" not in ds


@pytest.mark.parametrize(("spread", "state"), [(1.0, "relaxed"), (1.3, "not relaxed")])
def test_the_verdict_says_what_was_compared(spread: float, state: str) -> None:
    found = Langevin(run(spread)).verdict()
    assert found.state == state
    assert found.reason.endswith("Only mean and covariance were compared.")


def test_no_law_no_estimate() -> None:
    assert estimate([], None, N, {}) == ({}, {})
    quartic = boltzmann(System(energy="x**4", temperature=1.0))
    assert estimate([quartic], None, N, {"energy": np.zeros(1), "covariance": np.ones((1, 1, 1))}) == ({}, {})
    ds = run(1.0).drop_vars("covariance")  # ensembles of many coordinates store the variance alone
    assert not ds.langevin.kl_divergence().data_vars


def test_one_coordinate_without_a_histogram_is_no_run() -> None:
    line = System(energy="x**2", temperature=1.0)
    about = {"system": json.dumps(line.to_dict()), "run": json.dumps({"n_particles": N, "start": [0.0]})}
    ds = xr.Dataset({"energy": ("time", [0.0])}, {"time": [0.0]}, about)
    with pytest.raises(InvalidStore, match="no histogram"):
        ds.langevin.kl_divergence()
