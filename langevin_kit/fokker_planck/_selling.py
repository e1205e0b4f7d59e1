r"""Diffusion tensors as sums of jumps to cells, with no negative rate.

.. math:: D = \sum_k λ_k\, e_k e_k^T, \qquad λ_k ≥ 0,\; e_k ∈ ℤ^2

Selling (1874): of a superbase e₀ + e₁ + e₂ = 0 whose products eᵢ·D eⱼ are all ≤ 0 the weights are these products, and
any superbase becomes one by a few exchanges. Fehrenbach & Mirebeau, J. Math. Imaging Vis. 49, 123 (2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument

Floats = NDArray[np.float64]

REACH = 64
"""Cells, along an axis, that a jump may go."""

_ROUND_OFF = 1e-14


def jumps(d: Floats) -> list[tuple[tuple[int, ...], Floats]]:
    """Decompose tensors of one or two dimensions, in units of cells.

    Parameters
    ----------
    d : (n, n, cells…)
        Symmetric and positive semi-definite.

    Returns
    -------
    list of (offset, weight)
        Each offset once, its first entry that is not 0 positive; weights (cells…), which are ≥ 0.

    Raises
    ------
    InvalidArgument
        If a jump would go further than `REACH` cells: the tensor is singular along no lattice direction.

    Examples
    --------
    >>> tensor = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> for offset, weight in jumps(tensor): print(offset, weight)
    (0, 1) 0.5
    (1, 0) 0.5
    (1, 1) 0.5
    """
    if len(d) == 1:
        return [((1,), d[0, 0])]
    if not d[0, 1].any():
        return [((0, 1), d[1, 1]), ((1, 0), d[0, 0])]
    shape = d.shape[2:]
    e, weights = _superbase(d.reshape(2, 2, -1))
    vectors = np.stack([-e[:, 1], e[:, 0]], axis=1)
    vectors *= np.where((vectors[:, 0] < 0) | ((vectors[:, 0] == 0) & (vectors[:, 1] < 0)), -1, 1)[:, None]
    found: dict[tuple[int, ...], Floats] = {}
    used = weights > 0
    for offset in np.unique(vectors.transpose(0, 2, 1)[used], axis=0):
        along = (vectors == offset[:, None]).all(axis=1)
        found[int(offset[0]), int(offset[1])] = np.where(along, weights, 0.0).sum(axis=0).reshape(shape)
    return list(found.items())


def _superbase(d: Floats) -> tuple[NDArray[np.int64], Floats]:
    """An obtuse superbase (3, 2, n) of each tensor (2, 2, n), and the weights (3, n) of their perpendiculars."""
    n = d.shape[-1]
    e = np.empty((3, 2, n), np.int64)
    e[...] = np.array([[1, 0], [0, 1], [-1, -1]])[:, :, None]
    round_off = _ROUND_OFF * (d[0, 0] + d[1, 1])
    pairs = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    left = np.arange(n)
    while left.size:
        acute = np.zeros(left.size, bool)
        for i, j, k in pairs:
            at = left[_product(d[..., left], e[i][:, left], e[j][:, left]) > round_off[left]]
            acute |= np.isin(left, at, assume_unique=True)
            e[k][:, at] = e[i][:, at] - e[j][:, at]
            e[i][:, at] *= -1
        left = left[acute]
        if np.abs(e[:, :, left]).max(initial=0) > REACH:
            raise InvalidArgument(
                f"mobility: it is so anisotropic that particles would jump more than {REACH} cells; take cells that "
                "are longer along its large axis, or a rounder mobility."
            )
    return e, np.stack([np.maximum(-_product(d, e[i], e[j]), 0.0) for i, j, _ in (pairs[1], pairs[2], pairs[0])])


def _product(d: Floats, a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
    return np.asarray(a[0] * (d[0, 0] * b[0] + d[0, 1] * b[1]) + a[1] * (d[1, 0] * b[0] + d[1, 1] * b[1]))
