"""One writer a store: a lock that the system drops with its process, and that says who holds it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from langevin_kit.errors import StoreLocked
from langevin_kit.store._files import named
from langevin_kit.store._record import FOLDER

NAME = "lock"

BEAT = 20.0
"""Seconds between heartbeats."""

STALE = 300.0
"""Seconds without a heartbeat after which a lock of another machine is taken for left behind."""


class Lock:
    """Held by the process that writes a store.

    Raises
    ------
    StoreLocked
        If another one writes it. On this machine that is certain; of another machine its heartbeat tells.
    StoreWriteFailed
        If nothing can be written there.
    """

    def __init__(self, store: Path) -> None:
        self._path = store / FOLDER / NAME
        with named(self._path):
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            holder, free = self._holder(), _lock(self._descriptor)
            here = holder.get("host") == platform.node()
            quiet = time.time() - self._path.stat().st_mtime
            if not free or (holder and not here and quiet < STALE):
                raise StoreLocked(
                    f"{store} is being written by process {holder.get('pid', 'unknown')} on "
                    f"{holder.get('host', 'an unknown host')}, seen {quiet:.0f} s ago. Wait for it, or stop it; "
                    f"a lock of another host that has died counts no more after {STALE:.0f} s."
                )
            if os.fstat(self._descriptor).st_ino != self._path.stat().st_ino:
                raise StoreLocked(f"{store} has just been replaced by another run. Choose another output.")
            text = json.dumps({"host": platform.node(), "pid": os.getpid()}).encode()
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text, 0)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._beaten = time.monotonic()

    def _holder(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found

    def beat(self) -> None:
        """Say that the writer lives."""
        now = time.monotonic()
        if now - self._beaten > BEAT:
            self._beaten = now
            with contextlib.suppress(OSError):  # an unwritable disk is found by what is written to it
                os.utime(self._path)

    def moved_to(self, store: Path) -> None:
        """Follow the store to a new name."""
        self._path = store / FOLDER / NAME

    def release(self) -> None:
        """Let others write."""
        with contextlib.suppress(OSError):  # the file stays: to remove it would let two have a lock of one name
            os.ftruncate(self._descriptor, 0)
        _unlock(self._descriptor)
        os.close(self._descriptor)


def _lock(descriptor: int) -> bool:
    """Whether no other process of this machine holds it."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system: heartbeats are all there is
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    """Also for a child process that has a copy of the descriptor."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)
