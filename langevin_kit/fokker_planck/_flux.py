r"""What flows where, and how fast F falls.

.. math:: ∂_t p = -∇·(f p),\quad f = -K ∇Φ,\quad Φ = T \ln(p/μ) + E, \qquad \frac{dF}{dt} = -\int p\, ∇Φ·S∇Φ\, dx

Both come from the net jumps along the edges of the grid, so that on it they are exact consequences of dP/dt = M P; an
antisymmetric part of K moves mass, and F no more than its discrete flux does: to second order, not at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.fokker_planck._absorbing import exits
from langevin_kit.fokker_planck._cells import grid_of
from langevin_kit.fokker_planck.operator import Edges, edges, parts, weight_from
from langevin_kit.system import System

Floats = NDArray[np.float64]


def flux(system: System, density: xr.DataArray, *, weights: str = "scharfetter_gummel") -> xr.DataArray:
    """The probability flux f p at the cells' midpoints, to second order in their width.

    Parameters
    ----------
    system : System
    density : DataArray (time, *coordinates)
        From `evolve`; or of an ensemble, its histogram divided by the number of particles and the cells' volume.
    weights : str
        See `operator`.

    Returns
    -------
    DataArray (time, component, *coordinates)

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system, grid = lk.System(energy="x**2/2", temperature=1.0), lk.Grid(x=lk.cells(-6, 6, 200))
    >>> p = lk.fokker_planck.evolve(system, grid, initial=lk.initial.gaussian([1.0], 0.25), times=[0.0, 0.1])
    >>> f = flux(system, p)  # its integral is d⟨x⟩/dt = −⟨x⟩
    >>> float((f[1].sum() * 0.06).round(2)), float(((p * p.x)[1].sum() * 0.06).round(2))
    (-0.9, 0.9)
    """
    grid = grid_of(density)
    number = np.arange(int(np.prod(grid.shape))).reshape(grid.shape)
    rows = np.zeros((density.sizes["time"], len(grid.shape), number.size))
    for row, t, (mass, e, net) in zip(rows, density.time.values, _nets(system, density, weights), strict=True):
        moves = [(e.first, e.second, net)]
        added = None if system.facts.is_symmetric else parts(system, grid, float(t), weights)[1]
        if added is not None:
            jump = added.tocoo()
            of, to = (np.asarray(number, np.int64) for number in (jump.col, jump.row))
            moves.append((of, to, jump.data * mass[of]))
        for first, second, moved in moves:
            places = np.stack(np.unravel_index(second, grid.shape)) - np.stack(np.unravel_index(first, grid.shape))
            for a, (steps, n, width) in enumerate(zip(places, grid.shape, grid.width, strict=True)):
                steps = (steps + n // 2) % n - n // 2  # the short way round a ring
                along = 0.5 * steps * width * moved / grid.volume
                row[a] += np.bincount(first, along, number.size) + np.bincount(second, along, number.size)
        leaving = exits(system, grid, float(t), weight_from(weights))
        if leaving is not None:
            moved = leaving.rate * mass[leaving.cell]
            for a, width in enumerate(grid.width):
                along = 0.5 * np.sign(leaving.direction[:, a]) * width * moved / grid.volume
                row[a] += np.bincount(leaving.cell, along, number.size)
    values = rows.reshape(len(rows), len(grid.shape), *grid.shape)
    coordinates = {"component": list(map(str, system.names)), **density.coords}
    return xr.DataArray(
        values, coordinates, ("time", "component", *grid.names), "flux", {"long_name": "probability flux f p"}
    )


def dissipation(system: System, density: xr.DataArray, *, weights: str = "scharfetter_gummel") -> xr.DataArray:
    """−dF/dt of a density that follows the Fokker–Planck equation on its grid; never negative.

    Parameters are those of `flux`.

    Returns
    -------
    DataArray (time,)

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system, grid = lk.System(energy="x**2/2", temperature=1.0), lk.Grid(x=lk.cells(-7, 7, 400))
    >>> p = lk.fokker_planck.evolve(system, grid, initial=lk.initial.gaussian([1.0], 1.0), times=[0.0, 1.0])
    >>> dissipation(system, p).values.round(3)  # ⟨x⟩²
    array([1.   , 0.135])
    """
    if system.absorbers:
        raise InvalidArgument("system: at absorbing walls mass leaves, and F with it; −dF/dt is for all of the mass.")
    rows = []
    for mass, e, net in _nets(system, density, weights):
        # Cells without mass are met far outside, where what flows is as good as nothing too.
        potential = np.log(np.maximum(mass, np.finfo(float).tiny)) + e.energy
        rows.append(system.temperature * float(net @ (potential[e.first] - potential[e.second])))
    unit = system.units.get("energy", "1")
    attrs = {"long_name": "−dF/dt = ∫ p ∇Φ·S∇Φ dx", **({"units": unit} if unit == "1" else {})}
    return xr.DataArray(np.array(rows), {"time": density.time}, ("time",), "dissipation", attrs)


def _nets(system: System, density: xr.DataArray, weights: str) -> Iterator[tuple[Floats, Edges, Floats]]:
    """For each time the cells' masses, the edges, and the mass that goes from first to second per time."""
    grid, weight = grid_of(density), weight_from(weights)
    known: Edges | None = None
    for t, p in zip(density.time.values, density.values, strict=True):
        if known is None or system.facts.depends_on_time:
            known = edges(system, grid, float(t))
        e, mass = known, np.asarray(p, np.float64).ravel() * grid.volume
        net = e.conductance * (weight(e.rise) * mass[e.first] - weight(-e.rise) * mass[e.second])
        yield mass, e, net
