"""Which threads touched each cell of an array, as far as it decides whether another touch is a race.

Threads of two blocks have no order within a launch. Threads of one block have one where a barrier is between: their
touches are in epochs, the number of barriers that the block has passed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Threads = NDArray[np.int64]

_NONE, _SEVERAL = -1, -2


class Touches:
    """Touches of one kind.

    Parameters
    ----------
    n : int
        How many cells there are.
    """

    def __init__(self, n: int) -> None:
        self._thread = np.full(n, _NONE, np.int64)
        self._block = np.full(n, _NONE, np.int64)
        self._epoch = np.full(n, _NONE, np.int64)
        self._any = False

    def conflicting(self, cells: Threads, threads: Threads, blocks: Threads, epochs: Threads) -> NDArray[np.bool_]:
        """Whether a cell was touched by another thread, in no order with these."""
        if not self._any:
            return np.zeros(len(cells), bool)
        block = self._block[cells]
        now = (self._epoch[cells] == epochs) & (self._thread[cells] != threads)
        return np.asarray((block != _NONE) & ((block != blocks) | now))

    def note(self, cells: Threads, threads: Threads, blocks: Threads, epochs: Threads) -> NDArray[np.bool_]:
        """Add touches; which of them share their cell with another of the same call."""
        self._any = True
        block = self._block[cells]
        again = (block == blocks) & (self._epoch[cells] == epochs) & (self._thread[cells] != threads)
        self._thread[cells] = np.where(again, _SEVERAL, threads)
        self._block[cells] = np.where((block == _NONE) | (block == blocks), blocks, _SEVERAL)
        self._epoch[cells] = epochs
        # Of several that write to a cell one remains: the others see a number that is not theirs.
        shared = self._thread[cells] != np.where(again, _SEVERAL, threads)
        if shared.any():
            many = cells[shared]
            self._thread[many] = _SEVERAL
            shared = (self._thread[cells] == _SEVERAL) & ~again
        apart = (self._block[cells] != blocks) & (self._block[cells] != _SEVERAL)
        self._block[cells[apart]] = _SEVERAL
        return np.asarray(shared)
