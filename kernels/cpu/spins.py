"""Spins under Glauber's dynamics, a replica after another: its spins and the fields they feel, side by side in memory.

A replica's state is s (N), h = W s + b (N), which every flip brings up to date, and its energy: an attempt costs no
more than a look at h. Couplings and fields are multiples of one unit, so sums of them are exact in any order and h
never drifts; where couplings fit 16 bits and fields 32, a flip moves less memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..counter_rng import STREAM_DYNAMICS, philox
from ..elementary import float64 as elementary
from ..jit import inline, inner
from ..noise import uniform_word_f64

Floats = NDArray[np.float64]
Fields = NDArray[np.float64] | NDArray[np.int32]
Couplings = NDArray[np.float64] | NDArray[np.int16]


@inline
def _words(particle: int, call: int, key0: int, key1: int) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    p = np.uint64(particle)
    return philox(np.uint32(p), np.uint32(p >> np.uint64(32)), np.uint32(call), STREAM_DYNAMICS, key0, key1)


@inline
def _threshold(word: np.uint32, half_temperature: float) -> float:
    """The field above which a spin points up: P(up) = 1/(1 + exp(−2h/T))."""
    u = uniform_word_f64(word)
    return half_temperature * elementary.log(u / (1.0 - u))


@inner
def energy_of(s: Fields, h: Fields, b: Floats) -> float:
    """E = −½ s·W s − b·s = −½ s·(h + b), in units."""
    twice = 0.0
    for i in range(s.size):
        twice += s[i] * (h[i] + b[i])
    return -0.5 * twice


@inner
def flip(i: int, change: float, W: Couplings, h: Fields) -> None:
    """Bring the fields up to date after s_i has changed."""
    row = W[i * h.size : (i + 1) * h.size]
    for j in range(h.size):
        h[j] += change * row[j]


@inner
def numbers_of_sweep(
    sites: NDArray[np.int64],
    thresholds: Floats,
    at_random: bool,
    particle: int,
    sweep: int,
    half_temperature: float,
    key0: int,
    key1: int,
) -> None:
    """Which spin each attempt of a sweep looks at, and its threshold; 0 at T = 0.

    A call serves attempts c, calls + c, … of the sweep: two whose spins are drawn too, or four.
    """
    n = thresholds.size
    parts = 2 if at_random else 4
    calls = (n + parts - 1) // parts
    for c in range(calls):
        w0, w1, w2, w3 = _words(particle, sweep * calls + c, key0, key1)
        if at_random:
            sites[c] = np.int64(np.uint64(w0) * np.uint64(n) >> np.uint64(32))
            thresholds[c] = _threshold(w1, half_temperature)
            if calls + c < n:
                sites[calls + c] = np.int64(np.uint64(w2) * np.uint64(n) >> np.uint64(32))
                thresholds[calls + c] = _threshold(w3, half_temperature)
        else:
            thresholds[c] = _threshold(w0, half_temperature)
            if calls + c < n:
                thresholds[calls + c] = _threshold(w1, half_temperature)
            if 2 * calls + c < n:
                thresholds[2 * calls + c] = _threshold(w2, half_temperature)
            if 3 * calls + c < n:
                thresholds[3 * calls + c] = _threshold(w3, half_temperature)


@inner
def asynchronous(s: Fields, h: Fields, W: Couplings, sites: NDArray[np.int64], thresholds: Floats) -> int:
    """Attempt one flip after another; a spin whose field is its threshold stays. Return how many flipped."""
    flips = 0
    for a in range(sites.size):
        i = sites[a]
        difference = h[i] - thresholds[a]
        if difference * s[i] < 0.0:
            s[i] = -s[i]
            flip(i, s[i] + s[i], W, h)
            flips += 1
    return flips


@inner
def synchronous(s: Fields, h: Fields, W: Couplings, sites: NDArray[np.int64], thresholds: Floats) -> int:
    """Turn all spins at once, by the fields of before; `sites` is room for the numbers of those that do."""
    flips = 0
    for i in range(s.size):
        if (h[i] - thresholds[i]) * s[i] < 0.0:
            sites[flips] = i
            flips += 1
    for a in range(flips):
        i = sites[a]
        s[i] = -s[i]
        flip(i, s[i] + s[i], W, h)
    return flips
