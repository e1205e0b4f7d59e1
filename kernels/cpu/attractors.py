"""Where spins end at T = 0: a replica after another, until nothing can change or the same two states come again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import inline, inner
from .spins import Couplings, Fields, Floats, asynchronous, flip, numbers_of_sweep

Sites = NDArray[np.int64]


@inline
def against_field(s: Fields, h: Fields, sites: Sites) -> int:
    """List the spins that their fields would turn; return how many. A field of 0 turns none."""
    n = 0
    for i in range(s.size):
        if h[i] * s[i] < 0:
            sites[n] = i
            n += 1
    return n


@inline
def turn(s: Fields, h: Fields, W: Couplings, sites: Sites, n: int) -> None:
    """Turn the listed spins."""
    for a in range(n):
        i = sites[a]
        s[i] = -s[i]
        flip(i, s[i] + s[i], W, h)


@inner
def settle(
    s: Fields,
    h: Fields,
    W: Couplings,
    against: Sites,
    before: Sites,
    sites: Sites,
    thresholds: Floats,
    at_random: bool,
    at_once: bool,
    particle: int,
    max_sweeps: int,
    key0: int,
    key1: int,
) -> tuple[int, int]:
    """Sweep until the attractor; return its period, 0 if it was not reached, and after how many sweeps it was.

    Fields decide alone whether a state is fixed. All at once are in a cycle when the spins that turn now are those that
    turned in the sweep before: they are left in `before`.
    """
    n = 0
    for sweep in range(max_sweeps + 1):
        n_before, n = n, against_field(s, h, against)
        if n == 0:
            return 1, sweep
        if at_once:
            is_cycle = n == n_before
            for a in range(n):
                is_cycle = is_cycle and against[a] == before[a]
                before[a] = against[a]
            if is_cycle:
                return 2, sweep - 1
        if sweep < max_sweeps:
            if at_once:
                turn(s, h, W, against, n)
            else:
                if at_random:
                    numbers_of_sweep(sites, thresholds, True, particle, sweep, 0.0, key0, key1)
                asynchronous(s, h, W, sites, thresholds)
    return 0, max_sweeps
