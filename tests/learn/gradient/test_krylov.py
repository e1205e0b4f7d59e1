"""Products with vectors alone: solutions and eigenvalues against LAPACK's."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_kit.learn.gradient import _krylov

RNG = np.random.default_rng(0)


def batch(d: int, n: int) -> np.ndarray:
    return RNG.normal(size=(n, d, d))


@pytest.mark.parametrize(("d", "n"), [(1, 1), (5, 7), (40, 3)])
def test_solutions_are_those_of_lapack(d: int, n: int) -> None:
    """Column by column, in spite of scales that differ by 1e12 and columns that are 0: to round-off."""
    A, right = batch(d, n), RNG.normal(size=(d, n)) * np.geomspace(1e-6, 1e6, n)
    right[:, n // 2] = 0.0
    x, left = _krylov.solve(lambda v: np.einsum("nab,bn->an", A, v), right)
    exact = np.linalg.solve(A, right.T[:, :, None])[:, :, 0].T
    for found, expected, matrix, rest in zip(x.T, exact.T, A, left, strict=True):
        allowed = 1e-15 * np.linalg.cond(matrix) * d
        assert np.abs(found - expected).max() <= allowed * np.abs(expected).max()
        assert rest <= allowed
    assert (x[:, n // 2] == 0).all()


def test_equations_without_a_solution_are_seen() -> None:
    A = np.diag([1.0, 2.0, 0.0])
    _, left = _krylov.solve(lambda v: A @ v, np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0]]))
    assert left[0] < 1e-15
    assert left[1] > 0.1


def test_eigenvalues_are_those_of_lapack() -> None:
    """All of them after d steps; of diagonal matrices each once, and what is not reached stands below."""
    A = batch(9, 4)
    values, error = _krylov.spectrum(lambda v: np.einsum("nab,bn->an", A, v), RNG.normal(size=(9, 4)), 20)
    for found, matrix in zip(values, A, strict=True):
        np.testing.assert_allclose(
            np.sort_complex(np.round(found, 10)), np.sort_complex(np.round(np.linalg.eigvals(matrix), 10)), atol=2e-10
        )
    assert error.max() < 1e-12
    twice = np.array([3.0, 3.0, -1.0, -1.0, -1.0])[:, None]
    values, error = _krylov.spectrum(lambda v: twice * v, RNG.normal(size=(5, 1)), 5)
    np.testing.assert_allclose(np.sort(values[0].real)[-2:], [-1, 3], atol=1e-13)
    assert np.sort(values[0].real)[2] < -1.5


def test_the_largest_of_many_eigenvalues_comes_first() -> None:
    """200 of them, of which one is 1 and the others are in [−3, −1], after 30 steps: to its error."""
    diagonal = np.append(np.linspace(-3, -1, 199), 1.0)[:, None]
    values, error = _krylov.spectrum(lambda v: diagonal * v, RNG.normal(size=(200, 2)), 30)
    i = values[0].real.argmax()
    assert abs(values[0, i] - 1) < 1e-6
    assert error[0, i] < 1e-3
