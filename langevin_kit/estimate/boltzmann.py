"""The Boltzmann law q = exp(−E/T)/Z of a system in one or two dimensions, by quadrature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import NotNormalizable
from langevin_kit.system import Grid, System

Floats = NDArray[np.float64]

CUTOFF = 45.0
"""Where (E − min E)/T is beyond this, q is taken as zero: a relative weight of 3e-20."""

_SHELLS = np.concatenate([[0.0], np.logspace(-4, 8, 601)])
_PER_AXIS = {1: 4096, 2: 384}
_QUADRATURE = {1: (2048, 2**17, 6), 2: (256, 1024, 4)}
"""Cells an axis at first and at most, and Gauss–Legendre points a cell, by number of coordinates."""

TOLERANCE = 1e-12
"""Cells are halved until ln Z changes by less than this with the order."""


@dataclass(frozen=True)
class Boltzmann:
    """The law at one time.

    Attributes
    ----------
    system : System
    time : float
    lower, upper : (d,) arrays
        The box outside of which q is negligible, with (E − min E)/T > `CUTOFF` on all tested shells around it.
    energy_min : float
        The lowest energy that was met.
    log_z : float
        ln Z = ln ∫ exp(−E/T) dx by Gauss–Legendre quadrature in cells of the box.
    log_z_error : float
        Its difference from one order less.
    cells : int
        Cells an axis that the quadrature needed.
    """

    system: System
    time: float
    lower: Floats
    upper: Floats
    energy_min: float
    log_z: float
    log_z_error: float
    cells: int = 0

    def log_density(self, x: Floats) -> Floats:
        """The logarithm of q at x of shape (d, ...)."""
        return -self.system.energy_at(x, self.time) / self.system.temperature - self.log_z

    def box(self, level: float) -> tuple[Floats, Floats]:
        """Corners of the box that holds all points with (E − min E)/T below `level`."""
        n = _PER_AXIS[self.system.n_dim]
        axes = [np.linspace(a, b, n) for a, b in zip(self.lower, self.upper, strict=True)]
        energy = _energy(self.system, np.stack(np.meshgrid(*axes, indexing="ij")), self.time)
        return _bounds(axes, (energy - self.energy_min) / self.system.temperature < level)

    def cell_mass(self, grid: Grid) -> Floats:
        """Masses of q in the cells of the grid; the outermost cells reach to infinity, so the sum is one."""
        padded, inner = [], []
        for axis, low, high in zip(grid.edges, self.lower, self.upper, strict=True):
            before = axis[0] - _reach(axis[1] - axis[0], axis[0] - low)[::-1]
            after = axis[-1] + _reach(axis[1] - axis[0], high - axis[-1])
            padded.append(np.concatenate([before, axis, after]))
            inner.append((len(before), len(axis) - 1))
        mass = integrate_cells(self._weight, padded, order=5)
        for a, (skip, n) in enumerate(inner):
            first = np.concatenate([[0], np.arange(skip + 1, skip + n)])
            mass = np.add.reduceat(mass, first, axis=a)
        return np.asarray(mass / mass.sum())

    def _weight(self, x: Floats) -> Floats:
        return np.exp(-(_energy(self.system, x, self.time) - self.energy_min) / self.system.temperature)

    @cached_property
    def mean_energy(self) -> float:
        """⟨E⟩ under q."""
        edges = [np.linspace(a, b, self.cells + 1) for a, b in zip(self.lower, self.upper, strict=True)]

        def energy_weight(x: Floats) -> Floats:
            weight = self._weight(x)
            return np.where(weight > 0, weight * self.system.energy_at(x, self.time), 0.0)

        return float(integrate_cells(energy_weight, edges, 5).sum() / integrate_cells(self._weight, edges, 5).sum())


def _reach(width: float, distance: float) -> Floats:
    """Distances from an edge that grow from a fraction of a cell to all of `distance`; none if it is not positive."""
    return np.geomspace(min(width, distance) / 16, distance, 128) if distance > 0 else np.empty(0)


def boltzmann(system: System, t: float = 0.0, near: Sequence[float] | Floats | None = None) -> Boltzmann:
    r"""Find where q lives and integrate it: :math:`Z = \int e^{-E(x,t)/T} dx`.

    E is sampled on boxes of half-width 1e-4 … 1e8 around the origin and around `near`; q is normalisable for this
    package if (E − min E)/T stays above `CUTOFF` on all boxes from some size on. A well that is narrower than a
    six-hundredth of its distance from both places, and behind a barrier, can be missed.

    Parameters
    ----------
    near : (d,) array, optional
        A place where the energy is low, such as the initial mean: finds wells that are narrow and far from the origin.

    Raises
    ------
    NotNormalizable
        At T = 0, and where E does not rise.

    Examples
    --------
    >>> round(boltzmann(System(energy="x**2/2", temperature=1.0)).log_z, 12)  # ½ ln 2π
    0.918938533205
    """
    temperature = system.temperature
    if temperature == 0.0:
        raise NotNormalizable("temperature 0 has no Boltzmann law: the ensemble ends in the minima of E.")
    centers = [np.zeros(system.n_dim)] + ([] if near is None else [np.asarray(near, np.float64)])
    minima, places = (np.array(rows) for rows in zip(*(_shells(system, t, c) for c in centers), strict=True))
    energy_min = float(minima.min())
    if energy_min == -np.inf:
        raise NotNormalizable(f"E = {system.energy!r} reaches −∞, so Z = ∫ exp(−E/T) dx diverges at T = {temperature}.")
    low = np.flatnonzero(((minima - energy_min) / temperature < CUTOFF).any(axis=0))
    if low[-1] >= len(_SHELLS) - 2:
        raise NotNormalizable(
            f"E = {system.energy!r} at T = {temperature}: within 1e8 of the origin there is no distance beyond which "
            f"E stays {CUTOFF:g} T above its minimum, so Z = ∫ exp(−E/T) dx is not known to be finite. "
            "Add a confining term to the energy, or raise its strength against T."
        )
    reach = _SHELLS[low[-1] + 1]
    lower, upper = np.min(centers, axis=0) - reach, np.max(centers, axis=0) + reach
    return _integrated(system, t, *_zoom(system, t, lower, upper, places[minima.min(axis=1).argmin()]))


def _shells(system: System, t: float, center: Floats) -> tuple[Floats, Floats]:
    """Lowest E on the surface of each box around `center`, and where the lowest of them is."""
    if system.n_dim == 1:
        points = center[:, None, None] + np.stack([-_SHELLS, _SHELLS])[None]
        energy = _energy(system, points, t)
        return energy.min(axis=0), points[:, *np.unravel_index(energy.argmin(), energy.shape)]
    # Along each square, one side is s in [2k, 2k + 2); the lowest node is looked at more and more closely, since a
    # valley that runs to infinity is narrow against a large box.
    s = np.repeat(np.linspace(0.0, 8.0, 257)[:, None], len(_SHELLS), axis=1)
    step = s[1, 0]
    for _ in range(12):
        points = center[:, None, None] + _square(s) * _SHELLS
        energy = _energy(system, points, t)
        best = np.take_along_axis(s, energy.argmin(axis=0)[None], axis=0)
        s = best + step * np.linspace(-1.0, 1.0, 33)[:, None]
        step /= 16
    lowest = np.unravel_index(energy.argmin(), energy.shape)
    return energy.min(axis=0), points[:, *lowest]


def _square(s: Floats) -> Floats:
    """The point at arc length s, modulo 8, on the square with corners (±1, ±1)."""
    side, along = np.divmod(np.mod(s, 8.0), 2.0)
    u, one = along - 1.0, np.ones_like(s)
    x = np.select([side == 0, side == 1, side == 2], [u, one, -u], -one)
    y = np.select([side == 0, side == 1, side == 2], [-one, u, one], -u)
    return np.stack([x, y])


def _zoom(system: System, t: float, lower: Floats, upper: Floats, lowest: Floats) -> tuple[Floats, Floats, float]:
    """Shrink the box to where q is not negligible, one cell of margin kept; `lowest` is a point known to be inside."""
    n = _PER_AXIS[system.n_dim]
    energy_min = np.inf
    for _ in range(60):
        axes = [np.union1d(np.linspace(a, b, n), x) for a, b, x in zip(lower, upper, lowest, strict=True)]
        energy = _energy(system, np.stack(np.meshgrid(*axes, indexing="ij")), t)
        best = np.unravel_index(energy.argmin(), energy.shape)
        lowest = np.array([axis[i] for axis, i in zip(axes, best, strict=True)])
        energy_min = min(energy_min, float(energy.min()))
        if energy_min == -np.inf:
            raise NotNormalizable(f"E = {system.energy!r} reaches −∞, so Z = ∫ exp(−E/T) dx is not known to be finite.")
        inside = (energy - energy_min) / system.temperature < CUTOFF
        before = upper - lower
        lower, upper = _bounds(axes, inside)
        if np.all(upper - lower > 0.9 * before):
            break
    return lower, upper, energy_min


def _bounds(axes: Sequence[Floats], inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Corners of the box around the marked points, one point of margin kept."""
    corners = []
    for a, axis in enumerate(axes):
        where = np.flatnonzero(inside.any(axis=tuple(b for b in range(len(axes)) if b != a)))
        corners.append((axis[max(where[0] - 1, 0)], axis[min(where[-1] + 1, len(axis) - 1)]))
    lower, upper = np.array(corners).T
    return lower, upper


def _integrated(system: System, t: float, lower: Floats, upper: Floats, energy_min: float) -> Boltzmann:
    draft = Boltzmann(system, t, lower, upper, energy_min, np.nan, np.nan)
    cells, most, order = _QUADRATURE[system.n_dim]
    while True:
        edges = [np.linspace(a, b, cells + 1) for a, b in zip(lower, upper, strict=True)]
        fine, coarse = (np.log(integrate_cells(draft._weight, edges, k).sum()) for k in (order, order - 1))
        error = float(abs(fine - coarse))
        if error < TOLERANCE or cells >= most:
            break
        cells *= 2
    if not error < 1e-6:
        raise NotNormalizable(
            f"E = {system.energy!r} at T = {system.temperature}: quadrature of Z on {cells} cells an axis between "
            f"{lower} and {upper} is uncertain by {error:.1e} in ln Z; at most 1e-6 is allowed. "
            "The energy has structure that is too fine for the box, or a jump: smooth it or treat it in parts."
        )
    return replace(draft, log_z=float(fine - energy_min / system.temperature), log_z_error=error, cells=cells)


def _energy(system: System, x: Floats, t: float) -> Floats:
    """E with +∞ where it has no value."""
    energy = system.energy_at(x, t)
    return np.where(np.isnan(energy), np.inf, energy)


def integrate_cells(f: Callable[[Floats], Floats], edges: Sequence[Floats], order: int) -> Floats:
    """∫ f over each cell of a rectangular mesh, by tensor Gauss–Legendre quadrature."""
    node, weight = np.polynomial.legendre.leggauss(order)
    points = [0.5 * (e[1:] + e[:-1])[:, None] + 0.5 * np.diff(e)[:, None] * node for e in edges]
    values = f(np.stack(np.meshgrid(*(p.ravel() for p in points), indexing="ij")))
    for a, e in enumerate(edges):
        shape = [*values.shape[:a], len(e) - 1, order, *values.shape[a + 1 :]]
        values = np.tensordot(values.reshape(shape), 0.5 * weight, axes=([a + 1], [0]))
        values = values * np.diff(e).reshape([-1 if b == a else 1 for b in range(values.ndim)])
    return np.asarray(values, np.float64)
