"""Any number of coordinates: the Gaussian law of a quadratic energy, and signs that another energy confines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import NotNormalizable
from langevin_kit.system import System

Floats = NDArray[np.float64]
Gaussian = tuple[Floats, Floats]
"""Mean (d,) and covariance (d, d)."""

RAYS = 256
"""Random directions along which E is followed, beside those of the axes."""

_RADII = np.logspace(6, 9, 4)


def gaussian_law(system: System, t: float = 0.0) -> Gaussian:
    r"""Mean and covariance of :math:`q ∝ e^{-E/T}` for a quadratic energy.

    .. math:: E = E_0 + g·x + ½ x·Hx, \qquad ⟨x⟩ = -H^{-1}g, \quad Cov(x) = T H^{-1}

    Raises
    ------
    NotNormalizable
        Unless H ≻ 0.

    Examples
    --------
    >>> mean, covariance = gaussian_law(System(energy="2*(x - 1)**2", temperature=0.5))
    >>> float(mean[0]), float(covariance[0, 0])
    (1.0, 0.125)
    """
    origin = np.zeros(system.n_dim)
    hessian = system.hessian(origin, t)
    values, vectors = np.linalg.eigh(hessian)
    if not values[0] > 1e-14 * abs(values[-1]):
        raise NotNormalizable(
            f"E = {system.energy!r} is quadratic with curvature {values[0]:.3g} along "
            f"{np.round(vectors[:, 0], 3).tolist()}, so Z = ∫ exp(−E/T) dx diverges. Add a confining term."
        )
    inverse = (vectors / values) @ vectors.T
    return -inverse @ system.gradient(origin, t), system.temperature * 0.5 * (inverse + inverse.T)


def rises(system: System, t: float = 0.0, near: Sequence[float] | Floats | None = None) -> str:
    """Say along how many rays from `near` E/T rises faster than d ln r, as a finite Z needs: a sign, not a proof.

    Coordinates with two walls are random on each ray; of those with one wall the ray goes to the open side.

    Raises
    ------
    NotNormalizable
        With a direction along which it does not.

    Examples
    --------
    >>> rises(System(energy="x**4", temperature=1.0))
    'E rises on all 258 tested rays'
    """
    low, high = system.lower, system.upper
    closed = np.isfinite(low) & np.isfinite(high)
    if closed.all():
        return "Z is finite, since walls close the domain"
    rng = np.random.default_rng(0)
    d = system.n_dim
    ray = np.concatenate([np.eye(d), -np.eye(d), rng.standard_normal((RAYS, d))]).T
    ray = np.where(np.isfinite(low)[:, None], abs(ray), np.where(np.isfinite(high)[:, None], -abs(ray), ray))
    ray[closed] = 0.0
    ray = ray[:, np.linalg.norm(ray, axis=0) > 0]
    ray = ray / np.linalg.norm(ray, axis=0)
    start = np.clip(np.zeros(d) if near is None else np.asarray(near, np.float64), low, high)
    foot = np.repeat(start[:, None], ray.shape[1], axis=1)
    foot[closed] = rng.uniform(low[closed, None], high[closed, None], (int(closed.sum()), ray.shape[1]))
    energy = system.effective_energy_at(foot[:, :, None] + ray[:, :, None] * _RADII, t) / system.temperature
    height = np.where(np.isnan(energy), np.inf, energy) - int((~closed).sum()) * np.log(_RADII)
    with np.errstate(invalid="ignore"):
        steps = np.where(np.isposinf(height[:, 1:]), np.inf, np.diff(height, axis=1))
    falls = np.flatnonzero(~(steps > 0).all(axis=1))
    if len(falls):
        raise NotNormalizable(
            f"E does not rise faster than d T ln r on {len(falls)} of {ray.shape[1]} tested rays, such as that along "
            f"{np.round(ray[:, falls[0]], 3).tolist()}, so Z = ∫ exp(−E/T) dx is not known to be finite. "
            "Add a confining term to the energy, or raise its strength against T."
        )
    return f"E rises on all {ray.shape[1]} tested rays"
