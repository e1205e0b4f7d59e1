"""Large files past the page cache: to copy into it takes a core longer than the disk does, and steps need the core."""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from langevin_kit.store._checksum import Checked

WORTH_IT = 2**20
"""Bytes from which on a file is written so."""

BLOCK = 4096
"""What a disk takes at once is a multiple of it, at such an address."""

_stages = threading.local()


def write_directly(path: Path, pieces: Checked) -> bool:
    """Write the pieces to a new file; whether this system and this disk can do so."""
    if pieces.size < WORTH_IT or not hasattr(os, "O_DIRECT"):
        return False
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_DIRECT, 0o666)
    except OSError:  # a disk that cannot; or one that takes nothing, as the ordinary way will say
        return False
    try:
        stage, held = _stage(), 0
        for piece in pieces:
            taken = 0
            while taken < len(piece):
                n = min(len(stage) - held, len(piece) - taken)
                stage[held : held + n] = piece[taken : taken + n]
                taken, held = taken + n, held + n
                if held == len(stage):
                    _write(descriptor, stage)
                    held = 0
        aligned = held - held % BLOCK
        _write(descriptor, stage[:aligned])
        _ordinarily(descriptor)
        _write(descriptor, stage[aligned:held])
    except OSError:  # after a part of what was asked for, the rest begins at no whole block: the ordinary way says why
        return False
    finally:
        os.close(descriptor)
    return True


def _stage() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Aligned memory of this thread, from where the disk fetches."""
    if not hasattr(_stages, "bytes"):
        _stages.bytes = np.frombuffer(mmap.mmap(-1, 4 * WORTH_IT), np.uint8)
    stage: np.ndarray[Any, np.dtype[np.uint8]] = _stages.bytes
    return stage


def _write(descriptor: int, data: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    while len(data):
        data = data[os.write(descriptor, data.data) :]


def _ordinarily(descriptor: int) -> None:
    """What is left is no whole block."""
    with contextlib.suppress(ImportError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~os.O_DIRECT)
