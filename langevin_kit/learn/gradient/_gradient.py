"""What every gradient provider takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.random import RNG
from langevin_kit.system import System

Floats = NDArray[np.float64]


class Objective(Protocol):
    """A loss of where an ensemble is at some times."""

    def value(self, times: Floats, states: NDArray[Any]) -> Any:
        """L of states (k, d, N) at k times."""

    def slopes(self, times: Floats, states: NDArray[Any]) -> tuple[Any, NDArray[Any], dict[str, Floats]]:
        """L, ∂L/∂(states) of shape (k, d, N), and ∂L/∂θ in parameters of its own."""


class ParticleObjective(Objective, Protocol):
    """A loss that is a mean over particles and times."""

    def each(self, times: Floats, states: NDArray[Any]) -> NDArray[Any]:
        """ℓ of each particle at each time, (k, N), whose mean is L."""


@dataclass(frozen=True)
class Evaluations:
    """How often the velocity was computed, and how often slopes were pulled back through it, for all particles."""

    forward: int
    backward: int


@dataclass(frozen=True, eq=False)
class Gradient:
    """A loss and its slopes.

    Attributes
    ----------
    loss : float
    parameters : mapping of str to array
        ∂L/∂θ of the system's parameters, each of its parameter's shape.
    initial : (N, d)
        ∂L/∂x of each particle where it began.
    objective : mapping of str to array
        ∂L/∂θ of the loss's own parameters.
    times : (k + 1,), or None
        ∂L/∂t of the beginning and of each time, where they were asked for: an exact derivative of the steps taken.
    temperature : float, or None
        ∂L/∂T with the same normals, where slopes in times were asked for and T > 0.
    states : (k, N, d)
        Where particles were.
    evaluations : Evaluations
    """

    loss: float
    parameters: Mapping[str, Floats]
    initial: Floats
    objective: Mapping[str, Floats] = field(default_factory=dict)
    times: Floats | None = None
    temperature: float | None = None
    states: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))
    evaluations: Evaluations = Evaluations(0, 0)


class WithoutSlopes:
    """An objective that only looks where particles are: providers do not go back for it."""

    def value(self, times: Floats, states: NDArray[Any]) -> Any:
        """0."""
        return 0.0

    def each(self, times: Floats, states: NDArray[Any]) -> Floats:
        """0 for each particle at each time."""
        return np.zeros((len(states), states.shape[-1]))

    def slopes(self, times: Floats, states: NDArray[Any]) -> tuple[Any, NDArray[Any], dict[str, Floats]]:
        """The value, and slopes of 0."""
        return self.value(times, states), np.zeros(states.shape), {}


def require_objective(objective: Any) -> None:
    """Refuse what has no slopes.

    Raises
    ------
    InvalidArgument
    """
    if not hasattr(objective, "slopes"):
        raise InvalidArgument(
            f"objective: got {type(objective).__name__}; a loss with its targets is needed: loss.of(system, y=...)."
        )


class GradientProvider(Protocol):
    """A way to the slopes of a loss."""

    def gradient(
        self,
        system: System,
        initial: ArrayLike,
        times: ArrayLike,
        objective: Objective,
        *,
        learn: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        rng: RNG = None,
    ) -> Gradient:
        """The loss and its slopes.

        Parameters
        ----------
        system : System
            Of vectors.
        initial : (N, d)
            Where particles begin.
        times : (k + 1,)
            The beginning, and k later times at which the objective looks.
        objective : Objective
            Such as `Loss.of`.
        learn : sequence of str, optional
            Parameters whose slopes are wanted; all that move particles if left out.
        parameters : mapping of str to array, optional
            Values in the place of the system's.
        rng : int, SeedSequence, Generator or None
            The seed of the noise, at T > 0.
        """
