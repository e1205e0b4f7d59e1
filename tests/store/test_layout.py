"""Arrays in chunks, as Zarr reads them: by any rows at a time, cut short anywhere, and gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.preflight import arguments
from langevin_kit.store import _layout, _store, crc32c
from langevin_kit.store._checksum import Checked
from langevin_kit.store._direct import write_directly
from langevin_kit.store._files import put
from langevin_kit.store._layout import Layout
from langevin_kit.store._metadata import lay_out
from langevin_kit.store._record import fault
from langevin_kit.store._rows import Rows

SHAPES = st.lists(st.integers(1, 5), max_size=2).map(tuple)


def laid_out(folder: Path, layout: Layout) -> None:
    dims = ("time", *(f"d{a}" for a in range(len(layout.shape) - 1)))
    along = xr.Dataset(None, {"time": ("time", np.arange(layout.shape[0]))})
    for key, data in lay_out(along, {layout.name: layout}, {layout.name: (dims, {})}).items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)


@settings(max_examples=60, deadline=None)
@given(
    shape=SHAPES,
    n_times=st.integers(1, 9),
    dtype=st.sampled_from(["float32", "float64", "int64"]),
    chunk_bytes=st.sampled_from([1, 16, 40, 10**6]),
    cuts=st.lists(st.integers(0, 9), max_size=3),
)
def test_what_is_written_is_what_zarr_reads(
    tmp_path_factory: pytest.TempPathFactory,
    shape: tuple[int, ...],
    n_times: int,
    dtype: str,
    chunk_bytes: int,
    cuts: list[int],
) -> None:
    """Rows come in blocks that end at the cuts; after each the writer begins anew from what is on the disk."""
    store = tmp_path_factory.mktemp("store")
    values = np.random.default_rng(0).integers(0, 99, (n_times, *shape)).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_layout, "CHUNK_BYTES", chunk_bytes)
        layout = Layout.of("a", n_times, values[0])
    laid_out(store, layout)
    assert Layout.read("a", (store / "a" / "zarr.json").read_bytes()) == layout
    array = zarr.open_group(store, mode="r")["a"]
    assert isinstance(array, zarr.Array)
    sums, full, done = {}, set(), 0
    for cut in [*sorted(min(cut, n_times) for cut in cuts), n_times]:
        rows = Rows(store, {"a": layout}, done)
        rows.append({"a": values[done:cut]})
        rows.flush()
        sums, full, done = sums | rows.sums, full | rows.full, cut
        np.testing.assert_array_equal(np.asarray(array)[:done], values[:done])
        rest = np.asarray(array)[done:]
        assert (np.isnan(rest) if dtype.startswith("f") else rest == -1).all()
        assert not any(fault(store / key, found, whole=False) for key, found in sums.items())
    assert full == {key for index in range(n_times // layout.rows) for key in layout.keys(index)}


@pytest.mark.parametrize(
    ("n", "rows", "parts"),
    [(1, 4096, 1), (1000, 524, 1), (600_000, 1, 2), (1_048_577, 1, 3), (10_000_000, 1, 20)],
)
def test_chunks_are_of_about_four_megabytes_and_near_equal(n: int, rows: int, parts: int) -> None:
    layout = Layout.of("position", 10_000, np.empty((1, n)))
    assert layout.rows == rows
    assert len(layout.keys(0)) == parts
    padding = parts * layout.chunks[-1] - n
    assert padding < parts
    assert rows * layout.chunks[-1] * 8 <= _layout.CHUNK_BYTES


def test_arrays_say_how_they_are_kept(tmp_path: Path) -> None:
    """NaN or −1 where nothing was written, a check sum in each chunk, consolidated metadata, names of dims."""
    store = tmp_path / "run.zarr"
    system = lk.System(energy="x**2", temperature=1.0)
    start = lk.initial.point([0.0])
    lk.simulate(system, initial=start, n_particles=10, time_step=0.01, n_steps=4, rng=0, store=store)
    for name in ("energy", "histogram"):
        found = json.loads((store / name / "zarr.json").read_bytes())
        assert [codec["name"] for codec in found["codecs"]] == ["bytes", "crc32c"]
        assert found["fill_value"] == ("NaN" if name == "energy" else -1)
        assert found["dimension_names"][0] == "time"
    assert "energy" in json.loads((store / "zarr.json").read_bytes())["consolidated_metadata"]["metadata"]


def test_a_run_that_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the disk, and in memory without a store; nothing is written, and the message has the estimate."""
    system = lk.System(energy="x**2", temperature=1.0)
    given: Any = {"initial": lk.initial.point([0.0]), "time_step": 1e-3, "n_particles": 1000, "rng": 0}
    given |= {"n_steps": 10_000, "save_every": 1, "save_positions": True}
    monkeypatch.setattr(_store.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**8))
    store = tmp_path / "run.zarr"
    with pytest.raises(InvalidArgument, match=r"run.zarr would take about 0\.162 GB; .* has 0\.1 GB free. Save less"):
        lk.simulate(system, **given, store=store)
    monkeypatch.setattr(arguments, "available_memory", lambda: 1e8)
    with pytest.raises(InvalidArgument, match=r"need about 0\.162 GB; this machine has 0\.1 GB. Give a store"):
        lk.simulate(system, **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [2**20, 2**22, 2**22 + 8192, 3 * 2**22 + 4097, 2**21 + 11])
@pytest.mark.parametrize("sealed", [False, True])
def test_large_files_go_past_the_page_cache(tmp_path: Path, size: int, *, sealed: bool) -> None:
    """Whole blocks and what is left of them, where the system can do so; small files go the ordinary way."""
    data = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    whole = data.tobytes() + crc32c(data).to_bytes(4, "little") * sealed
    if write_directly(tmp_path / "large", Checked(data, sealed=sealed)):
        assert (tmp_path / "large").read_bytes() == whole
    assert put(tmp_path / "put", data, sealed=sealed, durable=True) == crc32c(data)
    assert (tmp_path / "put").read_bytes() == whole
    assert not write_directly(tmp_path / "small", Checked(b"0" * 4096))
    assert not (tmp_path / "small").exists()
