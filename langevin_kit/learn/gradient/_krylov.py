"""Linear equations and spectra of many particles at once, by products with vectors alone.

Saad & Schultz, SIAM J. Sci. Stat. Comput. 7, 856 (1986); Arnoldi, Q. Appl. Math. 9, 17 (1951).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = Callable[[Floats], Floats]
"""A v for v (d, n), with a matrix A of each column's own."""

EPSILON = float(np.finfo(float).eps)
CYCLES = 4
"""Most times that a solution is refined."""


def solve(times: Times, right: Floats, *, tolerance: float = EPSILON) -> tuple[Floats, Floats]:
    """X (d, n) with A x = right, column by column, and |right − A x|/|right|, by GMRES with refinement.

    Examples
    --------
    >>> A = np.array([[2.0, 1.0], [0.0, 4.0]])
    >>> solve(lambda v: A @ v, np.array([[3.0], [4.0]]))[0].round(12)
    array([[1.],
           [1.]])
    """
    x, residual, whole = np.zeros_like(right), right, _norm(right)
    left = np.where(whole > 0, 1.0, 0.0)
    for _ in range(CYCLES):
        better = x + _cycle(times, residual, tolerance)
        residual = right - times(better)
        now = np.divide(_norm(residual), whole, out=np.zeros_like(whole), where=whole > 0)
        gains = now < left
        x, left = np.where(gains, better, x), np.where(gains, now, left)
        if not gains.any() or (left <= tolerance).all():
            break
    return x, left


def spectrum(times: Times, start: Floats, steps: int) -> tuple[NDArray[np.complex128], Floats]:
    """Ritz values of each column's matrix, (n, steps), and how far each is from being an eigenvalue.

    After d steps, or fewer where the start has no part in some direction, they are eigenvalues. In the place of those
    that are not reached stands minus the size of the others.

    Examples
    --------
    >>> values, _ = spectrum(lambda v: np.array([[1.0], [-2.0]]) * v, np.ones((2, 1)), 2)
    >>> np.sort(values.real).round(12)
    array([[-2.,  1.]])
    """
    d, n = start.shape
    steps = min(d, steps)
    basis, H, ended = [start / _norm(start)], np.zeros((n, steps + 1, steps)), np.zeros(n, bool)
    for j in range(steps):
        H[:, : j + 2, j] = _orthogonal(times, basis).T
        H[ended, j, j] = -np.abs(H[ended]).max(axis=(1, 2), initial=0.0)
        ended |= H[:, j + 1, j] == 0
    values, vectors = np.linalg.eig(H[:, :steps])
    return values, np.abs(H[:, steps, steps - 1, None] * vectors[:, -1])


def _cycle(times: Times, right: Floats, tolerance: float) -> Floats:
    """A step of GMRES as long as it takes, d products at most."""
    d, n = right.shape
    size = _norm(right)
    basis = [np.divide(right, size, out=np.zeros_like(right), where=size > 0)]
    goal, columns, turns = [size], list[Floats](), list[tuple[Floats, Floats]]()
    for j in range(d):
        column = _orthogonal(times, basis)
        for i, (c, s) in enumerate(turns):
            column[i], column[i + 1] = c * column[i] + s * column[i + 1], c * column[i + 1] - s * column[i]
        length = np.hypot(column[j], column[j + 1])
        c = np.divide(column[j], length, out=np.ones(n), where=length > 0)
        s = np.divide(column[j + 1], length, out=np.zeros(n), where=length > 0)
        turns.append((c, s))
        columns.append(np.concatenate([column[:j], length[None]]))
        goal[j:] = [c * goal[j], -s * goal[j]]
        if (np.abs(goal[-1]) <= tolerance * size).all():
            break
    x = np.zeros_like(right)
    for j, column in reversed(list(enumerate(columns))):
        # A direction that the products never reach has no part in the solution.
        y = np.divide(goal[j], column[j], out=np.zeros(n), where=np.abs(column[j]) > EPSILON * np.abs(columns[0][0]))
        x += basis[j] * y
        for i in range(j):
            goal[i] = goal[i] - column[i] * y
    return x


def _orthogonal(times: Times, basis: list[Floats]) -> Floats:
    """Multiply the last vector, add what is new to the basis; return the components (len(basis) + 1, n) before."""
    w = times(basis[-1])
    before = _norm(w)
    found = np.zeros((len(basis) + 1, w.shape[1]))
    for _ in range(2):  # the second time removes what round-off left
        for i, v in enumerate(basis):
            along = (v * w).sum(axis=0)
            w = w - along * v
            found[i] += along
    after = _norm(w)
    found[-1] = np.where(after > 4 * EPSILON * before, after, 0.0)
    basis.append(np.divide(w, after, out=np.zeros_like(w), where=found[-1] > 0))
    return found


def _norm(x: Floats) -> Floats:
    return np.asarray(np.sqrt((x * x).sum(axis=0)))
