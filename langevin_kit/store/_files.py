"""Files that a crash cannot tear: whole or absent after a kill, and there after a power cut once they are synced."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from langevin_kit.errors import StoreWriteFailed
from langevin_kit.store._checksum import Checked
from langevin_kit.store._direct import write_directly

DRAFT = ".partial"
"""Ending of a file that is being written; it takes its name when it is whole."""


def put(path: Path, data: Any, *, sealed: bool = False, durable: bool = False) -> int:
    """Write a file, then give it its name; if `durable`, only once the bytes are on the disk.

    Gives the check sum of the data, which stands behind them if `sealed`.
    """
    pieces = Checked(data, sealed=sealed)
    draft = path.with_name(path.name + DRAFT)
    with named(path):
        try:
            _write(draft, pieces, durable=durable)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        _rename(draft, path)
        if durable:
            _sync(path.parent)
    return pieces.check


def sync(paths: Iterable[Path], root: Path) -> None:
    """Put files, and the names of their folders up to a root, on the disk."""
    paths = list(paths)
    folders = {folder: None for path in paths for folder in path.parents if folder.is_relative_to(root)}
    for path in (*paths, *folders):
        with named(path):
            _sync(path)


def sync_folder(path: Path) -> None:
    """Put the names in a folder on the disk."""
    with named(path):
        _sync(path)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """An error of the disk says which file it was."""
    try:
        yield
    except StoreWriteFailed:
        raise
    except OSError as error:
        raise StoreWriteFailed(f"{path} cannot be written: {error.strerror}.") from error


def _write(draft: Path, pieces: Checked, *, durable: bool) -> None:
    if not write_directly(draft, pieces):
        try:
            file = draft.open("wb")
        except FileNotFoundError:  # to ask before each file whether its folder is there takes as long as to make it
            draft.parent.mkdir(parents=True, exist_ok=True)
            file = draft.open("wb")
        with file:
            for piece in pieces:
                file.write(piece.data)
    if durable:
        _sync(draft)


def _rename(draft: Path, path: Path) -> None:
    draft.replace(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
