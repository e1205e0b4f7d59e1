"""What every backend takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_kit.observables import Plan, Sums
from langevin_kit.schemes import Scheme
from langevin_kit.system import System

PLACES = 3
"""Measurements whose positions are in memory at once: while one is made, two may be on their way to a disk."""


@dataclass(frozen=True)
class Program:
    """All that decides the paths of a run, besides the initial positions, and what is measured of them.

    Attributes
    ----------
    n_kept : int
        Particles, from the first one on, whose positions are a part of each measurement.
    position_bits : int or None
        Bits of the mantissa that these are rounded to, in float32; None for all, in the dtype.
    """

    system: System
    scheme: Scheme
    plan: Plan
    dtype: str
    time_step: float
    key: tuple[np.uint32, np.uint32]
    n_kept: int = 0
    position_bits: int | None = None

    @property
    def temperature(self) -> float:
        """T."""
        return self.system.temperature

    @cached_property
    def parameters(self) -> NDArray[np.float64]:
        """What compiled code takes at run time: the system's values in their order, then the scheme's constants."""
        return self.scheme.values(self.system, self.time_step)


def at_once() -> None:
    """Wait for nothing."""


@dataclass(frozen=True)
class Measurement:
    """The reduced state of an ensemble at one step.

    Attributes
    ----------
    sums : Sums
    histogram : cells or None
    n_outside : int
    nonfinite : (k,)
        Numbers of the particles that left the finite numbers.
    absorbed : (walls,)
        Particles that each of the system's `absorbers` has taken.
    leaked : (k,)
        Numbers of the particles at a finite place that no wall should have let them reach.
    kept : (d, n_kept) or None
        Positions, in memory that is used again `PLACES` measurements later.
    arrive : callable
        Waits until `kept` is filled; call it before that is read.
    """

    sums: Sums
    histogram: NDArray[np.int64] | None
    n_outside: int
    nonfinite: NDArray[np.int64]
    leaked: NDArray[np.int64]
    absorbed: NDArray[np.int64]
    kept: NDArray[np.floating] | None = None
    arrive: Callable[[], None] = at_once


class Ensemble(Protocol):
    """Particles on a device."""

    @property
    def position(self) -> NDArray[np.floating]:
        """Coordinates (d, n), on the host."""

    @property
    def state(self) -> NDArray[np.floating]:
        """Coordinates, and behind them turns and times of absorption (rows, n), on the host.

        What is written to it before the ensemble is entered is where its particles are.
        """

    def __enter__(self) -> Ensemble: ...

    def __exit__(self, *error: object) -> None: ...

    def advance(self, first: int, n_steps: int, report: Callable[[float], None]) -> None:
        """Move all particles from step `first` through `n_steps` steps.

        `report` is called, as parts of the work finish, with time steps; they add up to `n_steps`.
        """

    def measure(self, step: int) -> Measurement:
        """Reduce the ensemble, which has come to this step."""


class Backend(Protocol):
    """A device with its options."""

    @property
    def name(self) -> str:
        """The name `simulate` takes."""

    @property
    def dtype(self) -> str:
        """Of states, if a run does not say."""

    def ensemble(self, program: Program, state: NDArray[np.floating]) -> Ensemble:
        """Put an initial ensemble on the device: positions, turns, times of absorption (rows, n)."""
