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


def default_grid(system: System, law: Sequence[Boltzmann], position: NDArray[np.float64]) -> Grid:
    """Cover the Boltzmann laws of all saved times, and the initial ensemble if that does not coarsen the cells much."""
    boxes = [q.box(REACH) for q in {id(q): q for q in law}.values()]
    low, high = np.min([a for a, _ in boxes], axis=0), np.max([b for _, b in boxes], axis=0)
    reach = STRETCH * (high - low)
    lower = np.clip(position.min(axis=1), low - reach, low)
    upper = np.clip(position.max(axis=1), high, high + reach)
    margin = MARGIN * (upper - lower)
    return hull(tuple(system.coordinates), lower - margin, upper + margin, DEFAULT_CELLS[system.n_dim])
