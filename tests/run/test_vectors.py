"""Runs of a system of two vectors: what is stored and told of them, and bits under any way of running them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from meters import Steps

import langevin_kit as lk
from langevin_kit.cache import load
from langevin_kit.cli.summary import equation
from langevin_kit.codegen import dense as codegen
from langevin_kit.scenario import loads
from langevin_kit.schemes import scheme_from

RNG = np.random.default_rng(2)
U, MASK = RNG.normal(size=(7, 5)) / 4, np.array([1.0, 0, 1, 1, 0, 1, 1])
PATTERNS = np.sign(RNG.normal(size=(3, 7)))
SYSTEM = lk.System(
    energy="v @ v/2 + h @ h/2 - tanh(v) @ U @ tanh(h)",
    mobility={"v": "mask", "h": "1/(1 + h**2)"},
    drift={"h": "0.1*h*cos(t)"},
    coordinates={"v": 7, "h": 5},
    parameters={"U": U, "mask": MASK, "patterns": PATTERNS},
    units={"h": "mV"},
    temperature=0.4,
)
GIVEN: dict[str, Any] = {
    "initial": lk.initial.gaussian(np.zeros(12), 0.3),
    "n_particles": 700,
    "time_step": 0.02,
    "n_steps": 30,
    "save_every": 10,
    "rng": 5,
    "save_positions": True,
    "observables": {
        "overlap": "(patterns @ v) @ (patterns @ v)",
        "coupling": "v @ U @ h",
        "of_h": "energy - sum(logcosh(h))",
        "msd": lk.observables.mean_square_displacement(["v[0]", "h[4]"]),
    },
}


def simulate(**changes: Any) -> xr.Dataset:
    return lk.simulate(SYSTEM, **GIVEN | changes)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return simulate()


def test_the_dataset_names_the_components_and_reduces_texts_of_all_vectors(ds: xr.Dataset) -> None:
    assert ds.component.values.tolist() == [f"v[{i}]" for i in range(7)] + [f"h[{i}]" for i in range(5)]
    x = ds.position.transpose("time", "component", "particle").values
    v, h = x[:, :7], x[:, 7:]
    mean = {
        "overlap": ((np.einsum("kv,tvn->tkn", PATTERNS, v)) ** 2).sum(1),
        "coupling": np.einsum("tvn,vh,thn->tn", v, U, h),
        "msd": (x[:, 0] - x[0, 0]) ** 2 + (x[:, 11] - x[0, 11]) ** 2,
    }
    mean["of_h"] = (
        (x**2).sum(1) / 2 - np.einsum("tvn,vh,thn->tn", np.tanh(v), U, np.tanh(h)) - np.log(np.cosh(h)).sum(1)
    )
    for name, value in mean.items():
        np.testing.assert_allclose(ds[name], value.mean(-1), rtol=1e-12)
    assert (v[:, MASK == 0] == v[0, MASK == 0]).all()
    assert (v[1:, MASK == 1] != v[0, MASK == 1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("backend", [lk.CPU(threads=2), lk.CPU(threads=3, block_size=256)])
def test_threads_and_blocks_change_no_bit(ds: xr.Dataset, backend: lk.CPU) -> None:
    other = simulate(backend=backend)
    for name in ds.data_vars:
        np.testing.assert_array_equal(other[name], ds[name])
    assert (simulate(rng=6).position[1:, 7:] != ds.position[1:, 7:]).all()


@pytest.mark.slow
def test_the_width_of_a_tile_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    for width in (32, 64, 256):
        monkeypatch.setattr(codegen, "tile_width", lambda d, dtype, width=width: width)
        source = codegen.stepper_source(SYSTEM.content.derived, scheme_from("euler_maruyama"), "float32")
        assert f"aligned(12, {width}, like)" in source
        x = np.random.default_rng(0).normal(size=(12, 300)).astype("float32")
        load(source).advance(x, 0, 300, 256, 0, 20, SYSTEM.values, 0.02, 0.4, np.uint32(1), np.uint32(2))
        moved.append(x.tobytes())
    assert moved[0] == moved[1] == moved[2]


def test_replays_and_restarts_have_the_bits_of_the_run(ds: xr.Dataset, tmp_path: Path) -> None:
    particles = [0, 255, 256, 699]
    np.testing.assert_array_equal(lk.replay(ds, particles, save_every=10).position, ds.position[..., particles])
    one = lk.replay(ds, 300, first=7, n_steps=20, save_every=1).position[..., 0]
    np.testing.assert_array_equal(one[3::10], ds.position[1:3, :, 300])
    with pytest.raises(KeyboardInterrupt):
        simulate(store=tmp_path / "run.zarr", progress=Steps(15))
    assert lk.open(tmp_path / "run.zarr").sizes["time"] < ds.sizes["time"]
    again = lk.resume(tmp_path / "run.zarr")
    for name in ds.data_vars:
        np.testing.assert_array_equal(again[name], ds[name])
    assert again.langevin.system.to_dict() == SYSTEM.to_dict()


def test_a_line_tells_all_vectors() -> None:
    told = equation(SYSTEM.to_dict())
    assert "v of 7 components, h of 5 components, K of v = mask, K of h = 1/(1 + h**2), b = {h: 0.1*h*cos(t)}" in told


TOML = """\
title = "two vectors"
[system]
coordinates = { v = 3, h = 2 }
energy = "v @ v/2 + h @ h/2 - v @ U @ h"
mobility = { h = 1.0, v = "mask" }
drift = { v = "0.1*sin(v)" }
temperature = 0.5
units = { h = "mV" }
[system.parameters]
U = [[0.1, 0.2], [0, 0.3], [0.4, 0]]
mask = [1, 0, 1]
[initial]
kind = "gaussian"
mean = 0.5
covariance = 0.1
[run]
n_particles = 50
time_step = 0.01
n_steps = 4
save_every = 2
seed = 0
[observables]
coupling = "v @ U @ h"
"""


def test_a_scenario_is_the_system_of_its_texts() -> None:
    scenario = loads(TOML)
    system = lk.System(
        energy="v @ v/2 + h @ h/2 - v @ U @ h",
        mobility={"v": "mask", "h": 1.0},
        drift={"v": "0.1*sin(v)"},
        coordinates={"v": 3, "h": 2},
        parameters={"U": [[0.1, 0.2], [0, 0.3], [0.4, 0]], "mask": [1, 0, 1]},
        units={"h": "mV"},
        temperature=0.5,
    )
    assert scenario.system.to_dict() == system.to_dict()
    made = lk.simulate(scenario.system, **scenario.arguments)
    np.testing.assert_array_equal(made.coupling, lk.simulate(system, **scenario.arguments).coupling)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{ h = 1.0,", "{ w = 1.0,", "system.mobility: 'w' is no vector"),
        ("{ h = 1.0, ", "{ ", "system.mobility: none for 'h'"),
        ('"mask" }', '"U" }', r"system.mobility.v: got shape \(3, 2\)|system.mobility: .*shape \(3, 2\)"),
        ('drift = { v = "0.1*sin(v)" }', 'drift = "v"', "system.drift: got 'v'; a mapping by name"),
        ("v @ v/2 + h", "v @ h + h", r"system.energy: @ of shapes \(3,\) and \(2,\)"),
    ],
)
def test_faults_of_a_scenario(old: str, new: str, message: str) -> None:
    assert old in TOML
    with pytest.raises(lk.errors.InvalidScenario, match=message):
        loads(TOML.replace(old, new))
