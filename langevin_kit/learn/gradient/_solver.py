"""Ways along a path: steps of one length, or as long as an error allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.learn.gradient._adaptive import Pilot, Trial
from langevin_kit.learn.gradient._engine import Engine
from langevin_kit.learn.gradient._steps import Steps, equal_steps
from langevin_kit.learn.gradient._tableau import TABLEAUS, Tableau
from langevin_kit.system.arguments import above_zero, at_least_zero

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Way:
    """Steps along a path.

    Attributes
    ----------
    intervals : list of Steps
        Of each interval between times.
    evaluations : int
        Of the velocity, to choose them.
    states : list of (d, N)
        Where the intervals end, if that is known by then.
    stages : list of arrays
        Of each step, with them.
    """

    intervals: list[Steps]
    evaluations: int = 0
    states: list[NDArray[np.floating]] = field(default_factory=list)
    stages: list[NDArray[np.floating]] = field(default_factory=list)


class Solver(Protocol):
    """How steps are chosen."""

    @property
    def tableau(self) -> Tableau:
        """The scheme of each."""

    def steps(self, engine: Engine, x: NDArray[np.floating], times: Floats, *, record: bool = False) -> Way:
        """Steps from x on; a solver that goes along them to choose them also records what it comes by."""


@dataclass(frozen=True)
class FixedSteps:
    """Equal steps of an explicit Runge–Kutta scheme.

    Parameters
    ----------
    time_step : float
        Δt; within each interval of observed times a little less, so that the interval is a whole number of steps.
    scheme : str
        "euler", which is Euler–Maruyama at T > 0; "midpoint", "heun", "rk4", "dormand_prince".
    """

    time_step: float
    scheme: str = "rk4"

    def __post_init__(self) -> None:
        above_zero("time_step", self.time_step)
        if self.scheme not in TABLEAUS:
            raise InvalidArgument(f"scheme: got {self.scheme!r}{did_you_mean(self.scheme, TABLEAUS)}.")

    @property
    def tableau(self) -> Tableau:
        """The scheme's coefficients."""
        return TABLEAUS[self.scheme]

    def steps(self, engine: Engine, x: NDArray[np.floating], times: Floats, *, record: bool = False) -> Way:
        """Equal steps in each interval; nothing is evaluated to choose them."""
        return Way(equal_steps(times, self.time_step))


@dataclass(frozen=True)
class DormandPrince:
    r"""Steps of Dormand and Prince's scheme of order 5, with the error of the embedded one held to a tolerance.

    All particles share their steps, and end one at each observed time. A step is taken if

    .. math:: \sqrt{\frac{1}{N d} \sum \left( \frac{e_{in}}{a + r \max(|x_{in}|, |x'_{in}|)} \right)^2} \le 1

    Slopes are those of the steps that were taken, with their lengths held.

    Parameters
    ----------
    rtol, atol : float
        r and a.
    most_steps : int
        Tries after which `NonFinite` is raised.

    Notes
    -----
    Dormand & Prince, J. Comput. Appl. Math. 6, 19, 1980; the first step and the next one's length are those of Hairer,
    Nørsett & Wanner, "Solving Ordinary Differential Equations I", 2nd ed., II.4.
    """

    rtol: float = 1e-5
    atol: float = 1e-5
    most_steps: int = 10_000

    def __post_init__(self) -> None:
        above_zero("rtol", self.rtol)
        at_least_zero("atol", self.atol)

    @property
    def tableau(self) -> Tableau:
        """The scheme's coefficients."""
        return TABLEAUS["dormand_prince"]

    def steps(self, engine: Engine, x: NDArray[np.floating], times: Floats, *, record: bool = False) -> Way:
        """Steps of each interval, found by going along them."""
        trial = _Compiled(engine, self.tableau, x.shape[1], record=record)
        pilot = self.pilot(trial, x, float(times[0]), float(times[-1] - times[0]))
        intervals, states, stages = [], [], []
        for end in times[1:]:
            intervals.append(pilot.to(end, lambda _t, _x: stages.append(trial.stages)))
            states.append(pilot.x)
        return Way(intervals, trial.evaluations, states, stages) if record else Way(intervals, trial.evaluations)

    def pilot(self, trial: Trial, x: NDArray[Any], time: float, span: float) -> Pilot:
        """What goes along a path with these tolerances."""
        return Pilot(
            trial, x, time, span, rtol=self.rtol, atol=self.atol, order=self.tableau.order, most=self.most_steps
        )


class _Compiled:
    """Steps of compiled code.

    Attributes
    ----------
    evaluations : int
        Of the velocity.
    stages : array
        Of the step that was tried last, if they are recorded.
    """

    def __init__(self, engine: Engine, tableau: Tableau, n: int, *, record: bool) -> None:
        assert tableau.error is not None
        self._engine, self._tableau, self._error = engine, tableau.to_the_end, tableau.error
        self._rates, self._record = engine.rates(self._tableau.stages, n), record
        self.stages, self.evaluations = engine.stages(0, 0), 0

    def rate(self, x: NDArray[Any], t: float) -> NDArray[Any]:
        """F at a place."""
        rates = self._engine.rates(1, x.shape[1])
        self._engine.forward(x.copy(), Steps(0, np.array([t]), np.array([1.0])), TABLEAUS["euler"], rates=rates)
        self.evaluations += 1
        found: NDArray[Any] = rates[0]
        return found

    def attempt(
        self, x: NDArray[Any], t: float, size: float, rate: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Where a step ends, f there, and the difference from the embedded result."""
        end, rates = x.copy(), self._rates
        rates[0] = rate
        if self._record:
            self.stages = self._engine.stages(len(rates), x.shape[1])
        step = Steps(0, np.array([t]), np.array([size]))
        self._engine.forward(end, step, self._tableau, self.stages, rates, known=True)
        self.evaluations += len(rates) - 1
        return end, rates[-1].copy(), np.asarray(size * np.tensordot(self._error, rates, axes=1))
