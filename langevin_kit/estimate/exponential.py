r"""KL(p‖q) within the exponential family :math:`p_θ ∝ q\,e^{θ·φ}`, φ polynomials that are orthonormal under q.

The member with the moments of p has, for any p,

.. math:: KL(p‖q) = KL(p‖p_θ) + KL(p_θ‖q), \qquad KL(p_θ‖q) = \max_θ\, θ·⟨φ⟩_p - \ln ⟨e^{θ·φ}⟩_q

so that the estimate is a lower bound, with as few degrees of freedom as there are polynomials: the last of a relaxation
is seen far below what bins can see. For a Gaussian q the polynomials are Hermite's.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from langevin_kit.estimate.binned import ALARM, Estimate
from langevin_kit.system import Grid

Floats = NDArray[np.float64]

DEGREE = 4
"""Of the polynomials, all coordinates together."""

STEPS = 60
"""Of Newton's method, at most."""

KNOWN = 1e-13
"""What a further step would add to KL when the maximum counts as found: above round-off, far below any error."""


def polynomials(grid: Grid, mass: Floats, degree: int = DEGREE) -> Floats:
    """Polynomials (m, cells) at the cells' midpoints, orthonormal under the masses of q, the constant left out.

    Examples
    --------
    >>> from langevin_kit.system import cells
    >>> grid = Grid(x=cells(-8, 8, 400))
    >>> q = np.exp(-grid.centers[0] ** 2 / 2)
    >>> he = polynomials(grid, q / q.sum(), 2)
    >>> (he[:, 250] - [grid.centers[0, 250], (grid.centers[0, 250] ** 2 - 1) / 2**0.5]).round(9) + 0.0
    array([0., 0.])
    """
    x, weight = grid.centers.reshape(len(grid.shape), -1), mass.ravel()
    mean = x @ weight
    u = (x - mean[:, None]) / np.sqrt((x - mean[:, None]) ** 2 @ weight)[:, None]
    powers = [k for k in product(range(degree + 1), repeat=len(u)) if sum(k) <= degree]
    raw = np.stack([np.prod(u ** np.array(k)[:, None], axis=0) for k in sorted(powers, key=lambda k: (sum(k), k))])
    triangle: Floats = np.asarray(np.linalg.qr((raw * np.sqrt(weight)).T, mode="r"))
    # Values where the mass is 0 are those of the same polynomials.
    values = np.linalg.solve(triangle.T, raw) * np.sign(np.diag(triangle))[:, None]
    return np.asarray(values[1:])


def kl_divergence(phi: Floats, mass: Floats, histogram: NDArray[np.int64]) -> Estimate:
    r"""Estimate KL(p_θ‖q) at each time, freed of bias.

    .. math:: \hat{KL} - \frac{tr\, J^{-1}C}{2N}, \qquad
              s^2 = \frac{(θ·Cθ - tr (J^{-1}C)^2/N)_+}{N} + \frac{tr (J^{-1}C)^2}{2N^2}

    with C and J the covariances of φ under p and under p_θ; near q both are 1, and 2N KL + m is χ² with m degrees of
    freedom.

    Parameters
    ----------
    phi : (m, cells)
        From `polynomials`.
    mass : (cells…)
        q's masses.
    histogram : (time, cells…)

    Returns
    -------
    Estimate
        NaN where no member of the family is found that has the moments of p.
    """
    rows = [_one(phi, mass.ravel(), count.ravel()) for count in histogram]
    value, stderr = np.array(rows).T
    return Estimate(value, stderr)


def _one(phi: Floats, mass: Floats, count: NDArray[np.int64]) -> tuple[float, float]:
    n = count.sum()
    held = count > 0
    p, seen = count[held] / n, phi[:, held]
    target = seen @ p
    theta, value, j = _maximum(phi, mass, target)
    if not np.isfinite(value):
        return np.nan, np.nan
    c = (seen * p) @ seen.T - np.outer(target, target)
    ratio = np.linalg.solve(j, c)
    chance = float((ratio * ratio.T).sum())
    spread = max(float(theta @ c @ theta) - chance / n, 0.0)
    return value - float(np.trace(ratio)) / (2 * n), float(np.sqrt(spread / n + chance / (2 * n**2)))


def _maximum(phi: Floats, mass: Floats, target: Floats) -> tuple[Floats, float, Floats]:
    """θ, the maximum, and the covariance of φ there; by Newton's method with steps halved while they lose."""
    theta = np.zeros(len(target))
    value, slope, j = _objective(phi, mass, target, theta)
    for _ in range(STEPS):
        try:
            step = np.linalg.solve(j, slope)
        except np.linalg.LinAlgError:
            break
        gain, share = float(slope @ step), 1.0
        if gain < KNOWN:
            return theta, value, j
        while share > 1e-6:
            trial = _objective(phi, mass, target, theta + share * step)
            if trial[0] >= value + 0.1 * share * gain - KNOWN:
                break
            share *= 0.5
        else:
            break
        theta, (value, slope, j) = theta + share * step, trial
    return theta, np.nan, j


def _objective(phi: Floats, mass: Floats, target: Floats, theta: Floats) -> tuple[float, Floats, Floats]:
    exponent = theta @ phi
    top = float(exponent.max())
    weight = mass * np.exp(exponent - top)
    z = float(weight.sum())
    weight = weight / z
    mean = phi @ weight
    covariance = (phi * weight) @ phi.T - np.outer(mean, mean)
    return float(theta @ target) - top - float(np.log(z)), target - mean, covariance


def kl_floor(m: int, n_particles: int) -> float:
    """The value that the estimate exceeds with probability `ALARM` when p = q.

    Examples
    --------
    >>> round(1e6 * kl_floor(4, 10**6), 1)
    7.2
    """
    from scipy.special import chdtri

    return float((chdtri(m, ALARM) - m) / (2 * n_particles))
