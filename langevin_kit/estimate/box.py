"""The box in which the Boltzmann law of one or two coordinates lives: found, not assumed.

E stands for E − T ln μ, where there is a measure.

A coordinate between two walls, or on a ring, is looked at all along. For an unbounded one E is sampled on the surfaces
of boxes that grow, cut off at the walls of the other, until it has risen for good.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import NotNormalizable
from langevin_kit.system import System

Floats = NDArray[np.float64]

CUTOFF = 45.0
"""Where (E − min E)/T is beyond this, q is taken as zero: a relative weight of 3e-20."""

PER_AXIS = {1: 4096, 2: 384}
"""Points an axis of the mesh on which E is looked at, by number of coordinates."""

_SHELLS = np.concatenate([[0.0], np.logspace(-4, 8, 601)])


def equation(system: System) -> str:
    """E, and μ where it is not 1, in words."""
    return f"E = {system.energy!r}{f', μ = {system.measure!r}' if system.facts.has_measure else ''}"


def energy_or_infinity(system: System, x: Floats, t: float) -> Floats:
    """E − T ln μ with +∞ where it has no value, as beyond the edge of a chart."""
    energy = system.effective_energy_at(x, t)
    return np.where(np.isnan(energy), np.inf, energy)


def find_box(system: System, t: float, near: Sequence[float] | Floats | None) -> tuple[Floats, Floats, float]:
    """Corners of the box outside of which q is negligible, and the lowest E that was met.

    Raises
    ------
    NotNormalizable
        Where E does not rise, or reaches −∞.
    """
    low, high = system.lower, system.upper
    closed = np.isfinite(low) & np.isfinite(high)
    middle = np.clip(0.0, low, high)
    middle[closed] = 0.5 * (low[closed] + high[closed])
    centers = [middle] + ([] if near is None else [np.clip(np.asarray(near, np.float64), low, high)])
    minima, places = (np.array(rows) for rows in zip(*(_shells(system, t, c) for c in centers), strict=True))
    energy_min = float(minima.min())
    if energy_min == -np.inf:
        raise _no_minimum(system, energy_min)
    lower, upper = low, high
    if not closed.all():
        within = np.flatnonzero(((minima - energy_min) / system.temperature < CUTOFF).any(axis=0))
        if not len(within) or within[-1] >= len(_SHELLS) - 2:
            raise NotNormalizable(
                f"{equation(system)} at T = {system.temperature}: within 1e8 of the origin there is no distance "
                f"beyond which E stays {CUTOFF:g} T above its minimum, so Z = ∫ exp(−E/T) dx is not known to be "
                "finite. Add a confining term to the energy, or raise its strength against T."
            )
        reach = _SHELLS[within[-1] + 1]
        lower = np.where(closed, low, np.maximum(low, np.min(centers, axis=0) - reach))
        upper = np.where(closed, high, np.minimum(high, np.max(centers, axis=0) + reach))
    return _zoom(system, t, lower, upper, places[minima.min(axis=1).argmin()])


def _shells(system: System, t: float, center: Floats) -> tuple[Floats, Floats]:
    """Lowest E on the surface of each box around `center`, walls left out, and where the lowest of them is."""
    if system.n_dim == 1:
        points, at_wall = _clipped(system, center, np.array([[[-1.0], [1.0]]]))
        energy = np.where(at_wall[0], np.inf, energy_or_infinity(system, points, t))
        return energy.min(axis=0), points.reshape(1, -1)[:, energy.argmin()]
    # Along each square, one side is s in [2k, 2k + 2); the lowest node is looked at more and more closely, since a
    # valley that runs to infinity is narrow against a large box.
    s = np.repeat(np.linspace(0.0, 8.0, 257)[:, None], len(_SHELLS), axis=1)
    step = s[1, 0]
    for _ in range(12):
        corner, face = _square(s)
        points, at_wall = _clipped(system, center, corner)
        hidden = np.take_along_axis(at_wall, face[None], axis=0)[0]
        energy = np.where(hidden, np.inf, energy_or_infinity(system, points, t))
        best = np.take_along_axis(s, energy.argmin(axis=0)[None], axis=0)
        s = best + step * np.linspace(-1.0, 1.0, 33)[:, None]
        step /= 16
    return energy.min(axis=0), points.reshape(2, -1)[:, energy.argmin()]


def _clipped(system: System, center: Floats, u: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The points of [−1, 1]ᵈ on the boxes around `center`, cut off at walls; and where a wall is what ends a box."""
    shape = (-1, 1, 1)
    c, low, high = (bound.reshape(shape) for bound in (center, system.lower, system.upper))
    lower, upper = np.maximum(c - _SHELLS, low), np.minimum(c + _SHELLS, high)
    at_wall = ((u == -1.0) & (c - _SHELLS < low)) | ((u == 1.0) & (c + _SHELLS > high))
    return lower + 0.5 * (u + 1.0) * (upper - lower), at_wall


def _square(s: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The point at arc length s, modulo 8, on the square with corners (±1, ±1), and the axis of its side's normal."""
    side, along = np.divmod(np.mod(s, 8.0), 2.0)
    u, one = along - 1.0, np.ones_like(s)
    x = np.select([side == 0, side == 1, side == 2], [u, one, -u], -one)
    y = np.select([side == 0, side == 1, side == 2], [-one, u, one], -u)
    return np.stack([x, y]), np.where(side % 2 == 0, 1, 0)


def _zoom(system: System, t: float, lower: Floats, upper: Floats, lowest: Floats) -> tuple[Floats, Floats, float]:
    """Shrink the box to where q is not negligible, one cell of margin kept; `lowest` is a point known to be inside."""
    n = PER_AXIS[system.n_dim]
    energy_min = np.inf
    for _ in range(60):
        axes = [_with(np.linspace(a, b, n), x) for a, b, x in zip(lower, upper, lowest, strict=True)]
        energy = energy_or_infinity(system, np.stack(np.meshgrid(*axes, indexing="ij")), t)
        best = np.unravel_index(energy.argmin(), energy.shape)
        lowest = np.array([axis[i] for axis, i in zip(axes, best, strict=True)])
        energy_min = min(energy_min, float(energy.min()))
        if not np.isfinite(energy_min):
            raise _no_minimum(system, energy_min)
        before = upper - lower
        lower, upper = bounds(axes, (energy - energy_min) / system.temperature < CUTOFF)
        if np.all(upper - lower > 0.9 * before):
            break
    return lower, upper, energy_min


def _with(axis: Floats, x: float) -> Floats:
    """Put a point into its place on a sorted axis, once; `np.union1d` does it too, but imports numpy.ma."""
    place = int(np.searchsorted(axis, x))
    return axis if place < len(axis) and axis[place] == x else np.insert(axis, place, x)


def bounds(axes: Sequence[Floats], inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Corners of the box around the marked points, one point of margin kept."""
    corners = []
    for a, axis in enumerate(axes):
        where = np.flatnonzero(inside.any(axis=tuple(b for b in range(len(axes)) if b != a)))
        corners.append((axis[max(where[0] - 1, 0)], axis[min(where[-1] + 1, len(axis) - 1)]))
    lower, upper = np.array(corners).T
    return lower, upper


def _no_minimum(system: System, energy_min: float) -> NotNormalizable:
    what = "reaches −∞" if energy_min == -np.inf else "has no finite value"
    return NotNormalizable(
        f"{equation(system)} {what}, so Z = ∫ exp(−E/T) dx is not known to be finite at T = {system.temperature}."
    )
