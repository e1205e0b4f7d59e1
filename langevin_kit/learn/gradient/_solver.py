"""Ways along a path: steps of one length, or as long as an error allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, NonFinite, did_you_mean
from langevin_kit.learn.gradient._engine import Engine
from langevin_kit.learn.gradient._steps import Steps, equal_steps
from langevin_kit.learn.gradient._tableau import TABLEAUS, Tableau
from langevin_kit.system.arguments import above_zero, at_least_zero

Floats = NDArray[np.float64]


class Solver(Protocol):
    """How steps are chosen."""

    @property
    def tableau(self) -> Tableau:
        """The scheme of each."""

    def steps(self, engine: Engine, x: NDArray[np.floating], times: Floats) -> tuple[list[Steps], int]:
        """Steps of each interval between times, and what choosing them cost in evaluations of the velocity."""


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

    def steps(self, engine: Engine, x: NDArray[np.floating], times: Floats) -> tuple[list[Steps], int]:
        """Equal steps in each interval; nothing is evaluated to choose them."""
        return equal_steps(times, self.time_step), 0


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

    def steps(self, engine: Engine, x: NDArray[np.floating], times: Floats) -> tuple[list[Steps], int]:
        """Steps of each interval, found by going along them."""
        pilot = _Pilot(self, engine, x.copy(), times)
        return [pilot.to(end) for end in times[1:]], pilot.evaluations


class _Pilot:
    """Goes along a path step by step, each as long as the error of the one before allows."""

    SAFETY, LEAST, MOST = 0.9, 0.2, 10.0

    def __init__(self, solver: DormandPrince, engine: Engine, x: NDArray[np.floating], times: Floats) -> None:
        self._solver, self._engine, self._x, self._time = solver, engine, x, float(times[0])
        self._rates = engine.stages(solver.tableau.stages, x.shape[1])
        self._begin = engine.stages(1, x.shape[1])
        self._none, self._euler = engine.none(), TABLEAUS["euler"]
        self._next, self._first, self._tries = x.copy(), 0, 0
        self.evaluations = 0
        self._evaluate(x, self._time, self._begin)
        self._length = self._first_length(float(times[-1] - times[0]))

    def to(self, end: float) -> Steps:
        """Steps up to a time."""
        starts, sizes = [], []
        least = 16 * np.finfo(np.float64).eps * max(abs(end), abs(self._time))
        while end - self._time > least:
            left = end - self._time
            is_last = self._length >= left * (1 - 1e-9)
            size = left if is_last else self._length
            error = self._try(size)
            if error <= 1:
                starts.append(self._time)
                sizes.append(size)
                self._time = end if is_last else self._time + size
                self._x, self._next = self._next, self._x
                self._begin[0] = self._last
            factor = self.MOST if error == 0 else min(self.MOST, max(self.LEAST, self.SAFETY * error**-0.2))
            # A step cut short by an observed time says nothing against a longer one.
            self._length = max(self._length, size * factor) if is_last and error <= 1 else size * factor
            if not self._length > least or self._tries > self._solver.most_steps:
                raise NonFinite(
                    f"solver: steps of {self._length:.3g} at t = {self._time:.6g} after {self._tries} tries: the path "
                    "leaves the finite numbers or is stiff; allow a larger error, or bound the field."
                )
        steps = Steps(self._first, np.array(starts), np.array(sizes))
        self._first += len(steps)
        return steps

    def _try(self, size: float) -> float:
        """The error of a step, relative to what is allowed; infinite where it is not finite."""
        tableau, s = self._solver.tableau, Steps(self._first, np.array([self._time]), np.array([size]))
        assert tableau.error is not None
        self._tries += 1
        np.copyto(self._next, self._x)
        self._rates[0] = self._begin[0]
        self._engine.forward(self._next, s, tableau, self._none, self._rates, known=True)
        last = self._engine.stages(1, self._x.shape[1])
        self._evaluate(self._next, self._time + size, last)
        self.evaluations += tableau.stages - 1
        self._last = last[0]
        difference = np.tensordot(tableau.error[:-1], self._rates, axes=1) + tableau.error[-1] * self._last
        error = size * self._norm(difference, np.maximum(abs(self._x), abs(self._next)))
        return error if math.isfinite(error) else math.inf

    def _evaluate(self, x: NDArray[np.floating], t: float, rates: NDArray[np.floating]) -> None:
        moved, s = x.copy(), Steps(0, np.array([t]), np.array([1.0]))
        self._engine.forward(moved, s, self._euler, self._none, rates)
        self.evaluations += 1

    def _norm(self, v: NDArray[np.floating], size: NDArray[np.floating]) -> float:
        with np.errstate(all="ignore"):
            scaled = v / (self._solver.atol + self._solver.rtol * size)
            return float(np.sqrt(np.mean(np.square(scaled, dtype=np.float64))))

    def _first_length(self, whole: float) -> float:
        """Hairer, Nørsett & Wanner's starting step."""
        f, x = self._begin[0], self._x
        size, slope = self._norm(x, abs(x)), self._norm(f, abs(x))
        first = 1e-6 if min(size, slope) < 1e-5 else 0.01 * size / slope
        first = min(first, whole)
        other = self._engine.stages(1, x.shape[1])
        self._evaluate((x + first * f).astype(x.dtype), self._time + first, other)
        curvature = self._norm(other[0] - f, abs(x)) / first
        largest = max(slope, curvature)
        second = max(1e-6, first * 1e-3) if largest <= 1e-15 else (0.01 / largest) ** 0.2
        return min(100 * first, second, whole)
