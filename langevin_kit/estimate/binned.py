"""KL(p‖q) from bins of equal q-mass, and the entropy from uniform cells, both from one fine histogram.

The bins are made of whole cells of the histogram, so q's mass in each is exact although nearly, not exactly, equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma
from scipy.stats import chi2

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

BINS = {1: 128, 2: 32}
"""Bins an axis, by number of coordinates, if there are particles enough."""

PER_BIN = 20
"""Least expected number of particles in a bin under q."""

PER_CELL = 100
"""Least average number of particles in an occupied cell of the uniform density."""

ALARM = 1e-3
"""Probability that the estimate of KL exceeds its detection floor when p = q."""


@dataclass(frozen=True)
class Estimate:
    """A value for each time, with its standard error."""

    value: Floats
    stderr: Floats


@dataclass(frozen=True)
class Bins:
    """A partition of the histogram's cells.

    Attributes
    ----------
    label : cells → int
    mass : (B,)
        q's mass in each bin.
    """

    label: NDArray[np.int64]
    mass: Floats

    def count(self, histogram: Counts) -> Floats:
        """Particles in each bin, (time, B), from a histogram (time, cells…)."""
        rows = histogram.reshape(len(histogram), -1)
        return np.stack([np.bincount(self.label.ravel(), row, minlength=len(self.mass)) for row in rows])


def equal_mass_bins(cell_mass: Floats, n_particles: int) -> Bins:
    """Group cells into bins of nearly equal q-mass: along the first axis, then within each group along the second.

    Examples
    --------
    >>> equal_mass_bins(np.full(512, 1 / 512), 10**6).mass.shape
    (128,)
    """
    d = cell_mass.ndim
    per_axis = int(min(BINS[d], max(2, (n_particles / PER_BIN) ** (1 / d))))
    label = _quantile(cell_mass if d == 1 else cell_mass.sum(axis=1), per_axis)
    if d == 2:
        inner = np.zeros(cell_mass.shape, np.int64)
        for group in np.unique(label):
            inner[label == group] = _quantile(cell_mass[label == group].sum(axis=0), per_axis)
        label = label[:, None] * per_axis + inner
    _, label = np.unique(label, return_inverse=True)
    label = label.reshape(cell_mass.shape)
    mass = np.bincount(label.ravel(), weights=cell_mass.ravel())
    return Bins(label, np.asarray(mass, np.float64))


def _quantile(mass: Floats, n: int) -> NDArray[np.int64]:
    middle = (np.cumsum(mass) - 0.5 * mass) / mass.sum()
    return np.asarray(np.minimum((n * middle).astype(np.int64), n - 1))


def kl_divergence(bins: Bins, histogram: Counts) -> Estimate:
    r"""Estimate KL(p‖q), Miller–Madow bias removed.

    .. math:: \hat{KL} = \sum_b \hat p_b \ln(\hat p_b / q_b) - (B - 1)/2N,\quad
              s^2 = (Var_{\hat p}[\ln \hat p/q] - (B - 1)/N)_+/N + (B - 1)/2N^2

    The variance is freed of what the counts' own fluctuations, χ² with B − 1 degrees, add to it.

    NaN where the sum exceeds ½ ln B: bins cannot hold more than ln B, so they would understate it (theory: with
    KL = 11.6, 64 bins say 4.1).
    """
    count = bins.count(histogram)
    n = count.sum(axis=1)
    p = count / n[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = np.where(p > 0, np.log(p / bins.mass), 0.0)
    plug_in = (p * surprise).sum(axis=1)
    b = len(bins.mass)
    variance = np.maximum((p * surprise**2).sum(axis=1) - plug_in**2 - (b - 1) / n, 0.0)
    value = plug_in - (b - 1) / (2 * n)
    stderr = np.sqrt(variance / n + (b - 1) / (2 * n**2))
    saturated = plug_in > 0.5 * np.log(b)
    return Estimate(np.where(saturated, np.nan, value), np.where(saturated, np.nan, stderr))


def kl_limit(bins: Bins) -> float:
    """½ ln B, the largest KL that these bins are trusted with."""
    return 0.5 * float(np.log(len(bins.mass)))


def kl_floor(bins: Bins, n_particles: int) -> float:
    """The value that the estimate exceeds with probability `ALARM` when p = q: 2N KL is then χ² with B − 1 degrees."""
    dof = len(bins.mass) - 1
    return float((chi2.isf(ALARM, dof) - dof) / (2 * n_particles))


@dataclass(frozen=True)
class UniformDensity:
    """p on uniform cells, without q.

    Attributes
    ----------
    log_density : cells
        ln p of each cell of the histogram, from merged cells; −∞ where there is no particle.
    entropy : float
        H = −∫ p ln p dx, corrected for the counts and the width.
    occupied : int
        Number m of occupied merged cells.
    uncertainty : float
        Standard error of H beyond that of the mean of −ln p: the counts' fluctuations, √(m/2)/N with m occupied
        cells, times the 4/3 of the extrapolation in width, and that extrapolation's size.
    """

    log_density: Floats
    entropy: float
    occupied: int
    uncertainty: float


def uniform_density(count: Counts, volume: float) -> UniformDensity:
    """Estimate p and its entropy from a histogram of uniform cells.

    Cells are merged until an occupied one holds `PER_CELL` particles on average; Grassberger's estimator removes the
    bias of the counts, and two widths h, 2h remove that of the width: H = (4 H(h) − H(2h))/3.
    """
    merged, factor = count, 1
    while count.sum() < PER_CELL * np.count_nonzero(merged) and max(merged.shape) > 4:
        merged, factor = _merged(merged), 2 * factor
    volume *= factor**count.ndim
    fine, coarse = _grassberger(merged, volume), _grassberger(_merged(merged), volume * 2**count.ndim)
    with np.errstate(divide="ignore"):
        log_density = np.log(merged / (merged.sum() * volume))
    for axis, n in enumerate(count.shape):
        log_density = np.take(log_density, np.arange(n) // factor, axis=axis)
    occupied = int(np.count_nonzero(merged))
    fluctuation = 4 / 3 * np.sqrt(occupied / 2) / count.sum()
    correction = (fine - coarse) / 3
    return UniformDensity(log_density, fine + correction, occupied, float(np.hypot(fluctuation, correction)))


def _merged(count: Counts) -> Counts:
    """Add cells in pairs along every axis; an odd last cell stays alone."""
    for axis in range(count.ndim):
        count = np.add.reduceat(count, np.arange(0, count.shape[axis], 2), axis=axis)
    return count


def _grassberger(count: Counts, volume: float) -> float:
    """H of a density that is constant in each cell, nearly unbiased down to cells with few particles.

    Grassberger (2003), eq. 30: Σ (nᵢ/N) [ln N − G(nᵢ)], G(n) = ψ(n) + ½ (−1)ⁿ [ψ((n+1)/2) − ψ(n/2)].
    """
    total = count.sum()
    n = count[count > 0].astype(np.float64)
    g = digamma(n) + 0.5 * np.where(n % 2, -1.0, 1.0) * (digamma((n + 1) / 2) - digamma(n / 2))
    return float((n * (np.log(total * volume) - g)).sum() / total)


def sampling_variance(count: Counts, density: UniformDensity, energy: Floats | float = 0.0) -> float:
    """Var_p[ln p + energy]/N, freed of the fluctuations of the m occupied cells, which add m/N to the variance."""
    held = count > 0
    n = count.sum()
    p = count[held] / n
    values = density.log_density[held] + np.broadcast_to(energy, count.shape)[held]
    variance = (p * values**2).sum() - (p * values).sum() ** 2
    return float(max(variance - density.occupied / n, 0.0) / n)
