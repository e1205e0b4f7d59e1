"""Initial ensembles from the counter generator: particle p draws its own words, whoever asks and in whatever order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..counter_rng import STREAM_INITIAL, philox
from ..jit import driver, inline
from ..noise import gaussian_f64, uniform_f64


@inline
def _words(particle: int, call: int, key0: int, key1: int) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    p = np.uint64(particle)
    return philox(np.uint32(p), np.uint32(p >> np.uint64(32)), np.uint32(call), STREAM_INITIAL, key0, key1)


@driver
def standard_normal(out: NDArray[np.float64], first: int, key0: int, key1: int) -> None:
    """Fill `out` (d, n) with independent N(0, 1) for the particles first, first + 1, …; a call for two coordinates."""
    d = out.shape[0]
    for i in range(out.shape[1]):
        for component in range(0, d, 2):
            a, b, c, e = _words(first + i, component // 2, key0, key1)
            z0, z1 = gaussian_f64(a, b, c, e)
            out[component, i] = z0
            if component + 1 < d:
                out[component + 1, i] = z1


@driver
def standard_uniform(out: NDArray[np.float64], first: int, key0: int, key1: int) -> None:
    """Fill `out` (d, n) with independent uniforms on (0, 1)."""
    d = out.shape[0]
    for i in range(out.shape[1]):
        for component in range(0, d, 2):
            a, b, c, e = _words(first + i, component // 2, key0, key1)
            out[component, i] = uniform_f64(a, b)
            if component + 1 < d:
                out[component + 1, i] = uniform_f64(c, e)
