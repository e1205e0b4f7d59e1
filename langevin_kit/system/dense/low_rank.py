r"""A mobility K = D + U Uᵀ, D diagonal and U of a few columns: its products and its noise take O(d r) operations.

With W = D^{-1/2} U and the Cholesky factor M of 1 + Wᵀ W,

.. math:: L = D^{1/2} (1 + W C W^T), \qquad C = (1 + M)^{-1}, \qquad L L^T = D + U U^T,

since C M = 1 − C. So the noise L z takes no more random numbers than coordinates. All sums have one fixed order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, MobilityNotPositive, did_you_mean
from langevin_kit.system.dense.root import semidefinite_root

Floats = NDArray[np.float64]

KEYS = ("diagonal", "factor")
NAMES = tuple(f"mobility_{key}" for key in KEYS)
"""Names of the parameters that hold D and U."""


def read(mobility: Mapping[str, Any], d: int) -> dict[str, Floats]:
    """D (d,) and U (d, r) under their names.

    Raises
    ------
    InvalidArgument, MobilityNotPositive
    """
    for key in (*KEYS, *mobility):
        if key not in mobility or key not in KEYS:
            raise InvalidArgument(
                f"mobility: got the keys {', '.join(map(repr, mobility))}; 'diagonal' and 'factor' are needed, for "
                f"K = D + U Uᵀ{did_you_mean(str(key), KEYS) if key not in KEYS else ''}."
            )
    D, U = (np.array(mobility[key], np.float64) for key in KEYS)
    if D.shape not in ((), (d,)) or U.ndim != 2 or len(U) != d or not 1 <= U.shape[1] <= d:
        raise InvalidArgument(
            f"mobility: got a diagonal of shape {D.shape} and a factor of shape {U.shape}; () or ({d},), and ({d}, r) "
            f"with r from 1 to {d}, are needed."
        )
    if not (np.isfinite(D).all() and np.isfinite(U).all()):
        raise InvalidArgument("mobility: its diagonal or its factor holds a number that is not finite.")
    if not D.min() > 0:
        raise MobilityNotPositive(
            f"mobility: its diagonal has {D.min():g}; each entry of D must be above 0. Of U Uᵀ alone give the matrix."
        )
    return {NAMES[0]: np.broadcast_to(D, (d,)).copy(), NAMES[1]: U}


def noise_matrices(D: Floats, U: Floats) -> tuple[Floats, Floats]:
    """Wᵀ (r, d) and W C (d, r): the noise is √D (z + (W C)(Wᵀ z))."""
    W = U / np.sqrt(D)[:, None]
    r = W.shape[1]
    B = np.eye(r)
    for row in W:
        B += row[:, None] * row
    lower = np.eye(r) + semidefinite_root(B)
    C = np.eye(r)
    for i in range(r):  # forward substitution
        for j in range(i):
            C[i] -= lower[i, j] * C[j]
        C[i] /= lower[i, i]
    WC = np.zeros_like(W)
    for j in range(r):
        WC += W[:, j, None] * C[j]
    return np.ascontiguousarray(W.T), WC
