"""Steps from one observed time to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.errors import InvalidArgument

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Steps:
    """Consecutive steps within an interval.

    Attributes
    ----------
    first : int
        Number of the first one: of the noise.
    starts, sizes : (n,)
        When each begins, and Δt.
    """

    first: int
    starts: Floats
    sizes: Floats

    def __len__(self) -> int:
        return len(self.sizes)

    def part(self, low: int, high: int) -> Steps:
        """Some of them."""
        return Steps(self.first + low, self.starts[low:high], self.sizes[low:high])


def times_of(times: ArrayLike) -> Floats:
    """Times as they were given, checked.

    Raises
    ------
    InvalidArgument
    """
    found = np.atleast_1d(np.asarray(times, np.float64))
    if found.ndim != 1 or len(found) < 2 or not np.isfinite(found).all() or (np.diff(found) <= 0).any():
        raise InvalidArgument(
            f"times: got {np.array2string(found, threshold=6)}; a beginning and later times, each above the one before "
            "it, are needed."
        )
    return found


def equal_steps(times: Floats, time_step: float) -> list[Steps]:
    """Equal steps in each interval, as long as `time_step` or a little shorter: observed times end a step."""
    found, first = [], 0
    for begin, end in pairwise(times):
        n = max(1, math.ceil((end - begin) / time_step * (1 - 1e-12)))
        found.append(Steps(first, begin + (end - begin) * np.arange(n) / n, np.full(n, (end - begin) / n)))
        first += n
    return found
