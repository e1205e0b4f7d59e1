"""A matrix L with L Lᵀ = S for a symmetric positive semi-definite S, in one fixed order of operations.

A Cholesky factor by rank-one updates: no library chooses the order of its sums, so the factor, and with it every path,
has the same bits everywhere (Golub & Van Loan, "Matrix Computations", 4th ed., sections 4.2.5 and 4.2.8).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import MobilityNotPositive

Floats = NDArray[np.float64]


def semidefinite_root(S: Floats, *, field: str = "mobility") -> Floats:
    """L with L Lᵀ = S: the lower triangular one where S is definite; a direction without noise has a column of zeros.

    Raises
    ------
    MobilityNotPositive
        Where S has an eigenvalue below zero by more than rounding.

    Examples
    --------
    >>> semidefinite_root(np.array([[4.0, 2.0], [2.0, 1.0]]))
    array([[2., 0.],
           [1., 0.]])
    """
    tolerance = 8 * len(S) * np.finfo(np.float64).eps * np.abs(S).max(initial=0.0)
    # A singular S may need the largest pivot first: the others would be lost in its rounding.
    for pivoted in (False, True):
        L, rest = _columns(S, tolerance, pivoted)
        if np.abs(rest).max() <= tolerance:
            return L
    raise MobilityNotPositive(
        f"{field}: its symmetric part has the eigenvalue {np.linalg.eigvalsh(S)[0]:.6g}; noise needs all to be at "
        "least 0. Check the signs of the matrix."
    )


def _columns(S: Floats, tolerance: float, pivoted: bool) -> tuple[Floats, Floats]:
    """Columns of L until a pivot is lost in rounding, and what S − L Lᵀ then is."""
    rest, L = np.array(S, np.float64), np.zeros_like(S, np.float64)
    for j in range(len(S)):
        p = int(np.argmax(rest.diagonal())) if pivoted else j
        if rest[p, p] <= tolerance:
            break
        L[:, j] = rest[:, p] / np.sqrt(rest[p, p])
        rest -= L[:, j, None] * L[None, :, j]
        rest[p, :] = rest[:, p] = 0.0
    return L, rest
