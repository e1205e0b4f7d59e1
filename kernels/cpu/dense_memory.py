"""Spins with the energy −Σ F(ξ·s): what each pattern's overlap makes a flip cost, kept up to date.

A flip of s_i takes the overlap A to A − 2ξ_i s_i. With ξ_i s_i = ±1 twice what it costs is G(A) + ξ_i s_i H(A), where
G = 2F(A) − F(A − 2) − F(A + 2) and H = F(A + 2) − F(A − 2). So an attempt is one product of spin i of all patterns with
H, and a flip looks all G and H up again, by levels (A + N)/2 from 0 to N. Sums of whole numbers G and H are exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import inline, inner
from .spins import numbers_of_sweep

Floats = NDArray[np.float64]
Levels = NDArray[np.int32]
Signs = NDArray[np.int8]

LANES = 64
"""Sums that run side by side, in one order whatever the machine.

Patterns are filled up to a multiple with zeros, whose level is N + 1, where G and H are 0.
"""


@inline
def _sum_of(lanes: Floats) -> float:
    half = LANES // 2
    while half > 0:
        for lane in range(half):
            lanes[lane] += lanes[lane + half]
        half //= 2
    return lanes[0]


@inner
def levels_of(s: Floats, patterns: Signs, n_patterns: int, levels: Levels) -> None:
    """How many spins agree with each pattern; patterns are (N, P)."""
    for m in range(levels.size):
        levels[m] = 0 if m < n_patterns else s.size + 1
    for i in range(s.size):
        spin = np.int8(s[i])
        for m in range(levels.size):
            levels[m] += patterns[i, m] == spin


@inner
def look_up(levels: Levels, G: Floats, H: Floats, slopes: Floats, lanes: Floats) -> float:
    """Put H of each pattern into `slopes`; return the sum of G."""
    for lane in range(LANES):
        lanes[lane] = 0.0
    for first in range(0, levels.size, LANES):
        at, into = levels[first : first + LANES], slopes[first : first + LANES]
        for lane in range(LANES):
            into[lane] = H[at[lane]]
            lanes[lane] += G[at[lane]]
    return _sum_of(lanes)


@inner
def product(row: Signs, slopes: Floats, lanes: Floats) -> float:
    """Σ ξ H over the patterns."""
    for lane in range(LANES):
        lanes[lane] = 0.0
    for first in range(0, row.size, LANES):
        x, y = row[first : first + LANES], slopes[first : first + LANES]
        for lane in range(LANES):
            lanes[lane] += x[lane] * y[lane]
    return _sum_of(lanes)


@inner
def first_to_turn(s: Floats, patterns: Signs, common: float, slopes: Floats, lanes: Floats) -> int:
    """The first spin whose flip lowers the energy, N if there is none."""
    for i in range(s.size):
        if common + s[i] * product(patterns[i], slopes, lanes) < 0.0:
            return i
    return s.size


@inner
def sweeps_of(
    s: Floats,
    patterns: Signs,
    n_patterns: int,
    G: Floats,
    H: Floats,
    levels: Levels,
    slopes: Floats,
    lanes: Floats,
    sites: NDArray[np.int64],
    thresholds: Floats,
    at_random: bool,
    to_rest: bool,
    particle: int,
    first: int,
    n_sweeps: int,
    quadruple_temperature: float,
    key0: int,
    key1: int,
) -> int:
    """Sweep n times, or until no flip lowers the energy; return the sweeps until then, −1 if they did not suffice.

    Thresholds are those of a field; twice the cost of a flip is four times the field times the spin.
    """
    levels_of(s, patterns, n_patterns, levels)
    common = look_up(levels, G, H, slopes, lanes)
    last = 0
    is_quiet = True
    for sweep in range(n_sweeps):
        if to_rest and is_quiet and first_to_turn(s, patterns, common, slopes, lanes) == s.size:
            return last
        is_quiet = True
        if at_random or quadruple_temperature > 0.0:
            half = 0.5 * quadruple_temperature
            numbers_of_sweep(sites, thresholds, at_random, particle, first + sweep, half, key0, key1)
        for a in range(sites.size):
            i = sites[a]
            if common + s[i] * product(patterns[i], slopes, lanes) < s[i] * thresholds[a]:
                s[i] = -s[i]
                spin = np.int8(s[i])
                for m in range(levels.size):
                    levels[m] += patterns[i, m] * spin
                common = look_up(levels, G, H, slopes, lanes)
                last = sweep + 1
                is_quiet = False
    return last if to_rest and first_to_turn(s, patterns, common, slopes, lanes) == s.size else -1
