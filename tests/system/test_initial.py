"""Initial laws: moments and support of the transform, the density's integral, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import initial

gaussian, point, uniform = initial.gaussian, initial.point, initial.uniform
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
