"""Steps cut in time, and an ensemble cut into pieces, must have the bits of the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = (1, 2, 3, 5, 1, 4, 6)
"""Steps that are made at once, one group of the noise and parts of it."""

CUTS = (0, 1, 40, 41)
"""Where pieces of the ensemble begin: within a tile, and one of a single particle."""


def whole_and_in_parts(advance: Callable[..., NDArray[Any]], x: NDArray[Any]) -> NDArray[Any]:
    """Where steps lead from x (d, n), once the same bits have been seen in parts; n is above 41.

    `advance(x, n_steps, first=, low=, high=)` moves the columns low … high of a copy.
    """
    whole = advance(x, sum(PARTS))
    in_parts, first = x, 0
    for steps in PARTS:
        in_parts = advance(in_parts, steps, first=first)
        first += steps
    np.testing.assert_array_equal(in_parts, whole)
    pieces = x.copy()
    for low, high in zip(CUTS, (*CUTS[1:], x.shape[1]), strict=True):
        pieces[:, low:high] = advance(x, sum(PARTS), low=low, high=high)[:, low:high]
    np.testing.assert_array_equal(pieces, whole)
    return whole
