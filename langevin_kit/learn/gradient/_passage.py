"""The way forward through all steps, and back: what is kept, and what is made again."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from langevin_kit.codegen.adjoint import STEP_SLOPES
from langevin_kit.learn.gradient._checkpoints import backwards, spine
from langevin_kit.learn.gradient._engine import Engine, together
from langevin_kit.learn.gradient._solver import Way
from langevin_kit.learn.gradient._steps import Steps
from langevin_kit.learn.gradient._tableau import Tableau

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """Steps that are gone back through at once, within one interval."""

    interval: int
    steps: Steps
    is_last: bool


class Passage(ABC):
    """Forward through all steps, and back."""

    def __init__(self, engine: Engine, tableau: Tableau, intervals: Sequence[Steps], longest: int) -> None:
        self.engine, self.tableau, self.intervals = engine, tableau, intervals
        self.pieces = list(_pieces(intervals, longest))
        self.evaluations = self.pullbacks = 0

    def forward(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Where particles are at the end of each interval, (k, d, N), from x on, which is moved."""
        seen = np.empty((len(self.intervals), *x.shape), x.dtype)
        for j, piece in enumerate(self.pieces):
            self.go(j, x)
            if piece.is_last:
                seen[piece.interval] = x
        return seen

    def backward(self, slopes: NDArray[Any]) -> tuple[NDArray[np.floating], Floats, list[Floats]]:
        """∂L/∂x at the beginning, (d, N), slopes in parameters, and those of each interval's steps."""
        slope = np.zeros(slopes.shape[1:], self.engine.dtype)
        total: Floats | float = 0.0
        of_steps = [np.zeros((len(STEP_SLOPES), len(steps))) for steps in self.intervals]
        for j in self.order():
            piece = self.pieces[j]
            if piece.is_last:
                slope += slopes[piece.interval].astype(slope.dtype)
            more, each = self.back(j, slope)
            self.pullbacks += len(piece.steps) * self.tableau.stages
            total = total + more
            low = piece.steps.first - self.intervals[piece.interval].first
            of_steps[piece.interval][:, low : low + len(piece.steps)] += each
        return slope, np.asarray(total), of_steps

    def nothing(self, slopes: NDArray[Any]) -> tuple[NDArray[np.floating], Floats, list[Floats]]:
        """What `backward` gives for slopes of 0."""
        of_steps = [np.zeros((len(STEP_SLOPES), len(steps))) for steps in self.intervals]
        return np.zeros(slopes.shape[1:], self.engine.dtype), np.zeros(self.engine.size), of_steps

    def move(self, j: int, x: NDArray[np.floating], stages: NDArray[np.floating] | None = None) -> None:
        """Take x through a piece."""
        steps = self.pieces[j].steps
        self.engine.forward(x, steps, self.tableau, stages)
        self.evaluations += len(steps) * self.tableau.stages

    @abstractmethod
    def go(self, j: int, x: NDArray[np.floating]) -> None:
        """Take x through a piece for the first time."""

    @abstractmethod
    def order(self) -> Iterator[int]:
        """Pieces in the order in which they are gone back through."""

    @abstractmethod
    def back(self, j: int, slope: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Take slopes back through a piece."""


class Stored(Passage):
    """All stages are kept; those that the solver has recorded are not made again."""

    def __init__(self, engine: Engine, tableau: Tableau, way: Way) -> None:
        longest = 1 if way.stages else max(map(len, way.intervals))
        super().__init__(engine, tableau, way.intervals, longest)
        self._ends, self._stages = way.states, way.stages

    def forward(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.array(self._ends) if self._ends else super().forward(x)

    def go(self, j: int, x: NDArray[np.floating]) -> None:
        self._stages.append(self.engine.stages(len(self.pieces[j].steps) * self.tableau.stages, x.shape[1]))
        self.move(j, x, self._stages[j])

    def order(self) -> Iterator[int]:
        return reversed(range(len(self.pieces)))

    def back(self, j: int, slope: NDArray[np.floating]) -> tuple[Floats, Floats]:
        return self.engine.backward(slope, self.pieces[j].steps, self.tableau, self._stages.pop())


class Checkpointed(Passage):
    """Some states are kept, and pieces are made again from them: stages are those of some particles at a time.

    A piece is so long that its stages take the room of the states.
    """

    def __init__(
        self,
        engine: Engine,
        tableau: Tableau,
        intervals: Sequence[Steps],
        n_particles: int,
        kept: int | Literal["auto"],
    ) -> None:
        n = sum(map(len, intervals))
        share = tableau.stages * together(n_particles) / n_particles
        states = math.ceil(math.sqrt(n * share)) if kept == "auto" else kept + 1
        super().__init__(engine, tableau, intervals, max(1, int(states / share)))
        self._kept = len(self.pieces) - 1 if kept == "auto" else kept
        self._keep = {0, *spine(len(self.pieces), self._kept)}
        self._states: dict[int, NDArray[np.floating]] = {}

    def go(self, j: int, x: NDArray[np.floating]) -> None:
        if j in self._keep:
            self._states[j] = x.copy()
        self.move(j, x)

    def order(self) -> Iterator[int]:
        for what, low, high in backwards(len(self.pieces), self._kept):
            if what == "forget":
                del self._states[low]
                continue
            self._state = self._states[low].copy()
            for j in range(low, high - (what == "reverse")):
                self.move(j, self._state)
            if what == "advance":
                self._states[high] = self._state
            else:
                yield high - 1

    def back(self, j: int, slope: NDArray[np.floating]) -> tuple[Floats, Floats]:
        steps = self.pieces[j].steps
        self.evaluations += len(steps) * self.tableau.stages
        return self.engine.replay(slope, self._state, steps, self.tableau)


def _pieces(intervals: Sequence[Steps], longest: int) -> Iterator[Piece]:
    for i, steps in enumerate(intervals):
        for low in range(0, len(steps), longest):
            high = min(low + longest, len(steps))
            yield Piece(i, steps.part(low, high), high == len(steps))
