"""Noise against Box–Muller in a wider type on the same words, at corner words, and as a sample of its distribution.

False alarms: each statistic is held to 5 standard errors (6e-7) or the Kolmogorov–Smirnov distance of probability
1e-6; about 60 are looked at, so a sound generator fails with probability below 1e-4 per choice of seeds, and these
seeds are fixed.
"""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from langevin_kit.kernels.counter_rng import STREAM_DYNAMICS, philox
from langevin_kit.kernels.jit import driver
from langevin_kit.kernels.noise import gaussian_f32, gaussian_f64, uniform_f64

N_CALLS = {"float32": 2**19, "float64": 2**20}
FULL = 2**32 - 1


@driver
def fill_words(words: np.ndarray, seed: np.uint32) -> None:
    zero = np.uint32(0)
    for i in range(words.shape[1]):
        words[0, i], words[1, i], words[2, i], words[3, i] = philox(
            np.uint32(i), zero, np.uint32(5), STREAM_DYNAMICS, seed, zero
        )


@driver
def fill_f32(words: np.ndarray, z: np.ndarray) -> None:
    for i in range(words.shape[1]):
        z[0, i], z[1, i], z[2, i], z[3, i] = gaussian_f32(words[0, i], words[1, i], words[2, i], words[3, i])


@driver
def fill_f64(words: np.ndarray, z: np.ndarray) -> None:
    for i in range(words.shape[1]):
        z[0, i], z[1, i] = gaussian_f64(words[0, i], words[1, i], words[2, i], words[3, i])


@driver
def fill_uniform(words: np.ndarray, u: np.ndarray) -> None:
    for i in range(words.shape[1]):
        u[i] = uniform_f64(words[0, i], words[1, i])


def gaussians(dtype: str, words: np.ndarray) -> np.ndarray:
    z = np.empty((4 if dtype == "float32" else 2, words.shape[1]), dtype)
    (fill_f32 if dtype == "float32" else fill_f64)(words, z)
    return z


def uniforms(words: np.ndarray) -> np.ndarray:
    u = np.empty(words.shape[1])
    fill_uniform(words, u)
    return u


@cache
def sample_words(n: int, seed: int = 20) -> np.ndarray:
    words = np.empty((4, n), np.uint32)
    fill_words(words, np.uint32(seed))
    return words


@cache
def sample(dtype: str) -> np.ndarray:
    return gaussians(dtype, sample_words(N_CALLS[dtype]))


def corner_words() -> np.ndarray:
    values = (0, 1, 2**29, 2**30, 2**31 - 1, 2**31, 3 * 2**30, FULL)
    return np.array(list(itertools.product(values, repeat=4)), np.uint32).T.copy()


def turned(radius: Any, octant: Any, swapped: Any, negated: Any) -> tuple[Any, Any]:
    """The pair (sin, cos) of an angle: the octant's, reflected at the diagonal, and turned by half a turn."""
    pi = np.arccos(-np.ones_like(octant))
    angle = np.where(swapped, pi / 2 - octant, octant) + pi * negated
    return radius * np.sin(angle), radius * np.cos(angle)


def reference(dtype: str, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Box–Muller by NumPy, with the radius of each number as the scale of its error."""
    wide = np.float64 if dtype == "float32" else np.longdouble
    bits = words.astype(np.int64)
    rows, radii = [], []
    for a, b in ((0, 1), (2, 3)) if dtype == "float32" else ((0, 2),):
        if dtype == "float32":
            # Rounded as the kernel rounds: near u = 1 that rounding, not the arithmetic, decides the radius.
            u = (words[a].astype(np.float32) * 2.0**-32 + 2.0**-33).astype(np.float32).astype(wide)
            low = wide(0)
        else:
            u = ((bits[0] << 20 | bits[1] >> 12).astype(wide) + 0.5) / 2**52
            low = bits[3].astype(wide) / 2**32
        offset = (((bits[b] & (2**30 - 1)) ^ 2**29) - 2**29).astype(wide)
        octant = (offset + low) * (np.arccos(wide(-1)) / 2**31)
        radius = np.sqrt(-2 * np.log(u))
        rows += turned(radius, octant, (bits[b] >> 30) & 1, bits[b] >> 31)
        radii += [radius, radius]
    return np.array(rows), np.array(radii)


@pytest.mark.parametrize("dtype", N_CALLS)
def test_same_words_same_normals(dtype: str) -> None:
    """Within 2 eps of the radius; the largest measured is 1.46."""
    words = np.concatenate([sample_words(2**16), corner_words()], axis=1)
    expected, radius = reference(dtype, words)
    assert np.all(np.abs(gaussians(dtype, words) - expected) <= 2 * np.finfo(dtype).eps * radius)


@pytest.mark.parametrize(
    ("dtype", "largest"), [("float32", math.sqrt(66 * math.log(2))), ("float64", math.sqrt(106 * math.log(2)))]
)
def test_corner_words(dtype: str, largest: float) -> None:
    z = gaussians(dtype, corner_words())
    assert np.all(np.isfinite(z))
    assert np.abs(z).max() == pytest.approx(largest, rel=1e-5)


def test_uniform_is_exact_and_open() -> None:
    words = np.concatenate([sample_words(2**16), corner_words()], axis=1)
    m = words[0].astype(np.int64) << 20 | words[1].astype(np.int64) >> 12
    u = uniforms(words)
    np.testing.assert_array_equal(u, (m.astype(np.longdouble) + 0.5) / 2**52)
    assert 0 < u.min() < u.max() < 1
    np.testing.assert_array_equal(uniforms(FULL - words), 1 - u)


def kolmogorov_smirnov(cdf: np.ndarray) -> float:
    """The distance from the uniform law, in units of 1/sqrt(n)."""
    cdf = np.sort(cdf)
    steps = np.arange(cdf.size + 1) / cdf.size
    return float(np.sqrt(cdf.size) * max(np.max(steps[1:] - cdf), np.max(cdf - steps[:-1])))


def normal_moment(k: int) -> int:
    return 0 if k % 2 else math.prod(range(k - 1, 0, -2))


def faults(z: np.ndarray) -> list[str]:
    """What of a sample of rows (outputs of one call) and columns (calls) is not standard normal and independent."""
    flat = z.astype(np.float64).ravel()
    scores = {}
    for k in range(1, 7):
        error = math.sqrt((normal_moment(2 * k) - normal_moment(k) ** 2) / flat.size)
        scores[f"moment {k}"] = (np.mean(flat**k) - normal_moment(k)) / error
    rows = {f"output {i}": row.astype(np.float64) for i, row in enumerate(z)}
    rows["next particle"] = np.roll(rows["output 0"], 1)
    for (one, x), (other, y) in itertools.combinations(rows.items(), 2):
        scores[f"{one} with {other}"] = np.mean(x * y) * math.sqrt(x.size)
        scores[f"squares of {one} with {other}"] = np.mean((x**2 - 1) * (y**2 - 1)) * math.sqrt(x.size) / 2
    found = [name for name, score in scores.items() if abs(score) > 5]
    return found + ["distribution"] * (kolmogorov_smirnov(ndtr(flat)) > 2.7)


@pytest.mark.parametrize("dtype", N_CALLS)
def test_distribution(dtype: str) -> None:
    assert sample(dtype).size >= 2_000_000
    assert faults(sample(dtype)) == []


def test_uniform_distribution() -> None:
    u = uniforms(sample_words(N_CALLS["float64"]))
    assert abs(np.mean(u) - 0.5) < 5 * math.sqrt(1 / 12 / u.size)
    assert kolmogorov_smirnov(u) < 2.7


def test_wrong_samples_are_noticed() -> None:
    """Negative controls of the statistics above."""
    z = sample("float64")
    assert "moment 2" in faults(z * math.sqrt(1.01))
    assert "moment 1" in faults(z + 0.005)
    assert "output 0 with output 1" in faults(np.stack([z[0], z[0]]))
    assert "squares of output 0 with output 1" in faults(np.stack([z[0], np.sign(z[1]) * np.abs(z[0])]))
    assert "distribution" in faults(np.clip(z, -1.5, 1.5))
