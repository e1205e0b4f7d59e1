"""What a run tells its observer, counted; and an observer that stops it."""

from __future__ import annotations

import numpy as np


class Steps:
    """A meter that counts the steps, and interrupts after some; with a negative number of them, before the first.

    Attributes
    ----------
    total : int
        Steps that there were to do.
    done : float
    """

    def __init__(self, last: float = np.inf) -> None:
        self.total, self.done, self._last = 0, 0.0, last

    def start(self, total: int, description: str) -> None:
        self.total = total
        self.advance(0.0)

    def stop(self) -> None:
        pass

    def advance(self, steps: float) -> None:
        self.done += steps
        if self.done > self._last:
            raise KeyboardInterrupt
