"""Every write of a run is a crash point: not done, half done, or done and not yet named; by kill, and by loss of power.

Done and named is the next point's "not done". A resumed run has the bits of one that was never cut short.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from disk import Crash, Disk
from meters import Steps

import langevin_kit as lk
from langevin_kit.errors import InvalidStore
from langevin_kit.run import _work
from langevin_kit.store import _layout, _record, _reopen, _store, audit_store
from langevin_kit.store._record import read_record

SYSTEM = lk.System(energy="x**4 + y**2 + z**2", temperature=0.5, coordinates=("x", "y", "z"))
N = 300
START = np.random.default_rng(0).standard_normal((N, 3))


@pytest.fixture
def _small(eager: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of four steps of five to a save; chunks of two rows; sealed lists from eight on."""
    monkeypatch.setattr(_layout, "MOST_ROWS", 2)
    monkeypatch.setattr(_record, "SEALED_AT", 8)
    monkeypatch.setattr(_work, "FIRST_PIECE", 4 * N)
    monkeypatch.setattr(_work.Pieces, "took", lambda *_: None)
    made: dict[str, Any] = {}
    lay_out = _store.lay_out
    # The same each time but for the second in which it was made; Zarr takes longer over it than the rest of the run.
    monkeypatch.setattr(_store, "lay_out", lambda *given: made.setdefault("files", lay_out(*given) if not made else {}))


def run(store: Path | None = None) -> xr.Dataset:
    return lk.simulate(
        SYSTEM,
        initial=START,
        time_step=1e-3,
        n_steps=15,
        save_every=5,
        save_positions=7,
        rng=3,
        store=store,
        check=False,
    )


def checkpoint(store: Path) -> int:
    """The step of the newest checkpoint that was committed; 0 if there is none."""
    record = read_record(store)
    assert record is not None
    return max((state["step"] for state in record.states.values()), default=0)


def recovered(store: Path) -> xr.Dataset:
    """The run, gone on with; nothing that a checkpoint was committed behind is done again."""
    if store.exists():
        from_step, meter = checkpoint(store), Steps()
        ended = audit_store(store).ended
        ds = lk.resume(store, progress=meter)
        assert meter.total == (0 if ended else 15 - from_step)
        return ds
    with pytest.raises(InvalidStore, match="does not exist"):
        lk.resume(store)
    return run(store)


def same(got: xr.Dataset, expected: xr.Dataset) -> bool:
    assert set(got.variables) == set(expected.variables)
    return all(
        got[name].dtype.kind not in "fi" or got[name].values.tobytes() == expected[name].values.tobytes()
        for name in expected.variables
    )


@pytest.mark.claim("F02")
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(
    ("half", "power"),
    [
        pytest.param(False, True, id="not_done-power"),
        pytest.param(True, False, id="half_done-kill"),
        pytest.param(False, False, id="not_done-kill", marks=pytest.mark.slow),
        pytest.param(True, True, id="half_done-power", marks=pytest.mark.slow),
    ],
)
def test_every_crash_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, power: bool, half: bool) -> None:
    expected, store = run(), tmp_path / "run.zarr"
    with monkeypatch.context() as patch:
        disk = Disk(patch, half=half)
        assert same(run(store), expected)
        assert not disk.unsynced
    total = disk.operations
    assert total > (50 if half else 100)
    resumed = 0
    for at in range(1, total + 1):
        shutil.rmtree(store)
        with monkeypatch.context() as patch:
            disk = Disk(patch, at, half=half)
            with pytest.raises(Crash):
                run(store)
            if power:
                disk.lose_power()
        resumed += store.exists()
        assert same(recovered(store), expected), f"operation {at} of {total}"
        found = audit_store(store)
        assert (found.faults, found.rows, found.ended) == ((), 4, "complete"), f"operation {at} of {total}"
    assert resumed > 0.9 * total


@pytest.mark.usefixtures("_small")
def test_the_enumeration_finds_what_is_not_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without syncs and without verification a power cut leaves rows that are wrong, or no way on."""
    expected, store, harmed = run(), tmp_path / "run.zarr", 0
    for at in range(60, 120, 7):
        with monkeypatch.context() as patch:
            disk = Disk(patch, at)
            patch.setattr(_store, "sync", lambda *_: None)
            with pytest.raises(Crash):
                run(store)
            disk.lose_power()
        with monkeypatch.context() as patch:
            patch.setattr(_reopen, "fault", lambda *_, **__: "")
            try:
                harmed += not same(lk.resume(store), expected)
            except Exception:
                harmed += 1
        shutil.rmtree(store)
    assert harmed > 3
