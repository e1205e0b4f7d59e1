"""Which states to keep so that steps can be gone through backwards in little memory.

With s states kept, the beginning among them, and each step made at most r times before it is reversed, C(s + r, s)
steps can be gone through: Griewank, Optim. Methods Softw. 1, 35, 1992.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb


def split(n: int, kept: int) -> int:
    """After how many of n steps to keep the next state, with room for that many."""
    if kept < 1 or n < 2:
        return 0
    repeats = 1
    while comb(kept + 1 + repeats, repeats) < n:
        repeats += 1
    # What is left over behind the split needs all repeats, what is before it one less; neither more.
    return max(1, min(comb(kept + repeats, repeats - 1), n - comb(kept + repeats - 1, repeats - 1)))


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
        Take the state i, which is kept, through the steps to j − 1, and reverse this one. The last of all steps comes
        first; it may have been recorded on the way.
    ("forget", j, j)
        The state j is no longer needed.

    Examples
    --------
    >>> [step for step in backwards(3, 1)]
    [('reverse', 1, 3), ('reverse', 1, 2), ('forget', 1, 1), ('reverse', 0, 1)]
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
