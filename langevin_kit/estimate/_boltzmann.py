"""The Boltzmann law q = μ exp(−E/T)/Z of a system: by quadrature, or in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, NotNormalizable
from langevin_kit.estimate.box import CUTOFF, PER_AXIS, bounds, energy_or_infinity, equation, find_box
from langevin_kit.estimate.quadratic import Gaussian, gaussian_law, rises
from langevin_kit.system import Grid, System, reflecting

Floats = NDArray[np.float64]

_QUADRATURE = {1: (2048, 2**17, 6), 2: (128, 512, 6)}
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
        The box outside of which q is negligible or, beyond a wall, zero.
    energy_min : float
        The lowest E − T ln μ that was met.
    log_z : float
        ln Z = ln ∫ μ exp(−E/T) dx, by Gauss–Legendre quadrature in cells of the box or in closed form.
    log_z_error : float
        Its difference from one order less; 0 in closed form.
    cells : int
        Cells an axis that the quadrature needed; 0 without one.
    gaussian : (mean, covariance) or None
        Of the law, if the energy is quadratic and no coordinate has walls.
    """

    system: System
    time: float
    lower: Floats
    upper: Floats
    energy_min: float
    log_z: float
    log_z_error: float
    cells: int = 0
    gaussian: Gaussian | None = None

    @property
    def how(self) -> str:
        """How Z was found, and with it that it is finite."""
        if self.cells:
            return f"quadrature on {'×'.join([str(self.cells)] * self.system.n_dim)} cells"
        return "closed form: quadratic energy"

    def log_density(self, x: Floats) -> Floats:
        """The logarithm of q at x of shape (d, ...); −∞ beyond walls."""
        x = np.asarray(x, np.float64)
        low, high = (bound.reshape(-1, *[1] * (x.ndim - 1)) for bound in (self.system.lower, self.system.upper))
        within = ((x >= low) & (x <= high)).all(axis=0)
        energy = self.system.effective_energy_at(x, self.time)
        return np.where(within, -energy / self.system.temperature - self.log_z, -np.inf)

    def box(self, level: float) -> tuple[Floats, Floats]:
        """Corners of the box that holds all points with (E − T ln μ)/T less than `level` above its least."""
        temperature = self.system.temperature
        if not self.cells and self.gaussian is not None:
            mean, covariance = self.gaussian
            half = np.sqrt(2.0 * level * np.diag(covariance))
            return mean - half, mean + half
        axes = [np.linspace(a, b, PER_AXIS[len(self.lower)]) for a, b in zip(self.lower, self.upper, strict=True)]
        energy = energy_or_infinity(self.system, np.stack(np.meshgrid(*axes, indexing="ij")), self.time)
        return bounds(axes, (energy - self.energy_min) / temperature < level)

    def cell_mass(self, grid: Grid) -> Floats:
        """Masses of q in the cells of the grid; the outermost reach to infinity, or to the walls: the sum is one."""
        if not self.cells:
            raise InvalidArgument(f"cell_mass: {self.system.n_dim} coordinates; cells are for one or two.")
        padded, inner = [], []
        for a, (axis, low, high) in enumerate(zip(grid.edges, self.lower, self.upper, strict=True)):
            before = axis[0] - _reach(axis[1] - axis[0], axis[0] - low)[::-1]
            after = axis[-1] + _reach(axis[1] - axis[0], high - axis[-1])
            padded.append(np.clip(np.concatenate([before, axis, after]), self.system.lower[a], self.system.upper[a]))
            inner.append((len(before), len(axis) - 1))
        mass = integrate_cells(self._weight, padded, order=5)
        for a, (skip, n) in enumerate(inner):
            first = np.concatenate([[0], np.arange(skip + 1, skip + n)])
            mass = np.add.reduceat(mass, first, axis=a)
        return np.asarray(mass / mass.sum())

    def _weight(self, x: Floats) -> Floats:
        return np.exp(-(energy_or_infinity(self.system, x, self.time) - self.energy_min) / self.system.temperature)

    @cached_property
    def mean_energy(self) -> float:
        """⟨E⟩ under q."""
        if not self.cells:
            return self.energy_min + 0.5 * self.system.n_dim * self.system.temperature
        edges = [np.linspace(a, b, self.cells + 1) for a, b in zip(self.lower, self.upper, strict=True)]

        def energy_weight(x: Floats) -> Floats:
            weight = self._weight(x)
            return np.where(weight > 0, weight * self.system.energy_at(x, self.time), 0.0)

        return float(integrate_cells(energy_weight, edges, 5).sum() / integrate_cells(self._weight, edges, 5).sum())


def _reach(width: float, distance: float) -> Floats:
    """Distances from an edge that grow from a fraction of a cell to all of `distance`; none if it is not positive."""
    return np.geomspace(min(width, distance) / 16, distance, 128) if distance > 0 else np.empty(0)


def boltzmann(system: System, t: float = 0.0, near: Sequence[float] | Floats | None = None) -> Boltzmann:
    r"""Find where q lives and integrate it: :math:`Z = \int μ e^{-E(x,t)/T} dx`.

    Coordinates with two walls, or on a ring, are integrated from end to end. For the others E (or E − T ln μ, where
    there is a measure) is sampled on boxes of half-width 1e-4 … 1e8 around the origin and around `near`, cut off at
    walls; q is normalisable for this package if (E − min E)/T stays above 45 on all boxes from some size on. A well
    that is narrower than a six-hundredth of its distance from both places, and behind a barrier, can be missed; so can
    one that is narrower than a four-thousandth of a closed domain, in two dimensions a 384th of it. With more than two
    coordinates only a quadratic energy without walls, and with μ = 1, has its Z, in closed form.

    Parameters
    ----------
    near : (d,) array, optional
        A place where the energy is low, such as the initial mean: finds wells that are narrow and far from the origin.

    Raises
    ------
    NotNormalizable
        At T = 0, where E does not rise, under an extra drift, with absorbing walls, on a manifold, and with more than
        two coordinates unless E is quadratic.

    Examples
    --------
    >>> round(boltzmann(System(energy="x**2/2", temperature=1.0)).log_z, 12)  # ½ ln 2π
    0.918938533205
    >>> from langevin_kit.system import periodic
    >>> ring = System(energy="cos(x)", temperature=1.0, walls={"x": periodic(0.0, 6.283185307179586)})
    >>> round(boltzmann(ring).log_z, 12)  # ln 2π I₀(1)
    2.073791424917
    """
    if system.facts.is_spins:
        raise NotNormalizable("spins have no density: their law is a sum over 2^N states.")
    if system.temperature == 0.0:
        raise NotNormalizable("temperature 0 has no Boltzmann law: the ensemble ends in the minima of E.")
    if system.facts.has_drift:
        raise NotNormalizable("an extra drift that is no −K ∇E has no Boltzmann law in general.")
    if system.absorbers:
        raise NotNormalizable("absorbing walls take the particles: there is no law that stays.")
    if system.retraction:
        raise NotNormalizable(
            f"ln Z not known: {', '.join(map(repr, system.retraction))} returns to a manifold after each step, against "
            "whose volume the law has the density exp(−E/T)."
        )
    _require_bounds(system, t)
    quadratic = system.facts.is_quadratic and not system.walls
    if system.n_dim <= 2:
        law = _integrated(system, t, *find_box(system, t, near))
        return replace(law, gaussian=gaussian_law(system, t)) if quadratic else law
    if quadratic:
        return _closed(system, t, gaussian_law(system, t))
    what = "walls" if system.walls else "no quadratic energy"
    raise NotNormalizable(f"ln Z not known: more than two coordinates and {what}; {rises(system, t, near)}.")


def laws(system: System, times: Sequence[float] | Floats, near: Floats | None = None) -> list[Boltzmann]:
    """The Boltzmann law at each time; one object for all if the energy does not depend on time."""
    if not system.facts.energy_depends_on_time:
        return [boltzmann(system, near=near)] * len(times)
    return [boltzmann(system, float(t), near) for t in times]


def closed_laws(system: System, times: Sequence[float] | Floats, near: Floats | None = None) -> list[Boltzmann]:
    """The laws between walls that reflect what the system's own absorb: where particles are before they are taken.

    None if no wall absorbs, or there is no such law.
    """
    if not system.absorbers:
        return []
    walls = {
        name: reflecting(wall.lower, wall.upper) if wall.kind == "absorbing" else wall
        for name, wall in system.walls.items()
    }
    try:
        return laws(replace(system, walls=walls), times, near)
    except NotNormalizable:
        return []


def _require_bounds(system: System, t: float) -> None:
    """Refuse free diffusion in one line: without forces only walls make Z finite."""
    open_ends = [x for x, a, b in zip(system.names, system.lower, system.upper, strict=True) if not np.isfinite(b - a)]
    if not open_ends or not system.facts.is_quadratic:
        return
    origin = np.zeros(system.n_dim)
    if not system.gradient(origin, t).any() and not system.hessian(origin, t).any():
        more = "" if len(open_ends) <= 3 else f" and {len(open_ends) - 3} more"
        raise NotNormalizable(
            f"free diffusion: no force, and no bounds of {', '.join(open_ends[:3])}{more}, so Z = ∫ exp(−E/T) dx "
            "diverges and there is no law to relax to."
        )


def _closed(system: System, t: float, gaussian: Gaussian) -> Boltzmann:
    mean, covariance = gaussian
    lowest = float(system.energy_at(mean, t))
    half = np.sqrt(2.0 * CUTOFF * np.diag(covariance))
    _, log_det = np.linalg.slogdet(2.0 * np.pi * covariance)
    log_z = float(0.5 * log_det - lowest / system.temperature)
    return Boltzmann(system, t, mean - half, mean + half, lowest, log_z, 0.0, gaussian=gaussian)


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
            f"{equation(system)} at T = {system.temperature}: quadrature of Z on {cells} cells an axis between "
            f"{lower} and {upper} is uncertain by {error:.1e} in ln Z; at most 1e-6 is allowed. "
            "The energy has structure that is too fine for the box, or a jump: smooth it or treat it in parts."
        )
    return replace(draft, log_z=float(fine - energy_min / system.temperature), log_z_error=error, cells=cells)


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
