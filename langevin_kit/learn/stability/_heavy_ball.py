"""What momentum does to the rates of a linear equation, and how they come in pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.learn.stability._stiffness import square
from langevin_kit.system.arguments import at_least_zero

Complex = NDArray[np.complex128]


def heavy_ball_eigenvalues(matrix: Any, damping: float) -> Complex:
    r"""Eigenvalues of a heavy ball h' = m, m' = −γm + A h, by pairs.

    .. math:: B = \begin{pmatrix} 0 & 1 \\ A & -γ \end{pmatrix}, \qquad
              \tildeλ = \frac{-γ \pm \sqrt{γ^2 + 4λ}}{2}, \qquad \tildeλ_+ + \tildeλ_- = -γ,
              \quad \tildeλ_+ \tildeλ_- = -λ

    Where A decays (all λ < 0) and γ < 2√|λ| of the slowest, all \|λ̃\| are √|λ|, so that the `stiffness` of B is the
    root of A's. Where A grows (λ > 0) that holds for γ = 0 alone, and friction makes B stiffer.

    Parameters
    ----------
    matrix : (..., d, d)
        A.
    damping : float
        γ ≥ 0.

    Returns
    -------
    (..., d, 2)
        λ̃₊ and λ̃₋ for each eigenvalue λ of A; all eigenvalues of B, none of them by taking near numbers' difference.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    The source of S(B) ≤ √S(A) has the wrong sign of γ, and claims it for growing A: with λ between 0.1 and 40, where
    √S(A) = 20, S(B) is 43, 152 and 1308 at γ = 0.5, 2 and 10.

    Examples
    --------
    >>> rates = heavy_ball_eigenvalues(np.diag([0.1, 40.0]), 2.0)
    >>> round(np.abs(rates).max() / np.abs(rates).min())
    152
    """
    A, gamma = square("matrix", matrix), at_least_zero("damping", damping)
    values = np.linalg.eigvals(A).astype(np.complex128)
    far = -(gamma + np.sqrt(gamma**2 + 4 * values)) / 2  # Nothing cancels: the root's real part is not negative.
    near = np.divide(-values, far, out=np.zeros_like(far), where=far != 0)
    return np.stack([near, far], axis=-1)


def paired_eigenvalues(matrix: Any) -> Complex:
    """Eigenvalues in pairs whose sums are as equal as they come, such as those of a heavy ball, where each sum is −γ.

    Parameters
    ----------
    matrix : (2n, 2n)

    Returns
    -------
    (n, 2)
        Where sums can be equal at all, they are; if not, pairs are taken from the largest eigenvalue on.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Of a heavy ball along a path, `AdjointPropagator.integrals` has pairs with sums −γ(T − t), where γ is constant.

    Examples
    --------
    >>> paired_eigenvalues([[0.0, 1.0], [-2.0, -3.0]]).sum(axis=1).real.round(12)
    array([-3.])
    """
    A = square("matrix", matrix)
    if A.ndim != 2 or len(A) % 2:
        raise InvalidArgument(f"matrix: got shape {A.shape}; one of an even number of rows is needed.")
    left = sorted(np.linalg.eigvals(A).astype(np.complex128), key=abs, reverse=True)
    pairs, sum_of_each = [], 2 * np.trace(A) / len(A)
    while left:
        first = left.pop(0)
        pairs.append((first, left.pop(int(np.argmin(np.abs(np.array(left) + first - sum_of_each))))))
    return np.array(pairs)
