"""How much work makes a launch of a tenth of a second, so that progress and Ctrl-C are felt on any device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

TARGET = 0.1
"""Seconds of a launch."""
FIRST, MOST = 2**29, 2**36
"""Steps of one coordinate in a first launch, and in any."""
MOST_STEPS = 2**17
"""Of a small ensemble, whose time is that of one thread."""


class Pace:
    """Learns from each launch how many steps the next may have."""

    def __init__(self) -> None:
        self._work = FIRST

    def steps(self, each: int) -> int:
        """Steps of a launch, of which one is so much work."""
        return max(1, min(MOST_STEPS, self._work // each))

    @contextmanager
    def launch(self, work: int) -> Iterator[None]:
        """Time a launch of so much work, from its start to its end."""
        before = monotonic()
        yield
        seconds = max(monotonic() - before, 1e-6)
        self._work = max(1, min(MOST, 2 * self._work, int(work * TARGET / seconds)))
