"""Does F fall? A test with a stated false-alarm rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Monotone:
    """Result of `falls`.

    Attributes
    ----------
    holds : bool
        No rise beyond the threshold.
    largest_z : float
        The largest rise between two saved times, in standard errors.
    threshold : float
        What it would have to exceed.
    """

    holds: bool
    largest_z: float
    threshold: float


def falls(value: Floats, stderr: Floats, alarm: float = 1e-3) -> Monotone:
    """Test whether a sequence with standard errors is non-increasing.

    The largest z-score of a rise between any two consecutive finite values is compared with the Bonferroni quantile,
    so a falling sequence is refused with probability at most `alarm`: the same particles give both values, which
    makes their difference no more uncertain than is assumed.

    Examples
    --------
    >>> falls(np.array([2.0, 1.0, 0.9]), np.array([0.1, 0.1, 0.1])).holds
    True
    >>> falls(np.array([0.9, 1.0, 2.0]), np.array([0.1, 0.1, 0.1])).holds
    False
    """
    from scipy.special import ndtri

    finite = np.isfinite(value) & np.isfinite(stderr)
    v, s = value[finite], stderr[finite]
    if len(v) < 2:
        return Monotone(True, -np.inf, np.inf)
    rise = np.diff(v)
    z = np.where(rise > 0, rise / np.maximum(np.hypot(s[1:], s[:-1]), np.finfo(float).tiny), 0.0)
    threshold = -float(ndtri(alarm / len(z)))
    return Monotone(bool(z.max() <= threshold), float(z.max()), threshold)
