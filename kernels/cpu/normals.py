"""Standard normals for a tile of particles and many components.

All words of the generator are drawn before any is transformed: the two loops hold their constants in registers, and
take two thirds of the time of one loop that does both.
"""

from __future__ import annotations

import numpy as np
from numpy import uint32, uint64
from numpy.typing import NDArray

from ..counter_rng import STREAM_DYNAMICS, philox
from ..jit import driver
from ..noise import gaussian_f32, gaussian_f64
from .buffers import load, store


@driver
def draw_words(
    words: NDArray[np.uint32], shift: int, particle: int, call: int, key0: np.uint32, key1: np.uint32
) -> None:
    """The generator's words for a tile.

    Parameters
    ----------
    words : (4, calls 2**shift)
        Row w holds word w; call j of particle i stands at j 2**shift + i.
    shift : int
        Logarithm of the number of particles.
    particle, call : int
        Number of the first particle and of the first call.
    key0, key1 : uint32
        The seed.
    """
    n = words.shape[1]
    mask = (uint32(1) << uint32(shift)) - uint32(1)
    for q in range(n):
        p = uint64(particle) + uint64(uint32(uint32(q) & mask))
        c = uint32(uint32(call) + uint32(uint32(q) >> uint32(shift)))
        w0, w1, w2, w3 = philox(uint32(p), uint32(p >> uint64(32)), c, STREAM_DYNAMICS, key0, key1)
        store(words, 0, q, w0)
        store(words, 0, q + n, w1)
        store(words, 0, q + 2 * n, w2)
        store(words, 0, q + 3 * n, w3)


@driver
def normals_f32(words: NDArray[np.uint32], z: NDArray[np.float32]) -> None:
    """Four normals a call: normal m of call j stands in row m of z (4, n), where the words of the call stand."""
    n = words.shape[1]
    for q in range(n):
        z0, z1, z2, z3 = gaussian_f32(
            load(words, 0, q), load(words, 0, q + n), load(words, 0, q + 2 * n), load(words, 0, q + 3 * n)
        )
        store(z, 1, q, z0)
        store(z, 1, q + n, z1)
        store(z, 1, q + 2 * n, z2)
        store(z, 1, q + 3 * n, z3)


@driver
def normals_f64(words: NDArray[np.uint32], z: NDArray[np.float64]) -> None:
    """Two normals a call: normal m of call j stands in row m of z (2, n), where the words of the call stand."""
    n = words.shape[1]
    for q in range(n):
        z0, z1 = gaussian_f64(
            load(words, 0, q), load(words, 0, q + n), load(words, 0, q + 2 * n), load(words, 0, q + 3 * n)
        )
        store(z, 1, q, z0)
        store(z, 1, q + n, z1)
