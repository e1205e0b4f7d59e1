"""Bytes that change on the disk: none is silent, each is named, and a run is mended from what is left."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import langevin_kit as lk
from langevin_kit.errors import InvalidStore, StoreCorrupt, StoreMismatch
from langevin_kit.store import _store, audit_store

SYSTEM = lk.System(energy="x**2/2", temperature=1.0)
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
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was interrupted, with two checkpoints."""
    for name in ("FIRST_COMMIT", "COMMIT", "CHECKPOINT_SHARE"):
        monkeypatch.setattr(_store, name, 0.0)

    class Stop(BaseException):
        pass

    class Meter:
        done = 0.0

        def start(self, total: int, description: str) -> None:
            pass

        def advance(self, steps: float) -> None:
            self.done += steps
            if self.done > 35:
                raise Stop

        def stop(self) -> None:
            pass

    with pytest.raises(Stop):
        run(tmp_path / "run.zarr", progress=Meter())
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
    for key in ("mean/c/0/0", "position/c/0/0/0", "kl_divergence/c/0"):
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
    (begun / "energy" / "c" / "0").write_bytes(b"")
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


def test_a_store_of_a_newer_format_is_refused(begun: Path) -> None:
    from langevin_kit.store._record import crc32c

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
    (begun / "mean" / "c" / "0" / "0.partial").write_bytes(b"half")
    found = audit_store(begun)
    assert found.drafts == (str(Path("mean") / "c" / "0" / "0.partial"),)
    assert found.faults == ()
    assert_same(lk.resume(begun), run(None))
    assert os.fspath(begun)


def test_going_back_takes_nothing_away(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed can be read while the run comes to it again, and after another crash on the way."""
    before = lk.open(begun).load()
    for state in begun.glob("restart/state-*.bin"):
        state.unlink()
    seen = []

    class Meter:
        done = 0.0

        def start(self, total: int, description: str) -> None:
            pass

        def advance(self, steps: float) -> None:
            seen.append(lk.open(begun).load())
            self.done += steps
            if self.done > 15:
                raise KeyboardInterrupt

        def stop(self) -> None:
            pass

    with pytest.raises(KeyboardInterrupt):
        lk.resume(begun, progress=Meter())
    assert before.sizes["time"] == 4
    for ds in (*seen, lk.open(begun)):
        assert_same(ds, before)
    assert audit_store(begun).faults == ()
    assert_same(lk.resume(begun), run(None))
