"""Files that a crash cannot tear: whole or absent after a kill, and there after a power cut once they are synced."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from langevin_kit.errors import StoreWriteFailed
from langevin_kit.store._direct import write_directly

DRAFT = ".partial"
"""Ending of a file that is being written; it takes its name when it is whole."""


def put(path: Path, *parts: Any, durable: bool = False) -> None:
    """Write a file's parts, then give it its name; if `durable`, only once the bytes are on the disk."""
    draft = path.with_name(path.name + DRAFT)
    with named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(draft, parts, durable=durable)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        _rename(draft, path)
        if durable:
            _sync(path.parent)


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


def _write(draft: Path, parts: Sequence[Any], *, durable: bool) -> None:
    if not write_directly(draft, parts):
        with draft.open("wb") as file:
            for part in parts:
                file.write(part)
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
