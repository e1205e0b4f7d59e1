"""Going on with a store: what of it is whole, and from where the run can be taken up."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from langevin_kit.errors import InvalidStore, StoreCorrupt, StoreMismatch
from langevin_kit.store._checkpoint import START, newest
from langevin_kit.store._checksum import crc32c
from langevin_kit.store._layout import Layout
from langevin_kit.store._lock import Lock
from langevin_kit.store._metadata import METADATA, read_attrs
from langevin_kit.store._record import COMPLETE, FOLDER, RECORD, Record, Sum, fault, read_record
from langevin_kit.store._store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reopened:
    """Where a run goes on.

    Attributes
    ----------
    store : Store
    rows : int
        Saved times up to that step: those behind it that were committed are written again, with the same bits.
    step : int
    state : Path or None
        The checkpoint at that step; None at step 0.
    """

    store: Store
    rows: int
    step: int
    state: Path | None


def reopen_store(path: Path, config: str, save_every: int) -> Reopened | None:
    """Take up a run from the newest checkpoint before which everything is whole; None if it is complete and whole.

    Parameters
    ----------
    config : str
        Digest of all that decides the numbers.
    save_every : int

    Raises
    ------
    InvalidStore, StoreCorrupt, StoreLocked
    StoreMismatch
        If the run was begun with something else.
    """
    read_attrs(path)
    _committed(path)  # nothing is made in a folder that is no run's
    lock = Lock(path)
    try:
        record = _committed(path)
        if record.config != config:
            raise StoreMismatch(
                f"{path} was begun with another system, other arguments or other kernels than it would be gone on "
                "with. Its bits would not be those of one run: start a new one."
            )
        if not record.rows:  # nothing that was written since it was made counts, and all of it is written again
            record = _as_made(path, record)
        for key, expected in record.files.items():
            if fault(path / key, expected):
                raise StoreCorrupt(f"{path / key} {fault(path / key, expected)}. Restore this file, or run again.")
        if record.ended not in ("", COMPLETE):
            raise InvalidStore(f"{path}: this run cannot go on, it would end as before: {record.ended}")
        chunks = record.all_chunks(path)
        layouts = _layouts(path, chunks)
        whole = _whole_rows(path, record.rows, chunks, layouts)
        if record.ended == COMPLETE and whole is None:
            lock.release()
            return None
        state, step = newest(path, record, math.inf if whole is None else (whole - 1) * save_every)
        rows = 0 if state is None else step // save_every + 1
        record.states = {name: found for name, found in record.states.items() if found["step"] <= step}
        record.ended = ""
        if whole is not None:
            logger.warning("%s: damaged from saved time %d on: computed again from step %d", path, whole, step)
            record.rows = rows
        full = {key for key in record.chunks if _layout_of(key, layouts).ends_by(key, rows)}
        return Reopened(Store(path, lock, record, layouts, rows, full), rows, step, state)
    except BaseException:
        lock.release()
        raise


def _committed(path: Path) -> Record:
    record = read_record(path)
    if record is None:
        raise StoreCorrupt(
            f"{path / FOLDER / RECORD} is missing: nothing says what of {path} is whole. A copy without {FOLDER}/ "
            "can be read, but not gone on with."
        )
    return record


def _as_made(path: Path, record: Record) -> Record:
    """The record that the store was made with; its attributes are those that `config` is the digest of."""
    data = (path / METADATA).read_bytes()
    files = {METADATA: (crc32c(data), len(data)), **{key: record.files[key] for key in (START,) if key in record.files}}
    return Record(record.config, files=files)


def _layout_of(key: str, layouts: Mapping[str, Layout]) -> Layout:
    return layouts[key.split("/")[0]]


def _layouts(path: Path, chunks: Iterable[str]) -> dict[str, Layout]:
    """Those of the arrays along time that rows are appended to."""
    arrays = sorted({key.split("/")[0] for key in chunks})
    return {name: Layout.read(name, (path / name / METADATA).read_bytes()) for name in arrays}


def _whole_rows(path: Path, rows: int, chunks: Mapping[str, Sum], layouts: Mapping[str, Layout]) -> int | None:
    """The first saved time of a damaged chunk that a commit called whole; None if there is none."""
    damaged = []
    for key, expected in chunks.items():
        row = _layout_of(key, layouts).row_of(key)
        if row < rows and fault(path / key, expected, whole=False):
            damaged.append(row)
    return min(damaged, default=None)
