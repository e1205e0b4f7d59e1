"""Couplings that forget: patterns learnt within bounds, and states of rest unlearnt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import inner
from .spins import asynchronous

Floats = NDArray[np.float64]

ROWS = 4
"""Rows that a pattern goes through while they are in the first cache."""


@inner
def learn_within(W: Floats, patterns: Floats, step: float, bound: float) -> None:
    """Add step·ξ ξᵀ to W (N, N), pattern after pattern, cut at ±bound after each: its part up to the diagonal."""
    n = W.shape[0]
    for first in range(0, n, ROWS):
        last = min(first + ROWS, n)
        for p in range(patterns.shape[0]):
            pattern = patterns[p, :last]
            for i in range(first, last):
                row, change = W[i, :last], step * pattern[i]
                for j in range(last):
                    row[j] = min(max(row[j] + change * pattern[j], -bound), bound)


@inner
def unlearn_and_relax(W: Floats, s: Floats, start: Floats, step: float) -> None:
    """Subtract step·s sᵀ from W (N, N) off its diagonal, and put into s where `start` comes to rest at T = 0.

    All in one pass over W, which is what takes the time. Couplings are multiples of one unit, so that sums are exact.
    """
    n = s.size
    h, thresholds = np.zeros(n), np.zeros(n)
    sites = np.arange(n)
    for i in range(n):
        row, change, spin, kept = W[i], step * s[i], start[i], W[i, i]
        for j in range(n):
            row[j] -= change * s[j]
        row[i] = kept
        for j in range(n):
            h[j] += spin * row[j]
    s[:] = start
    couplings = W.ravel()
    while asynchronous(s, h, couplings, sites, thresholds) > 0:
        pass
