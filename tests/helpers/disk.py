"""A disk that fails: a crash at any of its operations, and what a power cut leaves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from langevin_kit.store import _files


class Crash(BaseException):
    """The process has died."""


class Disk:
    """Counts operations, and dies at one of them.

    Attributes
    ----------
    operations : int
        Done so far: a file is written under its draft's name, or takes its own.
    at, half : int, bool
        The operation that is not done, or half done.
    unsynced : set of Path
        What a power cut takes: in the worst case all of the content.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int = -1, *, half: bool = False) -> None:
        self.operations, self.at, self.half, self.dead = 0, at, half, False
        self.unsynced: set[Path] = set()
        self._own = {name: getattr(_files, name) for name in ("_write", "_rename", "_sync")}
        for name in self._own:
            monkeypatch.setattr(_files, name, getattr(self, name[1:]))

    def _operate(self, draft: Path, pieces: Iterable[Any]) -> None:
        if self.dead:
            raise Crash
        self.operations += 1
        if self.operations == self.at:
            self.dead = True
            if self.half:
                data = b"".join(bytes(piece) for piece in pieces)
                draft.parent.mkdir(parents=True, exist_ok=True)
                draft.write_bytes(data[: len(data) // 2])
            raise Crash

    def write(self, draft: Path, pieces: Iterable[Any], *, durable: bool) -> None:
        """Write a draft."""
        self._operate(draft, pieces)
        self._own["_write"](draft, pieces, durable=durable)
        if not durable:
            self.unsynced.add(draft)

    def rename(self, draft: Path, path: Path) -> None:
        """Give a draft its name: it takes its place whole or not at all."""
        if not self.half:
            self._operate(draft, ())
        self._own["_rename"](draft, path)
        self.unsynced.discard(path)
        if draft in self.unsynced:
            self.unsynced.remove(draft)
            self.unsynced.add(path)

    def sync(self, path: Path) -> None:
        """Put a file on the disk."""
        if self.dead:
            raise Crash
        self._own["_sync"](path)
        self.unsynced.discard(path)

    def lose_power(self) -> None:
        """Empty every file that is not on the disk."""
        for path in self.unsynced:
            if path.exists():
                path.write_bytes(b"")
