"""Particles one at a time, through the very code that moves the ensemble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import codegen
from langevin_kit.schemes import Scheme
from langevin_kit.system import System

State = NDArray[np.floating]


@dataclass(frozen=True)
class Paths:
    """All that decides a particle's path: noise is a pure function of (key, particle, step).

    Attributes
    ----------
    start : callable
        Number of a particle → its state at step 0, positions and turns (rows, 1), in the run's dtype.
    """

    system: System
    scheme: Scheme
    dtype: str
    time_step: float
    key: tuple[np.uint32, np.uint32]
    start: Callable[[int], State]

    @cached_property
    def _stepper(self) -> ModuleType:
        return codegen.stepper(self.system, self.scheme, self.dtype)

    @cached_property
    def _constants(self) -> tuple[Any, ...]:
        values = self.scheme.values(self.system, self.time_step)
        return values, self.time_step, self.system.temperature, *self.key

    def advance(self, state: State, particle: int, first: int, n_steps: int) -> State:
        """Its state (rows, 1) at step `first` + `n_steps` from that at step `first`."""
        state = state.copy()
        self._stepper.advance(state, 0, 1, 1, first, n_steps, *self._constants, particle)
        return state

    def before_loss(self, particle: int, last: int) -> tuple[State, int]:
        """The last finite state of a particle that is not finite at step `last`, and its step.

        A place that is not finite never becomes finite again, so the step is found by bisection.
        """
        state, low, high = self.start(particle), 0, last
        while high - low > 1:
            middle = (low + high) // 2
            there = self.advance(state, particle, low, middle - low)
            if np.isfinite(there).all():
                state, low = there, middle
            else:
                high = middle
        return state, low
