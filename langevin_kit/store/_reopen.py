"""Going on with a store: what of it is whole, and from where the run can be taken up."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from langevin_kit.errors import InvalidStore, StoreCorrupt, StoreMismatch
from langevin_kit.store._checkpoint import START, newest
from langevin_kit.store._layout import Layout
from langevin_kit.store._lock import Lock
from langevin_kit.store._metadata import METADATA, read_attrs
from langevin_kit.store._record import COMPLETE, FOLDER, Record, Sum, crc32c, fault, read_record
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


def reopen_store(path: Path, config: str, save_every: int) -> Reopened:
    """Take up a run from the newest checkpoint before which everything is whole.

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
    lock = Lock(path)
    try:
        record = read_record(path)
        if record is None:
            record = _begin_again(path, config)
        if record.config != config:
            raise StoreMismatch(
                f"{path} was begun with another system, other arguments or other kernels than it would be gone on "
                "with. Its bits would not be those of one run: start a new one."
            )
        for key, expected in record.files.items():
            if fault(path / key, expected):
                raise StoreCorrupt(f"{path / key} {fault(path / key, expected)}. Restore this file, or run again.")
        if record.ended not in ("", COMPLETE):
            raise InvalidStore(f"{path}: this run cannot go on, it would end as before: {record.ended}")
        chunks = record.all_chunks(path)
        layouts = _layouts(path, chunks)
        whole = _whole_rows(path, record.rows, chunks, layouts)
        if record.ended == COMPLETE and whole is None:
            last = (record.rows - 1) * save_every
            return Reopened(Store(path, lock, record, layouts), record.rows, last, None)
        state, step = newest(path, record, math.inf if whole is None else (whole - 1) * save_every)
        rows = 0 if state is None else step // save_every + 1
        record.states = {name: found for name, found in record.states.items() if found["step"] <= step}
        record.ended = ""
        if whole is not None:
            logger.warning("%s: damaged from saved time %d on: computed again from step %d", path, whole, step)
        return Reopened(Store(path, lock, record, layouts, rows), rows, step, state)
    except BaseException:
        lock.release()
        raise


def _begin_again(path: Path, config: str) -> Record:
    """Remove what was written before the first commit."""
    for entry in path.iterdir():
        if entry.is_dir() and entry.name != FOLDER:
            shutil.rmtree(entry)
    record = Record(config)
    for key in (METADATA, START):
        if (path / key).exists():
            data = (path / key).read_bytes()
            record.files[key] = crc32c(data), len(data)
    return record


def _layouts(path: Path, chunks: Iterable[str]) -> dict[str, Layout]:
    """Those of the arrays along time that rows are appended to."""
    arrays = sorted({key.split("/")[0] for key in chunks})
    return {name: Layout.read(name, (path / name / METADATA).read_bytes()) for name in arrays}


def _whole_rows(path: Path, rows: int, chunks: Mapping[str, Sum], layouts: Mapping[str, Layout]) -> int | None:
    """The first saved time of a damaged chunk that a commit called whole; None if there is none."""
    damaged = []
    for key, expected in chunks.items():
        row = layouts[key.split("/")[0]].row_of(key)
        if row < rows and fault(path / key, expected, whole=False):
            damaged.append(row)
    return min(damaged, default=None)
