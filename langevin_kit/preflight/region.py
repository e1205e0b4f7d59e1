"""Where particles may go: the points at which `check` looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate import Boltzmann
from langevin_kit.system import System

Floats = NDArray[np.float64]

TYPICAL = 12.0
"""(E − min E)/T of the region in which derivatives, mobility and stiffness are looked at; of E − T ln μ for E."""

_MESH = {1: 4001, 2: 161}
"""Points an axis of the mesh over the Boltzmann law, by number of coordinates."""

BESIDE = 1e-4
"""Share of the walls' distance within which nothing of a vector system is looked at."""

ASIDE = 1e-6
"""Share of its size by which a component that may be on a kink is moved off it."""

_MOST, _LEAST, _WORK = 4096, 8, 2**24
"""How many points are sampled: at most, at least, and times d³, the work of a matrix's eigenvalues."""


def region(system: System, law: Boltzmann | None, positions: NDArray[np.floating] | None, t: float) -> Floats:
    """Points (d, n): a mesh over the law, or with more than two coordinates a sample of it; and the positions.

    Without a law, a sample of a domain that is closed on all sides, if noise may carry particles anywhere.
    """
    d, parts = system.n_dim, []
    count = int(np.clip(_WORK // d**3, _LEAST, _MOST))
    rng = np.random.default_rng(0)
    if law is not None:
        if d <= 2:
            x = mesh(law)
        else:
            assert law.gaussian is not None
            mean, covariance = law.gaussian
            x = mean[:, None] + np.linalg.cholesky(covariance) @ rng.standard_normal((d, count))
        energy = system.effective_energy_at(x, t)
        typical = TYPICAL * system.temperature if d <= 2 else np.inf
        parts.append(x[:, energy - np.nanmin(energy) < typical])
    elif system.temperature and np.isfinite(system.lower).all() and np.isfinite(system.upper).all():
        parts.append(rng.uniform(system.lower[:, None], system.upper[:, None], (d, count)))
    if positions is not None:
        parts.append(np.asarray(positions[:, :: max(1, -(-positions.shape[1] // count))], np.float64))
    x = np.concatenate(parts, axis=1) if parts else np.empty((d, 0))
    if system.is_dense and system.facts.has_kinks:  # on a kink, as at patterns of ±1, E has two slopes
        x = x + ASIDE * (1 + np.abs(x)) * rng.standard_normal(x.shape)
    # On a wall, where no component of a vector ever is, ∇E may be infinite, and close by its digits may be lost.
    return away_from_walls(system, x, BESIDE) if system.is_dense else x


def away_from_walls(system: System, x: Floats, share: float) -> Floats:
    """Points (d, n), each coordinate at least a share of the walls' distance, or of 1, away from its walls."""
    margin = share * np.where(np.isfinite(system.upper - system.lower), system.upper - system.lower, 1.0)[:, None]
    return np.clip(x, system.lower[:, None] + margin, system.upper[:, None] - margin)


def mesh(law: Boltzmann) -> Floats:
    """Points (d, n) all over the box in which a law of one or two coordinates lives."""
    d = len(law.lower)
    axes = [np.linspace(a, b, _MESH[d]) for a, b in zip(law.lower, law.upper, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij")).reshape(d, -1)


def place(system: System, x: Floats, t: float) -> str:
    """A point and a time, in words."""
    where = [f"{name} = {value:.6g}" for name, value in zip(system.names, x, strict=True)]
    if len(where) > 6:
        where[3:-1] = ["…"]
    return f"{', '.join(where)}, t = {t:g}"


def require_inside(system: System, positions: NDArray[np.floating]) -> None:
    """Refuse particles that start beyond a wall."""
    for a, (name, wall) in enumerate(zip(system.names, system.each_wall, strict=True)):
        if wall is None or wall.kind == "periodic":
            continue
        beyond = (positions[a] < wall.lower) | (positions[a] > wall.upper)
        if beyond.any():
            first = int(beyond.argmax())
            raise InvalidArgument(
                f"initial: {int(beyond.sum())} of {len(beyond)} particles start beyond the walls [{wall.lower:g}, "
                f"{wall.upper:g}] of {name!r}, such as number {first} at {positions[a, first]:.6g}. Start them inside."
            )
