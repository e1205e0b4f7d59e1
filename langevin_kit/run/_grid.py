"""The cells of the histogram when the user gives none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit.estimate import Boltzmann
from langevin_kit.system import Grid, System
from langevin_kit.system.grid import hull

DEFAULT_CELLS = {1: 1024, 2: 256}
"""Cells an axis, by number of coordinates."""

REACH = 20.0
"""(E − min E)/T up to which the cells reach: beyond it is one particle in 10⁸."""

STRETCH = 1.5
"""How far beyond the laws the cells may reach on each side for the initial ensemble, in extents of the laws."""

MARGIN = 0.005
"""Kept free on each side, so that no particle starts on the outermost edge."""

COARSER = 8.0
"""How much longer than what the ensemble needs a closed domain may be for its cells to cover all of it."""


def default_grid(system: System, law: Sequence[Boltzmann], position: NDArray[np.floating]) -> Grid | None:
    """Cover the Boltzmann laws of all saved times, and the initial ensemble if that does not coarsen the cells much.

    Between two walls, or on a ring, the cells are those of the domain, edge to edge; no cell lies beyond a wall, and
    they end at absorbing ones. None without a law, or with more than two coordinates.
    """
    if not len(law) or system.n_dim not in DEFAULT_CELLS:
        return None
    boxes = [q.box(REACH) for q in {id(q): q for q in law}.values()]
    low, high = np.min([a for a, _ in boxes], axis=0), np.max([b for _, b in boxes], axis=0)
    reach = STRETCH * (high - low)
    lower = np.clip(position.min(axis=1), low - reach, low)
    upper = np.clip(position.max(axis=1), high, high + reach)
    margin = MARGIN * (upper - lower)
    lower, upper = np.maximum(lower - margin, system.lower), np.minimum(upper + margin, system.upper)
    whole = system.upper - system.lower < COARSER * (upper - lower)
    lower, upper = np.where(whole, system.lower, lower), np.where(whole, system.upper, upper)
    for a, side in system.absorbers:
        (lower if side == "lower" else upper)[a] = getattr(system, side)[a]
    return hull(tuple(system.names), lower, upper, DEFAULT_CELLS[system.n_dim])
