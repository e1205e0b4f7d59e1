"""`verify`: the Fokker–Planck equation of a run, from the run's own start."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, InvalidStore
from langevin_kit.run._verify import _grid

WELL = lk.System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5)
GAUSSIAN = lk.initial.gaussian([-1.0], 0.04)


def run(system: lk.System = WELL, **given: Any) -> xr.Dataset:
    options: dict[str, Any] = {"initial": GAUSSIAN, "n_particles": 100_000, "time_step": 0.002, "n_steps": 500}
    if isinstance(given.get("initial"), np.ndarray):
        del options["n_particles"]
    return lk.simulate(system, **{**options, "save_every": 50, "rng": 4, **given})


def state(ds: xr.Dataset, **given: Any) -> str:
    return lk.verify(ds, **given).comparison.verdict.state


STARTS = {
    "gaussian": GAUSSIAN,
    "uniform": lk.initial.uniform([-1.5], [0.5]),
    "point": lk.initial.point([-0.713]),
    "array": np.random.default_rng(0).normal(-0.8, 0.3, (100_000, 1)),
}


@pytest.mark.parametrize("name", STARTS)
def test_from_every_kind_of_start(name: str) -> None:
    found = lk.verify(run(initial=STARTS[name]), halve=False)
    assert found.comparison.verdict.state == "consistent"
    assert found.density.sizes["x"] == 1024
    assert found.other.sizes["x"] == 512
    assert found.halved is None


SYSTEMS = {
    "ring": lk.System(
        energy="cos(x)", mobility="1 + sin(x)/2", temperature=0.5, walls={"x": lk.periodic(-np.pi, np.pi)}
    ),
    "box": lk.System(energy="x", mobility="1 + x**2", temperature=0.5, walls={"x": lk.reflecting(-1.5, 1.0)}),
    "moving": lk.System(energy="(x - sin(4*t))**2", mobility="1 + cos(3*t)/2", temperature=0.5),
    "function": lk.System(energy=lambda x: (x * x - 1) ** 2, temperature=0.5),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_kind_of_system_on_a_line(name: str) -> None:
    system = SYSTEMS[name]
    start = lk.initial.gaussian([-0.5 if name != "ring" else 3.0], 0.01)
    ds = run(system, time_step=0.001, n_steps=1000, save_every=100, initial=start)
    given = {"system": system} if name == "function" else {}
    assert state(ds, **given, halve=False) == "consistent"
    # Negative control: the same run held to twice the mobility.
    if name != "function":
        faster = lk.System(**{**system.to_dict(), "mobility": f"2*({system.mobility})", "walls": system.walls})
        wrong = ds.assign_attrs(system=json.dumps(faster.to_dict()))
        assert state(wrong, halve=False) == "inconsistent"


def test_a_plane_with_a_full_tensor_and_a_wall() -> None:
    system = lk.System(
        energy="x**2/2 + y",
        mobility=[["1 + y**2/4", "0.5"], ["0.5", "1"]],
        temperature=0.5,
        coordinates=("x", "y"),
        walls={"y": lk.reflecting(0.0)},
    )
    ds = run(system, initial=lk.initial.gaussian([0.5, 1.5], 0.03), time_step=0.001, n_steps=600, save_every=150)
    found = lk.verify(ds, halve=False)
    assert found.comparison.verdict.state == "consistent"
    assert found.density.shape[1:] in ((128, 128), (256, 256))


def test_the_second_run_is_made_where_it_is_needed() -> None:
    ds = run(time_step=0.02, n_steps=100, save_every=10, n_particles=300_000)
    assert state(ds, halve=False) == "inconsistent"
    found = lk.verify(ds)
    assert found.comparison.verdict.state == "consistent within the stated discretisation error"
    assert found.halved is not None
    assert found.halved.sizes["particle"] == 2**15
    np.testing.assert_allclose(found.halved.time, ds.time)
    again = lk.verify(run(), halve=True)
    assert again.halved is not None
    assert again.comparison.verdict.state == "consistent"


def test_an_error_of_the_run_is_not_taken_for_one_of_its_step() -> None:
    """The Dataset names another temperature than it was run with."""
    ds = run(time_step=0.01, n_steps=100, save_every=10)
    colder = lk.System(**{**WELL.to_dict(), "temperature": 0.48})
    found = lk.verify(ds.assign_attrs(system=json.dumps(colder.to_dict())))
    assert found.comparison.verdict.state == "inconsistent"
    assert found.halved is not None


def test_the_first_particles_go_along_the_same_paths() -> None:
    """`verify` follows some particles of the run again; here the run kept them all."""
    ds = run(n_particles=1000, save_positions=True, n_steps=100)
    found = lk.verify(ds, halve=True)
    assert found.halved is not None
    apart = np.abs(found.halved.position.values - ds.position.values).std()
    assert apart < 0.05 * ds.position.values.std()


def test_a_run_from_an_array_is_run_again_from_that_array() -> None:
    start = STARTS["array"]
    assert isinstance(start, np.ndarray)
    ds = run(initial=start)
    with pytest.raises(InvalidArgument, match="started from an array; give it, or halve=False"):
        lk.verify(ds, halve=True)
    assert state(ds, halve=True, initial=start) == "consistent"


def test_the_grid_merges_the_cells_of_the_histogram() -> None:
    histogram = lk.Grid(x=lk.cells(0, 1, 600), y=lk.cells(0, 2, 128))
    assert _grid(histogram, 256, 1).shape == (200, 128)
    assert _grid(histogram, 256, 2).shape == (100, 64)
    with pytest.raises(InvalidArgument, match="255 cells along x cannot be merged in pairs"):
        _grid(lk.Grid(x=lk.cells(0, 1, 255)), 1024, 1)


def test_refusals() -> None:
    ds = run(n_particles=1000)
    cases: list[tuple[xr.Dataset, dict[str, Any], type[Exception], str]] = [
        (xr.Dataset(), {}, InvalidStore, "no run of langevin_kit.simulate"),
        (ds.isel(time=-1), {}, InvalidStore, "no dim `time`"),
        (ds.isel(time=slice(1, None)), {}, InvalidArgument, "the run's start and a later time"),
        (ds.drop_vars("histogram"), {}, InvalidStore, "no histogram"),
        (ds, {"system": SYSTEMS["ring"]}, InvalidArgument, "not the system of this run"),
        (run(scheme=lk.EulerMaruyama(halved=True), n_particles=1000), {"halve": True}, InvalidArgument, "be halved"),
        (run(scheme=lk.EulerMaruyama("rademacher"), n_particles=1000), {"halve": True}, InvalidArgument, "Gaussian"),
        (run(lk.System(energy="x**2", drift=["1"], temperature=1.0), n_particles=1000,
             histogram=lk.Grid(x=lk.cells(-3, 3, 64))), {}, InvalidArgument, "extra drift"),
        (run(lk.System(energy="x**2 + y**2 + z**2", temperature=1.0, coordinates=("x", "y", "z")), n_particles=1000,
             initial=lk.initial.point([0.0] * 3)), {}, InvalidArgument, "this run has 3 coordinates"),
    ]  # fmt: skip
    for dataset, options, error, words in cases:
        with pytest.raises(error, match=words):
            lk.verify(dataset, **options)
