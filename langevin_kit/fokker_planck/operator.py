r"""The Fokker–Planck operator on a grid, with the exact discrete Boltzmann law as its null vector.

.. math:: ∂_t p = ∇·[K p ∇(T \ln p + E)]

Masses of cells jump to neighbours at rates :math:`T K_f/h^2\, B((E_j - E_i)/T)`, B(u) = u/(eᵘ − 1), K at the face
between them (Scharfetter & Gummel 1969). As B(−u) = eᵘ B(u), detailed balance with exp(−E/T) is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, MobilityNotPositive
from langevin_kit.system import Grid, System

Floats = NDArray[np.float64]


def bernoulli(u: Floats) -> Floats:
    """B(u) = u/(exp(u) − 1), 1 at u = 0.

    Examples
    --------
    >>> bernoulli(np.array([0.0, 1e-9, 800.0]))
    array([1., 1., 0.])
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value = u / np.expm1(u)
    return np.where(np.abs(u) < 1e-8, 1.0 - 0.5 * u, value)


def operator(system: System, grid: Grid, t: float = 0.0) -> sparse.csc_array:
    """Assemble M with dP/dt = M P for the cells' masses P, flattened in C order; no flux through the grid's boundary.

    Parameters
    ----------
    system : System
        At temperature T > 0.
    grid : Grid
    t : float
        Time at which E and K are taken.

    Returns
    -------
    csc_array (n, n)
        Columns sum to zero, off-diagonal entries are not negative, and M exp(−E/T) = 0.

    Raises
    ------
    InvalidArgument, MobilityNotPositive

    Examples
    --------
    >>> from langevin_kit.system import cells
    >>> system = System(energy="x**2/2", temperature=1.0)
    >>> m = operator(system, Grid(x=cells(-4, 4, 64)))
    >>> bool(abs(m.sum(axis=0)).max() < 1e-12)
    True
    """
    if system.temperature == 0.0:
        raise InvalidArgument("temperature 0: the Fokker–Planck operator needs T > 0.")
    grid.check(tuple(system.names), "grid")
    _require_supported(system, grid)
    x = grid.centers
    energy = system.energy_at(x, t)
    if not np.isfinite(energy).all():
        where = x.reshape(len(grid.names), -1)[:, int(np.argmax(~np.isfinite(energy)))]
        raise InvalidArgument(f"energy is not finite at {where.tolist()}, t = {t:g}: choose a grid where it is.")
    number = np.arange(energy.size).reshape(energy.shape)
    rows, columns, rates = [], [], []
    for axis, width in enumerate(grid.width):
        here = tuple(slice(None, -1) if a == axis else slice(None) for a in range(x.ndim - 1))
        there = tuple(slice(1, None) if a == axis else slice(None) for a in range(x.ndim - 1))
        face = 0.5 * (x[:, *here] + x[:, *there])
        mobility = system.mobility_at(face, t)[axis, axis]
        if not (mobility >= 0).all():
            low = float(mobility.min())
            raise MobilityNotPositive(f"mobility of {grid.names[axis]!r} is {low:.6g} on the grid at t = {t:g}.")
        rate = system.temperature * mobility / width**2
        step = (energy[there] - energy[here]) / system.temperature
        for source, target, u in ((here, there, step), (there, here, -step)):
            rows.append(number[target].ravel())
            columns.append(number[source].ravel())
            rates.append((rate * bernoulli(u)).ravel())
    entries: Any = (np.concatenate(rates), (np.concatenate(rows), np.concatenate(columns)))
    m = sparse.csc_array(sparse.coo_array(entries, shape=(energy.size, energy.size)))
    return sparse.csc_array(m - sparse.diags_array(np.asarray(m.sum(axis=0)).ravel()))


def _require_supported(system: System, grid: Grid) -> None:
    """Refuse what these two-point fluxes would leave out."""
    left_out = {
        "a mobility with entries beside the diagonal": not system.facts.is_diagonal,
        "an extra drift": system.facts.has_drift,
        "a periodic coordinate": bool(system.walled("periodic")),
    }
    for what, present in left_out.items():
        if present:
            raise InvalidArgument(f"system: the Fokker–Planck grid does not take {what} in this version.")
    for name, low, high, wall in zip(
        grid.names, grid.lower, grid.upper, map(system.walls.get, grid.names), strict=True
    ):
        if wall is not None and (low < wall.lower or high > wall.upper):
            raise InvalidArgument(
                f"grid: {name} goes from {low:g} to {high:g}, beyond its walls at {wall.lower:g} and {wall.upper:g}; "
                "let it end at them."
            )
