"""Philox4x32-10, the only source of random bits, and the one place that owns stream numbers.

A word is a pure function of its address: counter = (particle lo, particle hi, call, stream) and key = seed (lo, hi).
So any particle at any step can be replayed alone, whatever the block size, thread count or device.

Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import numpy as np
from numpy import uint32, uint64

from .jit import inline

STREAM_DYNAMICS = uint32(0)
"""Noise of the dynamics; `call` counts the generator calls since step 0."""
STREAM_INITIAL = uint32(1)
"""Draws of the initial condition; `call` counts the generator calls of one particle."""
STREAM_BRIDGE = uint32(2)
"""What noise of half the time step adds to that of the whole one; `call` as in `STREAM_DYNAMICS`."""
STREAM_BEGIN = uint32(5)
"""What a scheme that remembers its last step draws before the first one; `call` counts the calls of one particle."""
STREAM_TREE = uint32(2**31)
"""What divides the noise of a step: streams from here on, one or a few a part of it; `call` is the step. The part that
is number j of 2**l has the streams from (2**l + j) times so many on."""

STREAM_UNIFORM = uint32(3)
"""Uniform numbers of absorbing walls and of Metropolis steps; `call` as in `STREAM_DYNAMICS`."""
STREAM_UNIFORM_LATER = uint32(4)
"""Those of a group's later steps, where it has twice as many steps as its calls serve: noise of half the time step."""

CALLS = 2**32
"""Calls one particle may make in one stream: `call` is one 32-bit word."""

_MULTIPLIER_0 = uint64(0xD2511F53)
_MULTIPLIER_1 = uint64(0xCD9E8D57)
_WEYL_0 = uint32(0x9E3779B9)
_WEYL_1 = uint32(0xBB67AE85)
_WORD = uint64(32)


@inline
def philox(
    c0: np.uint32 | int,
    c1: np.uint32 | int,
    c2: np.uint32 | int,
    c3: np.uint32 | int,
    k0: np.uint32 | int,
    k1: np.uint32 | int,
) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    """Four uniform 32-bit words from a counter of four words and a key of two."""
    c0, c1, c2, c3, k0, k1 = uint32(c0), uint32(c1), uint32(c2), uint32(c3), uint32(k0), uint32(k1)
    # Numba types uint32 ^ uint32 as uint64: casting that back inside the rounds costs a factor 1.8 on the CPU.
    for _ in range(10):
        p0 = _MULTIPLIER_0 * uint64(c0)
        p1 = _MULTIPLIER_1 * uint64(c2)
        c0 = uint32(p1 >> _WORD) ^ c1 ^ k0
        c2 = uint32(p0 >> _WORD) ^ c3 ^ k1
        c1 = uint32(p1)
        c3 = uint32(p0)
        k0 = uint32(k0 + _WEYL_0)
        k1 = uint32(k1 + _WEYL_1)
    return uint32(c0), uint32(c1), uint32(c2), uint32(c3)


def check_counter(first_call: int, n_calls: int) -> None:
    """Refuse a run whose calls [first_call, first_call + n_calls) would leave the counter and so repeat its noise."""
    if first_call < 0 or n_calls < 0 or first_call + n_calls > CALLS:
        raise OverflowError(
            f"the noise would repeat: got generator calls {first_call} to {first_call + n_calls}, allowed are 0 to "
            f"{CALLS} per particle and stream; take fewer or longer steps, or go on from the last state with a new seed"
        )
