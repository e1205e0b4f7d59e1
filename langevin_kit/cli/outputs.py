"""Where a command writes, and what it must not replace."""

from __future__ import annotations

import os
from pathlib import Path

from langevin_kit.errors import InvalidArgument, InvalidStore, StoreCorrupt, StoreExists

FIGURES = (".png", ".pdf", ".svg")


def beside(store: Path) -> Path:
    """The figure of a store: its name with .png for .zarr."""
    return store.with_name(f"{store.name.removesuffix('.zarr')}.png")


def refuse_figure(path: Path, *, overwrite: bool) -> None:
    """Raise before anything is computed if a figure cannot be written.

    Raises
    ------
    InvalidArgument
        If the name has another ending than a figure's.
    StoreExists
        If it exists and `overwrite` is false, or it is no file.
    """
    if path.suffix.lower() not in FIGURES:
        raise InvalidArgument(f"figure: got {path}; its name must end in {', '.join(FIGURES)}.")
    refuse_folder(path.parent)
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise StoreExists(f"{path} exists. Choose another output with -o, or allow --overwrite.")
    if not path.is_file():
        raise StoreExists(f"{path} exists and is no file, so it is not overwritten: remove it yourself.")


def refuse_folder(folder: Path) -> None:
    """Raise before anything is computed if nothing can be written in a folder, which need not exist yet.

    Raises
    ------
    InvalidArgument
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InvalidArgument(f"output: {there} is no folder that can be written in. Choose another output with -o.")


def kept(store: Path, *, goes_on: bool = False) -> str:
    """What a run that did not reach its end has left, and how to go on with it."""
    if not store.exists():
        return "Nothing was written."
    return _saved(store) + (f" Go on with `langevin resume {store}`." if goes_on else "")


def _saved(store: Path) -> str:
    from langevin_kit.store import open_store

    try:
        time = open_store(store).time
        return f"{store} keeps what was saved up to t = {float(time[-1]):.6g} ({time.size} of its times)."
    except (InvalidStore, StoreCorrupt, AttributeError, IndexError):
        return f"{store} keeps no saved time."
