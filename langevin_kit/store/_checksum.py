"""Check sums: crc32c, which the codec of the chunks has too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = 2**20
"""Bytes that are still in a core's cache when, after their check sum, they are copied."""


def crc32c(data: Any) -> int:
    """The check sum of bytes, or of an array of them."""
    import google_crc32c

    return int(google_crc32c.value(data))


class Checked:
    """Bytes on their way into a file, piece by piece.

    Parameters
    ----------
    data : bytes or array
    sealed : bool
        Whether their check sum comes behind them.

    Attributes
    ----------
    size : int
        Bytes in all.
    check : int
        The check sum of the data, once all pieces were asked for.
    """

    def __init__(self, data: Any, *, sealed: bool = False) -> None:
        self._data, self._sealed, self.check = np.frombuffer(data, np.uint8), sealed, 0
        self.size = len(self._data) + 4 * sealed

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        import google_crc32c

        self.check = 0
        for low in range(0, len(self._data), PIECE):
            piece = self._data[low : low + PIECE]
            self.check = int(google_crc32c.extend(self.check, piece))
            yield piece
        if self._sealed:
            yield np.frombuffer(self.check.to_bytes(4, "little"), np.uint8)
