"""Text that earlier processes left, in one private folder: generated code, and what was derived to write it.

A folder that is foreign, writable by others or not writable at all is not used.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

logger = logging.getLogger(__name__)

MAX_TEXTS = 4096
"""Beyond this many remembered texts the oldest go."""


def setting() -> str:
    """The folder that the user asked for; empty for the user's own cache folder."""
    return os.environ.get("LANGEVIN_CACHE_DIR", "")


@lru_cache(maxsize=8)
def _default() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("langevin_kit")) / "code"


def folder() -> Path | None:
    """The folder, made if it is not there; None if it cannot be trusted or used."""
    path = Path(setting()) if setting() else _default()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        logger.warning("code cache %s cannot be used (%s): compiled code is kept in memory only", path, error)
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022):
        logger.warning("code cache %s is foreign or writable by others: compiled code is kept in memory only", path)
        return None
    return path


def write(path: Path, text: str) -> Path | None:
    """Write a file whole or not at all; None if it cannot be."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="partial-") as draft_folder:
            draft = Path(draft_folder) / path.name
            draft.write_bytes(text.encode())
            draft.replace(path)
    except OSError as error:
        logger.warning("code cache %s cannot be written (%s): compiled code is kept in memory only", path.parent, error)
        return None
    return path


def remember(key: str, make: Callable[[], str]) -> str:
    """The text of a key: from this process, from an earlier one, or made now.

    Parameters
    ----------
    key : str
        Everything that decides the text, besides the sources of this package and the version of SymPy.
    make : callable
        Makes it; two processes that miss it at once both do.
    """
    name = f"text_{hashlib.sha256(f'{_writers()} {key}'.encode()).hexdigest()[:32]}"
    return _remembered(name, setting(), _Maker(make))


@lru_cache(maxsize=1)
def _writers() -> str:
    """A digest of all that writes texts."""
    sympy = find_spec("sympy")
    release = Path(next(iter(sympy.submodule_search_locations or ()))) / "release.py" if sympy else Path()
    version = release.read_text() if release.is_file() else ""
    return digest_of(Path(__file__).parents[1]) + version


class _Maker:
    """Equal to every other: the name alone tells texts apart."""

    def __init__(self, make: Callable[[], str]) -> None:
        self.make = make

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Maker)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=MAX_TEXTS)
def _remembered(name: str, _: str, maker: _Maker) -> str:
    where = folder()
    if where is None:
        return maker.make()
    path = where / name
    text = _read(path)
    if text is None:
        text = maker.make()
        if write(path, f"{_digest(text)}\n{text}") is not None:
            _prune(where)
    return text


def _read(path: Path) -> str | None:
    """What a file holds, if it is whole."""
    try:
        digest, _, text = path.read_bytes().decode().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return text if digest == _digest(text) else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _prune(where: Path) -> None:
    texts = list(where.glob("text_*"))
    if len(texts) > MAX_TEXTS:
        for path in sorted(texts, key=last_used)[: MAX_TEXTS // 4]:
            path.unlink(missing_ok=True)


def touch(path: Path) -> None:
    """Say that a file was read now, since most file systems note it once a day; it stays as old as it was."""
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def last_used(path: Path) -> float:
    """When a file was read last; first of all one that another process has removed meanwhile."""
    try:
        return path.stat().st_atime
    except FileNotFoundError:
        return 0.0


def digest_of(*roots: Path) -> str:
    """One digest of all Python sources under some folders, names and contents.

    Examples
    --------
    >>> from pathlib import Path
    >>> len(digest_of(Path(__file__).parent / "system"))
    64
    """
    digest = hashlib.sha256()
    for root in roots:
        for folder, below, files in os.walk(root):
            below.sort()
            for name in sorted(files):
                if name.endswith(".py"):
                    with open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123  (half the time of a Path's)
                        digest.update(f"{folder[len(str(root)) :]}/{name}".encode() + file.read())
    return digest.hexdigest()
