"""The thread that writes, behind the run: what it is given stays as it was, and after a failure it does no more."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.backends import PLACES
from langevin_kit.run import _recorder
from langevin_kit.store import _rows, _store, audit_store

SYSTEM = lk.System(energy="x**2/2", temperature=1.0)
GIVEN: dict[str, Any] = {
    "initial": lk.initial.gaussian([0.0], 1.0),
    "n_particles": 3000,
    "time_step": 0.01,
    "n_steps": 30,
    "save_every": 2,
    "save_positions": True,
    "rng": 0,
    "check": False,
}


@pytest.mark.parametrize("bits", [None, 12])
def test_a_slow_disk_gets_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: int | None) -> None:
    """Positions that go at once are in memory that is used again: only once they are written."""
    expected = lk.simulate(SYSTEM, **GIVEN, position_bits=bits)
    append = _rows.Rows.append

    def slowly(rows: _rows.Rows, arrays: Any) -> None:
        time.sleep(0.01)
        append(rows, arrays)

    monkeypatch.setattr(_rows.Rows, "append", slowly)
    monkeypatch.setattr(_recorder, "PENDING_BYTES", 1000)
    ds = lk.simulate(SYSTEM, **GIVEN, position_bits=bits, store=tmp_path / "run.zarr")
    assert _store.BEHIND < PLACES
    for name in ("position", "energy", "histogram", "kl_divergence"):
        np.testing.assert_array_equal(ds[name], expected[name])


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("at", [0, 3, 4, 13])
def test_no_commit_comes_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """An error of no disk, in the middle of a row, with tasks behind it: the store says what is whole, and goes on."""
    append, calls = _rows.Rows.append, 0

    def failing(rows: _rows.Rows, arrays: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            append(rows, dict(list(arrays.items())[:2]))
            raise MemoryError
        append(rows, arrays)

    with monkeypatch.context() as patch:
        patch.setattr(_rows.Rows, "append", failing)
        with pytest.raises(MemoryError):
            lk.simulate(SYSTEM, **GIVEN, store=tmp_path / "run.zarr")
    assert calls == at + 1
    assert audit_store(tmp_path / "run.zarr").faults == ()
    expected, ds = lk.simulate(SYSTEM, **GIVEN), lk.resume(tmp_path / "run.zarr")
    for name in expected.data_vars:
        np.testing.assert_array_equal(ds[name], expected[name])
