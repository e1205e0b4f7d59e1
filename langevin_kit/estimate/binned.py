"""KL(p‖q) from bins of equal q-mass, and the entropy from uniform cells, both from one fine histogram.

The bins are made of whole cells of the histogram, so q's mass in each is exact although nearly, not exactly, equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

BINS = {1: 128, 2: 32}
"""Bins an axis, by number of coordinates, if there are particles enough."""

PER_BIN = 20
"""Least expected number of particles in a bin under q."""

HELD = 50
"""Particles beyond an edge for which a bin is made where fewer than `PER_BIN` are expected: by chance, when p = q, in
one of 10⁸ ensembles."""

HALVES = 0.5 ** np.arange(1, 1000)
"""The shares of an outermost bin that the halvings leave."""

STANDS_OUT = 3.0
"""Standard deviations by which the loss at twice the width must exceed its noise to be extrapolated."""

RESOLVED = 8
"""Cells an axis, in effect, over which an ensemble must be spread at the coarser of two widths for their entropies to
be compared: with fewer they can agree by accident. The entropy of a narrower ensemble is NaN."""

OUTSIDE = 1e-3
"""Share of the particles beyond the cells' range above which the entropy is NaN."""

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
        The bin of each cell.
    mass : (B,)
        q's mass in each bin.
    parent : (B,)
        Which bin of twice the width, along each axis, a bin belongs to.
    """

    label: NDArray[np.int64]
    mass: Floats
    parent: NDArray[np.int64]

    def count(self, histogram: Counts) -> Floats:
        """Particles in each bin, (time, B), from a histogram (time, cells…)."""
        rows = histogram.reshape(len(histogram), -1)
        return np.stack([np.bincount(self.label.ravel(), row, minlength=len(self.mass)) for row in rows])


def equal_mass_bins(
    cell_mass: Floats, n_particles: int, most: int | None = None, *, tails: bool = True, count: Counts | None = None
) -> Bins:
    """Group cells into bins of nearly equal q-mass: along the first axis, then within each group along the second.

    There are at most `most` an axis, `BINS` if left out, beside those of the tails.

    With `tails`, the outermost bins are halved again and again while `PER_BIN` particles are expected in them: an
    ensemble that is broader than q differs from it there. With the `count` of an ensemble they are halved further
    while it has `HELD` particles there, however few are expected.

    Examples
    --------
    >>> equal_mass_bins(np.full(2**16, 2.0**-16), 10**6).mass.size  # 128, and 8 more at each end
    144
    """
    d = cell_mass.ndim
    least = PER_BIN / n_particles
    per_axis = int(min(most or BINS[d], max(2, least ** (-1 / d))))
    held = np.zeros_like(cell_mass, np.int64) if count is None else count
    line, seen = (cell_mass, held) if d == 1 else (cell_mass.sum(axis=1), held.sum(axis=1))
    label, parent = _quantile(line, per_axis, least if tails else np.inf, seen)
    if d == 2:
        outer, outer_parent = label, parent
        label, parent = np.zeros((2, *cell_mass.shape), np.int64)
        for group in np.unique(outer):
            column, seen = cell_mass[outer == group].sum(axis=0), held[outer == group].sum(axis=0)
            share = least / column.sum()
            n = int(np.clip(1 / share, 1, per_axis))
            inner, inner_parent = _quantile(column, n, share if tails else np.inf, seen)
            label[outer == group] = group * cell_mass.size + inner
            parent[outer == group] = outer_parent[outer == group][:, None] * cell_mass.size + inner_parent
    _, first, label = np.unique(label, return_index=True, return_inverse=True)
    _, parent = np.unique(parent.ravel()[first], return_inverse=True)
    label = label.reshape(cell_mass.shape)
    mass = np.bincount(label.ravel(), weights=cell_mass.ravel())
    return Bins(label, np.asarray(mass, np.float64), parent)


def _quantile(mass: Floats, n: int, least: float, count: Counts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Label cells by n quantiles, the outer ones halved; and by every second of these.

    Shares are counted from the nearer end, so that both tails are as exact, however thin.
    """
    below, low = _edges(mass, n, least, count)
    above, high = (side[::-1] for side in _edges(mass[::-1], n, least, count[::-1]))
    low, high = low[low <= 0.5], high[high < 0.5]
    every_second = np.arange(len(low) + len(high)) % 2 == 1
    return _between(below, low, above, high), _between(
        below, low[every_second[: len(low)]], above, high[every_second[len(low) :]]
    )


def _edges(mass: Floats, n: int, least: float, count: Counts) -> tuple[Floats, Floats]:
    """The share of the mass below the middle of each cell, and the shares at which bins end, the first ones halved."""
    total = np.cumsum(mass)
    below = (total - 0.5 * mass) / total[-1]
    halved = HALVES / n
    beyond = np.searchsorted(below, halved)
    held = np.concatenate([[0], np.where(total > 0, np.cumsum(count), 0)])[beyond]
    return below, np.concatenate([halved[(halved >= least) | (held >= HELD)][::-1], np.arange(1, n) / n])


def _between(below: Floats, low: Floats, above: Floats, high: Floats) -> NDArray[np.int64]:
    """Number of edges to the left: `low` ascends from the left end, `high` descends to the right one."""
    return np.searchsorted(low, below) + len(high) - np.searchsorted(high[::-1], above)


def kl_divergence(bins: Bins, histogram: Counts) -> Estimate:
    r"""Estimate KL(p‖q), freed of the bias of the counts (Miller–Madow) and of the bins' width.

    .. math:: \hat{KL} = \sum_b \hat p_b s_b - \frac{B - 1}{2N} + \frac Δ3, \qquad s_b = \ln(\hat p_b / q_b)

    with B the number of occupied bins. Δ, the difference to C bins of twice the width, falls as the square of the
    width: a third of it is what the bins themselves lose, if it stands out of its own noise; otherwise it is taken for
    zero. Its standard error is

    .. math:: s^2 = \frac{(Var_{\hat p}[s + \tfrac13 (s - S)] - k/N)_+}{N} + \frac{k}{2N^2}
              + \left(\frac{Δ}{24}\right)^2 + \left(\frac{(\max_c Δ_c - Δ/8)_+}{3}\right)^2, \qquad
              k = B - 1 + \tfrac79 (B - C)

    with S the surprise in the bin of twice the width: k/N is what the counts' own fluctuations add to the variance. Of
    a smooth p many bins lose a little, and an eighth of the correction is taken for its error; of one with a jump, one
    bin loses most of it, not as the square of the width, and its share of the correction is in doubt.

    NaN where the sum exceeds ½ ln B: bins cannot hold more than ln B, so they would understate it (with KL = 11.6,
    64 bins say 4.1).
    """
    count = bins.count(histogram)
    n = count.sum(axis=1)
    merge = np.eye(bins.parent.max() + 1)[bins.parent]
    p, p_wide = count / n[:, None], count @ merge / n[:, None]
    fine, wide = _surprise(p, bins.mass), _surprise(p_wide, bins.mass @ merge)
    # An empty bin has no fluctuation and adds no bias.
    occupied, occupied_wide = p > 0, p_wide > 0
    dof, more = occupied.sum(axis=1) - 1, occupied.sum(axis=1) - occupied_wide.sum(axis=1)
    bias = (occupied @ merge - occupied_wide) / (2 * n[:, None])
    lost = (p * (fine - wide[:, bins.parent])) @ merge - bias
    total = lost.sum(axis=1)
    share = np.where(total > STANDS_OUT * np.sqrt(more / 2) / n, 1 / 3, 0.0)
    value = (p * fine).sum(axis=1) - dof / (2 * n) + share * total
    influence = fine + share[:, None] * (fine - wide[:, bins.parent])
    variance = (p * influence**2).sum(axis=1) - (p * influence).sum(axis=1) ** 2
    chance = dof + (2 * share + share**2) * more
    jump = np.maximum(lost.max(axis=1) - total / 8, 0.0)
    width = share**2 * ((total / 8) ** 2 + jump**2)
    stderr = np.sqrt(np.maximum(variance - chance / n, 0.0) / n + chance / (2 * n**2) + width)
    saturated = value + dof / (2 * n) > kl_limit(bins)
    return Estimate(np.where(saturated, np.nan, value), np.where(saturated, np.nan, stderr))


def _surprise(p: Floats, mass: Floats) -> Floats:
    """The logarithm of p/q in each bin; 0 where no particle is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, np.log(p / mass), 0.0)


def kl_limit(bins: Bins) -> float:
    """½ ln B, the largest KL that these bins are trusted with."""
    return 0.5 * float(np.log(len(bins.mass)))


def kl_floor(bins: Bins, n_particles: int) -> float:
    """The value that the estimate exceeds with probability `ALARM` when p = q.

    2N KL is then χ² with B − 1 degrees of freedom, times Williams' (1976) factor for finite counts.
    """
    from scipy.special import chdtri

    dof = len(bins.mass) - 1
    if dof == 0:
        return np.inf
    williams = 1 + ((1 / bins.mass).sum() - 1) / (6 * n_particles * dof)
    return float((williams * chdtri(dof, ALARM) - dof) / (2 * n_particles))


@dataclass(frozen=True)
class UniformDensity:
    """p on uniform cells, without q.

    Attributes
    ----------
    log_density : cells
        ln p of each cell of the histogram, from merged cells; −∞ where there is no particle.
    entropy : float
        H = −∫ p ln p dx, corrected for the counts and the width; NaN if the cells do not resolve p.
    occupied : int
        Number m of occupied merged cells.
    uncertainty : float
        Error of H beyond that of the mean of −ln p: the counts' fluctuations and the extrapolation in width.
    """

    log_density: Floats
    entropy: float
    occupied: int
    uncertainty: float


def uniform_density(count: Counts, volume: float, n_outside: int = 0) -> UniformDensity:
    """Estimate p and its entropy from a histogram of uniform cells.

    Grassberger's estimator removes the bias of the counts, and two widths h, 2h remove that of the width:
    H = (4 H(h) − H(2h))/3. From the finest cells on they are merged until the correction for the width stands out of
    the counts' fluctuations, or the ensemble is spread over fewer than `RESOLVED` cells an axis; of these widths the
    one with the smallest uncertainty is taken. Each of `n_outside` particles beyond the range adds 10/N to it.
    """
    levels = [(count, 1)]
    while len(levels) < 2 or max(levels[-1][0].shape) > 4:
        levels.append((_merged(levels[-1][0]), 2 * levels[-1][1]))
    entropies = np.array([_grassberger(merged, volume * factor**count.ndim) for merged, factor in levels])
    corrections = (entropies[:-1] - entropies[1:]) / 3
    fluctuations = np.array([_fluctuation(merged) for merged, _ in levels[:-1]])
    spread = np.array([_perplexity(merged) >= RESOLVED**count.ndim for merged, _ in levels[1:]])
    # Two widths may agree by accident: the widths beside them have a say.
    finer = np.abs(np.concatenate([corrections[:1], corrections[:-1]]))
    coarser = np.abs(np.concatenate([corrections[1:], corrections[-1:]])) / 4
    width_errors = np.max([np.abs(corrections), finer, coarser], axis=0)
    rises = np.flatnonzero(~spread | (width_errors > 2 * fluctuations))
    last = int(rises[0]) if len(rises) else len(spread) - 1
    outside = n_outside / count.sum()
    allowed = (np.arange(len(spread)) <= last) & spread
    uncertainties = np.where(allowed, np.hypot(fluctuations, width_errors), np.inf)
    best = int(np.argmin(uncertainties)) if allowed.any() else 0
    resolved = bool(allowed.any()) and outside <= OUTSIDE
    merged, factor = levels[best]
    with np.errstate(divide="ignore"):
        log_density = np.log(merged / (merged.sum() * volume * factor**count.ndim))
    for axis, n in enumerate(count.shape):
        log_density = np.take(log_density, np.arange(n) // factor, axis=axis)
    entropy = float(entropies[best] + corrections[best]) if resolved else np.nan
    uncertainty = float(np.hypot(uncertainties[best], 10 * outside)) if resolved else np.nan
    return UniformDensity(log_density, entropy, int(np.count_nonzero(merged)), uncertainty)


def _fluctuation(count: Counts) -> float:
    """√(m/2)/N times the 4/3 of the extrapolation, and a bias that Grassberger's estimator may leave in singletons."""
    return float((4 / 3 * np.sqrt(np.count_nonzero(count) / 2) + 0.5 * np.count_nonzero(count == 1)) / count.sum())


def _perplexity(count: Counts) -> float:
    """The number of equally likely cells with the same entropy."""
    p = count[count > 0] / count.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def _merged(count: Counts) -> Counts:
    """Add cells in pairs along every axis; an odd last cell stays alone."""
    for axis in range(count.ndim):
        count = np.add.reduceat(count, np.arange(0, count.shape[axis], 2), axis=axis)
    return count


def _grassberger(count: Counts, volume: float) -> float:
    """H of a density that is constant in each cell, nearly unbiased down to cells with few particles.

    Grassberger (2003), eq. 30: Σ (nᵢ/N) [ln N − G(nᵢ)], G(n) = ψ(n) + ½ (−1)ⁿ [ψ((n+1)/2) − ψ(n/2)].
    """
    from scipy.special import digamma

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
