"""Spins under Glauber's dynamics on a device, a block of threads a replica: with the bits of `kernels.cpu.spins`.

Threads look at the next attempts side by side. The first that turns its spin is carried out by all of them, each for
fields of its own; then they look again at what stands behind it. Sums of fields are exact in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cuda

from ..cpu.spins import _threshold, _words, energy_of
from ..jit import inline

MOST_THREADS = 256
"""Of a block."""
SHARED = 48 * 1024 - 64
"""Bytes that threads of a block may share, less those for what they agree on."""

_SITE = 22
"""Bits for the number of a spin, between those of a thread's and of the way it turns: W would have 2⁴⁴ entries."""
_SITES = 2**_SITE - 1
_NONE = 2**31 - 1
_PLACES = 3
"""For what threads agree on, in turns: one is read, the one before by threads that lag, and the next is made ready."""


def threads_of(n: int) -> int:
    """Threads of a block for n spins: whole warps, and eight spins a thread or more."""
    return min(MOST_THREADS, 32 * -(-n // 256))


def is_shared(n: int, field: Any, *, at_once: bool) -> bool:
    """Whether a replica fits what its threads share: fields, spins, and a list of those that turn at once."""
    return n * (np.dtype(field).itemsize + 1 + 4 * at_once) <= SHARED


def sweeps_of(n: int, field: Any, *, draws: bool, at_once: bool) -> Callable[..., None]:
    """The kernel for n spins, as `kernels.cuda.compiler.ptx` takes it.

    Parameters
    ----------
    n : int
    field : numpy.int32 or numpy.float64
        Type of the fields.
    draws : bool
        Whether the spin of an attempt is drawn.
    at_once : bool
        Whether all spins turn at once.

    Returns
    -------
    callable
        ``sweeps(X, W, b, unit, first, count, half, key0, key1, particle0, H, S, L)`` makes so many sweeps with a block
        a column of X (2n + 2, replicas): spins, their fields, the energy, and how many have turned. W (n²,) and b (n,)
        are couplings and fields in units, ``half`` is T/2 in units. Replicas that do not fit what their threads share
        are kept in H, S and L (replicas, n): fields, spins as int8, and, where all turn at once, a list as int32.
    """
    threads, parts = threads_of(n), 2 if draws else 4
    calls, whole, listed = -(-n // parts), n // threads, n if at_once else 1

    @inline
    def attempted(a: int, sweep: int, particle: int, half: float, key0: int, key1: int) -> tuple[Any, float]:
        """The spin of an attempt and its threshold, where `kernels.cpu.spins.numbers_of_sweep` has them."""
        if half == 0.0 and not draws:
            return a, 0.0
        part = a // calls
        w0, w1, w2, w3 = _words(particle, sweep * calls + a - part * calls, key0, key1)
        if draws:
            drawn, word = (w0, w1) if part == 0 else (w2, w3)
            site = np.int64(np.uint64(drawn) * np.uint64(n) >> np.uint64(32))
            return site, _threshold(word, half) if half > 0.0 else 0.0
        return a, _threshold((w0 if part == 0 else w1) if part < 2 else (w2 if part == 2 else w3), half)

    @inline
    def turns(h: Any, s: Any, i: int, threshold: float) -> bool:
        return ((h[i] > threshold) != (s[i] > 0)) & (h[i] != threshold)

    @inline
    def add_row(h: Any, W: Any, i: int, change: int) -> None:
        """Bring a thread's own fields up to date after s_i has changed."""
        # Unsigned numbers: a signed one would be asked whether it counts from the end.
        own = np.uint64(cuda.threadIdx.x)
        row = np.uint64(i) * np.uint64(n) + own
        for part in range(whole):
            at = np.uint64(part * threads)
            h[own + at] += change * W[row + at]
        at = np.uint64(whole * threads)
        if own + at < np.uint64(n):
            h[own + at] += change * W[row + at]

    @inline
    def one_after_another(h: Any, s: Any, L: Any, W: Any, run: Any) -> int:
        first, count, half, key0, key1, particle = run
        lane = cuda.threadIdx.x
        agreed = cuda.shared.array(_PLACES, np.int32)
        if lane == 0:
            agreed[0] = _NONE
        cuda.syncthreads()
        place, flips = np.uint32(0), 0
        for k in range(first, first + count):
            for base in range(0, n, threads):
                site, threshold = attempted(min(base + lane, n - 1), k, particle, half, key0, key1)
                behind = np.int32(0)
                while behind < threads:
                    later = np.uint32(place + 1 if place + 1 < _PLACES else 0)
                    if lane >= behind and base + lane < n and turns(h, s, site, threshold):
                        cuda.atomic.min(agreed, place, np.int32((lane << _SITE | site) << 1 | (s[site] < 0)))
                    if lane == 0:
                        agreed[later] = _NONE
                    cuda.syncthreads()
                    found = agreed[place]
                    place = later
                    if found == _NONE:
                        break
                    i = (found >> 1) & _SITES
                    add_row(h, W, i, 2 if found & 1 else -2)
                    behind = np.int32((found >> (_SITE + 1)) + 1)
                    if lane + 1 == behind:
                        s[i] = -s[i]
                    flips += 1
                    cuda.syncthreads()
        return flips

    @inline
    def all_at_once(h: Any, s: Any, L: Any, W: Any, run: Any) -> int:
        first, count, half, key0, key1, particle = run
        lane = cuda.threadIdx.x
        turned = cuda.shared.array(2, np.int32)
        if lane == 0:
            turned[0] = 0
        cuda.syncthreads()
        place, flips = 0, 0
        for k in range(first, first + count):
            for i in range(lane, n, threads):
                _, threshold = attempted(i, k, particle, half, key0, key1)
                if turns(h, s, i, threshold):
                    s[i] = -s[i]
                    L[cuda.atomic.add(turned, place, 1)] = i << 1 | (s[i] > 0)
            if lane == 0:
                turned[1 - place] = 0
            cuda.syncthreads()
            total = turned[place]
            for q in range(total):
                add_row(h, W, L[q] >> 1, 2 if L[q] & 1 else -2)
            place, flips = 1 - place, flips + total
            cuda.syncthreads()
        return flips

    move = all_at_once if at_once else one_after_another

    @inline
    def moved(h: Any, s: Any, L: Any, X: Any, W: Any, b: Any, unit: float, p: int, run: Any) -> None:
        for i in range(cuda.threadIdx.x, n, threads):
            s[i] = X[i, p]
            h[i] = X[n + i, p]
        flips = move(h, s, L, W, run)
        for i in range(cuda.threadIdx.x, n, threads):
            X[i, p], X[n + i, p] = s[i], h[i]
        if cuda.threadIdx.x == 0:  # one thread, in the CPU's order: with long couplings this sum may round
            X[2 * n, p] = unit * energy_of(s, h, b)
            X[2 * n + 1, p] += flips

    def in_shared(
        X: Any,
        W: Any,
        b: Any,
        unit: float,
        first: int,
        count: int,
        half: float,
        key0: int,
        key1: int,
        particle0: int,
        H: Any,
        S: Any,
        L: Any,
    ) -> None:
        p = cuda.blockIdx.x
        h, s, own = cuda.shared.array(n, field), cuda.shared.array(n, np.int8), cuda.shared.array(listed, np.int32)
        moved(h, s, own, X, W, b, unit, p, (first, count, half, key0, key1, particle0 + p))

    def in_global(
        X: Any,
        W: Any,
        b: Any,
        unit: float,
        first: int,
        count: int,
        half: float,
        key0: int,
        key1: int,
        particle0: int,
        H: Any,
        S: Any,
        L: Any,
    ) -> None:
        p = cuda.blockIdx.x
        moved(H[p], S[p], L[p], X, W, b, unit, p, (first, count, half, key0, key1, particle0 + p))

    return in_shared if is_shared(n, field, at_once=at_once) else in_global
