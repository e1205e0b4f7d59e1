"""Rules that store patterns ξ (P, N) of ±1 in symmetric couplings W (N, N)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument

Floats = NDArray[np.float64]

DEPENDENT = 1e-10
"""Of the overlaps' eigenvalues, the smallest over the largest below which patterns count as dependent."""


def hebb(patterns: Any, *, bias: float = 0.0, diagonal: bool = False) -> Floats:
    r"""Hebb's rule: :math:`W_{ij} = N^{-1} \sum_μ ξ_i^μ ξ_j^μ`, and 0 on the diagonal.

    With a bias a it is the covariance rule,

    .. math:: W_{ij} = \frac{1}{N (1 - a^2)} \sum_μ (ξ_i^μ - a)(ξ_j^μ - a)

    which gives spins of a pattern the fields ξ − a; with ``SpinSystem(fields=a)`` they are ξ again. Without it patterns
    whose mean is a have overlaps a² with each other, which sum up to more than the pattern itself once a³P ≈ 1.

    Parameters
    ----------
    patterns : (P, N)
        Of 1 and −1.
    bias : float
        a, the mean of patterns; between −1 and 1.
    diagonal : bool
        Keep the diagonal, P/N without bias: spins then feel themselves.

    Returns
    -------
    (N, N)
        Without bias multiples of 1/N, which `SpinSystem` adds without error.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Hopfield, PNAS 79, 2554 (1982). P random patterns are recalled up to P = 0.138 N. With bias: Amit, Gutfreund &
    Sompolinsky, Phys. Rev. A 35, 2293 (1987).

    Examples
    --------
    >>> hebb([[1, -1, 1]])[0].round(3) + 0.0
    array([ 0.   , -0.333,  0.333])
    """
    if isinstance(bias, bool) or not isinstance(bias, int | float | np.number) or not -1 < bias < 1:
        raise InvalidArgument(f"bias: got {bias!r}; a number between −1 and 1 is needed.")
    xi = patterns_of(patterns)
    # Sums of integers first: they are exact, so that couplings do not depend on the order of sums.
    products = xi.T @ xi
    if bias:
        up = xi.sum(axis=0)
        products += len(xi) * bias**2 - bias * (up + up[:, None])
    return _without_diagonal(products / (xi.shape[1] * (1 - bias**2)), keep=diagonal)


def pseudo_inverse(patterns: Any, *, diagonal: bool = False) -> Floats:
    r"""The projection on the patterns: :math:`W = N^{-1} ξ^T C^{-1} ξ` with their overlaps :math:`C = ξ ξ^T/N`.

    With its diagonal W ξ = ξ, so that every pattern is a fixed point up to P = N; without it the field of each spin is
    the smaller by W_ii, and patterns stay fixed points as long as these are below 1.

    Parameters
    ----------
    patterns : (P, N)
        Of 1 and −1, linearly independent.
    diagonal : bool
        Keep the diagonal.

    Returns
    -------
    (N, N)

    Raises
    ------
    InvalidArgument
        For patterns that depend on each other.

    Notes
    -----
    Personnaz, Guyon & Dreyfus, J. Phys. Lett. 46, L359 (1985).

    Examples
    --------
    >>> xi = np.array([[1, -1, 1, 1], [1, 1, 1, -1]])
    >>> bool(np.allclose(pseudo_inverse(xi, diagonal=True) @ xi.T, xi.T))
    True
    """
    xi = patterns_of(patterns)
    overlaps = xi @ xi.T / xi.shape[1]
    values = np.linalg.eigvalsh(overlaps)
    if values[0] < DEPENDENT * values[-1]:
        raise InvalidArgument(
            f"patterns: {len(xi)} of {xi.shape[1]} spins are not linearly independent; leave some out, or take `hebb`."
        )
    projection = xi.T @ np.linalg.solve(overlaps, xi) / xi.shape[1]
    return _without_diagonal((projection + projection.T) / 2, keep=diagonal)


def storkey(patterns: Any) -> Floats:
    r"""Storkey's rule, one pattern after another: with :math:`h_{ij} = \sum_{k≠i,j} W_{ik} ξ_k`,

    .. math:: W_{ij} \mathrel{+}= N^{-1} (ξ_i ξ_j - ξ_i h_{ji} - h_{ij} ξ_j), \qquad W_{ii} = 0

    Local like Hebb's, and of a larger capacity.

    Parameters
    ----------
    patterns : (P, N)
        Of 1 and −1, in the order in which they are learnt.

    Returns
    -------
    (N, N)

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Storkey, ICANN 1997, 451. The diagonal is 0 before each pattern.

    Examples
    --------
    >>> bool(np.allclose(storkey([[1, -1, 1]]), hebb([[1, -1, 1]])))
    True
    """
    xi = patterns_of(patterns)
    n = xi.shape[1]
    W = np.zeros((n, n))
    for x in xi:
        h = (W @ x)[:, None] - W * x  # W_ii = 0, so that k ≠ i holds by itself
        W += (np.outer(x, x) - (h * x + (h * x).T)) / n
        np.fill_diagonal(W, 0.0)
    return W


def patterns_of(patterns: Any) -> Floats:
    """The patterns as an array, if they are such."""
    try:
        xi = np.asarray(patterns, np.float64)
    except (TypeError, ValueError):
        raise InvalidArgument("patterns: an array (P, N) of 1 and −1 is needed.") from None
    if xi.ndim != 2 or not xi.size or (np.abs(xi) != 1).any():
        raise InvalidArgument(f"patterns: got shape {xi.shape}; an array (P, N) of 1 and −1 is needed.")
    return xi


def _without_diagonal(W: Floats, *, keep: bool) -> Floats:
    if not keep:
        np.fill_diagonal(W, 0.0)
    return W
