"""Runs on the CUDA backend in the executor, and what must be equal in two runs."""

from __future__ import annotations

from typing import Any

import xarray as xr

import langevin_kit as lk
from langevin_kit.testing.ptxvm import Executor

N = 700
OBSERVABLES = {
    "msd": lk.observables.mean_square_displacement(),
    "right": "x > 0",
    "product": "x*energy",
    "lag": lk.observables.autocorrelation("x"),
    "top": lk.observables.maximum("x"),
    "bottom": lk.observables.minimum("energy"),
}


def run(system: lk.System, **arguments: Any) -> xr.Dataset:
    given: dict[str, Any] = {
        "initial": lk.initial.uniform([-0.9] * system.n_dim, [0.9] * system.n_dim),
        "n_particles": N,
        "time_step": 2e-3,
        "n_steps": 30,
        "save_every": 10,
        "rng": 7,
        "dtype": "float32",
        "save_positions": True,
        "check": False,
    }
    return lk.simulate(system, **{**given, **arguments})


def on_device(memory: int = 2**32, **options: Any) -> lk.CUDA:
    return lk.CUDA(device=Executor(memory=memory), **{"reproducible": True, **options})


def assert_same(got: xr.Dataset, expected: xr.Dataset) -> None:
    assert set(got.variables) == set(expected.variables)
    for name in expected.variables:
        x, y = got[name].values, expected[name].values
        assert x.tolist() == y.tolist() if x.dtype == object else x.tobytes() == y.tobytes(), name
