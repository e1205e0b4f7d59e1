"""The CPU's array loops: sums over tiles, histograms, initial ensembles."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from langevin_kit.kernels.cpu.histogram import histogram_1d, histogram_2d
from langevin_kit.kernels.cpu.initial import standard_normal, standard_uniform
from langevin_kit.kernels.cpu.tiles import GROUP, TILE, TILES, fold, merge, tile_extremes, tile_moments

PAIRS = np.array([(0, 0), (0, 1), (1, 1), (2, 2)], np.int64)
KEY = (np.uint32(11), np.uint32(12))


@pytest.mark.parametrize("scale", [1.0, 1e300, 1e-300])
def test_fold(scale: float) -> None:
    values = np.random.default_rng(1).normal(size=TILE // 2) * scale
    exact = math.fsum(values)
    bound = 7 * 2.0**-53 * math.fsum(abs(values))  # seven levels of the tree
    assert abs(fold(values) - exact) <= bound


def test_fold_adds_halves() -> None:
    values = np.random.default_rng(2).normal(size=TILE // 2)
    expected = values.copy()
    while len(expected) > 1:
        expected = expected[: len(expected) // 2] + expected[len(expected) // 2 :]
    assert fold(values) == expected[0]


@pytest.mark.parametrize("count", [1, 2, 3, 100, 255, 256])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_tile_moments(count: int, offset: float) -> None:
    rows = np.random.default_rng(count).normal(size=(3, TILE)) + np.array([[offset], [-offset], [0.0]])
    x = rows[:, :count].copy()
    rows[:, count:] = np.nan  # what an earlier tile left
    means, comoments = np.empty(3), np.empty(4)
    tile_moments(rows, count, -1, PAIRS, np.empty(TILE), means, comoments)
    exact = np.array([math.fsum(row) / count for row in x])
    np.testing.assert_allclose(means, exact, rtol=1e-15, atol=1e-15)
    shifted = x - np.round(exact)[:, None]
    for (i, j), value in zip(PAIRS, comoments, strict=True):
        a, b = shifted[i], shifted[j]
        expected = math.fsum(a * b) - math.fsum(a) * math.fsum(b) / count
        assert math.isclose(value, expected, rel_tol=1e-12, abs_tol=1e-7 if offset else 1e-13)
    if count == 1:
        assert comoments.tolist() == [0.0] * 4


def test_a_nan_stays_in_its_row() -> None:
    rows = np.random.default_rng(3).normal(size=(3, TILE))
    rows[2, 5] = np.nan
    means, comoments = np.empty(3), np.empty(4)
    tile_moments(rows, TILE, -1, PAIRS, np.empty(TILE), means, comoments)
    assert np.isfinite(means).tolist() == [True, True, False]
    assert np.isfinite(comoments).tolist() == [True, True, True, False]


@pytest.mark.parametrize("count", [2, 100, 256])
def test_the_living_alone_are_counted(count: int) -> None:
    """The sums are those of the living in a tile of their own, whatever stands in the place of the others."""
    rng = np.random.default_rng(count)
    rows = rng.normal(size=(4, TILE))
    alive = rng.random(TILE) < 0.5
    alive[:2] = True, False
    rows[3] = alive
    rows[:3, ~alive] = np.nan
    x = rows[:3, :count][:, alive[:count]]
    table, tops, holders = np.array([(0, 1), (1, -1)]), np.empty(2), np.full(2, -1, np.int64)
    tile_extremes(rows, count, 3, 1000, table, np.empty(TILE), tops, holders)
    assert tops.tolist() == [x[0].max(), -x[1].min()]
    assert holders.tolist() == [1000 + np.flatnonzero(alive)[k] for k in (x[0].argmax(), x[1].argmin())]
    means, comoments = np.empty(3), np.empty(4)
    assert tile_moments(rows, count, 3, PAIRS, np.empty(TILE), means, comoments) == x.shape[1]
    np.testing.assert_allclose(means, x.mean(axis=1), rtol=1e-14, atol=1e-15)
    d = x - x.mean(axis=1)[:, None]
    np.testing.assert_allclose(comoments, [d[i] @ d[j] for i, j in PAIRS], rtol=1e-12, atol=1e-13)


def test_tiles_without_living_change_nothing() -> None:
    rows = np.full((2, TILE), np.nan)
    rows[1] = 0.0
    pairs, table, tops, holders = np.array([(0, 0)]), np.array([(0, 1)]), np.empty(1), np.full(1, -1, np.int64)
    tile_extremes(rows, TILE, 1, 0, table, np.empty(TILE), tops, holders)
    means, comoments = np.full((3, 1), 5.0), np.full((3, 1), 2.0)
    counts = np.array([tile_moments(rows, TILE, 1, pairs, np.empty(TILE), means[0], comoments[0]), 3.0, 0.0])
    means[2] = comoments[2] = 0.0
    assert (holders[0], counts[0]) == (-1, 0)
    merge(counts, means, comoments, pairs)
    assert (counts[0], means[0, 0], comoments[0, 0]) == (3.0, 5.0, 2.0)


def extremes_of(values: np.ndarray, signs: list[int] | None = None) -> tuple[list[float], list[int]]:
    """Of values that are given tile by tile, the largest of sign·value and who has it."""
    table = np.array([(0, sign) for sign in signs or [1, -1]])
    tops, holders = np.empty(len(table)), np.full(len(table), -1, np.int64)
    for first in range(0, len(values), TILE):
        part = values[first : first + TILE]
        rows = np.full((1, TILE), np.inf)  # what an earlier tile left
        rows[0, : len(part)] = part
        tile_extremes(rows, len(part), -1, first, table, np.empty(TILE), tops, holders)
    return tops.tolist(), holders.tolist()


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 5000])
def test_extremes_against_numpy(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    tops, holders = extremes_of(values)
    assert tops == [values.max(), -values.min()]
    assert holders == [values.argmax(), values.argmin()]


def test_the_first_of_equal_extremes_holds_it() -> None:
    values = np.round(np.random.default_rng(6).normal(size=3000)).clip(-2, 2)
    tops, holders = extremes_of(values)
    assert tops == [values.max(), -values.min()]
    assert holders == [values.argmax(), values.argmin()]
    assert np.sum(values == values.max()) > 1
    assert extremes_of(np.full(600, -np.inf)) == ([-np.inf, np.inf], [0, 0])


@pytest.mark.parametrize("where", [0, 100, 255, 256, 700])
def test_nan_is_the_extreme_of_all(where: int) -> None:
    values = np.random.default_rng(7).normal(size=800)
    values[where] = values[750] = np.nan
    values[3] = np.inf
    tops, holders = extremes_of(values)
    assert np.isnan(tops).all()
    assert holders == [where, where]


def merged(counts: np.ndarray, means: np.ndarray, comoments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts, means, comoments = counts.copy(), means.copy(), comoments.copy()
    merge(counts, means, comoments, PAIRS)
    return means[0], comoments[0]


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


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 511, 513, 1000, 65537])
def test_merge_against_numpy(n: int) -> None:
    x = sample(n)
    mean, comoment = merged(*tiles(x))
    np.testing.assert_allclose(mean, x.mean(axis=1), rtol=1e-12, atol=1e-14)
    delta = x - x.mean(axis=1, keepdims=True)
    expected = delta @ delta.T
    np.testing.assert_allclose(comoment, [expected[i, j] for i, j in PAIRS], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [257, 1000, 65537])
@pytest.mark.parametrize("offset", [1e8, -1e8])
def test_merge_with_a_large_offset(n: int, offset: float) -> None:
    x = sample(n) + np.array([[offset], [-offset], [0.0]])
    mean, comoment = merged(*tiles(x))
    for (i, j), value in zip(PAIRS, comoment, strict=True):
        # The subtraction of the offset is exact, so these are the moments of the very same numbers.
        a, b = x[i] - round(mean[i]), x[j] - round(mean[j])
        exact = math.fsum(a * b) - math.fsum(a) * math.fsum(b) / n
        assert math.isclose(value, exact, rel_tol=1e-9)
    np.testing.assert_allclose(mean, [math.fsum(row) / n for row in x], rtol=1e-15, atol=1e-12)


@pytest.mark.parametrize("n", [TILE, GROUP - 1, GROUP, GROUP + 1, 3 * GROUP + 5 * TILE, 5 * GROUP + 77])
def test_groups_do_not_show_in_the_bits(n: int) -> None:
    """The tree over all tiles is that over groups of the trees over a group's tiles, whole or not."""
    counts, means, comoments = tiles(sample(n))
    starts = range(0, len(counts), TILES)
    groups = [merged(*(a[k : k + TILES] for a in (counts, means, comoments))) for k in starts]
    sizes = np.add.reduceat(counts, list(starts))
    got = merged(sizes, np.array([g[0] for g in groups]), np.array([g[1] for g in groups]))
    for a, b in zip(got, merged(counts, means, comoments), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_tree_would_show_in_the_bits() -> None:
    counts, means, comoments = tiles(sample(4 * GROUP))
    order = np.roll(np.arange(len(counts)), 1)
    other = merged(counts[order], means[order], comoments[order])
    assert not np.array_equal(np.concatenate(other), np.concatenate(merged(counts, means, comoments)))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 64, 257])
def test_equal_particles_have_no_spread(k: int) -> None:
    counts = np.full(k, 256.0)
    counts[-1] = 7.0
    mean, comoment = merged(counts, np.full((k, 3), 0.1), np.zeros((k, 4)))
    assert mean.tolist() == [0.1] * 3
    assert comoment.tolist() == [0.0] * 4


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("tile", [0, 2])
def test_a_non_finite_tile_shows_in_its_quantity_alone(bad: float, tile: int) -> None:
    counts, means, comoments = tiles(sample(700))
    means[tile, 2], comoments[tile, 3] = bad, math.nan
    mean, comoment = merged(counts, means, comoments)
    assert np.isfinite(mean).tolist() == [True, True, False]
    assert np.isfinite(comoment).tolist() == [True, True, True, False]


EDGE = [-math.inf, -1e308, -2.0, math.nextafter(-2.0, -3.0), -1.75, 0.0, -0.0, -1e-15, 0.25, 1.5]
EDGE += [2.0 - 1e-15, 2.0, 1e19, 1e308, math.inf, math.nan, -math.nan]
"""Cells of width 1/4 on [−2, 2), whose edges and scale are exact."""


def clipped(x: np.ndarray) -> np.ndarray:
    """The outermost cells reach to infinity."""
    return np.clip(x, -2.0, math.nextafter(2.0, 0.0))


def test_histogram_1d() -> None:
    x = np.concatenate([EDGE, np.random.default_rng(4).normal(size=2000)])
    counts = np.zeros(16, np.int64)
    outside = histogram_1d(x, x[None, :][1:], np.array([-2.0]), np.array([4.0]), counts)
    expected, _ = np.histogram(clipped(x[np.isfinite(x)]), bins=16, range=(-2.0, 2.0))
    np.testing.assert_array_equal(counts, expected)
    assert outside == np.sum(~((x >= -2.0) & (x < 2.0)))


def test_histogram_2d() -> None:
    rng = np.random.default_rng(5)
    x, y = np.meshgrid(EDGE, EDGE)
    x, y = np.concatenate([x.ravel(), rng.normal(size=2000)]), np.concatenate([y.ravel(), rng.normal(size=2000)])
    counts = np.ones((16, 8), np.int64)  # it adds
    outside = histogram_2d(x, y, x[None, :][1:], np.array([-2.0, -2.0]), np.array([4.0, 2.0]), counts)
    known = np.isfinite(x) & np.isfinite(y)
    expected, *_ = np.histogram2d(clipped(x[known]), clipped(y[known]), bins=(16, 8), range=((-2.0, 2.0), (-2.0, 2.0)))
    np.testing.assert_array_equal(counts, 1 + expected)
    assert outside == np.sum(~((x >= -2.0) & (x < 2.0) & (y >= -2.0) & (y < 2.0)))


def test_histograms_leave_out_the_absorbed() -> None:
    x = np.array([-5.0, 0.5, 7.0, np.nan])
    gone, counts = np.array([[0.0, 1.0, 0.0, 3.0]]), np.zeros(1, np.int64)
    assert histogram_1d(x, gone, np.array([0.0]), np.array([1.0]), counts) == 2
    assert counts.tolist() == [2]
    plane = np.zeros((1, 1), np.int64)
    assert histogram_2d(x, x, gone, np.zeros(2), np.ones(2), plane) == 2
    assert plane.tolist() == [[2]]


def test_histogram_of_one_cell() -> None:
    counts = np.zeros(1, np.int64)
    outside = histogram_1d(np.array([-5.0, 0.5, 7.0]), np.empty((0, 3)), np.array([0.0]), np.array([1.0]), counts)
    assert (outside, counts.tolist()) == (2, [3])


@pytest.mark.parametrize("fill", [standard_normal, standard_uniform])
@pytest.mark.parametrize("first", [0, 2**32 - 500, 2**40 + 1])
def test_initial_numbers_do_not_depend_on_the_split(fill: object, first: int) -> None:
    assert callable(fill)
    whole = np.empty((2, 1000))
    fill(whole, first, *KEY)
    for a, b in pairwise([0, 1, 4, 257, 600, 1000]):
        part = np.empty((2, b - a))
        fill(part, first + a, *KEY)
        np.testing.assert_array_equal(part, whole[:, a:b])
    line = np.empty((1, 1000))
    fill(line, first, *KEY)
    np.testing.assert_array_equal(line[0], whole[0])


@pytest.mark.parametrize("fill", [standard_normal, standard_uniform])
def test_initial_numbers_are_distinct(fill: object) -> None:
    assert callable(fill)
    starts, keys = [0, 2**32, 2**33], [KEY, KEY[::-1]]
    seen = []
    for first in starts:
        for key in keys:
            out = np.empty((2, 500))
            fill(out, first, *key)
            seen.append(out.ravel())
    # Nothing repeats: not across the carry into the second counter word, nor between components, nor between keys.
    assert len(np.unique(np.concatenate(seen))) == 500 * 2 * len(starts) * len(keys)


def test_laws_of_the_initial_numbers() -> None:
    n = 100_000
    z, u = np.empty((2, n)), np.empty((2, n))
    standard_normal(z, 0, *KEY)
    standard_uniform(u, 0, *KEY)
    assert ((u > 0) & (u < 1)).all()
    # Five standard errors, for a fixed key.
    np.testing.assert_allclose(z.mean(axis=1), 0, atol=5 / math.sqrt(n))
    np.testing.assert_allclose(np.cov(z), np.eye(2), atol=5 * math.sqrt(2 / n))
    np.testing.assert_allclose(u.mean(axis=1), 0.5, atol=5 / math.sqrt(12 * n))
    np.testing.assert_allclose(np.cov(u), np.eye(2) / 12, atol=5 / 12 / math.sqrt(n))
