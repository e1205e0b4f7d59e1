"""Initial laws: moments and support of the transform, the density's integral, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import initial

gaussian, point, uniform = initial.gaussian, initial.point, initial.uniform
patterns = initial.patterns
FULL = [[2.0, 0.6], [0.6, 0.5]]


@pytest.mark.parametrize(
    ("mean", "covariance", "matrix"),
    [
        (0.0, 2.0, [[2.0]]),
        ([1.0, -2.0], 0.25, [[0.25, 0.0], [0.0, 0.25]]),
        ([1.0, -2.0], [0.25, 4.0], [[0.25, 0.0], [0.0, 4.0]]),
        ([1.0, -2.0], FULL, FULL),
        ([1.0, -2.0], [[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]),
        ([1.0, -2.0], [0.0, 1.0], [[0.0, 0.0], [0.0, 1.0]]),
    ],
)
def test_gaussian_transform(mean: Any, covariance: Any, matrix: list[list[float]]) -> None:
    law = gaussian(mean, covariance)
    # The rows of √n·(orthogonal, centred) have sample mean 0 and sample covariance 1 exactly.
    z = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])[: law.d]
    x = law.transform(z)
    np.testing.assert_allclose(x.mean(axis=1), np.atleast_1d(mean), atol=1e-14)
    np.testing.assert_allclose(np.cov(x, ddof=0).reshape(law.d, law.d), matrix, atol=1e-14)


def test_transform_does_not_depend_on_the_split() -> None:
    law, z = gaussian([1.0, -2.0], FULL), np.random.default_rng(2).normal(size=(2, 1001))
    parts = [law.transform(z[:, a:b]) for a, b in [(0, 1), (1, 258), (258, 1001)]]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), law.transform(z))


def test_gaussian_density() -> None:
    law, x = gaussian([1.0, -2.0], FULL), np.random.default_rng(1).normal(size=(2, 3, 4))
    expected = multivariate_normal([1.0, -2.0], FULL).pdf(np.moveaxis(x, 0, -1))
    np.testing.assert_allclose(law.density(x), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "variances",
    [
        (1.0, 4.0),
        (1e-300, 1.0),
        (1e12, 1e-8),
    ],
)
def test_density_of_unequal_variances(variances: tuple[float, float]) -> None:
    peak = gaussian([0.0, 0.0], variances).density(np.zeros((2, 1)))
    np.testing.assert_allclose(peak, 1 / (2 * math.pi * math.sqrt(variances[0]) * math.sqrt(variances[1])), rtol=1e-12)


def test_uniform() -> None:
    law = uniform([-1.0, 0.0], [1.0, 0.5])
    assert (law.d, law.noise) == (2, "uniform")
    u = np.array([[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]])
    np.testing.assert_array_equal(law.transform(u), [[-1.0, 0.0, 1.0], [0.5, 0.25, 0.0]])
    x = np.array([[0.0, 0.0, 2.0], [0.2, 0.6, 0.2]])
    np.testing.assert_array_equal(law.density(x), [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(law.density(x[:, 0]), 1.0)


def test_point() -> None:
    np.testing.assert_array_equal(point([1.0, 2.0]).transform(np.ones((2, 3))), [[1.0] * 3, [2.0] * 3])


@pytest.mark.parametrize("law", [point([1.0]), gaussian([0.0, 0.0], [1.0, 0.0]), gaussian([0.0, 0.0], np.ones((2, 2)))])
def test_a_singular_law_has_no_density(law: initial.Gaussian) -> None:
    with pytest.raises(InvalidArgument, match="singular"):
        law.density(np.zeros((law.d, 1)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gaussian([0, 0], -1), "covariance: .* negative eigenvalue"),
        (lambda: gaussian([0, 0], [[1, 2], [2, 1]]), "covariance: .* negative eigenvalue"),
        (lambda: gaussian([0, 0], [[1, 0.5], [0.4, 1]]), "covariance: .* symmetric"),
        (lambda: gaussian([0, 0], [1, 2, 3]), r"covariance: got shape \(3,\)"),
        (lambda: gaussian([0], np.eye(2)), r"covariance: got shape \(2, 2\)"),
        (lambda: gaussian([0], math.nan), "covariance: .* finite"),
        (lambda: gaussian([0], "a"), "covariance: got 'a'"),
        (lambda: gaussian([math.inf], 1), "mean: .* finite"),
        (lambda: gaussian("a", 1), "mean: got 'a'"),
        (lambda: gaussian([[0]], 1), "mean: "),
        (lambda: gaussian([], 1), "mean: "),
        (lambda: uniform([], []), "lower"),
        (lambda: uniform([0], [0]), "lower < upper"),
        (lambda: uniform([0], [1, 2]), "lower < upper"),
        (lambda: uniform([0], [math.nan]), "upper: .* finite"),
        (lambda: point([None]), "mean: "),
    ],
)
def test_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        make()


def test_to_dict() -> None:
    assert gaussian([0, 1], 2).to_dict() == {
        "kind": "gaussian",
        "mean": [0.0, 1.0],
        "covariance": [[2.0, 0.0], [0.0, 2.0]],
    }
    assert uniform(0, 1).to_dict() == {"kind": "uniform", "lower": [0.0], "upper": [1.0]}


XI = np.array([[1.0, -1.0, 1.0], [1.0, 1.0, -1.0]])


def test_patterns_are_taken_in_turn_and_hidden_components_are_zero() -> None:
    law, z = patterns(XI, scale=0.5, n_hidden=2), np.full((5, 5), 0.3)
    expected = np.zeros((5, 5))
    expected[:3] = 0.5 * XI[[0, 1, 0, 1, 0]].T
    np.testing.assert_array_equal(law.transform(z), expected)
    np.testing.assert_array_equal(patterns(XI, flipped=1.0).transform(z[:3]), -XI[[0, 1, 0, 1, 0]].T)


def test_patterns_do_not_depend_on_the_split() -> None:
    law, z = patterns(XI, 0.3, 0.2, n_hidden=1), np.random.default_rng(2).random((4, 1001))
    parts = [law.from_particle(a).transform(z[:, a:b]) for a, b in [(0, 1), (1, 258), (258, 1001)]]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), law.transform(z))


@pytest.mark.parametrize(("flipped", "spread"), [(0.2, 0.0), (0.2, 0.5), (0.0, 0.5), (1.0, 0.5)])
def test_components_are_turned_and_spread_independently(flipped: float, spread: float) -> None:
    """ξ x is ±1 with a mean of 1 − 2f, plus normal noise: mean and variance, each within 4.4 s.e."""
    n = 200_000
    x = patterns(XI[:1], flipped, spread).transform(np.random.default_rng(1).random((3, n))) * XI[0][:, None]
    mean, variance = 1 - 2 * flipped, 4 * flipped * (1 - flipped) + spread**2
    fourth = 16 * flipped * (1 - flipped) * (1 - 3 * flipped * (1 - flipped))
    fourth += 6 * spread**2 * 4 * flipped * (1 - flipped) + 3 * spread**4
    z = (x.mean(axis=1) - mean) / np.sqrt(variance / n)
    z = np.concatenate([z, (x.var(axis=1) - variance) / np.sqrt(max(fourth - variance**2, 1e-30) / n)])
    z = np.concatenate([z, np.corrcoef(x)[np.triu_indices(3, 1)] * np.sqrt(n)])
    assert np.abs(z).max() < 4.4
    # A share that is off by one in a hundred is seen.
    assert np.abs((x.mean(axis=1) - mean - 0.02) / np.sqrt(variance / n)).min() > 4.4


def test_patterns_from_their_plain_data() -> None:
    law = patterns(np.tile(XI, (1, 1000)), 0.1, 0.2, 0.5, 3)  # long arrays are packed
    made = initial.from_dict(json.loads(json.dumps(law.to_dict())))
    assert isinstance(made, initial.Patterns)
    np.testing.assert_array_equal(made.patterns, law.patterns)
    assert (made.flipped, made.spread, made.scale, made.n_hidden) == (0.1, 0.2, 0.5, 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1, 2],), "patterns: got shape"),
        ((XI, 1.5), "flipped: got 1.5"),
        ((XI, -0.5), "flipped: got -0.5"),
        ((XI, 0.0, -1.0), "spread: got -1.0"),
        ((XI, 0.0, 0.0, math.inf), "scale"),
        ((XI, 0.0, 0.0, 1.0, -1), "n_hidden: got -1"),
    ],
)
def test_patterns_refused(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        patterns(*arguments)
