"""Runs with absorbing walls: what they count, who is averaged over, and that every bit stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from meters import Steps

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate import closed_laws
from langevin_kit.kernels.cpu.tiles import GROUP
from langevin_kit.run._grid import default_grid
from langevin_kit.scenario import loads

STRIP = lk.System(
    energy="x**2/2 + 0.3*cos(y)",
    mobility=[["1 + x**2/9", "x*y/9"], ["x*y/9", "1"]],
    temperature=0.5,
    coordinates=("x", "y"),
    walls={"x": lk.absorbing(-1.0, 0.5), "y": lk.periodic(-1.0, 1.0)},
)
CELLS = lk.Grid(x=lk.cells(-1.0, 0.5, 6), y=lk.cells(-1.0, 1.0, 4))
N = GROUP + 900
OBSERVABLES = {
    "top": lk.observables.maximum("x"),
    "msd": lk.observables.mean_square_displacement(),
    "product": "x*energy",
}


def simulate(system: lk.System = STRIP, **arguments: Any) -> xr.Dataset:
    given: dict[str, Any] = {
        "initial": lk.initial.uniform([-0.9, -0.9], [0.4, 0.9]),
        "n_particles": N,
        "time_step": 2e-3,
        "n_steps": 60,
        "save_every": 20,
        "rng": 7,
        "save_positions": True,
        "observables": OBSERVABLES,
        "histogram": CELLS,
        "check": False,
    }
    return lk.simulate(system, **{**given, **arguments})


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return simulate()


def assert_same(got: xr.Dataset, expected: xr.Dataset) -> None:
    for name in expected.data_vars:
        assert got[name].values.tobytes() == expected[name].values.tobytes(), name


def test_every_particle_lives_or_was_taken_by_one_wall(ds: xr.Dataset) -> None:
    taken = ds.n_absorbed.sum("wall")
    assert (ds.histogram.sum(("x", "y")) + taken == N).all()
    np.testing.assert_array_equal(ds.survival, (N - taken) / N)
    np.testing.assert_allclose(ds.survival_stderr, np.sqrt(ds.survival * (1 - ds.survival) / (N - 1)))
    assert list(ds.wall.values) == ["x lower", "x upper"]
    x = ds.position.sel(component="x")
    for wall, bound in (("x lower", -1.0), ("x upper", 0.5)):
        np.testing.assert_array_equal(ds.n_absorbed.sel(wall=wall), (x == bound).sum("particle"))
    assert (ds.n_absorbed[-1] > 500).all()
    assert (ds.n_nonfinite == 0).all()
    assert ds.attrs["boltzmann"].startswith("none: absorbing walls")
    assert "kl_divergence" not in ds


def test_cells_end_at_the_walls_if_none_are_given(ds: xr.Dataset) -> None:
    """As wide as the law between reflecting walls; the run is no other."""
    own = simulate(histogram=None)
    grid = own.langevin.grid
    assert (grid.lower.tolist(), grid.upper.tolist(), grid.shape) == ([-1.0, -1.0], [0.5, 1.0], (256, 256))
    assert (own.histogram.sum(("x", "y")) + own.n_absorbed.sum("wall") == N).all()
    assert_same(own.drop_vars("histogram"), ds.drop_vars("histogram"))
    half = lk.System(energy="x**2", temperature=0.1, walls={"x": lk.absorbing(upper=3.0)})
    found = default_grid(half, closed_laws(half, [0.0]), np.array([[-0.5, 0.5]]))
    assert found is not None
    assert found.upper[0] == 3.0
    assert -2.5 < found.lower[0] < -1.4


def test_averages_go_over_the_living(ds: xr.Dataset) -> None:
    """Over all, those at the walls with them, none of these numbers is right."""
    for k in range(ds.sizes["time"]):
        every = ds.position[k].values
        x = every[:, np.abs(every[0] + 0.25) < 0.75]
        start = ds.position[0].values[:, np.abs(every[0] + 0.25) < 0.75]
        energy, n = STRIP.energy_at(x), x.shape[1]
        assert n == round(float(ds.survival[k]) * N)
        np.testing.assert_allclose(ds["mean"][k], x.mean(axis=1), rtol=1e-12)
        np.testing.assert_allclose(ds.covariance[k], np.cov(x), rtol=1e-11)
        np.testing.assert_allclose(ds.energy[k], energy.mean(), rtol=1e-13)
        np.testing.assert_allclose(ds.energy_stderr[k], energy.std(ddof=1) / np.sqrt(n), rtol=1e-11)
        np.testing.assert_allclose(ds["product"][k], (x[0] * energy).mean(), rtol=1e-12)
        assert float(ds.top[k]) == x[0].max() == every[0, int(ds.top_particle[k])]
        counts, *_ = np.histogram2d(*x, bins=CELLS.edges)
        np.testing.assert_array_equal(ds.histogram[k], counts)
        if k:
            assert not np.isclose(ds.energy[k], STRIP.energy_at(every).mean(), rtol=1e-3)
            moved = (x[0] - start[0]) ** 2
            assert float(ds.msd[k]) > moved.mean()


def test_bits_do_not_depend_on_threads_blocks_or_saved_times(ds: xr.Dataset) -> None:
    assert_same(simulate(backend=lk.CPU(threads=3, block_size=512)), ds)
    often = simulate(save_every=5)
    assert_same(often.isel(time=slice(0, None, 4)), ds)


def test_a_resumed_run_has_the_bits(ds: xr.Dataset, tmp_path: Path, eager: None) -> None:
    with pytest.raises(KeyboardInterrupt):
        simulate(store=tmp_path / "run.zarr", progress=Steps(25))
    assert lk.open(tmp_path / "run.zarr").sizes["time"] < ds.sizes["time"]
    assert_same(lk.resume(tmp_path / "run.zarr"), ds)
    stored = lk.open(tmp_path / "run.zarr")
    assert list(stored.wall.values) == list(ds.wall.values)
    np.testing.assert_array_equal(stored.langevin.first_passage().survival, ds.survival)


def test_a_path_alone_has_the_bits_and_the_time_of_absorption(ds: xr.Dataset) -> None:
    taken = [int(np.flatnonzero(ds.position[-1, 0].values == bound)[0]) for bound in (-1.0, 0.5)]
    alive = int(np.flatnonzero(np.abs(ds.position[-1, 0].values + 0.25) < 0.75)[0])
    path = lk.replay(ds, [*taken, alive])
    for j, k in enumerate([*taken, alive]):
        np.testing.assert_array_equal(path.position[::20, :, j], ds.position[:, :, k])
    for j in (0, 1):
        when = path.absorption_time[:, j].values
        first = int(np.argmax(np.isfinite(when)))
        assert (when[first:] == (first - 0.5) * 2e-3).all()
        assert (np.abs(path.position[:, 0, j]) == np.abs(path.position[-1, 0, j])).sum() == len(when) - first
    assert np.isnan(path.absorption_time[:, 2]).all()


def test_a_run_goes_on_when_none_is_left() -> None:
    """All start at a wall, which they meet at once."""
    ds = simulate(initial=lk.initial.point([-1.0, 0.0]), n_particles=300)
    assert ds.survival.values.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert ds.n_absorbed.values.tolist() == [[0, 0], *[[300, 0]] * 3]
    assert ds.histogram.sum(("x", "y")).values.tolist() == [300, 0, 0, 0]
    for name in ("energy", "energy_stderr", "mean", "covariance", "top", "msd"):
        assert np.isnan(ds[name][1:]).all(), name
    assert np.isfinite(ds.energy[0])
    found = ds.langevin.first_passage()
    np.testing.assert_allclose(found.first_passage_time, [0.0, *[0.02] * 3])


def test_what_the_walls_take_and_when(ds: xr.Dataset) -> None:
    flux = ds.langevin.boundary_flux()
    np.testing.assert_allclose(0.04 * flux.boundary_flux.cumsum("time"), ds.n_absorbed[1:] / N, rtol=1e-13)
    share = np.diff(ds.n_absorbed, axis=0) / N
    np.testing.assert_allclose(flux.boundary_flux_stderr, np.sqrt(share * (1 - share) / (N - 1)) / 0.04)
    np.testing.assert_allclose(flux.time, [0.02, 0.06, 0.1])
    found = ds.langevin.first_passage()
    area = 0.02 * np.cumsum(ds.survival.values[1:] + ds.survival.values[:-1])
    np.testing.assert_allclose(found.first_passage_time, [0, *area])


def test_wrong_uses_are_refused(ds: xr.Dataset) -> None:
    for scheme in ("mala", "fixman", lk.EulerMaruyama(noise="rademacher")):
        with pytest.raises(InvalidArgument, match=r"absorbing walls between two steps .* 'euler_maruyama'"):
            simulate(scheme=scheme)
    with pytest.raises(InvalidArgument, match=r"particle 0 starts at x = 0\.6, beyond the walls"):
        simulate(initial=lk.initial.point([0.6, 0.0]))
    with pytest.raises(InvalidArgument, match="lower < upper, one of them finite"):
        lk.absorbing()
    with pytest.raises(InvalidArgument, match="has no absorbing walls"):
        ds.drop_vars("n_absorbed").langevin.first_passage()
    with pytest.raises(InvalidArgument, match="from t = 0 on"):
        ds.isel(time=slice(1, None)).langevin.boundary_flux()


def test_a_scenario_has_absorbing_walls() -> None:
    text = """
    title = "escape"
    [system]
    energy = "(x**2 - 1)**2"
    temperature = 0.5
    walls.x = { kind = "absorbing", upper = 0.0 }
    [initial]
    kind = "point"
    position = [-1.0]
    [run]
    n_particles = 10
    time_step = 0.01
    n_steps = 10
    seed = 1
    """
    assert dict(loads(text).system.walls) == {"x": lk.absorbing(upper=0.0)}
