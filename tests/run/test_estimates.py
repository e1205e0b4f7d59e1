"""Beyond two coordinates: the accessor estimates from mean and covariance what the run stores."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from scipy import special

from langevin_kit import System, boltzmann, initial, periodic, simulate
from langevin_kit.errors import InvalidStore
from langevin_kit.observables import plan
from langevin_kit.run import Langevin
from langevin_kit.run._dataset import coordinates, describe
from langevin_kit.run._estimates import estimate
from langevin_kit.run._memory import Memory

N = 5_000
SYSTEM = System(energy="x**2 + x*y/2 + y**2 + (z - 1)**2/2", temperature=0.7, coordinates=("x", "y", "z"))


def run(spread: float, system: System = SYSTEM) -> xr.Dataset:
    """A Dataset as `simulate` makes it, of one saved time of exact samples."""
    law = boltzmann(SYSTEM)
    assert law.gaussian is not None
    mean, covariance = law.gaussian
    x = np.random.default_rng(0).multivariate_normal(mean, spread**2 * covariance, N).T
    moments = {"mean": x.mean(axis=1), "covariance": np.cov(x), "energy": SYSTEM.energy_at(x).mean()}
    arrays = {name: np.asarray(value)[None] for name, value in moments.items()}
    values, long_names = estimate([law], None, N, arrays)
    arrays |= values
    about = {
        "system": json.dumps(system.to_dict()),
        "run": json.dumps({"n_particles": N, "start": [0.0, 0.0, 0.0]}),
        "boltzmann": "exp(-E/T)/Z",
    }
    planned, memory = plan(system, None, None), Memory()
    along = coordinates(planned, np.zeros(1), about, covariance=True)
    memory.lay_out(along, {name: rows[0] for name, rows in arrays.items()}, describe(planned, arrays, long_names))
    memory.append(lambda: arrays)
    return memory.dataset()


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


def test_a_run_in_three_coordinates_relaxes() -> None:
    """From N(a, 1/10): the exact KL at t = 0 within 4 standard errors, and none that can be told from 0 at t = 10.

    The step's own bias, KL ≈ d (0.005/4)²/4, is far below the floor.
    """
    ds = simulate(
        SYSTEM,
        initial=initial.gaussian([2.0, -1.0, 0.0], 0.1),
        n_particles=N,
        time_step=0.005,
        n_steps=2000,
        save_every=1000,
        rng=0,
    )
    law = boltzmann(SYSTEM).gaussian
    assert law is not None
    inverse, delta = np.linalg.inv(law[1]), np.array([2.0, -1.0, 0.0]) - law[0]
    log_dets = 3 * np.log(0.1) - np.linalg.slogdet(law[1])[1]
    exact = 0.5 * (0.1 * np.trace(inverse) + delta @ inverse @ delta - 3 - log_dets)
    assert abs(ds.kl_divergence[0] - exact) < 4 * ds.kl_divergence_stderr[0]
    assert ds.kl_divergence[-1] < ds.kl_divergence_floor[-1]
    np.testing.assert_allclose(ds.free_energy, ds.free_energy_from_entropy, rtol=0, atol=1e-9)
    assert ds.langevin.verdict().state == "relaxed"
    assert "histogram" not in ds
    assert ds.langevin.free_energy_falls().holds


def test_a_run_on_a_ring_relaxes() -> None:
    """From a uniform arc to q ∝ exp(−cos x): cells, masses and both forms of F on a domain without ends."""
    ring = System(energy="cos(x)", temperature=1.0, walls={"x": periodic(0.0, 2 * np.pi)})
    ds = simulate(
        ring, initial=initial.uniform(1.0, 5.0), n_particles=20_000, time_step=0.01, n_steps=1000, save_every=500, rng=0
    )
    assert (ds.x.attrs["lower"], ds.x.attrs["upper"]) == (0.0, 2 * np.pi)
    assert (ds.n_outside == 0).all()
    assert float(ds.log_partition_function[0]) == pytest.approx(np.log(2 * np.pi * special.iv(0, 1.0)), abs=1e-11)
    assert ds.kl_divergence[0] > 20 * ds.kl_divergence_floor[0]
    assert ds.langevin.verdict().state == "relaxed"
    error = np.hypot(ds.free_energy_stderr, ds.free_energy_from_entropy_stderr)
    assert (np.abs(ds.free_energy - ds.free_energy_from_entropy)[1:] < 4 * error[1:]).all()


def test_no_law_no_estimate() -> None:
    assert estimate([], None, N, {}) == ({}, {})
    quartic = boltzmann(System(energy="x**4", temperature=1.0))
    assert estimate([quartic], None, N, {"energy": np.zeros(1), "covariance": np.ones((1, 1, 1))}) == ({}, {})
    ds = run(1.0).drop_vars("covariance")  # ensembles of many coordinates store the variance alone
    for estimates in (ds.langevin.kl_divergence, ds.langevin.free_energy, ds.langevin.entropy):
        with pytest.raises(InvalidStore, match="KL needs the covariance"):
            estimates()
    bare = ds.drop_vars([str(name) for name in ds.data_vars if str(name).startswith("kl_")])
    told = bare.assign_attrs(boltzmann="exp(-E/T)/Z").langevin.verdict()
    assert told.state == "cannot tell"
    assert "KL needs the covariance" in told.reason


def test_one_coordinate_without_a_histogram_is_no_run() -> None:
    line = System(energy="x**2", temperature=1.0)
    about = {"system": json.dumps(line.to_dict()), "run": json.dumps({"n_particles": N, "start": [0.0]})}
    ds = xr.Dataset({"energy": ("time", [0.0])}, {"time": [0.0]}, about)
    with pytest.raises(InvalidStore, match="no histogram"):
        ds.langevin.kl_divergence()
