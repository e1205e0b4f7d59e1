"""States on disk, in the dtype of the run: that at step 0, and two slots in turns for the newest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langevin_kit.store._files import put
from langevin_kit.store._record import FOLDER, Record, Sum, fault

START = f"{FOLDER}/start.bin"
SLOTS = (f"{FOLDER}/state-0.bin", f"{FOLDER}/state-1.bin")


def write_state(path: Path, state: NDArray[np.floating]) -> Sum:
    """Write a state (rows, n)."""
    data = np.ascontiguousarray(state).reshape(-1).view(np.uint8)
    return put(path, data, durable=True), len(data)


def read_state(path: Path, into: NDArray[np.floating]) -> None:
    """Fill a state (rows, n), without a second copy of it."""
    with path.open("rb") as file:
        file.readinto(into.reshape(-1).view(np.uint8).data)


def checkpoint(store: Path, record: Record, step: int, state: NDArray[np.floating]) -> None:
    """Write a state into the slot of the older one, which the record then names."""
    slot = min(SLOTS, key=lambda name: record.states.get(name, {"step": -1})["step"])
    crc, size = write_state(store / slot, state)
    record.states[slot] = {"step": step, "crc": crc, "size": size}


def newest(store: Path, record: Record, last_step: float) -> tuple[Path | None, int]:
    """The newest whole checkpoint up to a step, and its step; none and 0 if there is none."""
    for name, found in sorted(record.states.items(), key=lambda item: -item[1]["step"]):
        if found["step"] <= last_step and not fault(store / name, (found["crc"], found["size"])):
            return store / name, found["step"]
    return None, 0
