"""A run end to end: its bits, its numbers against positions and closed forms, its Dataset, its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_kit as lk
from langevin_kit.errors import (
    BackendUnavailable,
    InvalidArgument,
    InvalidExpression,
    MobilityNotPositive,
    NonFinite,
    StepTooLarge,
    StoreExists,
)
from langevin_kit.observables import VARIABLES
from langevin_kit.schemes import SCHEMES

LINE = lk.System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5, units={"x": "nm", "energy": "kT"})
PLANE = lk.System(
    energy="(x**2 - 1)**2 + y**2/2", mobility=[["1/(1 + x**2)", 0], [0, 1]], temperature=0.5, coordinates=("x", "y")
)
RUN: dict[str, Any] = {"n_particles": 3000, "time_step": 1e-2, "n_steps": 60, "save_every": 20, "rng": 7}
STARTS = {1: lk.initial.gaussian([-1.0], 0.04), 2: lk.initial.uniform([-1.0, -0.5], [0.5, 0.5])}


def simulate(system: lk.System, **arguments: Any) -> xr.Dataset:
    return lk.simulate(system, **{**RUN, "initial": STARTS.get(system.n_dim), **arguments})


@pytest.mark.parametrize("system", [LINE, PLANE], ids=["1-D", "2-D"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bits_do_not_depend_on_threads_blocks_or_saves(system: lk.System, dtype: str) -> None:
    one = simulate(system, dtype=dtype, backend=lk.CPU(threads=1), save_positions=True)
    for backend in (lk.CPU(threads=2), lk.CPU(threads=3, block_size=1024)):
        other = simulate(system, dtype=dtype, backend=backend, save_positions=True)
        xr.testing.assert_identical(one.drop_attrs(), other.drop_attrs())
    often = simulate(system, dtype=dtype, save_every=1, save_positions=True).isel(time=slice(None, None, 20))
    np.testing.assert_array_equal(often.position, one.position)
    np.testing.assert_array_equal(often["mean"], one["mean"])
    few = simulate(system, dtype=dtype, n_particles=300, save_positions=True)
    np.testing.assert_array_equal(few.position, one.position[..., :300])


def test_seeds_and_kinds_of_rng() -> None:
    def last(rng: Any) -> np.ndarray:
        return np.asarray(simulate(LINE, rng=rng, save_positions=True).position[-1, 0])

    np.testing.assert_array_equal(last(7), last(np.random.SeedSequence(7)))
    neighbours = last(7), last(8)
    # Paths of neighbouring seeds are uncorrelated: |r| < 5/√n, and no value is shared.
    assert abs(np.corrcoef(*neighbours)[0, 1]) < 5 / np.sqrt(3000)
    assert not np.intersect1d(*neighbours).size
    generator = np.random.default_rng(0)
    assert (last(generator) != last(generator)).all()
    assert (last(None) != last(None)).all()


@pytest.mark.parametrize("system", [LINE, PLANE], ids=["1-D", "2-D"])
def test_reductions_equal_those_of_the_stored_positions(system: lk.System) -> None:
    ds = simulate(system, save_positions=True, observables={"right": "x > 0", "force": "4*x*(x**2 - 1)"})
    x = ds.position.values
    np.testing.assert_allclose(ds["mean"], x.mean(axis=-1), rtol=0, atol=1e-14)
    covariance = np.stack([np.cov(row).reshape(system.n_dim, -1) for row in x])
    np.testing.assert_allclose(ds.covariance, covariance, rtol=1e-12, atol=1e-15)
    energy = np.stack([system.energy_at(row) for row in x])
    np.testing.assert_allclose(ds.energy, energy.mean(axis=-1), rtol=1e-13)
    np.testing.assert_allclose(ds.energy_stderr, energy.std(axis=-1, ddof=1) / np.sqrt(3000), rtol=1e-12)
    np.testing.assert_allclose(ds.right, (x[:, 0] > 0).mean(axis=-1), rtol=1e-14)
    np.testing.assert_allclose(ds.force, (4 * x[:, 0] * (x[:, 0] ** 2 - 1)).mean(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(ds.mean_stderr, x.std(axis=-1, ddof=1) / np.sqrt(3000), rtol=1e-12)
    edges = ds.langevin.grid.edges
    expected = np.stack([np.histogramdd(row.T, edges)[0] for row in x])
    outside = 3000 - expected.reshape(len(x), -1).sum(axis=1)
    assert np.abs(ds.histogram.values - expected).sum() <= 2 * outside.sum() + 4  # rounding at an edge moves a particle
    assert (ds.histogram.sum(system.coordinates) == 3000).all()
    assert (np.abs(ds.n_outside.values - outside) <= 1).all()
    assert (ds.n_nonfinite == 0).all()


OWN: dict[str, Any] = {
    "right": "x > 0",
    "msd": lk.observables.mean_square_displacement(),
    "msd_x": lk.observables.mean_square_displacement("x"),
    "c": lk.observables.autocorrelation("x**2 + t"),
    "e": lk.observables.autocorrelation("energy"),
    "top": lk.observables.maximum("x**2"),
    "low": lk.observables.minimum("energy"),
}
GROUP = 16384


@pytest.mark.parametrize("system", [LINE, PLANE], ids=["1-D", "2-D"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_observables_equal_those_of_the_stored_positions(system: lk.System, dtype: str) -> None:
    n = 2 * GROUP + 300
    ds = simulate(system, save_positions=True, observables=OWN, n_particles=n, dtype=dtype)
    x = ds.position.values.astype(float)
    squared = (x - x[0]) ** 2
    a = x[:, 0] ** 2 + ds.time.values[:, None]
    energy = np.stack([system.energy_at(row) for row in x])
    for name, values in {"msd": squared.sum(axis=1), "msd_x": squared[:, 0]}.items():
        np.testing.assert_allclose(ds[name], values.mean(axis=-1), rtol=1e-13)
        np.testing.assert_allclose(ds[f"{name}_stderr"], values.std(axis=-1, ddof=1) / np.sqrt(n), rtol=1e-12)
    for name, values in {"c": a, "e": energy}.items():
        delta = values - values.mean(axis=1, keepdims=True)
        products = delta * delta[0]
        np.testing.assert_allclose(ds[name], products.sum(axis=1) / (n - 1), rtol=1e-12)
        np.testing.assert_allclose(ds[f"{name}_stderr"], products.std(axis=1, ddof=1) / np.sqrt(n), rtol=1e-9)
    np.testing.assert_array_equal(ds.top, (x[:, 0] ** 2).max(axis=-1))
    np.testing.assert_array_equal(ds.top_particle, (x[:, 0] ** 2).argmax(axis=-1))
    assert ds.top_particle.dtype == np.int64
    lowest = ds.low_particle.values
    np.testing.assert_allclose(ds.low, energy.min(axis=-1), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(energy[range(4), lowest], energy.min(axis=-1), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(ds["mean"], x.mean(axis=-1), rtol=0, atol=1e-13)


@pytest.mark.parametrize("n", [300, GROUP + 1, 5 * GROUP + 1000])
def test_bits_of_observables_do_not_depend_on_threads_blocks_or_saves(n: int) -> None:
    arguments: dict[str, Any] = {"observables": OWN, "n_particles": n, "dtype": "float32"}
    one = simulate(PLANE, backend=lk.CPU(threads=1), **arguments)
    for backend in (lk.CPU(threads=2), lk.CPU(threads=3, block_size=1024)):
        xr.testing.assert_identical(one.drop_attrs(), simulate(PLANE, backend=backend, **arguments).drop_attrs())
    often = simulate(PLANE, save_every=5, **arguments).isel(time=slice(None, None, 4))
    for name in ("mean", "covariance", "histogram", *(v for v in one.data_vars if str(v).split("_")[0] in OWN)):
        np.testing.assert_array_equal(often[name], one[name], err_msg=str(name))


def test_observables_carry_their_meaning(tmp_path: Path) -> None:
    ds = simulate(LINE, observables=OWN, store=tmp_path / "run.zarr")
    assert ds.msd.attrs == {
        "long_name": "mean-square displacement",
        "units": "nm**2",
        "observable": "mean_square_displacement",
    }
    assert ds.top.attrs == {"long_name": "maximum of x**2 over the ensemble", "observable": "maximum"}
    assert ds.low_particle.attrs["units"] == "1"
    found = ds.langevin.autocorrelation_time("c")
    assert np.isnan(found.autocorrelation_time)  # four saved times are no window
    assert int(found.window) == 0


def test_an_autocorrelation_time_needs_an_autocorrelation_from_the_start() -> None:
    ds = simulate(LINE, observables=OWN)
    with pytest.raises(InvalidArgument, match="name: 'msd' is no autocorrelation of this run; known are c, e"):
        ds.langevin.autocorrelation_time("msd")
    for part in (slice(1, None), slice(0, 1), [0, 1, 3]):
        with pytest.raises(InvalidArgument, match="all from t = 0 on"):
            ds.isel(time=part).langevin.autocorrelation_time("c")


def test_lost_particles_of_several_groups_are_numbered() -> None:
    steep = lk.System(energy="x**4", temperature=0.5)
    start = np.full((2 * GROUP + 5, 1), 0.1)
    start[[7, GROUP - 1, 2 * GROUP + 3]] = 30.0
    with pytest.raises(NonFinite, match=r"particle 7 is not finite after step 6 .* 3 particles were lost by step 8"):
        lk.simulate(steep, initial=start, time_step=1e-2, n_steps=20, save_every=4, rng=0, check=False, observables=OWN)


def test_moments_follow_the_recursion_of_the_scheme() -> None:
    """E = (x − sin t)²/2, K = 1 + ½ cos 3t: mean and variance of Euler–Maruyama obey exact recursions; 5 s.e."""
    system = lk.System(energy="(x - sin(t))**2/2", mobility="1 + cos(3*t)/2", temperature=0.7)
    n, dt, steps = 200_000, 0.02, 100
    start = lk.initial.gaussian([2.0], 0.09)
    ds = lk.simulate(system, initial=start, n_particles=n, time_step=dt, n_steps=steps, save_every=10, rng=3)
    mean, variance = 2.0, 0.09
    for k in range(steps + 1):
        if k % 10 == 0:
            row = ds.isel(time=k // 10)
            assert abs(row["mean"].item() - mean) < 5 * np.sqrt(variance / n)
            assert abs(row.covariance.item() - variance) < 5 * variance * np.sqrt(2 / n)
        mobility = 1 + np.cos(3 * k * dt) / 2
        mean += -mobility * (mean - np.sin(k * dt)) * dt
        variance = (1 - mobility * dt) ** 2 * variance + 2 * 0.7 * mobility * dt


def test_free_diffusion_has_no_law_and_spreads_as_it_must() -> None:
    free = lk.System(energy="0", mobility="2", temperature=0.3)
    ds = simulate(free, n_particles=100_000, initial=lk.initial.point([0.5]))
    variance = 2 * 0.3 * 2 * ds.time.values
    assert (np.abs(ds.covariance.values.ravel() - variance) <= 5 * variance * np.sqrt(2e-5)).all()
    assert ds.attrs["boltzmann"].startswith("none: ")
    assert "kl_divergence" not in ds
    assert "histogram" not in ds
    own = simulate(free, histogram=lk.Grid(x=lk.cells(-2, 3, 50)))
    assert (own.histogram.sum("x") == 3000).all()


def test_zero_temperature_run_is_a_gradient_flow() -> None:
    cold = lk.System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.0)
    ds = simulate(cold, save_positions=True)
    x = ds.position.values[0, 0]
    for _ in range(60):
        x = x - 1e-2 * 4 * x * (x**2 - 1) / (1 + x**2)
    np.testing.assert_allclose(ds.position.values[-1, 0], x, atol=1e-13)
    assert (np.diff(ds.energy) < 0).all()
    assert "temperature 0" in ds.attrs["boltzmann"]


def test_store_is_plain_and_equals_the_run_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    memory = simulate(PLANE, observables={"right": "x > 0"}, save_positions=100)
    stored = simulate(PLANE, observables={"right": "x > 0"}, save_positions=100, store=path)
    with xr.open_zarr(path) as plain:
        volatile = {"created"}
        assert {k: v for k, v in plain.attrs.items() if k not in volatile} == {
            k: v for k, v in memory.attrs.items() if k not in volatile
        }
        for name, values in memory.variables.items():
            assert plain[name].dims == values.dims, name
            np.testing.assert_array_equal(plain[name].values, values.values, err_msg=str(name))
            assert plain[name].attrs == values.attrs, name
            assert {"long_name"} <= set(plain[name].attrs), name
    assert set(stored.variables) == set(memory.variables)
    assert stored.position.dims == ("time", "component", "particle")
    assert stored.histogram.dims == ("time", "x", "y")
    counted = tuple(f"n_{scheme.counts}" for scheme in SCHEMES.values() if scheme.counts)
    others = ("variance", "survival", "n_absorbed", "n_flips", "log_measure", *counted)
    elsewhere = {name for name in VARIABLES if name.startswith(others)}
    assert {name for name in memory.data_vars if name not in {"right", "right_stderr"}} == set(VARIABLES) - elsewhere
    again = lk.open(path).langevin
    for name, value in {**again.kl_divergence(), **again.free_energy(), **again.entropy()}.items():
        if name in memory:
            np.testing.assert_array_equal(value, memory[name], err_msg=str(name))
    assert again.verdict() == memory.langevin.verdict()
    assert again.free_energy_falls().holds
    assert again.system.to_dict() == PLANE.to_dict()


def test_units_and_provenance() -> None:
    ds = simulate(LINE, title="a title", attrs={"scenario": "text"})
    assert ds["mean"].attrs["units"] == "nm"
    assert ds.covariance.attrs["units"] == "nm**2"
    assert ds.energy.attrs["units"] == ds.free_energy.attrs["units"] == "kT"
    assert ds.time.attrs["units"] == ds.kl_divergence.attrs["units"] == "1"
    assert ds.attrs["title"] == "a title"
    assert ds.attrs["scenario"] == "text"
    assert json.loads(ds.attrs["run"])["seed"] == "7"
    assert "numba" in ds.attrs["provenance_versions"]


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "negative step": ({"time_step": -1.0}, InvalidArgument, "time_step: got -1.0"),
    "unstable step": ({"time_step": 0.5}, StepTooLarge, "beyond the stability limit"),
    "no steps": ({"n_steps": 0}, InvalidArgument, "n_steps: got 0"),
    # One call of the generator serves two steps, or of four coordinates half a step.
    "counter overflow": ({"n_steps": 2**33 + 20}, InvalidArgument, "n_steps: the noise would repeat"),
    "counter overflow of a vector": (
        {
            "system": lk.System(coordinates={"v": 4}, energy="v @ v", temperature=1.0),
            "initial": lk.initial.point([0.0] * 4),
            "n_steps": 2**31 + 20,
        },
        InvalidArgument,
        "n_steps: the noise would repeat",
    ),
    "save_every": ({"save_every": 7}, InvalidArgument, "does not divide n_steps = 60; the nearest that does is 6"),
    "particles": ({"n_particles": 0}, InvalidArgument, "n_particles: got 0"),
    "beyond memory": ({"n_particles": 10**15}, InvalidArgument, r"need 8e\+06 GB; this machine has"),
    "no particles": ({"n_particles": None}, InvalidArgument, "n_particles: got None"),
    "array and number": ({"initial": np.zeros((5, 1))}, InvalidArgument, "holds 5 particles"),
    "array shape": ({"initial": np.zeros((5, 2))}, InvalidArgument, r"finite values \(n, 1\) are needed"),
    "law of two": ({"initial": STARTS[2]}, InvalidArgument, "law of 2 coordinates; the system has 1"),
    "no law": ({"initial": "here"}, InvalidArgument, "initial: got str"),
    "dtype": ({"dtype": "float16"}, InvalidArgument, "allowed are float64, float32"),
    "scheme": ({"scheme": "euler_mayurama"}, InvalidArgument, "did you mean 'euler_maruyama'"),
    "backend": ({"backend": "tpu"}, BackendUnavailable, "this version has cpu"),
    "positions": ({"save_positions": 4000}, InvalidArgument, "0 to n_particles = 3000 are allowed"),
    "observable": ({"observables": {"a": "z"}}, InvalidExpression, "observables.a: unknown name 'z'"),
    "observable name": ({"observables": {"energy": "x"}}, InvalidArgument, "'energy' is a variable of every run"),
    "grid": ({"histogram": lk.Grid(y=lk.cells(0, 1, 2))}, InvalidArgument, "histogram: got axes"),
    "attrs": ({"attrs": {"system": "mine"}}, InvalidArgument, "attrs: system: the run sets these itself"),
    "title": ({"title": 3}, InvalidArgument, "text is needed"),
    "rng": ({"rng": -1}, InvalidArgument, "rng: got -1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    arguments, error, words = BAD[name]
    with pytest.raises(error, match=words):
        simulate(**{"system": LINE, "store": tmp_path / "run.zarr", **arguments})
    assert list(tmp_path.iterdir()) == []


def test_negative_mobility_is_refused_where_particles_may_go(tmp_path: Path) -> None:
    bad = lk.System(energy="(x**2 - 1)**2", mobility="1 - x**2", temperature=0.5)
    with pytest.raises(MobilityNotPositive, match="mobility of 'x' is -"):
        simulate(bad, store=tmp_path / "run.zarr")
    assert list(tmp_path.iterdir()) == []


def test_existing_output_is_never_lost(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    simulate(LINE, store=path)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with pytest.raises(StoreExists, match="--overwrite"):
        simulate(LINE, store=path)
    with pytest.raises(InvalidArgument):
        simulate(LINE, store=path, overwrite=True, n_steps=0)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    simulate(LINE, store=path, overwrite=True, rng=8)
    assert json.loads(lk.open(path).attrs["run"])["seed"] == "8"
    foreign = tmp_path / "thesis.zarr"
    foreign.mkdir()
    (foreign / "chapter1.tex").write_text("years of work")
    with pytest.raises(StoreExists, match="no store of langevin_kit"):
        simulate(LINE, store=foreign, overwrite=True)
    assert (foreign / "chapter1.tex").read_text() == "years of work"


def test_an_exploding_run_stops_and_keeps_what_it_saved(tmp_path: Path) -> None:
    steep = lk.System(energy="x**4", temperature=0.5)
    start = np.full((1000, 1), 0.1)
    start[700] = 30.0  # the explicit step throws this one out
    with pytest.raises(NonFinite, match=r"particle 700 is not finite after step 6 \(t = 0.06\)"):
        lk.simulate(steep, initial=start, time_step=1e-2, n_steps=60, save_every=20, rng=0, check=False,
                    store=tmp_path / "run.zarr")  # fmt: skip
    kept = lk.open(tmp_path / "run.zarr")
    assert kept.n_nonfinite.values.tolist() == [0, 1]
    assert kept.energy.values[0] == pytest.approx(30.0**4 / 1000, rel=1e-3)
    assert np.isnan(kept.energy.values[1])
    assert kept.histogram.sum("x").values.tolist() == [1000, 999]


def test_one_particle_and_odd_numbers() -> None:
    for n in (1, 2, 255, 257):
        ds = simulate(LINE, n_particles=n)
        assert ds.histogram.sum("x").values.tolist() == [n] * 4
        assert np.isfinite(ds["mean"]).all()
        assert np.isnan(ds.covariance).all() == (n == 1)


def test_progress_counts_every_step() -> None:
    seen: list[Any] = []

    class Meter:
        def start(self, total: int, description: str) -> None:
            seen.append(("start", total))

        def advance(self, steps: float) -> None:
            seen.append(steps)

        def stop(self) -> None:
            seen.append("stop")

    simulate(LINE, progress=Meter())
    assert seen[0] == ("start", 60)
    assert seen[-1] == "stop"
    assert sum(seen[1:-1]) == pytest.approx(60)


def test_units_that_cannot_be_named_are_left_out() -> None:
    mixed = lk.System(
        energy="x**2 + y**2", temperature=1.0, coordinates=("x", "y"), units={"x": "um", "y": "rad", "time": "s"}
    )
    ds = simulate(mixed, observables={"r2": "x**2"}, save_positions=2)
    for name in ("mean", "covariance", "position", "r2"):
        assert "units" not in ds[name].attrs, name
    assert ds.x.attrs["units"] == "um"
    assert ds.time.attrs["units"] == "s"
    density = lk.fokker_planck.evolve(mixed, ds.langevin.grid, initial=STARTS[2], times=ds.time)
    assert density.y.attrs["units"] == "rad"


def test_numpy_numbers_and_types_are_taken() -> None:
    ds = simulate(LINE, time_step=np.float32(0.01), dtype=np.float32, n_steps=np.int64(60))
    assert json.loads(ds.attrs["run"])["dtype"] == "float32"


def test_one_time_of_a_run_has_estimates_too() -> None:
    ds = simulate(LINE)
    assert ds.isel(time=-1).langevin.verdict() == ds.langevin.verdict()


def test_the_users_array_is_not_moved() -> None:
    start = np.linspace(-1.0, 1.0, 50)
    before = start.copy()
    ds = lk.simulate(LINE, initial=start, time_step=0.01, n_steps=10, rng=0, save_positions=True)
    np.testing.assert_array_equal(start, before)
    np.testing.assert_array_equal(ds.position[0, 0], before)
