"""The functions of CUDA's fast mode beside the CPU's, all over and at the corners; and the generator's words.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from cuda_tools import require_compiler
from numpy.typing import NDArray

from langevin_kit.kernels import noise
from langevin_kit.kernels.counter_rng import philox
from langevin_kit.kernels.elementary import float32 as elementary
from langevin_kit.testing.ptxvm import Machine

require_compiler()

CORNERS = sorted({w & 0xFFFFFFFF for bit in range(33) for w in (2**bit - 1, 2**bit, 2**bit + 1, -(2**bit), 3 * 2**bit)})
"""Words next to which a bit of the octant, or of the radius, changes."""


@cache
def on_device(function: Any, inputs: int, outputs: int, *, fast: bool) -> Machine:
    """The twin of a function of words or numbers, one thread a column."""
    from numba import cuda, types

    from langevin_kit.kernels.cuda.compiler import ptx
    from langevin_kit.kernels.cuda.device import Device

    rows = ", ".join(f"words[{j}, i]" for j in range(inputs))
    out = ", ".join(f"out[{j}, i]" for j in range(outputs))
    source = f"def kernel(words, out):\n    i = cuda.grid(1)\n    if i < out.shape[1]:\n        {out} = f({rows})\n"
    known = {"cuda": cuda, "f": Device(fast=fast).twin(function)}
    exec(compile(source, "<test>", "exec"), known)
    of_words = function in (noise.gaussian_f32, philox)
    signature = (
        (types.uint32 if of_words else types.float32)[:, ::1],
        (types.uint32 if function is philox else types.float32)[:, ::1],
    )
    return Machine(ptx(known["kernel"], signature, (9, 0), fast=fast))


def launched(
    function: Any, x: NDArray[Any], outputs: int, dtype: Any = np.float32, *, fast: bool = True
) -> NDArray[Any]:
    out = np.full((outputs, x.shape[1]), 7, dtype)
    on_device(function, len(x), outputs, fast=fast).launch(-(-x.shape[1] // 128), 128, x, out)
    return out


@pytest.mark.parametrize("fast", [False, True])
def test_the_generators_words_are_those_of_the_cpu(*, fast: bool) -> None:
    counters = np.random.default_rng(3).integers(0, 2**32, (6, 500), np.uint32)
    counters[:, :2] = [[0, 2**32 - 1]] * 6
    got = launched(philox, counters, 4, np.uint32, fast=fast)
    expected = np.array([philox(*column) for column in counters.T], np.uint32).T
    np.testing.assert_array_equal(got, expected)


def test_normals_are_near_those_of_the_same_words() -> None:
    """Every pair of corners, and random words: the same order, swaps and signs, and no NaN next to a radius of 0."""
    radius, angle = np.meshgrid(np.array(CORNERS, np.uint32), np.array(CORNERS, np.uint32))
    corners = np.stack([radius.ravel(), angle.ravel(), angle.ravel(), radius.ravel()])
    words = np.hstack([corners, np.random.default_rng(5).integers(0, 2**32, (4, 5000), np.uint32)])
    got = launched(noise.gaussian_f32, words, 4)
    expected = np.array([noise.gaussian_f32(*column) for column in words.T], np.float32).T
    # 2⁻²⁰·⁵ of the sine, and the rounding of an angle of up to four, at radii of up to 6.8.
    np.testing.assert_allclose(got, expected, rtol=0, atol=8e-6)
    # Control: in another order, or with other signs, they are far.
    assert (np.abs(got[[1, 0, 3, 2]] - expected) > 0.1).mean() > 0.5
    assert (np.abs(-got - expected) > 0.1).mean() > 0.5


@pytest.mark.parametrize(
    ("name", "low", "high", "relative", "absolute"),
    [
        ("sqrt", 1e-30, 1e30, 1e-6, 0.0),
        ("exp", -80.0, 80.0, 1e-5, 0.0),
        ("log", 1e-30, 1e30, 1e-6, 3e-7),
        ("sin", -(2.0**17), 2.0**17, 0.0, 2e-6),
        ("cos", -(2.0**17), 2.0**17, 0.0, 2e-6),
        ("sin", -8.0, 8.0, 0.0, 1e-6),
        ("tanh", -20.0, 20.0, 1e-5, 0.0),
        ("atan", -20.0, 20.0, 1e-6, 0.0),
    ],
)
def test_elementary_functions_are_near(name: str, low: float, high: float, relative: float, absolute: float) -> None:
    function: Callable[..., Any] = getattr(elementary, name)
    grid = np.geomspace(low, high, 3000) if low > 0 else np.linspace(low, high, 3000)
    x = grid[None].astype(np.float32)
    expected = np.array([function(value) for value in x[0]], np.float32)
    np.testing.assert_allclose(launched(function, x, 1)[0], expected, rtol=relative, atol=absolute)


def test_beyond_its_domain_a_sine_is_no_number() -> None:
    x = np.array([[2.0**17 + 1, -(2.0**20), np.inf, np.nan]], np.float32)
    assert np.isnan(launched(elementary.sin, x, 1)).all()
