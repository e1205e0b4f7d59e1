"""Which states to keep so that steps can be gone through backwards in little memory.

With s states kept and each step made again at most r times, C(s + r, s) steps can be reversed, and no schedule makes
fewer: Griewank, Optim. Methods Softw. 1, 35, 1992.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb


def split(n: int, kept: int) -> int:
    """After how many of n steps to keep the next state, with room for that many."""
    if kept < 1 or n < 2:
        return 0
    repeats = 1
    while comb(kept + repeats, kept) < n:
        repeats += 1
    return min(n - 1, comb(kept + repeats - 1, kept))


def spine(n: int, kept: int) -> list[int]:
    """The states that are kept on the first way through n steps, besides the beginning."""
    found, at = [], 0
    while kept and n - at > 1:
        at += split(n - at, kept)
        kept -= 1
        found.append(at)
    return found


def backwards(n: int, kept: int) -> Iterator[tuple[str, int, int]]:
    """What to do after the first way, on which the states of `spine` were kept.

    Yields
    ------
    ("advance", i, j)
        Take the state i, which is kept, through the steps to j, and keep that.
    ("reverse", i, j)
        Take the state i, which is kept, through steps to j = its end, and reverse the step j − 1.
    ("forget", j, j)
        The state j is no longer needed.

    Examples
    --------
    >>> [step for step in backwards(3, 1)]
    [('reverse', 2, 3), ('forget', 2, 2), ('reverse', 0, 2), ('reverse', 0, 1)]
    """
    yield from _backwards(0, n, kept, set(spine(n, kept)))


def _backwards(low: int, high: int, kept: int, known: set[int]) -> Iterator[tuple[str, int, int]]:
    while high - low > 1 and kept:
        middle = low + split(high - low, kept)
        if middle not in known:
            yield "advance", low, middle
        yield from _backwards(middle, high, kept - 1, known)
        yield "forget", middle, middle
        high = middle
    for end in range(high, low, -1):
        yield "reverse", low, end
