"""The generator and its noises as samples: laws, tails, independence of outputs, calls, particles, streams and seeds.

False alarms: each battery of p-values is corrected by Holm to a family-wise error of 1e-6; a sound generator fails any
of the 13 with probability below 2e-5 per choice of seeds, and these seeds are fixed. Generators with a known fault must
fail in the same batteries.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr

from langevin_kit.kernels import noise
from langevin_kit.kernels.counter_rng import STREAM_BRIDGE, STREAM_DYNAMICS, STREAM_INITIAL, philox
from langevin_kit.kernels.jit import driver, inline
from langevin_kit.schemes import NOISES

Floats = NDArray[np.float64]
PValues = dict[str, float]

FAMILY_ERROR = 1e-6
SEED = (2024, 11)
PARTICLES = 2**14
GAUSSIANS = {"float32": "gaussian_f32", "float64": "gaussian_f64"}
THREE_POINTS = {"float32": "three_point_f32", "float64": "three_point_f64"}
OUTPUTS = {"gaussian_f32": 4, "gaussian_f64": 2, "three_point_f32": 4, "three_point_f64": 4}
TAILS = (3.5, 4.5, 5.5)
CELLS, REACH = 360, 9.0
"""Cells of 0.05, so that the tails begin at edges."""


def rejected(p: PValues) -> list[str]:
    """What Holm's procedure rejects."""
    order = sorted(p, key=lambda name: p[name])
    found = list(itertools.takewhile(lambda i: p[order[i]] <= FAMILY_ERROR / (len(p) - i), range(len(p))))
    return order[: len(found)]


def two_sided(score: float) -> float:
    return float(2 * ndtr(-abs(score)))


@inline
def sound(particle: int, call: int, stream: int, k0: int, k1: int) -> tuple[np.uint32, ...]:
    p = np.uint64(particle)
    return philox(np.uint32(p), np.uint32(p >> np.uint64(32)), np.uint32(call), np.uint32(stream), k0, k1)


@inline
def seed_plus_particle(particle: int, call: int, stream: int, k0: int, k1: int) -> tuple[np.uint32, ...]:
    """A usual fault: one generator a particle, seeded by seed + particle."""
    key = np.uint32(np.uint64(k0) + np.uint64(particle))
    return philox(np.uint32(0), np.uint32(0), np.uint32(call), np.uint32(stream), key, k1)


@inline
def two_rounds(particle: int, call: int, stream: int, k0: int, k1: int) -> tuple[np.uint32, ...]:
    """Philox with too few rounds."""
    c0, c1, c2, c3 = np.uint64(particle), np.uint64(0), np.uint64(call), np.uint64(stream)
    low = np.uint64(0xFFFFFFFF)
    for r in range(2):
        p0 = np.uint64(0xD2511F53) * c0
        p1 = np.uint64(0xCD9E8D57) * c2
        c0 = (p1 >> np.uint64(32)) ^ c1 ^ ((np.uint64(k0) + np.uint64(r) * np.uint64(0x9E3779B9)) & low)
        c2 = (p0 >> np.uint64(32)) ^ c3 ^ ((np.uint64(k1) + np.uint64(r) * np.uint64(0xBB67AE85)) & low)
        c1, c3 = p1 & low, p0 & low
    return np.uint32(c0), np.uint32(c1), np.uint32(c2), np.uint32(c3)


@driver
def fill_words(generator: Any, words: np.ndarray, particle: int, call: int, stream: int, k0: int, k1: int) -> None:
    for i in range(words.shape[1]):
        words[0, i], words[1, i], words[2, i], words[3, i] = generator(particle + i, call, stream, k0, k1)


@driver
def fill(generator: Any, kernel: Any, z: np.ndarray, particle: int, call: int, stream: int, k0: int, k1: int) -> None:
    for c in range(z.shape[1]):
        for i in range(z.shape[2]):
            a, b, x, y = generator(particle + i, call + c, stream, k0, k1)
            numbers = kernel(a, b, x, y)
            for j in range(len(numbers)):
                z[j, c, i] = numbers[j]


def draw(
    name: str,
    *,
    generator: Any = sound,
    calls: int | None = None,
    particle: int = 0,
    stream: int = int(STREAM_DYNAMICS),
    key: tuple[int, int] = SEED,
) -> np.ndarray:
    """Numbers (outputs, calls, particles): 2**24 of them if not told otherwise."""
    outputs = OUTPUTS[name]
    calls = 2**24 // PARTICLES // outputs if calls is None else calls
    z = np.empty((outputs, calls, PARTICLES), "float32" if name.endswith("f32") else "float64")
    fill(generator, getattr(noise, name), z, particle, 5, stream, np.uint32(key[0]), np.uint32(key[1]))
    return z


sample = lru_cache(maxsize=1)(draw)


@driver
def tally(
    kernel: Any, calls: int, k0: int, k1: int, scale: float, shift: float, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Counts in cells and the sums of the first eight powers of scale z + shift, if no number exceeds the limit."""
    counts = np.zeros(CELLS, np.int64)
    sums = np.zeros(9)
    row = np.empty(9)
    for c in range(calls):
        row[:] = 0.0
        for i in range(PARTICLES):
            a, b, x, y = sound(i, c, 0, k0, k1)
            numbers = kernel(a, b, x, y)
            for j in range(len(numbers)):
                value = scale * np.float64(numbers[j]) + shift
                value = min(max(value, -limit), limit)
                counts[int((value + REACH) * (CELLS / (2 * REACH)))] += 1
                power = 1.0
                for k in range(9):
                    row[k] += power
                    power *= value
        sums += row
    return counts, sums


def normal_moment(k: int) -> int:
    return 0 if k % 2 else math.prod(range(k - 1, 0, -2))


def law(name: str, numbers: int, *, scale: float = 1.0, shift: float = 0.0, limit: float = 8.9) -> PValues:
    """Moments 1 to 8, chi² over cells and counts in the tails of so many normals."""
    calls = numbers // PARTICLES // OUTPUTS[name]
    k0, k1 = (np.uint32(k) for k in SEED)
    counts, sums = tally(getattr(noise, name), calls, k0, k1, scale, shift, limit)
    n = int(sums[0])
    assert counts.sum() == n == numbers
    p = {}
    for k in range(1, 9):
        error = math.sqrt((normal_moment(2 * k) - normal_moment(k) ** 2) / n)
        p[f"moment {k}"] = two_sided((sums[k] / n - normal_moment(k)) / error)
    edges = np.linspace(-REACH, REACH, CELLS + 1)
    expected = n * np.diff(ndtr(edges))
    inner = np.flatnonzero(expected >= 25)
    low, high = inner[0], inner[-1] + 1
    observed, mean = (
        np.concatenate([[v[:low].sum()], v[low:high], [v[high:].sum()]]) for v in (counts.astype(float), expected)
    )
    p["cells"] = float(stats.chi2.sf(np.sum((observed - mean) ** 2 / mean), len(mean) - 1))
    for tail in TAILS:
        cell = round((REACH + tail) * CELLS / (2 * REACH))
        for side, count in (("above", counts[cell:].sum()), ("below", counts[: CELLS - cell].sum())):
            fewer, more = stats.binom.cdf(count, n, ndtr(-tail)), stats.binom.sf(count - 1, n, ndtr(-tail))
            p[f"{side} {tail}"] = float(min(1.0, 2 * min(fewer, more)))
    return p


@driver
def products(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Σ x y and Σ (x² − 1)(y² − 1) over two arrays (rows, n)."""
    plain, squares = 0.0, 0.0
    for c in range(x.shape[0]):
        of_row, of_squares = 0.0, 0.0
        for i in range(x.shape[1]):
            a, b = np.float64(x[c, i]), np.float64(y[c, i])
            of_row += a * b
            of_squares += (a * a - 1.0) * (b * b - 1.0)
        plain += of_row
        squares += of_squares
    return plain, squares


def dependence(name: str, x: np.ndarray, y: np.ndarray) -> PValues:
    """Correlations of two arrays of numbers of mean 0, variance 1 and fourth moment 3, and of their squares."""
    plain, squares = products(x, y)
    return {name: two_sided(plain / math.sqrt(x.size)), f"squares, {name}": two_sided(squares / 2 / math.sqrt(x.size))}


def within(z: np.ndarray) -> PValues:
    """Dependence inside one sample: outputs of a call, particles, calls."""
    p: PValues = {}
    for i, j in itertools.combinations(range(z.shape[0]), 2):
        p |= dependence(f"outputs {i} and {j}", z[i], z[j])
    for lag in (1, 2, 256):
        p |= dependence(f"particles {lag} apart", z[0, :, lag:], z[0, :, :-lag])
    for lag in (1, 2):
        p |= dependence(f"calls {lag} apart", z[0, lag:], z[0, :-lag])
    return p | dependence("last output and next call", z[-1, :-1], z[0, 1:])


def between(z: np.ndarray, w: np.ndarray) -> PValues:
    """Dependence of two samples at the same place."""
    return dependence("same output", z[0], w[0]) | dependence("another output", z[0], w[1])


NAMES = [*GAUSSIANS.values(), *THREE_POINTS.values()]


@pytest.mark.parametrize("name", GAUSSIANS.values())
def test_normal_law(name: str) -> None:
    assert rejected(law(name, 2**24)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", GAUSSIANS.values())
def test_normal_law_of_a_billion(name: str) -> None:
    assert rejected(law(name, 2**30)) == []


def test_wrong_laws_are_noticed() -> None:
    assert "moment 2" in rejected(law("gaussian_f32", 2**24, scale=1.002))
    assert "moment 1" in rejected(law("gaussian_f32", 2**24, shift=0.002))
    assert "above 4.5" in rejected(law("gaussian_f32", 2**24, limit=4.499))
    assert "cells" in rejected(law("gaussian_f32", 2**24, limit=2.0))


@pytest.mark.parametrize("name", THREE_POINTS.values())
def test_three_point_law(name: str) -> None:
    z = sample(name)
    counts = [np.count_nonzero(z < -1.7), np.count_nonzero(z == 0), np.count_nonzero(z > 1.7)]
    assert sum(counts) == z.size
    assert stats.chisquare(counts, [z.size / 6, z.size * 2 / 3, z.size / 6]).pvalue > FAMILY_ERROR
    # Negative control: the third of 2**-32 that a word cannot hold is far below this, a thousandth is not.
    counts[0] -= z.size // 1000
    counts[1] += z.size // 1000
    assert stats.chisquare(counts, [z.size / 6, z.size * 2 / 3, z.size / 6]).pvalue < FAMILY_ERROR


@pytest.mark.parametrize("name", NAMES)
def test_outputs_particles_and_calls_are_independent(name: str) -> None:
    assert rejected(within(sample(name))) == []


@pytest.mark.parametrize("name", GAUSSIANS.values())
def test_streams_seeds_and_far_particles_are_independent(name: str) -> None:
    z = sample(name)
    others = {
        "initial ensemble": {"stream": int(STREAM_INITIAL)},
        "bridge": {"stream": int(STREAM_BRIDGE)},
        "next seed": {"key": (SEED[0] + 1, SEED[1])},
        "next upper seed": {"key": (SEED[0], SEED[1] + 1)},
        "swapped seed": {"key": SEED[::-1]},
        "particles beyond 32 bits": {"particle": 2**32},
    }
    p: PValues = {}
    for other, arguments in others.items():
        w = draw(name, calls=128, **arguments)
        p |= {f"{other}, {pair}": value for pair, value in between(z[:, :128], w).items()}
    assert rejected(p) == []


def test_shared_numbers_are_noticed() -> None:
    z = sample("gaussian_f32")
    assert rejected(between(z, z)) == ["same output", "squares, same output"]
    antithetic = z[:2].copy()
    antithetic[1] = -antithetic[0]
    assert "outputs 0 and 1" in rejected(within(antithetic))
    antithetic[1] = np.where(z[1] > 0, 1, -1) * np.abs(z[0])
    assert rejected(within(antithetic))[0] == "squares, outputs 0 and 1"
    assert rejected(within(draw("gaussian_f32", generator=two_rounds))) != []


def words_of(generator: Any, seed: int, n: int = 2**19) -> np.ndarray:
    """Two 64-bit words of each of n particles."""
    words = np.empty((4, n), np.uint32)
    fill_words(generator, words, 0, 5, int(STREAM_DYNAMICS), np.uint32(seed), np.uint32(0))
    wide = words.astype(np.uint64)
    return np.asarray(np.concatenate([wide[0] << np.uint64(32) | wide[1], wide[2] << np.uint64(32) | wide[3]]))


def test_neighbouring_seeds_share_no_word() -> None:
    """Two sets of 2**20 random words of 64 bits have one in common, or one twice, with probability 1.2e-7."""
    one, other = words_of(sound, 7), words_of(sound, 8)
    assert len(np.unique(np.concatenate([one, other]))) == 2 * 2**20


def test_seed_plus_particle_shares_whole_paths() -> None:
    """Negative control: seed 8's particle p is seed 7's particle p + 1."""
    one, other = words_of(seed_plus_particle, 7), words_of(seed_plus_particle, 8)
    assert len(np.intersect1d(one, other)) == 2**20 - 2


def bits_of(words: np.ndarray) -> np.ndarray:
    """The 128 signs of each call, (calls, 128), made by the kernel."""
    z = np.empty((words.shape[1], 128), np.float32)
    fill_bits(words, z)
    return z


@driver
def fill_bits(words: np.ndarray, z: np.ndarray) -> None:
    for i in range(z.shape[0]):
        for j in range(128):
            z[i, j] = noise.rademacher_f32(words[j // 32, i], np.uint32(j % 32))


def bit_faults(z: np.ndarray) -> list[str]:
    """Means, all 8128 correlations of two bits of a call, and the law of the sum of its bits."""
    n, m = z.shape
    p = {f"bit {j}": two_sided(score) for j, score in enumerate(z.sum(axis=0, dtype=np.float64) / math.sqrt(n))}
    pairs = (z.T @ z).astype(np.float64) / math.sqrt(n)
    p |= {f"bits {i} and {j}": two_sided(pairs[i, j]) for i, j in itertools.combinations(range(m), 2)}
    ups = np.bincount(((z > 0).sum(axis=1)), minlength=m + 1)
    expected = n * stats.binom.pmf(np.arange(m + 1), m, 0.5)
    inner = np.flatnonzero(expected >= 25)
    observed, mean = (
        np.array([v[: inner[0]].sum(), *v[inner], v[inner[-1] + 1 :].sum()]) for v in (ups.astype(float), expected)
    )
    p["sum of the bits"] = float(stats.chi2.sf(np.sum((observed - mean) ** 2 / mean), len(mean) - 1))
    return rejected(p)


def test_bits_are_independent_signs() -> None:
    words = np.empty((4, 2**16), np.uint32)
    fill_words(sound, words, 0, 5, int(STREAM_DYNAMICS), np.uint32(SEED[0]), np.uint32(SEED[1]))
    z = bits_of(words)
    assert set(np.unique(z)) == {-1.0, 1.0}
    assert bit_faults(z) == []
    # Negative controls: a word used twice, and one bit a little too often set.
    again = z.copy()
    again[:, 32:64] = again[:, :32]
    assert "bits 0 and 32" in bit_faults(again)
    assert "sum of the bits" in bit_faults(again)
    biased = z.copy()
    biased[::40, 5] = 1.0
    assert bit_faults(biased) == ["bit 5"]


def test_the_batteries_cover_every_noise() -> None:
    kernels = {kernel for row in NOISES.values() for kernel in row.kernel.values()}
    images = {"gaussian_f32_as_f64", "gaussian_f64_as_f32", "rademacher_f64"}
    assert kernels - images == {*NAMES, "rademacher_f32"}
