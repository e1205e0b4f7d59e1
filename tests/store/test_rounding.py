"""Positions in fewer bits: nearer than half a unit of the last one, smaller, and never what a run goes on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from meters import Steps

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.kernels.cpu.mantissa import round_mantissa
from langevin_kit.store import audit_store

N = 100_000
GIVEN: dict[str, Any] = {
    "initial": lk.initial.gaussian([0.0], 1.0),
    "n_particles": N,
    "time_step": 0.01,
    "n_steps": 20,
    "save_every": 10,
    "save_positions": True,
    "rng": 0,
}
SYSTEM = lk.System(energy="x**2/2", temperature=1.0)


def rounded(x: Any, bits: int) -> Any:
    single = x.astype(np.float32)
    round_mantissa(single, bits)
    return single


def size(store: Path) -> int:
    return sum(path.stat().st_size for path in store.glob("position/c.*") if path.is_file())


@given(
    x=st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=False), min_size=1),
    bits=st.integers(1, 23),
)
def test_the_nearest_value_of_so_many_bits(x: list[float], bits: int) -> None:
    values = np.array(x, np.float32)
    got = rounded(values, bits)
    finite = np.isfinite(values)
    np.testing.assert_array_equal(got[~finite], values[~finite])
    assert (got.view(np.uint32)[finite] % 2 ** (23 - bits) == 0).all()
    with np.errstate(over="ignore"):
        near = np.abs(got[finite].astype(float) - values[finite]) <= 2.0 ** (-bits - 1) * np.abs(values[finite])
    assert (near | np.isinf(got[finite])).all()
    assert rounded(values.astype(float), 23).tobytes() == values.tobytes()


def test_fewer_bits_take_fewer_bytes(tmp_path: Path) -> None:
    """The research's ratios of compressed to whole float32: 2.07 at 10 bits of a Gaussian, 2.60 at 7."""
    exact = lk.simulate(SYSTEM, **GIVEN, store=tmp_path / "exact.zarr")
    assert exact.position.dtype == np.float64
    for bits, ratio in ((10, 2.0), (7, 2.5)):
        store = tmp_path / f"bits{bits}.zarr"
        ds = lk.simulate(SYSTEM, **GIVEN, store=store, position_bits=bits)
        assert size(tmp_path / "exact.zarr") / 2 > ratio * size(store)
        np.testing.assert_array_equal(xr.open_zarr(store).position, rounded(exact.position.values, bits))
        np.testing.assert_array_equal(ds.energy, exact.energy)
        assert audit_store(store).faults == ()


@pytest.mark.usefixtures("eager")
def test_a_run_goes_on_from_what_was_not_rounded(tmp_path: Path) -> None:
    expected = lk.simulate(SYSTEM, **GIVEN, position_bits=5)
    with pytest.raises(KeyboardInterrupt):
        lk.simulate(SYSTEM, **GIVEN, position_bits=5, store=tmp_path / "run.zarr", progress=Steps(15.0))
    got = lk.resume(tmp_path / "run.zarr")
    for name in ("position", "mean", "energy"):
        np.testing.assert_array_equal(got[name], expected[name])


@pytest.mark.parametrize("bits", [0, 24, 2.5, True, "all"])
def test_other_numbers_of_bits_are_refused(bits: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"position_bits: got .*; 1 to 23 bits of a float32, or None for all"):
        lk.simulate(SYSTEM, **GIVEN, position_bits=bits)


def test_a_rounded_start_is_no_start() -> None:
    """Without a store the array that a run started from is not kept: replay asks for it."""
    start = np.random.default_rng(0).standard_normal(50)
    given = {**GIVEN, "initial": start, "n_particles": None}
    ds = lk.simulate(SYSTEM, **given, position_bits=8)
    with pytest.raises(InvalidArgument, match="give that array"):
        lk.replay(ds, 3)
    exact = lk.simulate(SYSTEM, **given)
    path = lk.replay(ds, 3, initial=start, save_every=10)
    np.testing.assert_array_equal(path.position[:, 0, 0], exact.position[:, 0, 3])
