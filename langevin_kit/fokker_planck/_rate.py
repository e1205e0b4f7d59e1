r"""Where F falls and where it rises: dF/dt of a density as an integral over places, for any K.

That S is positive is sufficient for F to fall, and not necessary: where S is not, F may rise at some places and still
fall in all. No noise has such an S, so particles cannot follow it; densities can be asked.
"""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.errors import MobilityWarning
from langevin_kit.fokker_planck._cells import grid_of
from langevin_kit.system import System

Floats = NDArray[np.float64]


def free_energy_rate(system: System, density: xr.DataArray) -> xr.Dataset:
    r"""DF/dt of a density that follows the Fokker–Planck equation, place by place.

    .. math:: \frac{dF}{dt} = -\int p\, ∇Φ·S∇Φ\, dx, \qquad Φ = T \ln(p/μ) + E

    with ∇Φ by differences of second order in the cells' width. S need not be positive: it is asked for its sign.

    Parameters
    ----------
    system : System
        At T > 0.
    density : DataArray (time, *coordinates)
        As of `flux`.

    Returns
    -------
    Dataset
        ``integrand`` (time, *coordinates), −p ∇Φ·S∇Φ; ``rate`` (time,), its integral; ``share_rising`` (time,), the
        probability of the places where it is positive.

    Warns
    -----
    MobilityWarning
        If S is not positive semi-definite somewhere on the grid.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system, grid = lk.System(energy="x**2/2", temperature=1.0), lk.Grid(x=lk.cells(-7, 7, 400))
    >>> p = lk.fokker_planck.evolve(system, grid, initial=lk.initial.gaussian([1.0], 1.0), times=[0.0, 1.0])
    >>> free_energy_rate(system, p).rate.values.round(3)  # −⟨x⟩²
    array([-1.   , -0.135])
    """
    grid = grid_of(density)
    d, rings = len(grid.names), [name in system.walls and system.walls[name].kind == "periodic" for name in grid.names]
    integrand = np.empty(density.shape)
    least = np.inf
    for row, t, p in zip(integrand, density.time.values, np.asarray(density.values, np.float64), strict=True):
        S = system.symmetric_mobility_at(grid.centers, float(t))
        least = min(least, float(np.linalg.eigvalsh(np.moveaxis(S.reshape(d, d, -1), -1, 0))[:, 0].min()))
        # Cells without mass carry no flux; the logarithm of the least number keeps their differences finite.
        potential = system.temperature * np.log(np.maximum(p, np.finfo(float).tiny))
        potential += system.effective_energy_at(grid.centers, float(t))
        slope = np.stack([_slope(potential, a, grid.width[a], ring=rings[a]) for a in range(d)])
        row[...] = -p * np.einsum("a...,ab...,b...->...", slope, S, slope)
    if least < 0:
        warnings.warn(
            f"mobility: its symmetric part has the eigenvalue {least:.6g} on the grid. F falls at places where it is "
            "positive; see `share_rising` for the others. No particles can follow it.",
            MobilityWarning,
            stacklevel=2,
        )
    axes = tuple(range(1, d + 1))
    unit = system.units.get("energy", "1")
    return xr.Dataset(
        {
            "integrand": (density.dims, integrand, {"long_name": "−p ∇Φ·S∇Φ"}),
            "rate": (
                "time",
                integrand.sum(axis=axes) * grid.volume,
                {"long_name": "dF/dt", **({"units": unit} if unit == "1" else {})},
            ),
            "share_rising": (
                "time",
                np.where(integrand > 0, density.values, 0.0).sum(axis=axes) * grid.volume,
                {"long_name": "probability of places where F rises", "units": "1"},
            ),
        },
        density.coords,
    )


def _slope(values: Floats, axis: int, width: float, *, ring: bool) -> Floats:
    if ring:
        return np.asarray((np.roll(values, -1, axis) - np.roll(values, 1, axis)) / (2 * width))
    return np.asarray(np.gradient(values, width, axis=axis, edge_order=2))
