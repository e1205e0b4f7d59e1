"""KL(p‖q) from bins of equal q-mass.

The bins are made of whole cells of the histogram, so q's mass in each is exact although nearly, not exactly, equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

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

    def wide(self, values: Floats) -> Floats:
        """Sums over the bins of twice the width, from (time, B)."""
        return np.asarray(np.add.reduceat(values[:, self._order], self._starts, axis=1))

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self.parent, kind="stable")

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.flatnonzero(np.diff(self.parent[self._order], prepend=-1))


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
    per_axis, least = _resolution(d, n_particles, most)
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


def bins_of_each(
    cell_mass: Floats, n_particles: int, histogram: Counts, known: dict[tuple[int, ...], Bins]
) -> Iterator[tuple[NDArray[np.int64], Bins]]:
    """The bins of each of some ensembles, (time, cells…), with the rows that they serve.

    In one dimension few kinds differ, by how often the tails are halved: `known` holds those that were made before.
    """
    if cell_mass.ndim > 1:
        for row, count in enumerate(histogram):
            yield np.array([row]), equal_mass_bins(cell_mass, n_particles, count=count)
        return
    kinds, kind = np.unique(
        np.stack(_halvings(cell_mass, *_resolution(1, n_particles), histogram), axis=1), axis=0, return_inverse=True
    )
    for i, key in enumerate(map(tuple, kinds.tolist())):
        rows = np.flatnonzero(kind.ravel() == i)
        if key not in known:
            known[key] = equal_mass_bins(cell_mass, n_particles, count=histogram[rows[0]])
        yield rows, known[key]


def _resolution(d: int, n_particles: int, most: int | None = None) -> tuple[int, float]:
    """Bins an axis, and the least mass of one in a tail."""
    least = PER_BIN / n_particles
    return int(min(most or BINS[d], max(2, least ** (-1 / d)))), least


def _quantile(mass: Floats, n: int, least: float, count: Counts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Label cells by n quantiles, the outer ones halved; and by every second of these.

    Shares are counted from the nearer end, so that both tails are as exact, however thin.
    """
    (left,), (right,) = _halvings(mass, n, least, count[None])
    below, low = _edges(mass, n, left)
    above, high = (side[::-1] for side in _edges(mass[::-1], n, right))
    low, high = low[low <= 0.5], high[high < 0.5]
    every_second = np.arange(len(low) + len(high)) % 2 == 1
    return _between(below, low, above, high), _between(
        below, low[every_second[: len(low)]], above, high[every_second[len(low) :]]
    )


def _halvings(mass: Floats, n: int, least: float, histogram: Counts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each of some ensembles, (time, cells), has the first and the last of n bins of equal mass halved."""
    share, found = HALVES / n, []
    for m, count in ((mass, histogram), (mass[::-1], histogram[:, ::-1])):
        below, total = _shares(m)
        held = np.zeros((len(count), len(m) + 1), np.int64)
        held[:, 1:] = np.where(total > 0, np.cumsum(count, axis=1), 0)
        found.append(((share >= least) | (held[:, np.searchsorted(below, share)] >= HELD)).sum(axis=1))
    return found[0], found[1]


def _edges(mass: Floats, n: int, halved: int) -> tuple[Floats, Floats]:
    """The share of the mass below the middle of each cell, and the shares at which bins end, the first ones halved."""
    return _shares(mass)[0], np.concatenate([HALVES[:halved][::-1] / n, np.arange(1, n) / n])


def _shares(mass: Floats) -> tuple[Floats, Floats]:
    total = np.cumsum(mass)
    return (total - 0.5 * mass) / total[-1], total


def _between(below: Floats, low: Floats, above: Floats, high: Floats) -> NDArray[np.int64]:
    """Number of edges to the left: `low` ascends from the left end, `high` descends to the right one."""
    return np.searchsorted(low, below) + len(high) - np.searchsorted(high[::-1], above)


@np.errstate(divide="ignore", over="ignore", invalid="ignore")
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
    64 bins say 4.1); and where particles are in a bin whose q is too small for a float.
    """
    count = bins.count(histogram)
    n = count.sum(axis=1)
    p, p_wide = count / n[:, None], bins.wide(count) / n[:, None]
    fine, wide = _surprise(p, bins.mass), _surprise(p_wide, bins.wide(bins.mass[None])[0])
    # An empty bin has no fluctuation and adds no bias.
    occupied, occupied_wide = p > 0, p_wide > 0
    dof, more = occupied.sum(axis=1) - 1, occupied.sum(axis=1) - occupied_wide.sum(axis=1)
    bias = (bins.wide(occupied.astype(np.float64)) - occupied_wide) / (2 * n[:, None])
    lost = bins.wide(p * (fine - wide[:, bins.parent])) - bias
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
