"""`compare`: right runs pass at the stated rate, wrong ones do not, and the discretisation is told apart.

Each verdict of a wrong run is a negative control: T ∇·K left out wholly or by half, a temperature 1 % too high.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate._boltzmann import integrate_cells
from langevin_kit.fokker_planck import compare, evolve, residuals
from langevin_kit.fokker_planck._compare import holm

T, TIMES = 0.5, np.array([0.0, 0.25, 0.5, 1.0])
DIVERGENCE = "0.5*1.2/cosh(2*x)**2"
WELL = {"energy": "(x**2 - 1)**2", "mobility": "1 + 0.6*tanh(2*x)"}
SYSTEMS = {
    "right": lk.System(**WELL, temperature=T),
    "without the divergence": lk.System(**WELL, temperature=T, drift=[f"-({DIVERGENCE})"]),
    "with half of it": lk.System(**WELL, temperature=T, drift=[f"-0.5*({DIVERGENCE})"]),
    "one per cent too hot": lk.System(**WELL, temperature=1.01 * T),
}
START = lk.initial.gaussian([-1.0], 0.0225)
GRIDS = {n: lk.Grid(x=lk.cells(-2.7, 2.7, n)) for n in (256, 512, 1024)}


@pytest.fixture(scope="module")
def density() -> xr.DataArray:
    return evolve(SYSTEMS["right"], GRIDS[1024], initial=START, times=TIMES)


@pytest.fixture(scope="module")
def coarser() -> xr.DataArray:
    return evolve(SYSTEMS["right"], GRIDS[512], initial=START, times=TIMES)


def run(name: str, time_step: float, *, halved: bool = False, **given: Any) -> xr.Dataset:
    given = {"n_particles": 10**6, "rng": 3, "dtype": "float32"} | given
    steps = round(1.0 / time_step)
    return lk.simulate(
        SYSTEMS[name],
        initial=START,
        time_step=time_step,
        n_steps=steps,
        save_every=steps // 4,
        histogram=GRIDS[1024],
        scheme=lk.EulerMaruyama(halved=halved),
        check=False,
        **given,
    )


def test_a_right_run_is_consistent(density: xr.DataArray) -> None:
    found = compare(run("right", 0.0005), density)
    assert found.verdict.state == "consistent"
    assert found.table.sizes == {"time": 3, "test": 3}
    assert (found.table.error == 0).all()
    np.testing.assert_allclose(found.table.p_within, found.table.p_value, rtol=1e-12)
    np.testing.assert_allclose(found.table.l1, found.table.l1_expected, rtol=0.25)


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "right"])
@pytest.mark.parametrize("time_step", [0.005, 0.00125])
def test_a_wrong_run_is_not(name: str, time_step: float, density: xr.DataArray, coarser: xr.DataArray) -> None:
    ds = run(name, time_step, save_positions=2**15)
    halved = run(name, time_step / 2, halved=True, save_positions=2**15)
    found = compare(ds, density, halved=halved, other=coarser)
    assert found.verdict.state == "inconsistent"
    assert "leaves p = " in found.verdict.reason


def test_the_bias_of_a_long_step_is_told_from_a_wrong_equation(density: xr.DataArray, coarser: xr.DataArray) -> None:
    ds, halved = run("right", 0.01), run("right", 0.005, halved=True)
    alone = compare(ds, density)
    assert alone.verdict.state == "inconsistent"
    assert "was not looked at" in alone.verdict.reason
    found = compare(ds, density, halved=halved, other=coarser)
    assert found.verdict.state == "consistent within the stated discretisation error"
    # Positions tell what chance adds to the error: less is left, and it is still enough.
    ds, halved = (run("right", dt, halved=h, save_positions=2**15) for dt, h in ((0.01, False), (0.005, True)))
    sharper = compare(ds, density, halved=halved, other=coarser)
    assert sharper.verdict.state == "consistent within the stated discretisation error"
    fine = sharper.table.sel(test="chi2").error < found.table.sel(test="chi2").error
    assert fine.all()


def test_the_error_of_wide_cells_is_told_too() -> None:
    ds = run("right", 0.0005)
    coarse, coarser = (
        evolve(SYSTEMS["right"], lk.Grid(x=lk.cells(-2.7, 2.7, n)), initial=START, times=TIMES) for n in (32, 16)
    )
    assert compare(ds, coarse).verdict.state == "inconsistent"
    found = compare(ds, coarse, other=coarser)
    assert found.verdict.state == "consistent within the stated discretisation error"
    assert "the error of the cells accounts for it" in found.verdict.reason


def test_the_error_of_the_grid_is_the_same_from_both_sides(density: xr.DataArray) -> None:
    """A third of the difference to wider cells, and four thirds of that to finer ones, are one to fourth order."""
    ds = run("right", 0.05, n_particles=1000)
    grids = {
        n: evolve(SYSTEMS["right"], lk.Grid(x=lk.cells(-2.7, 2.7, n)), initial=START, times=TIMES)
        for n in (64, 128, 256)
    }
    wider, finer = (compare(ds, grids[128], other=grids[n]).table.sel(test="chi2_coarse").error for n in (64, 256))
    np.testing.assert_allclose(np.sqrt(wider), np.sqrt(finer), rtol=0.15)


def exact(seed: int, n: int, times: NDArray[np.float64], grid: lk.Grid) -> xr.Dataset:
    """An ensemble of x(t) = x(s) e^{s−t} + √(1 − e^{2(s−t)}) z: no error of a time step."""
    rng = np.random.default_rng([seed, 17])
    x = 1.0 + 0.5 * rng.standard_normal(n)
    rows = []
    for dt in np.diff(times, prepend=times[0]):
        x = x * np.exp(-dt) + np.sqrt(-np.expm1(-2 * dt)) * rng.standard_normal(n)
        rows.append(np.histogram(np.clip(x, grid.lower[0] + 1e-9, grid.upper[0] - 1e-9), grid.edges[0])[0])
    about = {"lower": grid.lower[0], "upper": grid.upper[0]}
    axes = {"time": times, "x": ("x", grid.axes["x"].centers, about)}
    return xr.Dataset({"histogram": (("time", "x"), np.stack(rows))}, axes)


def exact_density(times: NDArray[np.float64], grid: lk.Grid) -> xr.DataArray:
    laws = [lk.initial.gaussian([np.exp(-t)], 1 - 0.75 * np.exp(-2 * t)) for t in times]
    p = np.stack([integrate_cells(law.density, grid.edges, 8) / grid.volume for law in laws])
    about = {"lower": grid.lower[0], "upper": grid.upper[0]}
    return xr.DataArray(p, {"time": times, "x": ("x", grid.axes["x"].centers, about)}, ("time", "x"))


def p_values(seeds: int, hotter: float = 0.0) -> dict[str, NDArray[np.float64]]:
    grid, times = lk.Grid(x=lk.cells(-6.0, 6.0, 1024)), np.array([0.0, 0.4])
    density = exact_density(times, grid)
    if hotter:
        law = lk.initial.gaussian([np.exp(-0.4)], (1 - 0.75 * np.exp(-0.8)) / (1 + hotter))
        density[1] = integrate_cells(law.density, grid.edges, 8) / grid.volume
    tables = [compare(exact(seed, 10_000, times, grid), density).table for seed in range(seeds)]
    return {str(test): np.array([float(t.p_value.sel(test=test)[0]) for t in tables]) for test in tables[0].test.values}


def uniformity(seeds: int) -> None:
    """Kolmogorov's test of each set of p-values, at 1e-3 in all; its own p-values look at edges only: too large."""
    found = p_values(seeds)
    for test in ("chi2", "chi2_coarse"):
        assert kstest(found[test], "uniform").pvalue > 1e-3 / 3, test
    assert kstest(found["kolmogorov"], "uniform", alternative="greater").pvalue > 1e-3 / 3
    wrong = p_values(seeds, hotter=0.1)
    assert all(kstest(p, "uniform").pvalue < 1e-12 for p in wrong.values())


def test_p_values_of_exact_ensembles_are_uniform() -> None:
    uniformity(150)


@pytest.mark.slow
def test_p_values_of_a_thousand_exact_ensembles_are_uniform() -> None:
    uniformity(1000)


@pytest.mark.claim("F04")
def test_l1_is_within_the_sampling_error(density: xr.DataArray) -> None:
    """Against the expectation under the density, z below 4; without the divergence far beyond."""
    for name, fits in (("right", True), ("without the divergence", False)):
        table = compare(run(name, 0.0005), density).table
        # Var |g| = (1 − 2/π) σ² for each of B nearly independent bins of equal mass.
        bins = 144
        stderr = table.l1_expected * np.sqrt((np.pi / 2 - 1) / bins)
        z = (table.l1 - table.l1_expected) / stderr
        assert bool((z < 4).all()) is fits
        assert fits or (z > 20).all()


def test_two_coordinates() -> None:
    """A tensor that depends on place: its run is consistent, that of its diagonal is not."""
    start = lk.initial.gaussian([0.5, 0.0], 0.05)
    given = {"energy": "x**2/2 + y**2", "temperature": 0.5, "coordinates": ("x", "y")}
    tensor = [["1 + sin(y)**2", "0.6*cos(x)"], ["0.6*cos(x)", "1.2"]]
    system = lk.System(mobility=tensor, **given)
    straight = lk.System(mobility=[["1 + sin(y)**2", 0], [0, "1.2"]], **given)
    grid = lk.Grid(x=lk.cells(-4, 4, 128), y=lk.cells(-3, 3, 128))
    density = evolve(system, grid, initial=start, times=[0.0, 0.2, 0.6], steps=12)
    for model, state in ((system, "consistent"), (straight, "inconsistent")):
        ds = lk.simulate(model, initial=start, n_particles=200_000, time_step=0.001, n_steps=600, save_every=200, rng=0,
                         histogram=grid, dtype="float32")  # fmt: skip
        assert compare(ds, density).verdict.state == state


def test_residuals_are_standard_normal_where_the_run_is_right(density: xr.DataArray) -> None:
    rows = residuals(run("right", 0.0005), density)
    assert len(rows) == 3
    z = np.concatenate([[row.z[row.label == b][0] for b in np.unique(row.label)] for row in rows])
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / z.size)
    assert sum(int(row.count.sum()) for row in rows) == 3 * 10**6


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm(p: list[float]) -> None:
    given_p = np.array(p)
    adjusted = holm(given_p)
    assert (adjusted >= given_p).all()
    assert (adjusted <= 1).all()
    assert adjusted.min() == min(1.0, given_p.min() * len(p))
    assert (np.diff(adjusted[np.argsort(given_p)]) >= 0).all()


def test_what_does_not_fit_is_refused(density: xr.DataArray) -> None:
    ds = run("right", 0.05, n_particles=1000)
    off_grid = evolve(SYSTEMS["right"], lk.Grid(x=lk.cells(-3, 3, 256)), initial=START, times=TIMES)
    odd = evolve(SYSTEMS["right"], lk.Grid(x=lk.cells(-2.7, 2.7, 300)), initial=START, times=TIMES)
    late = evolve(SYSTEMS["right"], GRIDS[256], initial=START, times=[0.0, 0.3])
    cases: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((ds.drop_vars("histogram"), density), {}, "the run has no histogram"),
        ((ds, density.rename(x="y")), {}, "got dims"),
        ((ds, off_grid), {}, "equal bounds are needed"),
        ((ds, odd), {}, "one number must divide the other"),
        ((ds, late), {}, r"the run saved nothing at t = 0\.3"),
        ((ds, density.isel(time=[0])), {}, "one time, at which it begins"),
        ((ds, density), {"other": late}, "twice or half as many"),
        ((ds, density), {"halved": run("right", 0.05, n_particles=900)}, "another number of particles"),
        ((ds, late.assign_coords(time=[0.0, 0.25])), {"other": evolve(
            SYSTEMS["right"], GRIDS[512], initial=START, times=TIMES)}, "other times"),
    ]  # fmt: skip
    for arguments, options, words in cases:
        with pytest.raises(InvalidArgument, match=words):
            compare(*arguments, **options)
