"""Rows of arrays on their way into chunks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.store._checksum import crc32c
from langevin_kit.store._files import put
from langevin_kit.store._layout import Layout
from langevin_kit.store._record import Sum


class Rows:
    """Writes chunks as they fill up, and at a commit those that are not full yet.

    Attributes
    ----------
    sums : dict of str to (int, int)
        Check sums of the chunks that were written.
    full : set of str
        Chunks that will not be written again.
    unsynced : list of Path
        Files that a power cut may still take, or whose folders it may.
    """

    def __init__(self, store: Path, layouts: Mapping[str, Layout], n_rows: int, full: Collection[str] = ()) -> None:
        self.sums: dict[str, Sum] = {}
        self.full = {*full}
        self.unsynced: list[Path] = []
        self._store, self._layouts = store, layouts
        self._index = {name: n_rows // layout.rows for name, layout in layouts.items()}
        self._held = {name: n_rows % layout.rows for name, layout in layouts.items()}
        self._blocks = {name: _tail(store, layout, n_rows) for name, layout in layouts.items() if layout.rows > 1}
        self._grown: set[str] = set()
        # A chunk that was written before it was full: what replaces it is on the disk first.
        self._flushed = {name for name, held in self._held.items() if held}

    @property
    def n_rows(self) -> int:
        """Saved times of which every array has its row."""
        rows = (self._index[name] * layout.rows + self._held[name] for name, layout in self._layouts.items())
        return min(rows, default=0)

    def append(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the next rows of some arrays, (k, …) each."""
        for name, more in arrays.items():
            layout, taken = self._layouts[name], 0
            while taken < len(more):
                held = self._held[name]
                n = min(layout.rows - held, len(more) - taken)
                block = more[taken : taken + n]
                if layout.rows > 1:  # a chunk of one row, which may be large, is not copied
                    self._blocks[name][held : held + n] = block
                    block = self._blocks[name]
                taken, self._held[name] = taken + n, held + n
                if held + n == layout.rows:
                    self._write(layout, block, layout.rows, durable=name in self._flushed)
                    self._flushed.discard(name)
                    self._index[name], self._held[name] = self._index[name] + 1, 0
                    if layout.rows > 1:
                        block.fill(layout.fill)
            self._grown.add(name)

    def flush(self) -> None:
        """Write the chunks that are not full; the file that one replaces stays until it is on the disk."""
        for name in self._grown:
            if self._held[name]:
                self._write(self._layouts[name], self._blocks[name], self._held[name], durable=True)
                self._flushed.add(name)
        self._grown.clear()

    def _write(self, layout: Layout, block: NDArray[Any], held: int, *, durable: bool) -> None:
        for key, data, valid in layout.encode(self._index[layout.name], block, held):
            check = put(self._store / key, data, sealed=True, durable=durable)
            self.sums[key] = (check if valid == len(data) else crc32c(data[:valid])), valid
            self.unsynced.append(self._store / key)
            if held == layout.rows:
                self.full.add(key)


def _tail(store: Path, layout: Layout, n_rows: int) -> NDArray[Any]:
    """The block of the chunk that `n_rows` rows leave half full."""
    block = np.full((layout.rows, *layout.shape[1:]), layout.fill, layout.dtype)
    held = n_rows % layout.rows
    if held:
        files = [store / key for key in layout.keys(n_rows // layout.rows)]
        block[:held] = layout.decode([file.read_bytes() for file in files])[:held]
    return block
