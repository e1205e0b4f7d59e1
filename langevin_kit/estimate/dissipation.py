r"""How fast F falls, from an ensemble: without a density, without ln Z, without differences.

.. math:: -\frac{dF}{dt} = T^2 ⟨g·Sg⟩_p,\quad g = ∇\ln(p/q), \qquad
          ⟨∇φ·Sg⟩_p = -⟨Lφ⟩_p/T,\quad Lφ = f·∇φ + T S{:}∇∇φ

with f = T μ⁻¹ ∇·(μS) − S ∇E: an antisymmetric part of the mobility does not move F. For a basis φ with
:math:`A_{ij} = ⟨∇φ_i·S∇φ_j⟩` and :math:`c_i = -⟨Lφ_i⟩/T` the projection of g on the gradients gives
:math:`T^2\, c·A^{-1}c`, a lower bound that grows with the basis.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate._boltzmann import Boltzmann
from langevin_kit.estimate.binned import Estimate
from langevin_kit.system import Grid

Floats = NDArray[np.float64]

INTERVALS = {1: 10, 2: 5}
"""Of the splines along each axis, by number of coordinates."""

CUTOFF = 1e-10
"""Share of the largest eigenvalue of A below which a direction is left out: of splines where no particle is."""


def dissipation(
    law: Sequence[Boltzmann], grid: Grid, histogram: NDArray[np.int64], intervals: int | None = None
) -> Estimate:
    r"""Estimate −dF/dt = ∫ p ∇Φ·S∇Φ dx at each time from a fine histogram.

    .. math:: T^2 [\, c·A^{-1}c - tr\, A^{-1}C\,], \qquad
              s^2 = \frac{Var_p[\, 2 T θ·Lφ + T^2 θ·(∇φ·S∇φ)\,θ\,]}{N} + 2 T^4\, tr (A^{-1}C)^2

    with θ = A⁻¹c and C = Cov(c). Of an energy that depends on time dF/dt also has ⟨∂_t E⟩, which is left out.

    Parameters
    ----------
    law : sequence of Boltzmann
        One for each time.
    grid : Grid
    histogram : (time, cells…)
    intervals : int, optional
        Of the cubic B-splines φ along each axis; `INTERVALS` if left out. More of them see finer structure, and more
        chance.

    Returns
    -------
    Estimate

    Raises
    ------
    InvalidArgument
        For a system with walls, at which these φ do not end as they must.

    Examples
    --------
    >>> from langevin_kit import System, boltzmann, cells
    >>> grid = Grid(x=cells(-8, 8, 1024))
    >>> p = np.exp(-(grid.centers[0] - 1) ** 2 / 2)
    >>> count = np.random.default_rng(0).multinomial(10**6, p / p.sum())
    >>> found = dissipation([boltzmann(System(energy="x**2/2", temperature=1.0))], grid, count[None])
    >>> bool(abs(found.value[0] - 1.0) < 4 * found.stderr[0])  # ⟨x⟩²
    True
    """
    if law[0].system.walls:
        raise InvalidArgument("dissipation: a system with walls has no estimate in this version.")
    each = intervals or INTERVALS[len(grid.shape)]
    value, stderr = np.array([_one(q, grid, count, each) for q, count in zip(law, histogram, strict=True)]).T
    return Estimate(value, stderr)


def _one(q: Boltzmann, grid: Grid, count: NDArray[np.int64], intervals: int) -> tuple[float, float]:
    if min(len(np.unique(axis)) for axis in np.nonzero(count)) < 2 * intervals:
        return np.nan, np.nan  # all particles in few cells
    held = count > 0
    n, x, temperature = count.sum(), grid.centers[:, held], q.system.temperature
    p, (slope, bend) = count[held] / n, _splines(grid, count, intervals)
    s = q.system.symmetric_mobility_at(x, q.time)
    flow = np.einsum("abn,mbn->man", s, slope)
    moved = np.einsum("an,man->mn", q.system.reversible_drift_at(x, q.time), slope)
    moved += temperature * np.einsum("abn,mabn->mn", s, bend)
    a = np.einsum("ian,jan,n->ij", slope, flow, p, optimize=True)
    mean = moved @ p
    c = -mean / temperature
    covariance = ((moved * p) @ moved.T - np.outer(mean, mean)) / (n * temperature**2)
    inverse = np.linalg.pinv(a, rcond=CUTOFF, hermitian=True)
    theta, ratio = inverse @ c, inverse @ covariance
    g = np.einsum("m,man->an", theta, slope)
    influence = 2 * temperature * theta @ moved + temperature**2 * (g * np.einsum("m,man->an", theta, flow)).sum(axis=0)
    spread = float(p @ influence**2 - (p @ influence) ** 2) / n
    chance = 2 * temperature**4 * float((ratio * ratio.T).sum())
    value = temperature**2 * (float(c @ theta) - float(np.trace(ratio)))
    return value, float(np.sqrt(max(spread, 0.0) + max(chance, 0.0)))


def _splines(grid: Grid, count: NDArray[np.int64], intervals: int) -> tuple[Floats, Floats]:
    """Gradients (m, d, n) and second derivatives (m, d, d, n) of products of cubic B-splines, in the n occupied cells.

    Their knots lie halfway between equal widths and equal counts: splines must see where g is large, which is where
    particles are few, and not only chance there.
    """
    from scipy.interpolate import BSpline

    places, d = np.nonzero(count), count.ndim
    lines = []
    for a, axis in enumerate(grid.axes.values()):
        share = np.sqrt(count.sum(axis=tuple(b for b in range(d) if b != a)))
        seen = np.flatnonzero(share)
        inner = np.interp(np.arange(1, intervals) / intervals, np.cumsum(share) / share.sum(), axis.centers)
        ends = axis.centers[seen[0]] - axis.width, axis.centers[seen[-1]] + axis.width
        knots = np.concatenate([[ends[0]] * 4, inner, [ends[1]] * 4])
        spline, x = BSpline(knots, np.eye(len(knots) - 4), 3), axis.centers[places[a]]
        lines.append([(spline.derivative(k) if k else spline)(x).T for k in range(3)])

    def derivative(*axes: int) -> Floats:
        parts = [line[axes.count(a)] for a, line in enumerate(lines)]
        whole = parts[0] if d == 1 else (parts[0][:, None] * parts[1]).reshape(-1, len(places[0]))
        return np.asarray(whole[1:])  # their sum is constant: one is left out

    slope = np.stack([derivative(a) for a in range(d)], axis=1)
    bend = np.stack([np.stack([derivative(a, b) for b in range(d)], axis=1) for a in range(d)], axis=1)
    return slope, bend
