r"""What leaves a grid at absorbing walls, and when.

An absorbing wall is the outer face of the grid's last cells, where p = 0. A jump along e that would go beyond it meets
it after the share f of its way, so mass leaves at the rate :math:`T λ_e\, B((E_{wall} - E)/T)/f`: f = 1/2 for a jump to
a neighbour, and λₑ a mean over the way. With M the operator and :math:`r_k` the rates by which the wall k takes mass,

.. math:: M^T τ = -1, \qquad M^T π_k = -r_k, \qquad J_k = r_k · P

are the mean first-passage time, the probability to end at the wall k, both from each cell, and the flux into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.fokker_planck._cells import grid_of
from langevin_kit.fokker_planck._selling import jumps
from langevin_kit.system import Grid, System

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Exits:
    """Jumps out of the grid.

    Attributes
    ----------
    cell, rate, wall : (m,)
        From which cell, in C order, at which rate, and into which of the system's `absorbers`.
    direction : (m, d)
        Cells along each axis.
    """

    cell: NDArray[np.int64]
    rate: Floats
    wall: NDArray[np.int64]
    direction: NDArray[np.int64]

    def by_wall(self, n_walls: int, n_cells: int) -> Floats:
        """The rates of each wall and cell (walls, cells)."""
        rates = np.zeros((n_walls, n_cells))
        np.add.at(rates, (self.wall, self.cell), self.rate)
        return rates


def exits(system: System, grid: Grid, t: float, weight: Callable[[Floats], Floats]) -> Exits | None:
    """The jumps to absorbing walls; None where there are none.

    Raises
    ------
    InvalidArgument
        If the energy is not finite at a wall, or the mobility has an antisymmetric part.
    """
    if not system.absorbers:
        return None
    if not system.facts.is_symmetric:
        raise InvalidArgument("mobility: beside absorbing walls the grid takes no antisymmetric part in this version.")
    x, d = grid.centers, len(grid.shape)
    scale = grid.width.reshape(-1, *[1] * x.ndim)
    steps = jumps(system.symmetric_mobility_at(x, t) / (scale * scale.swapaxes(0, 1)))
    x, index = x.reshape(d, -1), np.indices(grid.shape).reshape(d, -1)
    rings = system.walled("periodic")
    parts: list[tuple[Any, ...]] = []
    ways = [(sign * np.array(offset), strength.ravel()) for offset, strength in steps for sign in (1, -1)]
    for offset, strength in ways:
        share = np.full(index.shape, np.inf)
        for a in set(range(d)) - set(rings):
            if offset[a]:
                room = index[a] + 0.5 if offset[a] < 0 else grid.shape[a] - index[a] - 0.5
                share[a] = room / abs(offset[a])
        axis, share = share.argmin(axis=0), share.min(axis=0)
        for k, (a, side) in enumerate(system.absorbers):
            if offset[a] and (side == "lower") == (offset[a] < 0):
                here = np.flatnonzero((axis == a) & (share < 1) & (strength > 0))
                wall = x[:, here] + share[here] * (offset * grid.width)[:, None]
                wall[a] = getattr(system, side)[a]
                potential = [system.effective_energy_at(place, t) for place in (wall, x[:, here])]
                rise = (potential[0] - potential[1]) / system.temperature
                own, there = (system.symmetric_mobility_at(place, t)[a, a] for place in (x[:, here], wall))
                # The harmonic mean over the way: a wall where the mobility vanishes is not reached.
                mean = 2 * strength[here] * there / (own + there)
                rate = system.temperature * mean * weight(rise) / share[here]
                parts.append((here, rate, np.full(len(here), k), np.tile(offset, (len(here), 1))))
    found = Exits(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    if not np.isfinite(found.rate).all():
        raise InvalidArgument(f"energy: it is not finite at an absorbing wall at t = {t:g}; move the wall.")
    return found


def first_passage_time(system: System, grid: Grid, *, weights: str = "scharfetter_gummel") -> xr.DataArray:
    """Mean time until a particle from each cell is absorbed, of second order in the cells' width.

    Parameters
    ----------
    system : System
        Of one or two coordinates, with absorbing walls, constant in time, at T > 0.
    grid : Grid
        It ends at the absorbing walls; no flux passes where it ends elsewhere.
    weights : str
        See `operator`.

    Returns
    -------
    DataArray (*coordinates)

    Raises
    ------
    InvalidArgument
        Without absorbing walls, where they are not the grid's ends, or are not reached; and for a system that depends
        on time.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system = lk.System(energy=0.0, temperature=1.0, walls={"x": lk.absorbing(0.0, 1.0)})
    >>> tau = first_passage_time(system, lk.Grid(x=lk.cells(0, 1, 101)))
    >>> round(float(tau[50]), 5)  # x (1 − x)/2T at x = ½
    0.12501
    """
    about = {"long_name": "mean first-passage time", "units": system.units.get("time", "1")}
    solved = _backward(system, grid, weights, lambda rates: np.ones((1, rates.shape[1])))
    return _on_cells(grid, solved[0], about)


def exit_probability(system: System, grid: Grid, *, weights: str = "scharfetter_gummel") -> xr.DataArray:
    """Probability that a particle from each cell ends at each absorbing wall; parameters are those of the other.

    Returns
    -------
    DataArray (wall, *coordinates)

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system = lk.System(energy=0.0, temperature=1.0, walls={"x": lk.absorbing(0.0, 1.0)})
    >>> exit_probability(system, lk.Grid(x=lk.cells(0, 1, 4))).sel(wall="x upper").values.round(3)
    array([0.125, 0.375, 0.625, 0.875])
    """
    solved = _backward(system, grid, weights, lambda rates: rates)
    rows = [_on_cells(grid, row, {"long_name": "probability to end at the wall"}) for row in solved]
    return xr.concat(rows, xr.Variable("wall", walls(system)), join="exact")


def boundary_flux(system: System, density: xr.DataArray, *, weights: str = "scharfetter_gummel") -> xr.DataArray:
    """Probability that each absorbing wall takes per time.

    Parameters
    ----------
    system : System
    density : DataArray (time, *coordinates)
        From `evolve`.
    weights : str
        See `operator`.

    Returns
    -------
    DataArray (time, wall)

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system = lk.System(energy=0.0, temperature=1.0, walls={"x": lk.absorbing(0.0, 1.0)})
    >>> grid = lk.Grid(x=lk.cells(0, 1, 64))
    >>> p = lk.fokker_planck.evolve(system, grid, initial=lk.initial.point([0.5]), times=[0.0, 0.5, 0.501])
    >>> rate = boundary_flux(system, p)[1].sum() / (p[1].sum() / 64)
    >>> round(float(rate), 2)  # π², at late times
    9.87
    """
    from langevin_kit.fokker_planck.operator import weight_from

    grid, rows = grid_of(density), []
    for t, p in zip(density.time.values, density.values, strict=True):
        found = _require_exits(exits(system, grid, float(t), weight_from(weights)))
        mass = np.asarray(p, np.float64).ravel() * grid.volume
        rows.append(np.bincount(found.wall, found.rate * mass[found.cell], len(system.absorbers)))
    coordinates = {"time": density.time, "wall": walls(system)}
    about = {"long_name": "probability flux into the wall"}
    return xr.DataArray(np.array(rows), coordinates, ("time", "wall"), "boundary_flux", about)


def walls(system: System) -> NDArray[Any]:
    """Names of the absorbing walls."""
    return np.array([f"{system.names[a]} {side}" for a, side in system.absorbers], dtype=object)


def _backward(system: System, grid: Grid, weights: str, right: Callable[[Floats], Floats]) -> Floats:
    """Solve Mᵀ u = −right for each row of `right`, which is given the rates (walls, cells)."""
    from scipy.sparse.linalg import splu

    from langevin_kit.fokker_planck.operator import operator, weight_from

    if system.facts.depends_on_time:
        raise InvalidArgument("system: it depends on time, so that no time is the mean; follow `evolve` instead.")
    matrix = operator(system, grid, weights=weights)
    found = _require_exits(exits(system, grid, 0.0, weight_from(weights)))
    rows = right(found.by_wall(len(system.absorbers), matrix.shape[0]))
    try:
        solution: Floats = splu(matrix.T.tocsc()).solve(-np.ascontiguousarray(rows.T)).T
    except RuntimeError:
        raise InvalidArgument("mobility: from some cells no jump leads to an absorbing wall: ⟨τ⟩ = ∞.") from None
    return solution


def _require_exits(found: Exits | None) -> Exits:
    if found is None:
        raise InvalidArgument("system: it has no absorbing walls; give it some, as in walls={'x': absorbing(0, 1)}.")
    return found


def _on_cells(grid: Grid, values: Floats, about: dict[str, str]) -> xr.DataArray:
    coordinates = {name: axis.centers for name, axis in grid.axes.items()}
    return xr.DataArray(values.reshape(grid.shape), coordinates, grid.names, attrs=about)
