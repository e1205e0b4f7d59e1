"""Moments merged from tiles against two-pass moments of the whole ensemble."""

from __future__ import annotations

import math

import numpy as np
import pytest

from langevin_kit.kernels.cpu.tiles import TILE
from langevin_kit.observables import merge_tiles

PAIRS = np.array([(0, 0), (0, 1), (1, 1), (2, 2)])
SIZES = [1, 2, 255, 256, 257, 511, 513, 1000, 65537]


def tiles(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, mean and co-moments of each tile, by NumPy."""
    parts = [x[:, a : a + TILE] for a in range(0, x.shape[1], TILE)]
    counts = np.array([part.shape[1] for part in parts], np.float64)
    means = np.array([part.mean(axis=1) for part in parts])
    deltas = [part - part.mean(axis=1, keepdims=True) for part in parts]
    return counts, means, np.array([[(d[i] * d[j]).sum() for i, j in PAIRS] for d in deltas])


def sample(n: int) -> np.ndarray:
    x = np.random.default_rng(n).normal(size=(3, n))
    x[1] += 0.5 * x[0]
    return x


@pytest.mark.parametrize("n", SIZES)
def test_against_numpy(n: int) -> None:
    x = sample(n)
    mean, comoment = merge_tiles(*tiles(x), PAIRS)
    np.testing.assert_allclose(mean, x.mean(axis=1), rtol=1e-12, atol=1e-14)
    delta = x - x.mean(axis=1, keepdims=True)
    expected = delta @ delta.T
    np.testing.assert_allclose(comoment, [expected[i, j] for i, j in PAIRS], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [257, 1000, 65537])
@pytest.mark.parametrize("offset", [1e8, -1e8])
def test_large_offset(n: int, offset: float) -> None:
    x = sample(n) + np.array([[offset], [-offset], [0.0]])
    mean, comoment = merge_tiles(*tiles(x), PAIRS)
    for (i, j), value in zip(PAIRS, comoment, strict=True):
        # The subtraction of the offset is exact, so these are the moments of the very same numbers.
        a, b = x[i] - round(mean[i]), x[j] - round(mean[j])
        exact = math.fsum(a * b) - math.fsum(a) * math.fsum(b) / n
        assert math.isclose(value, exact, rel_tol=1e-9)
    np.testing.assert_allclose(mean, [math.fsum(row) / n for row in x], rtol=1e-15, atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 64, 257])
def test_equal_particles_have_no_spread(k: int) -> None:
    means, comoments = np.full((k, 3), 0.1), np.zeros((k, 4))
    counts = np.full(k, 256.0)
    counts[-1] = 7.0
    mean, comoment = merge_tiles(counts, means, comoments, PAIRS)
    assert mean.tolist() == [0.1] * 3
    assert comoment.tolist() == [0.0] * 4


def test_inputs_are_left_alone() -> None:
    arguments = tiles(sample(1000))
    before = [a.copy() for a in arguments]
    merge_tiles(*arguments, PAIRS)
    for a, b in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "bad",
    [
        math.nan,
        math.inf,
    ],
)
@pytest.mark.parametrize("tile", [0, 2])
def test_a_non_finite_tile_shows_in_its_quantity_alone(bad: float, tile: int) -> None:
    counts, means, comoments = tiles(sample(700))
    means[tile, 2], comoments[tile, 3] = bad, math.nan
    mean, comoment = merge_tiles(counts, means, comoments, PAIRS)
    assert np.isfinite(mean).tolist() == [True, True, False]
    assert np.isfinite(comoment).tolist() == [True, True, True, False]
