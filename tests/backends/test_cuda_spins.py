"""Whole runs of spins on the CUDA backend: through the executor they are the CPU's, variable by variable, bit by bit.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cupy_on_host
import numpy as np
import pytest
import xarray as xr
from cuda_runs import assert_same, on_device
from cuda_tools import require_compiler
from meters import Steps

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument

require_compiler()

N, REPLICAS = 20, 6
PATTERNS = np.random.default_rng(0).choice([-1.0, 1.0], size=(2, N))
SPINS = lk.SpinSystem(
    couplings=PATTERNS.T @ PATTERNS / N, temperature=0.8, fields=0.1, parameters={"patterns": PATTERNS}
)
OBSERVABLES: dict[str, Any] = {
    "overlap": "(patterns @ s) @ (patterns @ s)/20",
    "top": lk.observables.maximum("sum(s)"),
    "distance": lk.observables.mean_square_displacement(),
}


def run(backend: Any = "cpu", system: lk.SpinSystem = SPINS, **more: Any) -> xr.Dataset:
    start = np.random.default_rng(1).choice([-1.0, 1.0], size=(REPLICAS, N))
    about = {"initial": start, "n_steps": 6, "save_every": 6, "save_positions": True, "rng": 3}
    return lk.simulate(system, time_step=1, backend=backend, **{**about, **more})


@pytest.mark.parametrize("reproducible", [True, False])
def test_a_run_is_that_of_the_cpu(*, reproducible: bool) -> None:
    """Spins, energies, observables and turns, in either mode."""
    expected = run(observables=OBSERVABLES)
    assert float(expected.n_flips[-1]) > 0
    assert_same(run(on_device(reproducible=reproducible), observables=OBSERVABLES), expected)


def test_another_seed_is_another_run() -> None:
    """The control of the test above."""
    with pytest.raises(AssertionError):
        assert_same(run(on_device(), rng=4), run())


def test_a_run_goes_on_on_the_other_device(tmp_path: Path, eager: None) -> None:
    """Begun on the CPU, cut short, gone on with on the device, and the other way round; and a replica alone."""
    whole = run(save_every=3, store=tmp_path / "whole.zarr")
    for name, first, second in (("a", "cpu", on_device()), ("b", on_device(), "cpu")):
        path = tmp_path / f"{name}.zarr"
        with pytest.raises(KeyboardInterrupt):
            run(first, save_every=3, store=path, progress=Steps(4.0))
        done = lk.resume(path, backend=second)
        assert_same(done, whole)
        alone = lk.replay(path, particle=4, save_every=3)
        np.testing.assert_array_equal(alone.position[..., 0], whole.position[..., 4])


def test_through_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What CuPy is given, with a stand-in for it."""
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host.cupy())
    assert_same(run("cuda"), run())


def test_spins_take_float64() -> None:
    with pytest.raises(InvalidArgument, match="dtype, time_step: got float32 and 1"):
        run(on_device(), dtype="float32")
