"""Bytes that change on the disk: none is silent, each is named, and a run is mended from what is left."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from meters import Steps

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, InvalidStore, StoreCorrupt, StoreExists, StoreLocked, StoreMismatch
from langevin_kit.store import _audit, _lock, audit_store, create_store, export_store
from langevin_kit.store._layout import Layout

SYSTEM = lk.System(energy="x**2/2", temperature=1.0)
SHORT: dict[str, Any] = {
    "initial": lk.initial.point([0.0]),
    "n_particles": 10,
    "time_step": 0.01,
    "n_steps": 1,
    "rng": 0,
}
START = np.random.default_rng(0).standard_normal(400)


def run(store: Path | None, **given: object) -> xr.Dataset:
    arguments = {"initial": START, "time_step": 0.01, "n_steps": 60, "save_every": 10, "save_positions": 50, "rng": 1}
    return lk.simulate(SYSTEM, **{**arguments, **given}, store=store)  # type: ignore[arg-type]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A finished run from an array."""
    run(tmp_path / "run.zarr")
    return tmp_path / "run.zarr"


@pytest.fixture
def begun(tmp_path: Path, eager: None) -> Path:
    """A run that was interrupted, with two checkpoints."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run.zarr", progress=Steps(35.0))
    return tmp_path / "run.zarr"


def files(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*") if path.is_file() and path.name != "lock")


def assert_same(got: xr.Dataset, expected: xr.Dataset) -> None:
    for name in expected.variables:
        if expected[name].dtype.kind in "fi":
            np.testing.assert_array_equal(got[name], expected[name])


@pytest.mark.parametrize("kind", ["whole", "begun"])
def test_no_flipped_bit_is_silent(kind: str, request: pytest.FixtureRequest) -> None:
    """200 bits, spread over all bytes of the store: the audit names the file, or says why it cannot look."""
    store: Path = request.getfixturevalue(kind)
    assert audit_store(store).faults == ()
    all_files = files(store)
    sizes = np.array([path.stat().st_size for path in all_files])
    rng = np.random.default_rng(0)
    named = 0
    for bit in rng.choice(8 * sizes.sum(), 200, replace=False):
        which = int(np.searchsorted(np.cumsum(sizes), bit // 8, side="right"))
        path, before = all_files[which], all_files[which].read_bytes()
        data = bytearray(before)
        data[int(bit // 8 - np.cumsum(sizes)[which] + sizes[which])] ^= 1 << int(bit % 8)
        path.write_bytes(data)
        try:
            faults = audit_store(store).faults
            assert [fault.split(" is ")[0] for fault in faults] == [str(path.relative_to(store))]
            named += 1
        except (StoreCorrupt, InvalidStore):
            assert path.name in ("commit.json", "zarr.json")
        path.write_bytes(before)
    assert named > 100


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is truncated"),
        (lambda path: path.write_bytes(b""), "is truncated"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "is damaged"),
    ],
)
def test_harm_to_any_file_is_noticed(whole: Path, harm: Callable[[Path], object], said: str) -> None:
    for path in files(whole):
        if path in (whole / "zarr.json", whole / "restart" / "commit.json"):
            continue
        before = path.read_bytes()
        harm(path)
        (fault,) = audit_store(whole).faults
        name = str(path.relative_to(whole))
        assert fault.startswith(name)
        assert fault.endswith((said, "is damaged"))
        path.write_bytes(before)


def test_damaged_chunks_are_computed_again(whole: Path) -> None:
    expected = run(None)
    for key in ("mean/c.0.0", "position/c.0.0.0", "kl_divergence/c.0"):
        data = bytearray((whole / key).read_bytes())
        data[3] ^= 16
        (whole / key).write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        lk.open(whole).load()
    assert_same(lk.resume(whole), expected)
    assert audit_store(whole).faults == ()


def test_a_damaged_checkpoint_leaves_the_one_before(begun: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And where both are damaged, the start."""
    expected, copy = run(None), begun.with_name("copy.zarr")
    states = sorted(begun.glob("restart/state-*.bin"))
    assert len(states) == 2
    shutil.copytree(begun, copy)
    states[0].write_bytes(b"")
    assert_same(lk.resume(begun), expected)
    for state in copy.glob("restart/state-*.bin"):
        state.unlink()
    assert_same(lk.resume(copy), expected)
    assert not caplog.records


def test_rows_go_back_to_the_first_damaged_one(begun: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = run(None)
    (begun / "energy" / "c.0").write_bytes(b"")
    assert_same(lk.resume(begun), expected)
    assert "damaged from saved time 0 on: computed again from step 0" in caplog.text


@pytest.mark.parametrize("key", ["restart/start.bin", "energy/zarr.json", "component/c/0", "restart/commit.json"])
def test_what_cannot_be_computed_again_is_named(begun: Path, key: str) -> None:
    (begun / key).write_bytes((begun / key).read_bytes()[:-3])
    with pytest.raises(StoreCorrupt, match=key):
        lk.resume(begun)


def test_a_start_from_an_array_is_kept(begun: Path) -> None:
    """Neither resume nor replay is given it."""
    expected = run(None)
    path = lk.replay(begun, 399, n_steps=60, save_every=10)
    assert_same(lk.resume(begun), expected)
    assert path.position[0, 0, 0] == START[399]
    np.testing.assert_array_equal(lk.replay(begun, 49, save_every=10).position[:, :, 0], expected.position[:, :, 49])


def test_another_run_is_not_gone_on_with(begun: Path) -> None:
    """Each changed argument is named; the record knows its configuration too, whatever the attributes say."""
    for change, said in [
        ({"n_steps": 120}, "n_steps: 60 there, 120 here"),
        ({"rng": 2}, 'seed: "1" there, "2" here'),
        ({"initial": 2 * START}, "start: "),
        ({"initial": -START + 2 * START.mean()}, "initial_crc32c: "),
        ({"observables": {"right": "x > 0"}}, "observables: {} there, "),
        ({"dtype": "float32"}, 'dtype: "float64" there, "float32" here'),
    ]:
        with pytest.raises(StoreMismatch, match="holds another run") as error:
            run(begun, resume=True, **change)
        assert said in str(error.value)
    with pytest.raises(StoreMismatch, match="not the system of"):
        lk.resume(begun, system=lk.System(energy="x**2", temperature=1.0))
    record = json.loads((begun / "restart" / "commit.json").read_bytes())
    assert json.loads(record["body"])["config"]


def test_other_kernels_are_refused(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langevin_kit.codegen.version", lambda: "another")
    with pytest.raises(StoreMismatch, match=r'kernels: "\w{16}" there, "another" here'):
        lk.resume(begun)


@pytest.mark.usefixtures("eager")
def test_a_store_with_folders_for_its_rows_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a chunk is called is for the array's metadata to say; earlier stores have `c/0/0`, not `c.0.0`."""
    store, of = tmp_path / "run.zarr", Layout.of
    with monkeypatch.context() as patch:
        patch.setattr(Layout, "of", lambda *given, **more: replace(of(*given, **more), separator="/"))
        with pytest.raises(KeyboardInterrupt):
            run(store, progress=Steps(35.0))
    rows = lk.open(store).sizes["time"]
    (store / "mean" / "c" / "0" / "0").write_bytes(b"")
    (said,) = audit_store(store).faults
    assert said.startswith("mean/c/0/0")
    assert_same(lk.resume(store), run(None))
    assert rows > 1
    assert not list(store.glob("*/c.*"))


def test_a_store_of_a_newer_format_is_refused(begun: Path) -> None:
    from langevin_kit.store import crc32c

    path = begun / "restart" / "commit.json"
    body = json.dumps({**json.loads(json.loads(path.read_bytes())["body"]), "format": 2})
    path.write_text(json.dumps({"crc32c": crc32c(body.encode()), "body": body}))
    for use in (lk.resume, lk.open, audit_store):
        with pytest.raises(InvalidStore, match="has format 2; this version reads up to 1"):
            use(begun)


def test_a_run_that_failed_is_not_gone_on_with(tmp_path: Path) -> None:
    store = tmp_path / "hot.zarr"
    given = {"time_step": 0.3, "n_steps": 100, "save_every": 50, "n_particles": 50, "rng": 0, "check": False}
    with pytest.raises(lk.errors.NonFinite) as error:
        lk.simulate(
            lk.System(energy="x**4", temperature=1.0),
            initial=lk.initial.point([3.0]),
            store=store,
            **given,  # type: ignore[arg-type]
        )
    assert lk.open(store).sizes["time"] == 2
    assert audit_store(store).ended == str(error.value)
    with pytest.raises(InvalidStore, match="cannot go on, it would end as before: particle 0 is not finite"):
        lk.resume(store)


def test_drafts_are_told_and_harmless(begun: Path) -> None:
    (begun / "mean" / "c.0.0.partial").write_bytes(b"half")
    found = audit_store(begun)
    assert found.drafts == (str(Path("mean") / "c.0.0.partial"),)
    assert found.faults == ()
    assert_same(lk.resume(begun), run(None))
    assert os.fspath(begun)


def test_going_back_takes_nothing_away(begun: Path) -> None:
    """What was committed can be read while the run comes to it again, and after another crash on the way."""
    before = lk.open(begun).load()
    for state in begun.glob("restart/state-*.bin"):
        state.unlink()
    seen = []

    class Reader(Steps):
        def advance(self, steps: float) -> None:
            seen.append(lk.open(begun).load())
            super().advance(steps)

    with pytest.raises(KeyboardInterrupt):
        lk.resume(begun, progress=Reader(15.0))
    assert before.sizes["time"] == 4
    for ds in (*seen, lk.open(begun)):
        assert_same(ds, before)
    assert audit_store(begun).faults == ()
    assert_same(lk.resume(begun), run(None))


def test_nothing_is_removed_where_no_record_says_what_is_whole(whole: Path, tmp_path: Path) -> None:
    """A copy, or a store whose record was lost, is read as before and not gone on with."""
    expected = lk.open(whole).load()
    expected.to_zarr(tmp_path / "copy.zarr", consolidated=False)
    (whole / "restart" / "commit.json").unlink()
    for store in (whole, tmp_path / "copy.zarr"):
        before = files(store)
        with pytest.raises(StoreCorrupt, match=r"nothing says what of|start.bin, where the particles started"):
            lk.resume(store)
        assert [file for file in files(store) if "restart" not in file.parts] == [
            file for file in before if "restart" not in file.parts
        ]
        assert_same(lk.open(store), expected)


def test_interrupts_before_anything_was_saved(tmp_path: Path) -> None:
    """One before the first saved time, one in the middle of what follows: the store is still that run's."""
    store = tmp_path / "run.zarr"
    with pytest.raises(KeyboardInterrupt):
        run(store, progress=Steps(-1.0))
    assert lk.open(store).sizes.get("time", 0) == 0
    with pytest.raises(KeyboardInterrupt):
        lk.resume(store, progress=Steps(1.0))
    assert_same(lk.resume(store), run(None))


def test_a_complete_run_is_left_alone(whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in files(whole)}
    meter = Steps()
    lk.resume(whole, progress=meter)
    assert meter.done == 0.0
    assert {path: path.stat().st_mtime_ns for path in files(whole)} == before


@pytest.mark.usefixtures("eager")
def test_damage_costs_each_step_once(whole: Path) -> None:
    """A run that is mended, and crashes on the way, goes on from where it was."""
    expected = run(None)
    (whole / "energy" / "c.0").write_bytes(b"")
    with pytest.raises(KeyboardInterrupt):
        lk.resume(whole, progress=Steps(45.0))
    assert audit_store(whole).faults == ()
    rest = Steps()
    assert_same(lk.resume(whole, progress=rest), expected)
    assert rest.done <= 20.0


@pytest.mark.usefixtures("eager")
def test_sealed_lists_grow_with_the_run_and_not_with_its_crashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langevin_kit.store._layout.MOST_ROWS", 1)
    monkeypatch.setattr("langevin_kit.store._record.SEALED_AT", 100)
    whole, cut = tmp_path / "whole.zarr", tmp_path / "cut.zarr"
    run(whole, save_every=1)
    with pytest.raises(KeyboardInterrupt):
        run(cut, save_every=1, progress=Steps(8.0))
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            lk.resume(cut, progress=Steps(8.0))
    assert_same(lk.resume(cut), lk.open(whole))
    lists = [len(list(store.glob("restart/chunks-*.json"))) for store in (whole, cut)]
    assert 3 < lists[1] <= lists[0] + 2


def test_a_lock_outlives_neither_its_store_nor_its_run(whole: Path, tmp_path: Path) -> None:
    """The lock of a store that was replaced meanwhile is none, and a second interrupt waits for the writer."""

    def replaced(descriptor: int) -> bool:
        shutil.rmtree(whole)
        shutil.copytree(tmp_path / "copy.zarr", whole)
        return True

    shutil.copytree(whole, tmp_path / "copy.zarr")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lock, "_lock", replaced)
        with pytest.raises(StoreLocked, match="has just been replaced"):
            lk.resume(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("langevin_kit.store._store.sync_folder", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            create_store(tmp_path / "new.zarr", lk.open(whole).attrs, "config")
    lk.simulate(SYSTEM, initial=START, time_step=0.01, n_steps=10, rng=0, store=tmp_path / "new.zarr", overwrite=True)


def test_a_zip_is_of_complete_runs(begun: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidStore, match="not complete; go on with it first"):
        export_store(begun, tmp_path / "run.zip")
    export_store(begun, tmp_path / "run.nc")
    assert xr.open_dataset(tmp_path / "run.nc").sizes["time"] == lk.open(begun).sizes["time"]
    expected = lk.resume(begun)
    export_store(begun, tmp_path / "run.zip")
    assert_same(lk.open(tmp_path / "run.zip"), expected)
    with pytest.raises(StoreExists, match=r"run.zip exists"):
        export_store(begun, tmp_path / "run.zip")
    with pytest.raises(InvalidArgument, match=r"its name must end in .nc or .zip"):
        export_store(begun, tmp_path / "run.txt")
    with pytest.raises(InvalidArgument, match="cannot be written"):
        export_store(begun, tmp_path / "nowhere" / "run.nc")


def test_an_interrupted_end_still_waits_for_the_writer(tmp_path: Path) -> None:
    """However often: the lock is given away when nothing is written any more, and the interrupt is not swallowed."""
    store = create_store(tmp_path / "run.zarr", lk.simulate(SYSTEM, **SHORT).attrs, "config")
    order: list[str] = []

    class Pool:
        def shutdown(self, **_: bool) -> None:
            order.append("asked")
            if len(order) < 4:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_pool", Pool())
        patch.setattr(store._lock, "release", lambda: order.append("released"))
        with pytest.raises(KeyboardInterrupt):
            store._let_go()
    assert order == ["asked"] * 4 + ["released"]
    store.close("")


def test_an_audit_of_a_run_at_work(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that is replaced between the record and the look at it is judged by the record that follows."""
    record = _audit.read_record(begun)
    assert record is not None
    older = replace(record, states={name: {**state, "crc": 0} for name, state in record.states.items()})
    answers = iter([older, record])
    monkeypatch.setattr(_audit, "read_record", lambda _: next(answers))
    assert audit_store(begun).faults == ()
    answers = iter([older, older])
    monkeypatch.setattr(_audit, "read_record", lambda _: next(answers))
    assert len(audit_store(begun).faults) == 2


def test_a_store_comes_back_if_nothing_takes_its_place(whole: Path) -> None:
    expected = lk.open(whole).load()
    own = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path.name.endswith(".partial"):
            raise OSError(5, "Input/output error")
        return own(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(StoreExists):
            run(whole, overwrite=True)
    assert_same(lk.open(whole), expected)
    assert [path.name for path in whole.parent.iterdir()] == ["run.zarr"]
