"""The density in time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.estimate._boltzmann import integrate_cells
from langevin_kit.fokker_planck._absorbing import exits
from langevin_kit.fokker_planck._steppers import (
    MOST_CELLS,
    ROUND_OFF,
    STEPPERS,
    Resolvent,
    amplification,
    by_eigenvectors,
)
from langevin_kit.fokker_planck.operator import edges, operator, weight_from
from langevin_kit.system import Grid, System
from langevin_kit.system.initial import Gaussian, Initial

Floats = NDArray[np.float64]

MISSED = 1e-3
"""Mass of the initial law that may lie outside the grid, or be lost by integrating it over the cells."""

METHODS = ("auto", "eigenvectors", *STEPPERS)


def evolve(
    system: System,
    grid: Grid,
    *,
    initial: Initial | NDArray[Any] | xr.DataArray,
    times: Sequence[float] | NDArray[Any] | xr.DataArray,
    steps: int = 10,
    method: str = "auto",
    weights: str = "scharfetter_gummel",
) -> xr.DataArray:
    """Solve the Fokker–Planck equation of the system on a grid.

    Second order in the cell width, for any mobility; beside a reflecting wall that K n does not meet at right angles,
    first. Mass is kept to round-off, no density is negative, and the Boltzmann law of the cells stays as it is. At
    absorbing walls, where the grid must end, mass leaves: what is left is the probability of survival.

    Parameters
    ----------
    system : System
        Of one or two coordinates, at T > 0.
    grid : Grid
        No flux passes its boundary: take it wide enough, or let it end at walls. A ring is needed all round.
    initial : distribution or array of the grid's shape
        p at the first time.
    times : (n,)
        Increasing.
    steps : int
        Steps between two times.
    method : str
        "implicit_euler": first order in time; F falls at every step for an energy that is constant in time.
        "sdirk2": second order and L-stable. "eigenvectors": exact in time, for a line of at most 2048 cells and a
        system that is constant in time. "auto": "eigenvectors" where it serves, "sdirk2" otherwise.
    weights : str
        See `operator`.

    Returns
    -------
    DataArray (time, *coordinates)
        The density at the cells' midpoints; attribute ``method`` says what was done.

    Raises
    ------
    InvalidArgument, MobilityNotPositive

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system = lk.System(energy="x**2/2", temperature=1.0)
    >>> p = evolve(system, lk.Grid(x=lk.cells(-6, 6, 200)), initial=lk.initial.gaussian([1.0], 0.25), times=[0.0, 5.0])
    >>> p.attrs["method"], bool(abs((p * p.x).sum("x")[-1] * 0.06) < 0.02)
    ('eigenvectors', True)
    """
    instants = np.asarray(times, np.float64)
    if instants.ndim != 1 or not len(instants) or not (np.diff(instants) > 0).all():
        raise InvalidArgument(f"times: got {instants}; increasing numbers are needed.")
    if steps < 1:
        raise InvalidArgument(f"steps: got {steps}; at least 1 is needed.")
    if method not in METHODS:
        raise InvalidArgument(f"method: got {method!r}{did_you_mean(str(method), METHODS)}.")
    constant, first = not system.facts.depends_on_time, operator(system, grid, instants[0], weights=weights)
    mass = _initial_mass(grid, initial, [system.names[a] for a in system.walled("periodic")])
    hindrance = _hindrance(system, grid, mass, instants[0])
    if method == "eigenvectors" and hindrance:
        raise InvalidArgument(f"method: 'eigenvectors' does not serve: {hindrance}; take 'sdirk2'.")
    chosen = method if method != "auto" else "sdirk2" if hindrance else "eigenvectors"
    if chosen == "eigenvectors":
        leaving = exits(system, grid, instants[0], weight_from(weights))
        lost = None if leaving is None else leaving.by_wall(len(system.absorbers), mass.size).sum(axis=0)
        rows = by_eigenvectors(edges(system, grid, instants[0]), weight_from(weights), mass, instants, lost)
    else:
        resolvent = Resolvent(
            lambda t: first if constant else operator(system, grid, t, weights=weights), constant=constant
        )
        rows = _stepped(resolvent, chosen, mass, instants, steps)
    density = rows.reshape(len(instants), *grid.shape) / grid.volume
    coordinates: dict[str, Any] = {"time": ("time", instants, {"units": system.units.get("time", "1")})}
    for name, axis in grid.axes.items():
        about = {"units": system.units.get(name, "1"), "lower": axis.lower, "upper": axis.upper}
        coordinates[name] = (name, axis.centers, about)
    attrs = {"long_name": "probability density", "method": chosen, "weights": weights}
    return xr.DataArray(density, coordinates, ("time", *grid.names), "density", attrs)


def _stepped(resolvent: Resolvent, method: str, mass: Floats, times: Floats, steps: int) -> Floats:
    rows = [mass]
    for start, stop in pairwise(times):
        dt = (stop - start) / steps
        for k in range(steps):
            mass = np.maximum(STEPPERS[method](resolvent, mass, start + k * dt, dt), 0.0)
        rows.append(mass)
    return np.stack(rows)


def _hindrance(system: System, grid: Grid, mass: Floats, t: float) -> str:
    """Why eigenvectors do not serve; empty if they do."""
    if len(grid.shape) > 1:
        return "the grid is no line"
    if mass.size > MOST_CELLS:
        return f"the grid has {mass.size} cells, more than {MOST_CELLS}"
    if system.facts.depends_on_time:
        return "the system depends on time"
    lost = amplification(edges(system, grid, t), mass)
    return "" if lost < ROUND_OFF else f"it starts where q is so small that round-off would be {lost:.0e} of all mass"


def _initial_mass(grid: Grid, initial: Initial | NDArray[Any] | xr.DataArray, rings: Sequence[str]) -> Floats:
    if isinstance(initial, xr.DataArray):
        initial = initial.values
    if isinstance(initial, Gaussian) and not np.any(initial.covariance):
        return _point(grid, np.array(initial.mean), rings)
    if not isinstance(initial, np.ndarray):
        mass = _integrated(initial, grid, rings)
        if not abs(mass.sum() - 1) < MISSED:
            raise InvalidArgument(
                f"initial: the grid's cells hold {mass.sum():.4g} of its mass; widen the grid, or take finer cells."
            )
        return np.asarray(mass.ravel() / mass.sum())
    density = np.asarray(initial, np.float64)
    if density.shape != grid.shape:
        raise InvalidArgument(f"initial: got shape {density.shape}; a density of shape {grid.shape} is needed.")
    if not (density >= 0).all() or not density.sum() > 0:
        raise InvalidArgument("initial: the density is negative somewhere, or nowhere on the grid positive; widen it.")
    return np.asarray(density.ravel() / density.sum())


TURNS = (-1, 0, 1)
"""Images of an initial law that are laid round a ring."""


def _integrated(initial: Initial, grid: Grid, rings: Sequence[str]) -> Floats:
    """The law's mass in each cell."""
    turns = [TURNS if name in rings else (0,) for name in grid.names]
    lengths = grid.upper - grid.lower
    images = [
        integrate_cells(
            initial.density, [e + k * length for e, k, length in zip(grid.edges, ks, lengths, strict=True)], 8
        )
        for ks in product(*turns)
    ]
    return np.asarray(np.sum(images, axis=0))


def _point(grid: Grid, place: Floats, rings: Sequence[str]) -> Floats:
    """All mass at one place: shared by the cells around it so that the mean is there."""
    mass = np.ones(())
    for (name, axis), x in zip(grid.axes.items(), place, strict=True):
        if name in rings:
            away = np.abs(axis.centers - x) % (axis.upper - axis.lower)
            part = np.maximum(0.0, 1.0 - np.minimum(away, axis.upper - axis.lower - away) / axis.width)
            mass = np.multiply.outer(mass, part)
            continue
        if not axis.lower <= x <= axis.upper:
            raise InvalidArgument(f"initial: the grid ends at {axis.lower:g} and {axis.upper:g}, short of {x:g}.")
        part = np.maximum(0.0, 1.0 - np.abs(axis.centers - x) / axis.width)
        mass = np.multiply.outer(mass, part / part.sum())
    return np.asarray(mass.ravel())
