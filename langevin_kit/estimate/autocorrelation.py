r"""Integrated autocorrelation time from an autocorrelation over an ensemble, with Sokal's window.

.. math:: τ = Δ\left(\tfrac12 + \sum_{k=1}^{W} ρ(k)\right), \qquad ρ(k) = C(k)/C(0)

W is the first with WΔ ≥ cτ(W) (Madras & Sokal 1988, appendix C). What the window leaves out is of the order e^{−c}τ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW = 5.0
"""Sokal's c: a single exponential loses e⁻⁵ < 1 % of its time."""


@dataclass(frozen=True)
class AutocorrelationTime:
    """The integrated autocorrelation time of a path, in units of time.

    Attributes
    ----------
    time, stderr : float
        τ and its standard error; NaN where the run is too short for the window.
    window : int
        W, the lags that were summed; 0 where τ is NaN.
    """

    time: float
    stderr: float
    window: int


def autocorrelation_time(c: Floats, spacing: float, n_particles: int, window: float = WINDOW) -> AutocorrelationTime:
    r"""Sum an autocorrelation up to Sokal's window.

    Parameters
    ----------
    c : (m,)
        C(k) = ⟨δA(0) δA(kΔ)⟩ over the ensemble, from k = 0 on.
    spacing : float
        Δ, the time between two lags.
    n_particles : int
        Particles of the ensemble, for the standard error.
    window : float
        Sokal's c.

    Notes
    -----
    The standard error is the delta method's with the covariances of a stationary Gaussian process (Isserlis 1918),

    .. math:: n\,\mathrm{cov}(\hat C_k, \hat C_l) = C_0 C_{|k-l|} + C_k C_l ;

    for other processes it is an approximation, as Madras and Sokal's is for a single path.

    Examples
    --------
    >>> ar1 = 0.8 ** np.arange(60)
    >>> result = autocorrelation_time(ar1, 1.0, 10_000)
    >>> result.window, round(result.time, 2)  # (1 + 0.8)/(1 − 0.8)/2 = 4.5
    (23, 4.48)
    """
    if not (c[0] > 0 and np.isfinite(c).all()):
        return AutocorrelationTime(np.nan, np.nan, 0)
    times = spacing * (np.cumsum(c) / c[0] - 0.5)
    lags = np.arange(len(c))
    closed = np.flatnonzero((lags >= 1) & (lags * spacing >= window * times))
    if not len(closed):
        return AutocorrelationTime(np.nan, np.nan, 0)
    last = int(closed[0])
    kept = c[: last + 1]
    distance = np.abs(np.subtract.outer(lags[: last + 1], lags[: last + 1]))
    covariance = (c[0] * kept[distance] + np.outer(kept, kept)) / n_particles
    slope = np.full(last + 1, spacing / c[0])
    slope[0] = -spacing * kept[1:].sum() / c[0] ** 2
    return AutocorrelationTime(float(times[last]), float(np.sqrt(slope @ covariance @ slope)), last)
