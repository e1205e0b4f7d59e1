"""Normals of a tile: the very numbers of the scalar functions, wherever a particle stands."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit.kernels.counter_rng import STREAM_DYNAMICS, philox
from langevin_kit.kernels.cpu.buffers import ALIGNMENT, aligned, empty_tile, fill_tile
from langevin_kit.kernels.cpu.normals import draw_words, normals_f32, normals_f64
from langevin_kit.kernels.jit import driver
from langevin_kit.kernels.noise import gaussian_f32, gaussian_f64

KEY = (np.uint32(7), np.uint32(9))
LOOPS = {"float32": (normals_f32, gaussian_f32, 4), "float64": (normals_f64, gaussian_f64, 2)}


def tile(dtype: str, calls: int, shift: int, particle: int, call: int) -> NDArray[np.floating]:
    """Normals (calls, per call, particles)."""
    loop, _, per_call = LOOPS[dtype]
    words = np.zeros((4, calls << shift), np.uint32)
    draw_words(words, shift, particle, call, *KEY)
    z = np.zeros((per_call, calls << shift), dtype)
    loop(words, z)
    return z.reshape(per_call, calls, 1 << shift).transpose(1, 0, 2)


@pytest.mark.parametrize("dtype", LOOPS)
@pytest.mark.parametrize("particle", [0, 96, 2**32 - 16, 2**40])
def test_addresses(dtype: str, particle: int) -> None:
    _, scalar, _ = LOOPS[dtype]
    z = tile(dtype, 3, 5, particle, 2**32 - 5)
    for j, i in np.ndindex(3, 32):
        p = particle + i
        words = philox(np.uint32(p & 0xFFFFFFFF), np.uint32(p >> 32), np.uint32(2**32 - 5 + j), STREAM_DYNAMICS, *KEY)
        np.testing.assert_array_equal(z[j, :, i], scalar(*map(np.uint32, words)))
    assert len(np.unique(z)) > 0.99 * z.size


@pytest.mark.parametrize("dtype", LOOPS)
def test_width_changes_nothing(dtype: str) -> None:
    narrow = np.concatenate([tile(dtype, 4, 5, 32 * q, 11) for q in range(4)], axis=2)
    np.testing.assert_array_equal(tile(dtype, 4, 7, 0, 11), narrow)


@driver
def addresses_of_aligned(like: np.ndarray) -> np.ndarray:
    found = np.empty(8, np.int64)
    for i in range(8):
        found[i] = aligned(3 + i, 5, like).ctypes.data
    return found


@pytest.mark.parametrize("dtype", LOOPS)
def test_buffers_begin_a_cache_line(dtype: str) -> None:
    assert not (addresses_of_aligned(np.zeros(1, dtype)) % ALIGNMENT).any()


@pytest.mark.parametrize("dtype", LOOPS)
def test_tiles_are_filled_with_zeros_and_emptied(dtype: str) -> None:
    X = np.random.default_rng(0).normal(size=(3, 50)).astype(dtype)
    buffer = np.full((3, 32), np.nan, dtype)
    fill_tile(buffer, X, 40, 50)
    np.testing.assert_array_equal(buffer[:, :10], X[:, 40:])
    assert not buffer[:, 10:].any()
    Y = np.zeros_like(X)
    empty_tile(buffer, Y, 40, 50)
    np.testing.assert_array_equal(Y[:, 40:], X[:, 40:])
    assert not Y[:, :40].any()
