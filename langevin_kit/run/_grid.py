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


MARGIN = 0.005
"""Kept free on each side, so that no particle starts on the outermost edge."""


def default_grid(system: System, law: Sequence[Boltzmann], position: NDArray[np.float64]) -> Grid:
    """Cover the Boltzmann laws of all saved times and the initial ensemble."""
    boxes = [q.box(REACH) for q in {id(q): q for q in law}.values()]
    lower = np.min([a for a, _ in boxes] + [position.min(axis=1)], axis=0)
    upper = np.max([b for _, b in boxes] + [position.max(axis=1)], axis=0)
    margin = MARGIN * (upper - lower)
    return hull(tuple(system.coordinates), lower - margin, upper + margin, DEFAULT_CELLS[system.n_dim])
