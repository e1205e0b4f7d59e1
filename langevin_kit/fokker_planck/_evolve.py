"""The density in time, by implicit Euler: mass, positivity and a falling free energy at any step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sparse
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate._boltzmann import integrate_cells
from langevin_kit.fokker_planck.operator import operator
from langevin_kit.system import Grid, System
from langevin_kit.system.initial import Initial

Floats = NDArray[np.float64]

MISSED = 1e-3
"""Mass of the initial law that may lie outside the grid, or be lost by integrating it over the cells."""


def evolve(
    system: System,
    grid: Grid,
    *,
    initial: Initial | NDArray[Any],
    times: Sequence[float] | NDArray[Any] | xr.DataArray,
    steps: int = 10,
) -> xr.DataArray:
    """Solve the Fokker–Planck equation of the system on a grid.

    Implicit Euler, first order in time, second in the cell width. Mass is kept to round-off, the density stays
    positive, and for an energy that is constant in time F falls at every step, whatever the step.

    Parameters
    ----------
    system : System
    grid : Grid
        No flux passes its boundary: take it wide enough.
    initial : distribution or array of the grid's shape
        p at the first time.
    times : (n,)
        Increasing.
    steps : int
        Implicit steps between two times.

    Returns
    -------
    DataArray (time, *coordinates)
        The density at the cells' midpoints.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system = lk.System(energy="x**2/2", temperature=1.0)
    >>> p = evolve(system, lk.Grid(x=lk.cells(-6, 6, 200)), initial=lk.initial.gaussian([1.0], 0.25), times=[0.0, 5.0])
    >>> bool(abs((p * p.x).sum("x")[-1] * 0.06) < 0.02)
    True
    """
    instants = np.asarray(times, np.float64)
    if instants.ndim != 1 or not len(instants) or not (np.diff(instants) > 0).all():
        raise InvalidArgument(f"times: got {instants}; increasing numbers are needed.")
    if steps < 1:
        raise InvalidArgument(f"steps: got {steps}; at least 1 is needed.")
    mass = _initial_mass(grid, initial)
    factored: dict[float, Any] = {}
    rows = [mass]
    for start, stop in pairwise(instants):
        dt = (stop - start) / steps
        for k in range(steps):
            if system.facts.depends_on_time or dt not in factored:
                m = operator(system, grid, start + (k + 1) * dt)
                factored = {dt: splu(sparse.csc_array(sparse.eye_array(len(mass)) - dt * m))}
            mass = factored[dt].solve(mass)
        rows.append(mass)
    density = np.stack(rows).reshape(len(instants), *grid.shape) / grid.volume
    axes = {"time": instants, **{name: axis.centers for name, axis in grid.axes.items()}}
    coordinates = {name: (name, values, {"units": system.units.get(name, "1")}) for name, values in axes.items()}
    return xr.DataArray(density, coordinates, ("time", *grid.names), "density", {"long_name": "probability density"})


def _initial_mass(grid: Grid, initial: Initial | NDArray[Any]) -> Floats:
    if not isinstance(initial, np.ndarray):
        mass = integrate_cells(initial.density, grid.edges, order=8)
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
