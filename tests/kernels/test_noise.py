"""Noise of given words: against Box–Muller in a wider type, at corner words, and by counting words."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

from langevin_kit.kernels import noise
from langevin_kit.kernels.counter_rng import STREAM_DYNAMICS, philox
from langevin_kit.kernels.jit import driver, fma
from langevin_kit.schemes import NOISES

DTYPES = ("float32", "float64")
FULL = 2**32 - 1


@driver
def fill_words(words: np.ndarray, seed: np.uint32) -> None:
    zero = np.uint32(0)
    for i in range(words.shape[1]):
        words[0, i], words[1, i], words[2, i], words[3, i] = philox(
            np.uint32(i), zero, np.uint32(5), STREAM_DYNAMICS, seed, zero
        )


@driver
def fill(function: Any, words: np.ndarray, z: np.ndarray) -> None:
    for i in range(words.shape[1]):
        drawn = function(words[0, i], words[1, i], words[2, i], words[3, i])
        for j in range(len(drawn)):
            z[j, i] = drawn[j]


@driver
def fill_pairs(function: Any, words: np.ndarray, u: np.ndarray) -> None:
    for i in range(words.shape[1]):
        u[i] = function(words[0, i], words[1, i])


def drawn(name: str, words: np.ndarray) -> np.ndarray:
    """All numbers of each call, (numbers, calls)."""
    dtype = "float32" if name.endswith("f32") else "float64"
    z = np.full((2 if name.startswith("gaussian_f64") else 4, words.shape[1]), np.nan, dtype)
    fill(getattr(noise, name), words, z)
    return z


def gaussians(dtype: str, words: np.ndarray) -> np.ndarray:
    return drawn(f"gaussian_{dtype.replace('float', 'f')}", words)


def of_pairs(name: str, words: np.ndarray) -> np.ndarray:
    u = np.empty(words.shape[1], "float32" if name.endswith("f32") else "float64")
    fill_pairs(getattr(noise, name), words, u)
    return u


@cache
def sample_words(n: int, seed: int = 20) -> np.ndarray:
    words = np.empty((4, n), np.uint32)
    fill_words(words, np.uint32(seed))
    return words


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
            u = ((bits[0] << 21 | bits[1] >> 11).astype(wide) + 1) / 2**53
            low = bits[3].astype(wide) / 2**32
        offset = (((bits[b] & (2**30 - 1)) ^ 2**29) - 2**29).astype(wide)
        octant = (offset + low) * (np.arccos(wide(-1)) / 2**31)
        radius = np.sqrt(-2 * np.log(u))
        rows += turned(radius, octant, (bits[b] >> 30) & 1, bits[b] >> 31)
        radii += [radius, radius]
    return np.array(rows), np.array(radii)


@pytest.mark.parametrize("dtype", DTYPES)
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
    u = of_pairs("uniform_f64", words)
    np.testing.assert_array_equal(u, (m.astype(np.longdouble) + 0.5) / 2**52)
    assert 0 < u.min() < u.max() < 1
    np.testing.assert_array_equal(of_pairs("uniform_f64", FULL - words), 1 - u)


def test_radius_uniform_is_exact_and_reaches_one() -> None:
    words = np.concatenate([sample_words(2**16), corner_words()], axis=1)
    m = words[0].astype(np.int64) << 21 | words[1].astype(np.int64) >> 11
    u = of_pairs("radius_uniform_f64", words)
    np.testing.assert_array_equal(u, (m.astype(np.longdouble) + 1) / 2**53)
    assert (u.min(), u.max()) == (2.0**-53, 1.0)
    assert len(np.unique(m & 1)) == 2


def test_other_dtypes_get_the_same_numbers() -> None:
    words = np.concatenate([sample_words(2**16), corner_words()], axis=1)
    np.testing.assert_array_equal(drawn("gaussian_f32_as_f64", words), gaussians("float32", words).astype(np.float64))
    np.testing.assert_array_equal(drawn("gaussian_f64_as_f32", words), gaussians("float64", words).astype(np.float32))


@driver
def gaussian_24(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> tuple[np.float32, np.float32]:
    """The usual fault: a radius from a float32 uniform of 24 bits. Its other bits are as `gaussian_f32` has them."""
    r = np.sqrt(np.float32(-2) * np.log(fma(np.float32(a >> 8), np.float32(2.0**-24), np.float32(2.0**-25))))
    return np.float32(0), np.float32(r)


def words_beyond(function: Any, dtype: str, bits: int, radius: float) -> int:
    """How many of the 2**bits radii are larger: they fall with the word, so that bisection counts them exactly."""
    below, above = -1, 2**bits
    while above - below > 1:
        m = (below + above) // 2
        high, low = (m, 0) if bits == 32 else (m >> 21, (m & (2**21 - 1)) << 11)
        z = np.empty((4, 1), dtype)
        # The other words are 0, which is the angle 0: the cosine's number is the radius itself.
        fill(function, np.array([[high], [low if bits > 32 else 0], [0], [0]], np.uint32), z)
        below, above = (m, above) if z[1, 0] > radius else (below, m)
    return above


TAILS = {"gaussian_f32": ("float32", 32, 6.2), "gaussian_f64": ("float64", 53, 8.0)}


def tail_error(function: Any, dtype: str, bits: int, radius: float) -> float:
    """Of P(r > radius) = exp(-radius²/2), relative."""
    return abs(words_beyond(function, dtype, bits, radius) / 2**bits / math.exp(-(radius**2) / 2) - 1)


@pytest.mark.parametrize("name", TAILS)
def test_tails_are_exact_to_a_word(name: str) -> None:
    """Within a word of 18 (32 bits, at 6.2) or 114 (53 bits, at 8) and the rounding of the radius."""
    dtype, bits, last = TAILS[name]
    for radius in np.linspace(0.5, last, 20):
        one_word = math.exp(radius**2 / 2) / 2**bits
        rounding = 3 * radius**2 * float(np.finfo(dtype).eps)
        assert tail_error(getattr(noise, name), dtype, bits, radius) < one_word + rounding


def test_a_radius_of_24_bits_has_no_tails() -> None:
    assert tail_error(gaussian_24, "float32", 32, 3.0) < 1e-2
    assert tail_error(gaussian_24, "float32", 32, 6.0) == 1.0
    assert tail_error(noise.gaussian_f32, "float32", 32, 6.0) < 0.02


SIXTH = 715827883
EDGES = (0, SIXTH - 1, SIXTH, 2**32 - SIXTH - 1, 2**32 - SIXTH, FULL)


@pytest.mark.parametrize("dtype", DTYPES)
def test_three_points_of_given_words(dtype: str) -> None:
    words = np.concatenate([sample_words(2**16), np.array([EDGES] * 4, np.uint32)], axis=1)
    root = np.sqrt(np.array(3, dtype))
    expected = np.where(words < SIXTH, root, np.where(words >= 2**32 - SIXTH, -root, 0)).astype(dtype)
    z = drawn(f"three_point_{dtype.replace('float', 'f')}", words)
    np.testing.assert_array_equal(z, expected)
    np.testing.assert_array_equal(z[0, -6:], [root, root, 0, 0, -root, -root])
    np.testing.assert_array_equal(drawn(f"three_point_{dtype.replace('float', 'f')}", FULL - words), -z)


@driver
def count_three_points(counts: np.ndarray) -> None:
    zero = np.uint32(0)
    plus, minus = 0, 0
    for i in range(2**32):
        z = noise.three_point_f32(np.uint32(i), zero, zero, zero)[0]
        plus += z > np.float32(1.7)
        minus += z < np.float32(-1.7)
    counts[0], counts[1] = plus, minus


@pytest.mark.slow
def test_three_points_of_all_words() -> None:
    counts = np.zeros(2, np.int64)
    count_three_points(counts)
    assert counts.tolist() == [SIXTH, SIXTH]


@pytest.mark.parametrize("dtype", DTYPES)
def test_rademacher_is_the_sign_of_a_bit(dtype: str) -> None:
    words = np.concatenate([sample_words(2**12), corner_words()], axis=1)[0]
    for shift in range(32):
        pairs = np.stack([words, np.full_like(words, shift)])
        z = of_pairs(f"rademacher_{dtype.replace('float', 'f')}", pairs)
        np.testing.assert_array_equal(z, 1 - 2 * (words >> np.uint32(shift) & 1).astype(dtype))
        assert z.dtype == dtype
        # A word and its complement have the same probability, so every odd moment is exactly 0.
        pairs[0] = ~words
        np.testing.assert_array_equal(of_pairs(f"rademacher_{dtype.replace('float', 'f')}", pairs), -z)


LAWS = {
    "three_point": {math.sqrt(3): Fraction(SIXTH, 2**32), -math.sqrt(3): Fraction(SIXTH, 2**32)},
    "rademacher": {1.0: Fraction(1, 2), -1.0: Fraction(1, 2)},
}
"""Values and their probabilities, a zero apart; the tests above prove them word by word."""


@pytest.mark.parametrize("name", LAWS)
def test_table_states_the_moments_that_are_normal(name: str) -> None:
    law = LAWS[name]
    assert float(sum(p * Fraction(round(v**2)) for v, p in law.items())) == pytest.approx(1, abs=2.0**-31)
    normal = [0 if k % 2 else math.prod(range(k - 1, 0, -2)) for k in range(1, 9)]
    moments = [sum(float(p) * v**k for v, p in law.items()) for k in range(1, 9)]
    agree = [abs(a - b) < 1e-8 for a, b in zip(moments, normal, strict=True)]
    assert agree.index(False) == NOISES[name].moments


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_table_names_functions_that_give_what_it_says(name: str, dtype: str) -> None:
    row = NOISES[name]
    if row.takes == "bit":
        assert of_pairs(row.kernel[dtype], np.zeros((2, 1), np.uint32)).dtype == dtype
        assert row.per_call[dtype] == 128
    else:
        z = drawn(row.kernel[dtype], sample_words(16))
        assert z.dtype == dtype
        assert z.shape[0] == row.per_call[dtype]
        assert np.isfinite(z).all()
