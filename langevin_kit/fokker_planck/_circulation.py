r"""The flux of an antisymmetric mobility A = a(x, y, t) [[0, 1], [−1, 0]] on a grid in the plane.

Its flux of the Boltzmann law is a curl: :math:`∇·(q A ∇g) = -∂_x(g\, ∂_y ψ) + ∂_y(g\, ∂_x ψ)` with ψ = T a q, g = p/q.
With ψ at the corners of cells, and 0 on the boundary, the discrete curl has no divergence, so that q stays stationary
to round-off. Central fluxes are of second order; where one would make a rate negative, that face is upwind.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import Grid, System

Floats = NDArray[np.float64]


def circulation(symmetric: sparse.csc_array, system: System, grid: Grid, t: float) -> sparse.csc_array | None:
    """Rates of jumps by A alone, beside the operator of S; None where the system has no A.

    Raises
    ------
    InvalidArgument
        Where A or the energy is not known.
    """
    if system.facts.is_symmetric or len(grid.shape) != 2:
        return None
    corners = np.stack(np.meshgrid(*grid.edges, indexing="ij"))
    k = system.mobility_at(corners, t)
    strength = (k[0, 1] - k[1, 0]) / 2 * system.temperature / grid.volume
    rings = [grid.names.index(system.names[a]) for a in system.walled("periodic")]
    for axis in range(2):
        first, last = (np.moveaxis(strength, axis, 0)[end] for end in (0, -1))
        first[...] = last[...] = first if axis in rings else 0.0
    if not strength.any():
        return None
    at_corner, at_cell = (system.effective_energy_at(x, t) / system.temperature for x in (corners, grid.centers))
    if not np.isfinite(strength).all() or np.isnan(at_corner).any():
        raise InvalidArgument(f"energy or mobility is not known on the grid at t = {t:g}: choose a grid where it is.")
    number = np.arange(at_cell.size).reshape(grid.shape)
    rates = sparse.lil_array(symmetric.shape)
    for axis, sign in ((0, 1.0), (1, -1.0)):
        strengths, energies, own = (np.moveaxis(v, axis, 0) for v in (sign * strength, at_corner, at_cell))
        cells = np.moveaxis(number, axis, 0)
        m = len(own) if axis in rings else len(own) - 1
        i, j = (np.roll(cells, -step, 0)[:m].ravel() for step in (0, 1))
        out, back = (_curl(strengths[1 : m + 1], energies[1 : m + 1], np.roll(own, -step, 0)[:m]) for step in (0, 1))
        negative = (np.asarray(symmetric[j, i]) + 0.5 * out < 0) | (np.asarray(symmetric[i, j]) - 0.5 * back < 0)
        rates[j, i] = np.where(negative, np.maximum(out, 0.0), 0.5 * out)
        rates[i, j] = np.where(negative, np.maximum(-back, 0.0), -0.5 * back)
    return sparse.csc_array(rates)


def _curl(strength: Floats, energy: Floats, own: Floats) -> Floats:
    """ψ at the second corner of each face less that at the first, over q of the cell beside it."""
    first, second = (strength[:, s] * np.exp(own - energy[:, s]) for s in (slice(None, -1), slice(1, None)))
    return np.asarray((second - first).ravel())
