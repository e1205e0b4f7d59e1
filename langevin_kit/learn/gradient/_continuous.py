"""Adjoints of the equation itself, solved back in time: for checks, and to count what they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.errors import InvalidArgument, NotReversible
from langevin_kit.learn.gradient._gradient import (
    Evaluations,
    Floats,
    Gradient,
    Objective,
    WithoutSlopes,
    require_objective,
)
from langevin_kit.learn.gradient._path import Path
from langevin_kit.learn.gradient._solver import DormandPrince, FixedSteps
from langevin_kit.learn.gradient._steps import equal_steps
from langevin_kit.learn.gradient._tableau import Tableau
from langevin_kit.random import RNG
from langevin_kit.system import System

Rate = Callable[[float, NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class ContinuousAdjoint:
    r"""Slopes of a loss by the adjoint equation, which steps back in time follow as they follow the path.

    .. math:: \dot a = -a \frac{∂f}{∂x}, \qquad \frac{∂L}{∂θ} = \int_{t_0}^{t_1} a \frac{∂f}{∂θ} dt, \qquad
              \frac{∂L}{∂t_1} = a_1 f_1, \quad \frac{∂L}{∂t_0} = -a_0 f_0

    They are those of the steps only as steps become short: with the scheme's order, or order 4 of a path in between
    its steps. Use `DiscreteAdjoint` to learn; this one checks it.

    Parameters
    ----------
    solver : FixedSteps or DormandPrince
        Of the way there, and of the way back.
    backsolve : bool
        Whether x is solved for on the way back, too, as Chen et al. do, so that nothing is kept. Otherwise it comes
        from cubic polynomials between the steps of the way there.
    tolerance : float
        How far x may be, relative to its size, from where it was, once it is solved for back in time.

    Raises
    ------
    NotReversible
        Where it is further: a field that contracts paths spreads their errors on the way back.

    Notes
    -----
    Chen, Rubanova, Bettencourt & Duvenaud, NeurIPS 31, 2018, algorithm 1; Pontryagin et al. 1962.
    """

    solver: FixedSteps | DormandPrince
    backsolve: bool = False
    tolerance: float = 1e-2

    def __post_init__(self) -> None:
        if not isinstance(self.solver, FixedSteps | DormandPrince):
            raise InvalidArgument(f"solver: got {self.solver!r}; FixedSteps or DormandPrince is needed.")
        if not self.tolerance > 0:
            raise InvalidArgument(f"tolerance: got {self.tolerance!r}; above 0 is needed, infinity to look at nothing.")

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
        """The loss and its slopes: see `GradientProvider`. Slopes in times are always among them."""
        require_objective(objective)
        if system.temperature > 0:
            raise InvalidArgument(
                f"temperature: got {system.temperature}; paths of noise have no adjoint equation in this version. Use "
                "DiscreteAdjoint, which replays the noise."
            )
        path = Path.of(system, initial, times, self.solver.tableau, learn, parameters, rng)
        there = _There(path, self.solver)
        states = np.array([there.states[t] for t in path.times[1:]])
        loss, slopes, own = objective.slopes(path.times[1:], states)
        back = _Back(path, there, self)
        in_times = np.zeros(len(path.times))
        a = np.zeros(states.shape[1:])
        for i in range(len(path.times) - 1, 0, -1):
            rate = path.field.velocity_at(states[i - 1], float(path.times[i]), path.values)
            in_times[i] = float((slopes[i - 1] * rate).sum())
            if not isinstance(objective, WithoutSlopes):
                a = back.through(i, states[i - 1], a + slopes[i - 1])
        begin = path.field.velocity_at(path.begin("float64"), float(path.times[0]), path.values)
        in_times[0] = -float((a * begin).sum())
        return Gradient(
            loss=loss,
            parameters=back.slopes,
            initial=np.ascontiguousarray(a.T),
            objective=own,
            times=in_times,
            states=np.ascontiguousarray(np.swapaxes(states, 1, 2)),
            evaluations=Evaluations(there.evaluations, back.evaluations),
        )


class _There:
    """The path on the way there: where it is at each step, and between."""

    def __init__(self, path: Path, solver: FixedSteps | DormandPrince) -> None:
        x: Floats = np.array(path.initial.T)
        shape = x.shape
        self._times: list[float] = [float(path.times[0])]
        self._places = [x]
        self.states: dict[float, Floats] = {}

        def rate(t: float, y: NDArray[Any]) -> NDArray[Any]:
            return path.field.velocity_at(y.reshape(shape), t, path.values).ravel()

        self._rate = rate
        march = _March(rate, solver, x.ravel(), path.times)
        for end in path.times[1:]:
            for t, y in march.to(float(end)):
                self._times.append(t)
                self._places.append(y.reshape(shape))
            self.states[float(end)] = self._places[-1]
        self.evaluations = march.evaluations
        self._rates: dict[int, NDArray[Any]] = {}

    def at(self, t: float) -> NDArray[Any]:
        """The cubic polynomial through both ends of a step with their rates."""
        j = min(max(int(np.searchsorted(self._times, t)) - 1, 0), len(self._times) - 2)
        low, high = self._times[j], self._times[j + 1]
        h, s = high - low, (t - low) / (high - low)
        x0, x1, f0, f1 = self._places[j], self._places[j + 1], self._rate_at(j), self._rate_at(j + 1)
        return np.asarray(
            (1 + 2 * s) * (1 - s) ** 2 * x0
            + s**2 * (3 - 2 * s) * x1
            + h * (s * (1 - s) ** 2 * f0 - s**2 * (1 - s) * f1)
        )

    def _rate_at(self, j: int) -> NDArray[Any]:
        if j not in self._rates:
            self._rates[j] = self._rate(self._times[j], self._places[j].ravel()).reshape(self._places[j].shape)
            self.evaluations += 1
        return self._rates[j]


class _Back:
    """The adjoint equation, from one observed time to the one before."""

    def __init__(self, path: Path, there: _There, given: ContinuousAdjoint) -> None:
        self._path, self._there, self._given = path, there, given
        self.slopes = {name: np.zeros(path.values[name].shape) for name in path.names}
        self.evaluations = 0

    def through(self, i: int, x: Floats, a: Floats) -> Floats:
        """A at the time before the i-th, given x and a at it; slopes in parameters are added."""
        path, given, size, shape = self._path, self._given, x.size, x.shape
        first = size if given.backsolve else 0

        def rate(t: float, y: NDArray[Any]) -> NDArray[Any]:
            place = y[:size].reshape(shape) if given.backsolve else self._there.at(t)
            a_now = y[first : first + size].reshape(shape)
            back, slopes = path.field.pullback_at(place, t, path.values, a_now, path.names)
            own = [path.field.velocity_at(place, t, path.values).ravel()] if given.backsolve else []
            return np.concatenate([*own, -back.ravel(), *(-np.ravel(s) for s in slopes.values())])

        flat = [np.ravel(s) for s in self.slopes.values()]
        y = np.concatenate([*([x.ravel()] if given.backsolve else []), a.ravel(), *flat])
        begin, end = float(path.times[i]), float(path.times[i - 1])
        march = _March(rate, given.solver, y, np.array([begin, end]))
        for _, reached in march.to(end):
            y = reached
        self.evaluations += march.evaluations
        if given.backsolve:
            before = path.initial.T if i == 1 else self._there.states[end]
            self._require_back(y[:size].reshape(shape), before, begin, end)
        at = first + size
        for name, value in self.slopes.items():
            self.slopes[name] = y[at : at + value.size].reshape(value.shape)
            at += value.size
        return y[first : first + size].reshape(shape)

    def _require_back(self, found: Floats, before: Floats, begin: float, end: float) -> None:
        error = float(np.max(abs(found - before)) / max(1e-300, np.max(abs(before))))
        if error <= self._given.tolerance:
            return
        rate = _contraction(self._path, before, end)
        raise NotReversible(
            f"backsolve: solved back from t = {begin:.6g} to {end:.6g}, the path is {error:.3g} of its size from where "
            f"it was; {self._given.tolerance:.3g} is allowed. The field contracts paths at a rate of up to {rate:.3g}, "
            f"and what is lost on the way there grows by up to exp({rate * (begin - end):.3g}) on the way back. Use "
            "DiscreteAdjoint, with checkpoints if memory is short, or EquilibriumAdjoint where paths come to rest."
        )


class _March:
    """Steps of a flat state by either solver, forth or back in time."""

    def __init__(self, rate: Rate, solver: FixedSteps | DormandPrince, y: NDArray[Any], times: Floats) -> None:
        self._rate, self._solver, self._y = rate, solver, y
        self.evaluations = 0
        self._time = float(times[0])
        span = float(times[-1] - times[0])
        self._pilot = solver.pilot(self, y, self._time, span) if isinstance(solver, DormandPrince) else None

    def rate(self, x: NDArray[Any], t: float) -> NDArray[Any]:
        """F at a place."""
        self.evaluations += 1
        return self._rate(t, x)

    def attempt(
        self, x: NDArray[Any], t: float, size: float, rate: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Where a step ends, f there, and the difference from the embedded result."""
        tableau = self._solver.tableau
        assert tableau.error is not None
        rates = self._rates(tableau, x, t, size, rate)
        end = x + size * (tableau.b @ rates)
        last = self.rate(end, t + size)
        return end, last, size * (tableau.error[:-1] @ rates + tableau.error[-1] * last)

    def to(self, end: float) -> list[tuple[float, NDArray[Any]]]:
        """Go on to a time; return when and where each step ended."""
        found: list[tuple[float, NDArray[Any]]] = []
        if self._pilot is not None:
            self._pilot.to(end, lambda t, x: found.append((t, x)))
            return found
        assert isinstance(self._solver, FixedSteps)
        tableau = self._solver.tableau
        begin, sign = self._time, np.sign(end - self._time)
        (steps,) = equal_steps(np.array([0.0, abs(end - begin)]), self._solver.time_step)
        for start, size in zip(steps.starts, steps.sizes, strict=True):
            t = begin + sign * start
            rates = self._rates(tableau, self._y, t, sign * size, self.rate(self._y, t))
            self._y = self._y + sign * size * (tableau.b @ rates)
            found.append((begin + sign * (start + size), self._y))
        self._time = end
        return [*found[:-1], (end, self._y)]

    def _rates(self, tableau: Tableau, x: NDArray[Any], t: float, size: float, rate: NDArray[Any]) -> NDArray[Any]:
        rates = np.empty((tableau.stages, len(x)))
        rates[0] = rate
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found by who asks for the step
            for j in range(1, tableau.stages):
                rates[j] = self.rate(x + size * (tableau.a[j, :j] @ rates[:j]), t + tableau.c[j] * size)
        return rates


def _contraction(path: Path, x: Floats, t: float, most: int = 16) -> float:
    """The fastest rate at which neighbouring paths approach each other, at some particles' places."""
    J = path.field.jacobians_at(x[:, :most], t, path.values, range(len(x)))
    return float(-np.linalg.eigvalsh((J + np.swapaxes(J, 1, 2)) / 2).min())
