"""Initial ensembles from the counter generator: particle p draws its own words, whoever asks and in whatever order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..counter_rng import STREAM_INITIAL, philox
from ..jit import driver, inline
from ..noise import gaussian_f64, uniform_f64


@inline
def _words(particle: int, key0: int, key1: int) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    p = np.uint64(particle)
    return philox(np.uint32(p), np.uint32(p >> np.uint64(32)), np.uint32(0), STREAM_INITIAL, key0, key1)


@driver
def standard_normal(out: NDArray[np.float64], first: int, key0: int, key1: int) -> None:
    """Fill `out` (d, n), d ≤ 2, with independent N(0, 1) for the particles first, first + 1, …"""
    for i in range(out.shape[1]):
        a, b, c, d = _words(first + i, key0, key1)
        z = gaussian_f64(a, b, c, d)
        for component in range(out.shape[0]):
            out[component, i] = z[component]


@driver
def standard_uniform(out: NDArray[np.float64], first: int, key0: int, key1: int) -> None:
    """Fill `out` (d, n), d ≤ 2, with independent uniforms on (0, 1)."""
    for i in range(out.shape[1]):
        a, b, c, d = _words(first + i, key0, key1)
        u = (uniform_f64(a, b), uniform_f64(c, d))
        for component in range(out.shape[0]):
            out[component, i] = u[component]
