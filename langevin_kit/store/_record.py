"""The commit record: what of a store is whole, by which checkpoint it goes on, and the check sum of every file.

A record is one JSON file that replaces the one before it. Its list of chunks would grow with the run, so that whole
chunks move to sealed lists, which are written once.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidStore, StoreCorrupt
from langevin_kit.store._checksum import crc32c
from langevin_kit.store._files import put

FORMAT = 1
"""Version of the store's format; a store of a newer one is refused."""

FOLDER = "restart"
"""Folder of the store that holds all that is needed to go on, and no array."""

RECORD = "commit.json"

SEALED_AT = 2048
"""Chunks in a record from which on the whole ones move to a sealed list."""

COMPLETE = "complete"

Sum = tuple[int, int]
"""Check sum (crc32c), and the number of bytes that it is of."""


@dataclass
class Record:
    """One commit.

    Attributes
    ----------
    config : str
        Digest of all that decides the numbers.
    rows : int
        Saved times that are whole.
    files : dict of str to (int, int)
        Metadata, coordinates and the start: each as it was written once.
    chunks : dict of str to (int, int)
        Chunks by key; of one that is not full yet, its leading bytes.
    sealed : dict of str to (int, int)
        Lists of chunks.
    states : dict of str to dict
        Checkpoints by file: the step, and the check sum.
    ended : str
        How the run ended, "" if it goes on.
    """

    config: str
    rows: int = 0
    files: dict[str, Sum] = field(default_factory=dict)
    chunks: dict[str, Sum] = field(default_factory=dict)
    sealed: dict[str, Sum] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: str = ""
    format: int = FORMAT

    def write(self, store: Path, full: set[str]) -> None:
        """Replace the store's record; chunks of `full` never change again."""
        folder = store / FOLDER
        if len(self.chunks) > SEALED_AT and full:
            done = {key: self.chunks.pop(key) for key in sorted(full & self.chunks.keys())}
            full.clear()
            name = f"{FOLDER}/chunks-{len(self.sealed)}.json"
            text = json.dumps(done).encode()
            self.sealed[name] = put(store / name, text, durable=True), len(text)
        body = json.dumps(asdict(self))
        put(folder / RECORD, json.dumps({"crc32c": crc32c(body.encode()), "body": body}).encode(), durable=True)

    def all_chunks(self, store: Path) -> dict[str, Sum]:
        """Every chunk, those of the sealed lists too.

        Raises
        ------
        StoreCorrupt
            If a sealed list is damaged.
        """
        found: dict[str, Sum] = {}
        for name, expected in self.sealed.items():
            if fault(store / name, expected):
                raise StoreCorrupt(f"{store / name}, a list of check sums, {fault(store / name, expected)}.")
            found |= json.loads((store / name).read_bytes())
        return found | self.chunks


def read_record(store: Path) -> Record | None:
    """The last commit; None if there was none yet.

    Raises
    ------
    StoreCorrupt
        If the record is damaged.
    InvalidStore
        If it is of a newer format.
    """
    path = store / FOLDER / RECORD
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        outer = json.loads(text)
        whole = outer["crc32c"] == crc32c(outer["body"].encode())
        body = json.loads(outer["body"]) if whole else {}
    except (ValueError, KeyError, TypeError, AttributeError):
        whole, body = False, {}
    if not whole:
        raise StoreCorrupt(f"{path}, the commit record, is damaged: nothing says what of {store} is whole.")
    if body["format"] > FORMAT:
        raise InvalidStore(
            f"{store} has format {body['format']}; this version reads up to {FORMAT}. Update langevin_kit."
        )
    return Record(**body)


def fault(path: Path, expected: Sum, *, whole: bool = True) -> str:
    """What is wrong with a file, or its leading bytes: "is missing", "is truncated", "is damaged"; "" if nothing."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    crc, size = expected
    if len(data) < size:
        return "is truncated"
    if whole and len(data) > size:
        return "is damaged"
    return "" if crc32c(np.frombuffer(data, np.uint8, size)) == crc else "is damaged"
