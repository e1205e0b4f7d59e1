"""Normals on a device at the corners of their words: 0, 1, 2³¹, 2³² − 1 and between, by the executor of PTX.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from cuda_tools import require_compiler
from numpy.typing import NDArray

from langevin_kit.kernels.jit import driver
from langevin_kit.kernels.noise import gaussian_f32, gaussian_f64
from langevin_kit.testing.ptxvm import Machine

require_compiler()

CORNERS = [0, 1, 2, 2**30 - 1, 2**30, 2**31 - 1, 2**31, 2**31 + 1, 3 * 2**30, 2**32 - 2**8, 2**32 - 2, 2**32 - 1]
LARGEST = {"float32": 6.78, "float64": 8.6}


@cache
def compiled(dtype: str, *, fast: bool) -> str:
    """A kernel of one call a thread."""
    from numba import cuda, types

    from langevin_kit.kernels.cuda.compiler import ptx
    from langevin_kit.kernels.cuda.device import Device

    normals = Device(fast=fast).twin({"float32": gaussian_f32, "float64": gaussian_f64}[dtype])

    def four(words: Any, z: Any) -> None:
        i = cuda.grid(1)
        if i < z.shape[1]:
            z[0, i], z[1, i], z[2, i], z[3, i] = normals(words[0, i], words[1, i], words[2, i], words[3, i])

    def two(words: Any, z: Any) -> None:
        i = cuda.grid(1)
        if i < z.shape[1]:
            z[0, i], z[1, i] = normals(words[0, i], words[1, i], words[2, i], words[3, i])

    signature = (types.uint32[:, ::1], getattr(types, dtype)[:, ::1])
    return ptx(four if dtype == "float32" else two, signature, (9, 0), fast=fast)


@driver
def on_cpu_f32(words: NDArray[np.uint32], z: NDArray[np.float32]) -> None:
    for i in range(z.shape[1]):
        z[0, i], z[1, i], z[2, i], z[3, i] = gaussian_f32(words[0, i], words[1, i], words[2, i], words[3, i])


@driver
def on_cpu_f64(words: NDArray[np.uint32], z: NDArray[np.float64]) -> None:
    for i in range(z.shape[1]):
        z[0, i], z[1, i] = gaussian_f64(words[0, i], words[1, i], words[2, i], words[3, i])


def words() -> NDArray[np.uint32]:
    """All pairs of corners and of a grid as radius and angle, then the corners of both words of a float64's."""
    grid = [*CORNERS, *range(0, 2**32, 2**32 // 61)]
    pairs = np.array([*product(grid, grid)], np.uint32).T
    fours = np.array([*product([*CORNERS[::2], 2**32 - 1], repeat=4)], np.uint32).T
    return np.concatenate([np.concatenate([pairs, pairs[:, ::-1]]), fours], axis=1).copy()


def on_device(dtype: str, *, fast: bool, perturb: Any = None) -> NDArray[Any]:
    """The normals, where NaN stood before."""
    w = words()
    z = np.full((4 if dtype == "float32" else 2, w.shape[1]), np.nan, dtype)
    Machine(compiled(dtype, fast=fast), perturb=perturb).launch(-(-w.shape[1] // 128), 128, w, z)
    return z


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_exact_mode_has_the_bits_of_the_cpu(dtype: str) -> None:
    w, z = words(), on_device(dtype, fast=False)
    expected = np.full_like(z, np.nan)
    (on_cpu_f32 if dtype == "float32" else on_cpu_f64)(w, expected)
    assert z.tobytes() == expected.tobytes()
    assert np.isfinite(z).all()
    assert 0.98 * LARGEST[dtype] < np.abs(z).max() <= LARGEST[dtype]


@pytest.mark.parametrize("perturb", [None, 1.0, -1.0, "random"])
def test_the_fast_mode_is_finite_within_the_errors_of_the_isa(perturb: Any) -> None:
    perturb = np.random.default_rng(0) if perturb == "random" else perturb
    z, near = on_device("float32", fast=True, perturb=perturb), on_device("float32", fast=False)
    assert np.isfinite(z).all()
    assert np.abs(z).max() <= LARGEST["float32"]
    assert np.abs(z - near).max() < 2e-3
    assert z.tobytes() != near.tobytes()
