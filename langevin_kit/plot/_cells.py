"""Densities from the histogram's cells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

PER_CELL = {1: 2500, 2: 150}
"""Particles that an occupied cell holds on average once cells are merged, by number of coordinates."""

FEWEST = 16
"""Occupied cells an axis that merging leaves at least, so that a narrow density keeps its shape."""


def density(counts: Counts, edges: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
    """Average p over cells that are merged where particles are few, and return their edges with it.

    Outermost cells that hold particles are left out: they reach to infinity and have no width.
    """
    total, edges = int(counts.sum()), list(edges)
    for axis, n in enumerate(counts.shape):
        first, last = (bool(np.take(counts, end, axis=axis).any()) for end in (0, -1))
        inner = slice(int(first), n - int(last))
        counts = counts[(slice(None),) * axis + (inner,)]
        edges[axis] = edges[axis][inner.start : inner.stop + 1]
    d = counts.ndim
    while max(counts.sum() / PER_CELL[d], (2 * FEWEST) ** d) < np.count_nonzero(counts):
        for axis, n in enumerate(counts.shape):
            counts = np.add.reduceat(counts, np.arange(0, n, 2), axis=axis)
            edges[axis] = np.append(edges[axis][:-1:2], edges[axis][-1])
    volume = reduce(np.multiply.outer, [np.diff(axis) for axis in edges])
    return counts / (max(total, 1) * volume), edges


def middle(edges: Floats) -> Floats:
    """Midpoints of cells."""
    return 0.5 * (edges[1:] + edges[:-1])


def is_point(counts: Counts) -> bool:
    """Whether all particles share one cell, so that the histogram says nothing of the density."""
    return int(np.count_nonzero(counts)) <= 1
