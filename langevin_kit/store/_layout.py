"""How an array lies in its chunks: rows of saved times, and near-equal parts of the last axis."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 4 * 2**20
"""Aim for a chunk; parts are near-equal, so that the last one is not mostly padding."""

WORTH_COMPRESSING = 2**16
"""Bytes of a row from which on it is a chunk of its own if it is rounded: only a whole chunk can be compressed."""

SEPARATOR = "."
"""Of the numbers in a new chunk's key: no row has folders of its own, which take as long to make as its files."""

MOST_ROWS = 4096
"""Rows of a chunk at most: a chunk is written again at each commit until it is full."""


@dataclass(frozen=True)
class Layout:
    """An array (time, …) in chunks of whole rows, or of parts of one row if that is larger than a chunk.

    Attributes
    ----------
    name : str
    shape, chunks : tuple of int
        Of the array, and of each chunk; chunks divide the first axis, and the last one.
    dtype : dtype
    compressed : bool
        By Blosc; chunks are then of one row.
    separator : str
        Of the numbers in a chunk's key.
    """

    name: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    compressed: bool = False
    separator: str = SEPARATOR

    @classmethod
    def of(cls, name: str, n_times: int, row: NDArray[Any], *, rounded: bool = False) -> Layout:
        """The layout of an array whose rows are like this one; rounded ones are compressed unless they are small."""
        compressed = rounded and row.nbytes >= WORTH_COMPRESSING
        rows = 1 if compressed else max(1, min(CHUNK_BYTES // max(row.nbytes, 1), MOST_ROWS, n_times))
        parts = math.ceil(row.nbytes / CHUNK_BYTES) if row.ndim else 1
        last = () if not row.ndim else (math.ceil(row.shape[-1] / max(parts, 1)),)
        return cls(name, (n_times, *row.shape), (rows, *row.shape[:-1], *last), row.dtype, compressed)

    @classmethod
    def read(cls, name: str, metadata: bytes) -> Layout:
        """The layout that an array's metadata say."""
        found = json.loads(metadata)
        chunks = found["chunk_grid"]["configuration"]["chunk_shape"]
        compressed = any(codec["name"] == "blosc" for codec in found["codecs"])
        separator = found["chunk_key_encoding"]["configuration"]["separator"]
        return cls(name, tuple(found["shape"]), tuple(chunks), np.dtype(found["data_type"]), compressed, separator)

    @property
    def fill(self) -> Any:
        """What stands where nothing was written: NaN, or −1 of integers, whose values are never negative."""
        return self.dtype.type(np.nan if self.dtype.kind == "f" else -1)

    @property
    def rows(self) -> int:
        """Saved times of a chunk."""
        return self.chunks[0]

    def row_of(self, key: str) -> int:
        """The first saved time of a chunk."""
        return int(key.removeprefix(f"{self.name}/c").split(self.separator)[1]) * self.rows

    def ends_by(self, key: str, rows: int) -> bool:
        """Whether all saved times of a chunk are among the first ones."""
        return self.row_of(key) + self.rows <= rows

    def encode(self, index: int, block: NDArray[Any], held: int) -> Iterator[tuple[str, NDArray[np.uint8], int]]:
        """Key and bytes of each chunk of a block of `rows` rows, and how many bytes of it the `held` first ones take.

        The check sum of these holds however many more rows are written behind them.
        """
        width = self.chunks[-1] if len(self.chunks) > 1 else 1
        parts = range(0, self.shape[-1], width) if len(self.shape) > 1 else (0,)
        for key, low in zip(self.keys(index), parts, strict=True):
            part = block if len(self.shape) == 1 else block[..., low : low + width]
            whole = part
            if part.shape != self.chunks:
                whole = np.full(self.chunks, self.fill, self.dtype)
                whole[tuple(slice(0, n) for n in part.shape)] = part
            data = np.ascontiguousarray(whole, self.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)
            if self.compressed:
                data = _compressed(data.view(self.dtype))
            valid = held * len(data) // self.rows
            yield key, data, valid

    def decode(self, chunks: list[bytes]) -> NDArray[Any]:
        """The rows of the chunks of one index, with what fills them up."""
        shape = self.chunks
        blocks = [np.frombuffer(data[:-4], self.dtype.newbyteorder("<")).reshape(shape) for data in chunks]
        return blocks[0] if len(shape) == 1 else np.concatenate(blocks, axis=-1)[..., : self.shape[-1]]

    def keys(self, index: int) -> list[str]:
        """The keys of the chunks of one index."""
        first = self.separator.join([f"{self.name}/c", str(index), *["0"] * (len(self.shape) - 2)])
        if len(self.shape) == 1:
            return [first]
        return [f"{first}{self.separator}{j}" for j in range(math.ceil(self.shape[-1] / self.chunks[-1]))]


def _compressed(values: NDArray[Any]) -> NDArray[np.uint8]:
    """As the codec that the metadata name does it."""
    from numcodecs import Blosc

    return np.frombuffer(Blosc(cname="zstd", clevel=1, shuffle=Blosc.BITSHUFFLE).encode(values), np.uint8)
