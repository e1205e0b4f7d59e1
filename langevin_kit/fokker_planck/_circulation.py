r"""An antisymmetric mobility A = a(x, y, t) [[0, 1], [−1, 0]] on a grid in the plane.

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


def with_circulation(
    symmetric: sparse.csc_array, system: System, grid: Grid, t: float, circulation: str | float
) -> sparse.csc_array:
    """Add the flux of A to an operator of the symmetric part.

    Raises
    ------
    InvalidArgument
        On a line, and with periodic coordinates.
    """
    if len(grid.shape) != 2 or system.walled("periodic"):
        raise InvalidArgument("circulation: a grid in the plane without periodic coordinates is needed.")
    strength = System(energy=circulation, temperature=1.0, coordinates=system.names, parameters=dict(system.parameters))
    corners = np.stack(np.meshgrid(*grid.edges, indexing="ij"))
    a = np.zeros(corners.shape[1:])
    a[1:-1, 1:-1] = strength.energy_at(corners[:, 1:-1, 1:-1], t)
    a *= system.temperature / grid.volume
    at_corner, at_cell = (system.energy_at(x, t) / system.temperature for x in (corners, grid.centers))
    number = np.arange(at_cell.size).reshape(grid.shape)
    rates = sparse.lil_array(symmetric.shape)
    for axis, sign in ((0, 1.0), (1, -1.0)):
        strengths, energies, own = (np.moveaxis(v, axis, 0) for v in (sign * a, at_corner, at_cell))
        i, j = (np.moveaxis(number, axis, 0)[s].ravel() for s in (slice(None, -1), slice(1, None)))
        out, back = (_curl(strengths[1:-1], energies[1:-1], energy) for energy in (own[:-1], own[1:]))
        negative = (np.asarray(symmetric[j, i]) + 0.5 * out < 0) | (np.asarray(symmetric[i, j]) - 0.5 * back < 0)
        rates[j, i] = np.where(negative, np.maximum(out, 0.0), 0.5 * out)
        rates[i, j] = np.where(negative, np.maximum(-back, 0.0), -0.5 * back)
    added = sparse.csc_array(rates)
    left: Floats = np.asarray(added.sum(axis=0)).ravel()
    return sparse.csc_array(symmetric + added - sparse.diags_array(left))


def _curl(strength: Floats, energy: Floats, own: Floats) -> Floats:
    """ψ at the second corner of each face less that at the first, over q of the cell beside it."""
    first, second = (strength[:, s] * np.exp(own - energy[:, s]) for s in (slice(None, -1), slice(1, None)))
    return np.asarray((second - first).ravel())
