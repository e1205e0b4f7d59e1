"""Which bytes of a store are no longer those that were written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from langevin_kit.errors import StoreCorrupt
from langevin_kit.store._checksum import crc32c
from langevin_kit.store._files import DRAFT
from langevin_kit.store._metadata import METADATA, read_attrs
from langevin_kit.store._record import Record, Sum, fault, read_record


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes
    ----------
    n_files, n_bytes : int
        That were compared with what was written.
    rows : int
        Saved times that are committed.
    ended : str
        How the run ended: "complete", a reason, or "" if it can go on.
    faults : tuple of str
        Each damaged, truncated or missing file, with its path in the store.
    drafts : tuple of str
        Files that a crash has left half written: they are in no one's way.
    """

    n_files: int
    n_bytes: int
    rows: int
    ended: str
    faults: tuple[str, ...]
    drafts: tuple[str, ...]


def audit_store(path: str | Path) -> Audit:
    """Compare every committed byte of a store with its check sum, and change nothing.

    Raises
    ------
    InvalidStore
        If there is no store of this package.
    StoreCorrupt
        If its metadata or the commit record cannot be read: nothing can be compared then.
    """
    path = Path(path)
    read_attrs(path)
    record = read_record(path)
    drafts = tuple(sorted(str(draft.relative_to(path)) for draft in path.rglob(f"*{DRAFT}")))
    if record is None:
        raise StoreCorrupt(f"{path}: the commit record is missing, so that nothing can be compared.")
    whole: dict[str, Sum] = {**record.files, **record.sealed}
    if not record.rows:  # before the first commit the group's metadata are replaced, and count for nothing yet
        whole.pop(METADATA, None)
    try:
        chunks = record.all_chunks(path)
    except StoreCorrupt:  # the damaged list is named below
        chunks = record.chunks
    faults = _state_faults(path, record)
    faults |= {key: fault(path / key, expected) for key, expected in whole.items()}
    faults |= {key: fault(path / key, e, whole=False) or _codec_fault(path / key) for key, e in chunks.items()}
    sizes = [size for _, size in (*whole.values(), *chunks.values())] + [s["size"] for s in record.states.values()]
    said = tuple(f"{key} {found}" for key, found in faults.items() if found)
    return Audit(len(sizes) + 1, sum(sizes), record.rows, record.ended, said, drafts)


def _state_faults(path: Path, record: Record) -> dict[str, str]:
    """Of checkpoints; one that a running writer replaces meanwhile is judged by the commit that followed."""

    def found(record: Record) -> dict[str, str]:
        sums = {name: (state["crc"], state["size"]) for name, state in record.states.items()}
        return {name: said for name, expected in sums.items() if (said := fault(path / name, expected))}

    faults = found(record)
    newer = read_record(path) if faults else None
    return found(newer) if newer is not None and newer.states != record.states else faults


def _codec_fault(chunk: Path) -> str:
    """What the chunk's own check sum says, which is also of the part that is not committed."""
    data = chunk.read_bytes()
    return "" if crc32c(data[:-4]) == int.from_bytes(data[-4:], "little") else "is damaged"
