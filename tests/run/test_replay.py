"""A particle's path alone has the bits that it had in the ensemble."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, InvalidStore
from langevin_kit.random import seed_from_record, seed_record, seed_sequence

LINE = lk.System(energy="(x**2 - 1)**2 + a*x", mobility="1/(1 + x**2)", temperature=0.5, parameters={"a": 0.25})
TENSOR = lk.System(
    energy="(x**2 - 1)**2 + y**2/2",
    mobility=[["1 + x**2/(1 + x**2)", "sin(x)/2"], ["sin(x)/2", "1"]],
    temperature=0.5,
    coordinates=("x", "y"),
)
RING = lk.System(
    energy="cos(x) + y**2/2",
    drift=["3*cos(t)", 0],
    temperature=2.0,
    coordinates=("x", "y"),
    walls={"x": lk.periodic(0.0, 2 * np.pi), "y": lk.reflecting(-1.0, 2.0)},
)
W = np.random.default_rng(0).normal(0.0, 0.3, (5, 5))
VECTOR = lk.System(energy="v @ v/2 - sum(tanh(W @ v))", temperature=0.3, coordinates={"v": 5}, parameters={"W": W})
N = 600
STARTS: dict[int, Any] = {
    1: lk.initial.gaussian([-1.0], 0.04),
    2: lk.initial.uniform([-0.5, -0.5], [0.5, 0.5]),
    5: lk.initial.gaussian(np.zeros(5), 0.1),
}
RUNS: dict[str, tuple[lk.System, dict[str, Any]]] = {
    "1-D float32": (LINE, {"dtype": "float32"}),
    "1-D float64": (LINE, {}),
    "1-D Rademacher": (LINE, {"scheme": lk.EulerMaruyama(noise="rademacher")}),
    "1-D, remembering": (LINE, {"scheme": "pvd2"}),
    "1-D, counting": (LINE, {"scheme": "mala", "dtype": "float32"}),
    "2-D tensor": (TENSOR, {}),
    "2-D tensor float32": (TENSOR, {"dtype": "float32"}),
    "walls float32": (RING, {"dtype": "float32"}),
    "vector": (VECTOR, {}),
    "vector float32": (VECTOR, {"dtype": "float32"}),
    "T = 0": (lk.System(**{**LINE.to_dict(), "temperature": 0.0}), {"dtype": "float32"}),
}
SLOW = {"1-D float32", "2-D tensor float32", "vector float32"}


def simulate(system: lk.System, **arguments: Any) -> xr.Dataset:
    about = {"n_particles": N, "time_step": 1e-2, "n_steps": 30, "save_every": 1, "rng": 7, "save_positions": True}
    return lk.simulate(system, **{"initial": STARTS[system.n_dim], **about, **arguments})


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in RUNS])
def test_a_path_alone_has_the_bits_of_the_run(name: str) -> None:
    system, arguments = RUNS[name]
    ds = simulate(system, **arguments)
    particles = [0, 1, 255, 256, 300, N - 1]
    every = lk.replay(ds, particles)
    np.testing.assert_array_equal(every.position, ds.position[..., particles])
    assert every.position.dtype == ds.position.dtype
    assert every.position.dims == ds.position.dims
    np.testing.assert_array_equal(every.time, ds.time)
    np.testing.assert_array_equal(every.step, ds.step)
    assert every.particle.values.tolist() == particles
    # Any first step and any interval, inside and across the groups of steps that share a call of the generator.
    for first, n_steps, save_every in ((0, 30, 30), (0, 30, 3), (7, 20, 5), (29, 1, 1)):
        part = lk.replay(ds, 300, first=first, n_steps=n_steps, save_every=save_every)
        steps = slice(first, first + n_steps + 1, save_every)
        np.testing.assert_array_equal(part.position, ds.position[steps, :, [300]])
        np.testing.assert_array_equal(part.step, ds.step[steps])
    # Control: another particle, and the same one under another seed, have other paths.
    if system.temperature:
        assert (lk.replay(ds, 301).position[1:, :, 0] != ds.position[1:, :, 300]).all()
        other = lk.replay(simulate(system, **arguments, rng=8), 300)
        assert (other.position[1:, :, 0] != ds.position[1:, :, 300]).all()


def test_turns_unwrap_the_path() -> None:
    n = 64
    ds = simulate(RING, n_particles=n, n_steps=400, save_every=400,
                  observables={"msd": lk.observables.mean_square_displacement("x")})  # fmt: skip
    path = lk.replay(ds, range(n))
    assert path.turns.dims == path.position.dims
    unwrapped = (path.position + 2 * np.pi * path.turns).sel(component="x")
    msd = ((unwrapped - unwrapped[0]) ** 2).mean("particle")
    np.testing.assert_allclose(msd[-1], ds.msd[-1], rtol=1e-12)
    assert (path.turns.sel(component="x")[-1] != 0).any()
    assert (path.turns.sel(component="y") == 0).all()
    # A step is at most 3 Δt of drift, 1 Δt of force and 8.6 standard deviations.
    assert float(np.abs(np.diff(unwrapped, axis=0)).max()) < 0.04 + 8.6 * np.sqrt(2 * 2.0 * 0.01)
    assert "turns" not in lk.replay(simulate(LINE), 0)


def test_a_store_is_replayed_and_needs_no_positions(tmp_path: Path) -> None:
    whole = simulate(TENSOR, rng=np.random.SeedSequence([3, 4]).spawn(2)[1])
    seeds = np.random.SeedSequence([3, 4]).spawn(2)[1]
    simulate(TENSOR, rng=seeds, save_positions=False, save_every=30, store=tmp_path / "run.zarr")
    path = lk.replay(tmp_path / "run.zarr", 77)
    np.testing.assert_array_equal(path.position[..., 0], whole.position[..., 77])
    assert path.langevin.system.to_dict() == TENSOR.to_dict()
    assert path.position.attrs == whole.position.attrs


def test_a_run_from_an_array_needs_it_or_what_was_saved_of_it() -> None:
    start = np.random.default_rng(1).normal(0.0, 0.5, (N, 1))
    few = simulate(LINE, initial=start, save_positions=10, dtype="float32")
    whole = simulate(LINE, initial=start, dtype="float32")
    np.testing.assert_array_equal(lk.replay(few, 9).position[..., 0], whole.position[..., 9])
    np.testing.assert_array_equal(lk.replay(few, 10, initial=start).position[..., 0], whole.position[..., 10])
    for part, k in ((few, 10), (whole.isel(particle=slice(5, None)), 3), (whole.isel(time=slice(1, None)), 3)):
        with pytest.raises(InvalidArgument, match=f"does not hold where particle {k} was at step 0"):
            lk.replay(part, k)
    with pytest.raises(InvalidArgument, match="that of the run's array"):
        lk.replay(few, 10, initial=start + 1e-3)
    with pytest.raises(InvalidArgument, match="holds 5 particles"):
        lk.replay(few, 10, initial=start[:5])


def test_what_the_run_does_not_have_is_refused() -> None:
    ds = simulate(LINE)
    bad: dict[str, dict[str, Any]] = {
        "particle: got 600; the run has the particles 0 to 599": {"particle": 600},
        "particle: got -1": {"particle": -1},
        "particle: got True": {"particle": True},
        "particle: got none": {"particle": []},
        "first: got 30; the run's steps 0 to 29": {"first": 30},
        "n_steps: got 21; the run has 20 steps from step 10 on": {"first": 10, "n_steps": 21},
        "n_steps: got 0": {"n_steps": 0},
        "save_every: got 7": {"save_every": 7},
        "initial: the run drew its start from its seed": {"initial": np.zeros((N, 1))},
        "system: this is not the system of this run": {"system": TENSOR},
    }
    for words, arguments in bad.items():
        with pytest.raises(InvalidArgument, match=words):
            lk.replay(ds, **{"particle": 0, **arguments})
    with pytest.raises(InvalidStore, match="no attribute `run`"):
        lk.replay(xr.Dataset(), 0)
    xr.testing.assert_equal(lk.replay(ds, 0, system=LINE), lk.replay(ds, 0))


def test_a_system_of_functions_is_given_again(tmp_path: Path) -> None:
    system = lk.System(energy=lambda x: (x * x - 1) ** 2, temperature=0.5)
    ds = simulate(system, store=tmp_path / "run.zarr", dtype="float32")
    with pytest.raises(InvalidStore, match="made of Python functions"):
        lk.replay(tmp_path / "run.zarr", 3)
    path = lk.replay(tmp_path / "run.zarr", 3, system=system)
    np.testing.assert_array_equal(path.position[..., 0], ds.position[..., 3])


@pytest.mark.parametrize("rng", [7, [1, 2], np.random.SeedSequence(np.arange(3)), np.random.SeedSequence(None), 2**100])
def test_a_seed_comes_back_from_its_record(rng: Any) -> None:
    seed = seed_sequence(rng).spawn(3)[2]
    again = seed_from_record(json.loads(json.dumps(seed_record(seed))))
    assert (again.generate_state(4) == seed.generate_state(4)).all()
