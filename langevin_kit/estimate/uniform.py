"""p on uniform cells, without q: its entropy, and how far that is to be trusted.

All times at once: each row of a result depends on its own row of the histogram alone, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

RESOLVED = 8
"""Cells an axis, in effect, over which an ensemble must be spread at the coarser of two widths for their entropies to
be compared: with fewer they can agree by accident. The entropy of a narrower ensemble is NaN."""

OUTSIDE = 1e-3
"""Share of the particles beyond the cells' range above which the entropy is NaN."""


@dataclass(frozen=True)
class UniformDensity:
    """p on uniform cells at each time.

    Attributes
    ----------
    log_density : (time, cells…)
        ln p of each cell of the histogram, from merged cells; 0 where there is no particle.
    entropy : (time,)
        H = −∫ p ln p dx, corrected for the counts and the width; NaN if the cells do not resolve p.
    occupied : (time,)
        Number m of occupied merged cells.
    uncertainty : (time,)
        Error of H beyond that of the mean of −ln p: the counts' fluctuations and the extrapolation in width.
    """

    log_density: Floats
    entropy: Floats
    occupied: Counts
    uncertainty: Floats


def uniform_density(histogram: Counts, volume: float, n_outside: Counts) -> UniformDensity:
    """Estimate p and its entropy from histograms of uniform cells, (time, cells…), none of them empty.

    Grassberger's estimator removes the bias of the counts, and two widths h, 2h remove that of the width:
    H = (4 H(h) − H(2h))/3. From the finest cells on they are merged until the correction for the width stands out of
    the counts' fluctuations, or the ensemble is spread over fewer than `RESOLVED` cells an axis; of these widths the
    one with the smallest uncertainty is taken. Each of `n_outside` particles beyond the range, (time,), adds 10/N to
    it.
    """
    n, d, rows = _rows(histogram).sum(axis=1), histogram.ndim - 1, np.arange(len(histogram))
    levels = [histogram]
    while len(levels) < 2 or max(levels[-1].shape[1:]) > 4:
        levels.append(_merged(levels[-1]))
    volumes = [volume * 2.0 ** (d * level) for level in range(len(levels))]
    entropies = np.array([_grassberger(merged, v) for merged, v in zip(levels, volumes, strict=True)])
    corrections = (entropies[:-1] - entropies[1:]) / 3
    fluctuations = np.array([_fluctuation(merged) for merged in levels[:-1]])
    spread = np.array([_perplexity(merged) >= RESOLVED**d for merged in levels[1:]])
    # Two widths may agree by accident: the widths beside them have a say.
    finer = np.abs(np.concatenate([corrections[:1], corrections[:-1]]))
    coarser = np.abs(np.concatenate([corrections[1:], corrections[-1:]])) / 4
    width_errors = np.max([np.abs(corrections), finer, coarser], axis=0)
    allowed = np.logical_and.accumulate(spread & (width_errors <= 2 * fluctuations))
    allowed[1:] |= allowed[:-1] & spread[1:]  # and the first width that stands out
    allowed[0] |= spread[0]
    uncertainties = np.where(allowed, np.hypot(fluctuations, width_errors), np.inf)
    best = uncertainties.argmin(axis=0)
    outside = n_outside / n
    resolved = allowed.any(axis=0) & (outside <= OUTSIDE)
    log_density, occupied = np.zeros(histogram.shape), np.zeros(len(histogram), np.int64)
    for level in np.unique(best):
        of_level = best == level
        merged = levels[level][of_level]
        with np.errstate(divide="ignore"):
            value = np.log(merged / (n[of_level] * volumes[level]).reshape(-1, *[1] * d))
        for axis, size in enumerate(histogram.shape[1:], 1):
            value = np.take(value, np.arange(size) >> level, axis=axis)
        log_density[of_level] = np.where(value == -np.inf, 0.0, value)
        occupied[of_level] = np.count_nonzero(_rows(merged), axis=1)
    entropy = np.where(resolved, (entropies[:-1] + corrections)[best, rows], np.nan)
    uncertainty = np.where(resolved, np.hypot(uncertainties[best, rows], 10 * outside), np.nan)
    return UniformDensity(log_density, entropy, occupied, uncertainty)


def sampling_variance(histogram: Counts, density: UniformDensity, energy: Floats | float = 0.0) -> Floats:
    """Var_p[ln p + energy]/N, freed of the fluctuations of the m occupied cells, which add m/N to the variance."""
    count = _rows(histogram)
    n = count.sum(axis=1)
    p = count / n[:, None]
    values = np.where(count > 0, _rows(density.log_density + energy), 0.0)
    variance = (p * values**2).sum(axis=1) - (p * values).sum(axis=1) ** 2
    return np.asarray(np.maximum(variance - density.occupied / n, 0.0) / n)


def _rows(cells: NDArray[Any]) -> NDArray[Any]:
    return cells.reshape(len(cells), -1)


def _fluctuation(histogram: Counts) -> Floats:
    """√(m/2)/N times the 4/3 of the extrapolation, and a bias that Grassberger's estimator may leave in singletons."""
    count = _rows(histogram)
    occupied, singletons = np.count_nonzero(count, axis=1), np.count_nonzero(count == 1, axis=1)
    return np.asarray((4 / 3 * np.sqrt(occupied / 2) + 0.5 * singletons) / count.sum(axis=1))


def _perplexity(histogram: Counts) -> Floats:
    """The number of equally likely cells with the same entropy."""
    from scipy.special import xlogy

    count = _rows(histogram)
    n = count.sum(axis=1)
    return np.asarray(n * np.exp(-xlogy(count, count).sum(axis=1) / n))


def _merged(histogram: Counts) -> Counts:
    """Add cells in pairs along every axis; an odd last cell stays alone."""
    for axis in range(1, histogram.ndim):
        histogram = np.add.reduceat(histogram, np.arange(0, histogram.shape[axis], 2), axis=axis)
    return histogram


def _grassberger(histogram: Counts, volume: float) -> Floats:
    """H of a density that is constant in each cell, nearly unbiased down to cells with few particles.

    Grassberger (2003), eq. 30: Σ (nᵢ/N) [ln N − G(nᵢ)], G(n) = ψ(n) + ½ (−1)ⁿ [ψ((n+1)/2) − ψ(n/2)], which by the
    duplication formula of ψ is ψ(⌊n/2⌋ + ½) + ln 2.
    """
    from scipy.special import digamma

    count = _rows(histogram)
    n = count.sum(axis=1)
    g = np.zeros(count.shape)
    g[count > 0] = digamma(count[count > 0] // 2 + 0.5)  # with `where` SciPy's own writes beyond its arrays
    return np.asarray(np.log(n * (volume / 2)) - (count * g).sum(axis=1) / n)
