"""How near particles are to patterns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def overlaps(positions: Floats, patterns: Floats) -> Floats:
    r"""Overlaps of particles with patterns, :math:`m = ξ·x/|ξ|^2`: 1 at a pattern, and −1 at its mirror image.

    Parameters
    ----------
    positions : (T, d, n)
        Of which the first N components are the patterns'.
    patterns : (P, N)

    Returns
    -------
    (T, P, n)

    Examples
    --------
    >>> overlaps(np.array([[[1.0], [0.0]]]), np.array([[1.0, 1.0], [1.0, -1.0]])).ravel()
    array([0.5, 0.5])
    """
    unit = patterns / (patterns**2).sum(axis=1, keepdims=True)
    return np.asarray(unit @ positions[:, : patterns.shape[1]].astype(np.float64))
