"""A store that is open for one run: rows come in as they are saved, and commits make them safe.

All writing is done by one thread while the ensemble moves on, at most `BEHIND` tasks behind it.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, InvalidStore, StoreExists, StoreLocked, StoreWriteFailed
from langevin_kit.store._checkpoint import SLOTS, START, checkpoint, write_state
from langevin_kit.store._files import put, sync, sync_folder
from langevin_kit.store._layout import Layout
from langevin_kit.store._lock import Lock
from langevin_kit.store._metadata import METADATA, group, lay_out, refuse_existing
from langevin_kit.store._record import COMPLETE, FOLDER, Record
from langevin_kit.store._rows import Rows

if TYPE_CHECKING:
    import xarray as xr

FIRST_COMMIT, COMMIT = 1.0, 10.0
"""Seconds until the first commit, and between later ones: what a crash costs, beside the work of one saved time."""

BEHIND = 2
"""Tasks that may wait for the disk: two, since a commit takes longer than the rows of one saved time."""

CHECKPOINT_SHARE = 20.0
"""The next checkpoint waits until this many times as long as the last one took has gone by."""


class Store:
    """One writer's hold on a store; from `create_store` or `reopen_store`.

    Attributes
    ----------
    path : Path
    is_laid_out : bool
        Whether the arrays are there.
    failed : bool
        Whether the disk has refused something.
    """

    def __init__(
        self,
        path: Path,
        lock: Lock,
        record: Record,
        layouts: Mapping[str, Layout],
        rows: int = 0,
        full: Collection[str] = (),
    ) -> None:
        self.path, self.is_laid_out, self.failed = path, bool(layouts), False
        self._lock, self._record = lock, record
        self._rows = Rows(path, layouts, rows, full)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="langevin_kit_store")
        self._tasks: deque[Future[None]] = deque()
        self._error: BaseException | None = None
        self._committed = self._checkpointed = math.nan  # until the first question, behind all that is compiled
        self._period, self._cost = FIRST_COMMIT, 0.0

    def lay_out(
        self,
        coordinates: xr.Dataset,
        rows: Mapping[str, NDArray[Any]],
        about: Mapping[str, tuple[tuple[str, ...], dict[str, Any]]],
        rounded: Collection[str] = (),
    ) -> None:
        """Make the arrays, filled with NaN.

        Parameters
        ----------
        coordinates : Dataset
            Along all dims of all times, with the attributes of the whole.
        rows : mapping of str to array
            The first row of each.
        about : mapping of str to (dims, attributes)
        rounded : collection of str
            Arrays whose mantissas end in zeros, so that they are worth compressing.
        """
        n_times = coordinates.sizes["time"]
        layouts = {name: Layout.of(name, n_times, row, rounded=name in rounded) for name, row in rows.items()}
        for key, data in lay_out(coordinates, layouts, about).items():
            self._record.files[key] = put(self.path / key, data, durable=key == METADATA), len(data)
        self._rows = Rows(self.path, layouts, 0)
        self._rows.unsynced = [self.path / key for key in self._record.files if key != START]
        self.is_laid_out = True

    def append(self, rows: Callable[[], Mapping[str, NDArray[Any]]]) -> None:
        """Ask, on the thread that writes, for the next rows of some arrays, (k, …) each, and take them.

        What they are made of the caller leaves alone until `BEHIND` more calls are over.
        """
        self._submit(lambda: self._rows.append(rows()))

    def beat(self) -> None:
        """Say that the writer lives."""
        self._lock.beat()

    def is_due(self) -> bool:
        """Whether it is time for a commit."""
        now = time.monotonic()
        if math.isnan(self._committed):
            self._committed = self._checkpointed = now
        return now - self._committed >= self._period

    def commit(self, step: int, state: Callable[[], NDArray[np.floating]]) -> None:
        """Make what was appended safe, and the state at a step too, unless the last was too lately for its cost."""
        now = time.monotonic()
        wanted = now - self._checkpointed >= CHECKPOINT_SHARE * self._cost
        copied = state().copy() if wanted else None
        self._committed, self._period = now, COMMIT
        self._submit(lambda: self._commit(step, copied, ""))

    def close(self, ended: str) -> None:
        """Commit what there is, unless the disk has failed, and let go.

        Parameters
        ----------
        ended : str
            "complete", why the run cannot go on, or "" if it can.
        """
        try:
            if not self.failed:
                self._submit(lambda: self._commit(0, None, ended))
                self._wait(0)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Wait for the writer, however often this is interrupted: without it the lock must not be given away."""
        interrupt: KeyboardInterrupt | None = None
        while True:
            try:
                self._pool.shutdown(wait=True, cancel_futures=True)
                break
            except KeyboardInterrupt as again:
                interrupt = again
        self._lock.release()
        if interrupt is not None:
            raise interrupt

    def _submit(self, work: Callable[[], None]) -> None:
        self._wait(BEHIND - 1)
        self._tasks.append(self._pool.submit(self._done, work))

    def _done(self, work: Callable[[], None]) -> None:
        """On the thread that writes: after a failure nothing more, least of all a commit of what there is not."""
        if self._error is not None:
            raise self._error
        try:
            work()
        except BaseException as error:
            self._error = error
            raise

    def _wait(self, left: int) -> None:
        """Wait until so many tasks are left."""
        try:
            while len(self._tasks) > left:
                self._tasks[0].result()
                self._tasks.popleft()
        except StoreWriteFailed as error:
            self.failed = True
            raise StoreWriteFailed(
                f"{error} What was committed is kept: make room, and go on with `langevin resume {self.path}`."
            ) from error

    def _commit(self, step: int, state: NDArray[np.floating] | None, ended: str) -> None:
        # Rows that a commit before a crash has made safe stay as they are until the run has come to them again.
        if self._rows.n_rows >= self._record.rows:
            self._rows.flush()
        sync(self._rows.unsynced, self.path)
        self._rows.unsynced.clear()
        if state is not None:
            before = time.monotonic()
            checkpoint(self.path, self._record, step, state)
            self._checkpointed = time.monotonic()
            self._cost = self._checkpointed - before
        if ended == COMPLETE:
            self._record.states.clear()
        self._record.rows, self._record.ended = max(self._record.rows, self._rows.n_rows), ended
        self._record.chunks |= self._rows.sums
        self._rows.sums.clear()
        self._record.write(self.path, self._rows.full)
        if ended == COMPLETE:
            for slot in SLOTS:
                (self.path / slot).unlink(missing_ok=True)


def create_store(
    path: Path,
    attrs: Mapping[str, Any],
    config: str,
    *,
    overwrite: bool = False,
    start: NDArray[np.floating] | None = None,
) -> Store:
    """Make a new store. It appears under its name at once, with all that is needed to start the run again.

    Parameters
    ----------
    attrs : mapping
        Of the Dataset.
    config : str
        Digest of all that decides the numbers.
    start : (rows, n) array, optional
        The state at step 0, if it cannot be drawn again.

    Raises
    ------
    StoreExists
        If there is something else of that name, or a store and `overwrite` is false.
    StoreLocked
        If another run writes the store that would be replaced.
    InvalidStore
        If nothing can be written there.
    """
    refuse_existing(path, overwrite=overwrite)
    draft, lock = path.with_name(f".{path.name}.{os.getpid()}.partial"), None
    try:
        shutil.rmtree(draft, ignore_errors=True)  # of a process that had this number and died
        draft.mkdir(parents=True)
        record = Record(config)
        if start is not None:
            record.files[START] = write_state(draft / START, start)
        text = group(attrs)
        record.files[METADATA] = put(draft / METADATA, text, durable=True), len(text)
        record.write(draft, set())
        lock = Lock(draft)
        _take_name(draft, path)
        lock.moved_to(path)
        sync_folder(path.parent)
    except BaseException as error:
        if lock is not None:
            lock.release()
        shutil.rmtree(draft, ignore_errors=True)
        if not isinstance(error, OSError) or isinstance(error, StoreExists | StoreLocked):
            raise
        raise InvalidStore(f"{path} cannot be created ({error.strerror or error}). Choose another output.") from error
    return Store(path, lock, record, {})


def require_room(path: Path, need: int) -> None:
    """Refuse a run whose store would not fit on its disk.

    Raises
    ------
    InvalidArgument
    """
    there = next(place for place in (path.parent, *path.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if need > free:
        raise InvalidArgument(
            f"store: {path} would take about {need / 1e9:.3g} GB; {there} has {free / 1e9:.3g} GB free. Save less "
            "often (save_every), fewer positions (save_positions), or elsewhere."
        )


def _take_name(draft: Path, path: Path) -> None:
    """Put a new store in the place of nothing, or of a store that no one writes and that is removed only then."""
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    theirs = Lock(path) if (path / FOLDER).exists() else None
    shutil.rmtree(old, ignore_errors=True)  # of a process that had this number and died
    try:
        if path.exists():
            path.rename(old)
        draft.rename(path)
    except BaseException as error:
        if old.exists() and not path.exists():
            old.rename(path)
        if isinstance(error, OSError) and path.exists():
            raise StoreExists(f"{path} was made by another run just now. Choose another output.") from None
        raise
    finally:
        if theirs is not None:
            theirs.release()
    shutil.rmtree(old, ignore_errors=True)
