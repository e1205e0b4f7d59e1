"""Sums of groups of particles, and their merging: the same for every device, in a tree that no device decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.kernels.cpu.tiles import GROUP
from langevin_kit.observables import Plan, Sums
from langevin_kit.system import System

Merge = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]], None]


class Groups:
    """What a device leaves of each group of n particles.

    Attributes
    ----------
    sizes : (groups,)
        Particles that live.
    means, comoments : (groups, q), (groups, p)
        Of the plan's rows and pairs, over the living.
    tops, holders : (groups, e)
        Largest sign·row of each extreme, and the first particle that has it.
    """

    def __init__(self, n: int, plan: Plan) -> None:
        self._n, self._plan = n, plan
        groups = -(-n // GROUP)
        self.sizes = np.empty(groups)
        self.means = np.empty((groups, len(plan.rows)))
        self.comoments = np.empty((groups, len(plan.pairs)))
        self.tops = np.empty((groups, len(plan.extremes)))
        self.holders = np.empty((groups, len(plan.extremes)), np.int64)

    @property
    def tables(self) -> tuple[NDArray[Any], ...]:
        """What the CPU's kernel takes, in its order."""
        plan = self._plan
        return plan.pairs, plan.extremes, self.sizes, self.means, self.comoments, self.tops, self.holders

    def merged(self, merge: Merge) -> Sums:
        """The sums of all; those of the groups are lost."""
        merge(self.sizes, self.means, self.comoments, self._plan.pairs)
        winners = self.tops.argmax(axis=0), np.arange(len(self._plan.extremes))
        n, mean, comoment = int(self.sizes[0]), self.means[0].copy(), self.comoments[0].copy()
        return Sums(n, mean if n else mean * np.nan, comoment, self.tops[winners], self.holders[winners])

    def nonfinite(self, positions: Callable[[int, int], NDArray[np.floating]]) -> NDArray[np.int64]:
        """Numbers of the particles with a non-finite coordinate; groups with finite means have none.

        Parameters
        ----------
        positions : callable
            (low, high) → the coordinates (d, high − low) of these particles.
        """
        found = [np.zeros(0, np.int64)]
        for group in np.flatnonzero(~np.isfinite(self.means[:, : self._plan.d]).all(axis=1)):
            first = int(group) * GROUP
            position = positions(first, min(first + GROUP, self._n))
            found.append(first + np.flatnonzero(~np.isfinite(position).all(axis=0)))
        return np.concatenate(found)


Wall = tuple[int, np.floating, np.floating]


def walls_of(system: System, dtype: np.dtype[np.floating]) -> list[Wall]:
    """Coordinate, lower and upper bound of each wall, as steps know them: in the state's dtype."""
    lower, upper = system.lower.astype(dtype), system.upper.astype(dtype)
    return [(a, lower[a], upper[a]) for a, wall in enumerate(system.each_wall) if wall]


def absorbed_by(system: System, state: NDArray[np.floating]) -> NDArray[np.int64]:
    """How many particles each of the system's absorbing walls has taken; at a corner the first one counts."""
    counts = np.zeros(len(system.absorbers), np.int64)
    if system.absorption_row is not None:
        taken = state[:, state[system.absorption_row] > 0]
        for k, (a, side) in enumerate(system.absorbers):
            at = taken[a] == getattr(system, side)[a].astype(state.dtype)
            counts[k] = np.count_nonzero(at)
            taken = taken[:, ~at]
    return counts


def beyond_walls(position: NDArray[np.floating], walls: Sequence[Wall]) -> NDArray[np.int64]:
    """Which particles are beyond one of the walls; places that are not finite are not."""
    beyond = np.zeros(position.shape[1], bool)
    for a, lower, upper in walls:
        x = position[a]
        # The extremes take a tenth of the time of a mask, and are nearly always enough.
        if not (x.min() >= lower and x.max() <= upper):
            beyond |= ((x < lower) | (x > upper)) & np.isfinite(x)
    return np.flatnonzero(beyond)
