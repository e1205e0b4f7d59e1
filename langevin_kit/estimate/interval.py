"""Intervals for KL."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NORMAL = 100.0
"""N KL, in degrees of freedom, from which the estimate is taken for normal."""


def kl_interval(
    kl: Floats, stderr: Floats, dof: Floats | float, n_particles: int, coverage: float = 0.95
) -> tuple[Floats, Floats]:
    r"""A confidence interval for KL from an estimate that was freed of bias.

    Far from q, N KL ≥ 100 m, the estimate is normal. Nearer, 2N KL + m is a noncentral χ² with m degrees of freedom and
    noncentrality 2N KL: the ends are those noncentralities for which the estimate would be as small, and as large, with
    the probability that is left. Their distances are scaled by the ratio of `stderr` to √(2 KL/N + m/2N²), which leaves
    one as KL grows.

    Parameters
    ----------
    kl, stderr : (time,)
    dof : float or (time,)
        m.
    n_particles : int
    coverage : float

    Returns
    -------
    low, high : (time,)
        NaN where the estimate is.

    Examples
    --------
    >>> low, high = kl_interval(np.array([0.0, 0.1]), np.array([1.4e-6, 4.5e-4]), 4, 10**6)
    >>> [f"{a:.2g} to {b:.2g}" for a, b in zip(low, high)]
    ['0 to 5.6e-06', '0.099 to 0.1']
    """
    from scipy.special import chndtr, chndtrinc, ndtri

    left = 0.5 * (1 - coverage)
    half = -float(ndtri(left)) * stderr
    statistic = np.maximum(2 * n_particles * kl + dof, 0.0)
    near = n_particles * kl < NORMAL * dof
    with np.errstate(invalid="ignore"):
        is_zero = chndtr(statistic, dof, 0.0) <= 1 - left
        low = np.where(is_zero, 0.0, chndtrinc(statistic, dof, 1 - left)) / (2 * n_particles)
        too_small = chndtr(statistic, dof, 0.0) <= left
        high = np.where(too_small, 0.0, chndtrinc(statistic, dof, left)) / (2 * n_particles)
    scale = stderr / np.sqrt(2 * np.maximum(kl, 0.0) / n_particles + dof / (2 * n_particles**2))
    low = np.where(near, np.maximum(kl - scale * (kl - low), 0.0) * (low > 0), kl - half)
    high = np.where(near, kl + scale * (high - kl), kl + half)
    return np.where(np.isnan(kl), np.nan, low), np.where(np.isnan(kl), np.nan, high)
