"""The discrete adjoint: exact slopes of the steps that were taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.backends import CPU
from langevin_kit.codegen.adjoint import STEP_SLOPES
from langevin_kit.errors import InvalidArgument, NonFinite
from langevin_kit.learn.gradient._checkpoints import backwards, spine
from langevin_kit.learn.gradient._engine import Engine
from langevin_kit.learn.gradient._gradient import Evaluations, Floats, Gradient, Objective
from langevin_kit.learn.gradient._path import Path
from langevin_kit.learn.gradient._solver import Solver
from langevin_kit.learn.gradient._steps import Steps
from langevin_kit.preflight.arguments import canonical_dtype
from langevin_kit.random import RNG
from langevin_kit.system import System


@dataclass(frozen=True)
class DiscreteAdjoint:
    r"""Slopes of a loss through the steps that were taken, exact up to round-off.

    Of x_{k+1} = x_k + Δt f(x_k, t_k, z_k; θ), for one, with the noise z replayed from its seed:

    .. math:: λ_k = λ_{k+1} + Δt\, λ_{k+1} \frac{∂f}{∂x}(x_k), \qquad
              \frac{∂L}{∂θ} = Σ_k Δt\, λ_{k+1} \frac{∂f}{∂θ}(x_k), \qquad λ_n = \frac{∂L}{∂x_n}

    Parameters
    ----------
    solver : FixedSteps or DormandPrince
    checkpoints : int, "auto", or None
        States that are kept on the way forward; the others are computed again, in the order that needs fewest steps.
        All stages of all steps are kept with None, and as many states as the root of the number of steps with "auto".
    times : bool
        Whether slopes in times, and in T, are wanted, too.
    dtype : "float64" or "float32"
        Of states and slopes; sums over particles are float64.
    backend : CPU
        Threads; results do not depend on them.

    Notes
    -----
    Memory is that of what is kept: N d numbers a state, as many a stage. Hager, Numer. Math. 87, 247, 2000; Griewank &
    Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008.

    Examples
    --------
    >>> from langevin_kit import System
    >>> from langevin_kit.learn import FixedSteps, Loss
    >>> system = System(coordinates={"x": 1}, drift="-a*x", parameters={"a": 1.0}, temperature=0.0)
    >>> loss = Loss("x @ x / 2", targets={}).of(system)
    >>> found = DiscreteAdjoint(FixedSteps(0.1, "euler")).gradient(system, [[1.0]], [0.0, 1.0], loss)
    >>> round(float(found.initial[0, 0]), 12) == round(0.9**20, 12)
    True
    """

    solver: Solver
    checkpoints: int | Literal["auto"] | None = None
    times: bool = False
    dtype: str = "float64"
    backend: CPU = CPU()  # noqa: RUF009  (it is frozen)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", canonical_dtype(self.dtype))
        kept = self.checkpoints
        if not (kept is None or kept == "auto" or (isinstance(kept, int) and not isinstance(kept, bool) and kept >= 0)):
            raise InvalidArgument(f"checkpoints: got {kept!r}; a number of states, 'auto', or None for all stages.")

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
        """The loss and its slopes: see `GradientProvider`."""
        path = Path.of(system, initial, times, self.solver.tableau, learn, parameters, rng)
        with path.engine(self.dtype, self.backend, by_step=self.times) as engine:
            x = path.begin(self.dtype)
            intervals, chosen = self.solver.steps(engine, x, path.times)
            passage = _Passage(engine, self.solver, intervals, self._kept(intervals))
            states = passage.forward(x)
            if not np.isfinite(states).all():
                raise NonFinite("states: the path left the finite numbers; take shorter steps, or bound the field.")
            loss, slopes, own = objective.slopes(path.times[1:], states)
            slope, flat, of_steps = passage.backward(slopes)
            in_times, in_temperature = _in_times(path, intervals, of_steps) if self.times else (None, None)
            return Gradient(
                loss=loss,
                parameters=engine.by_name(flat),
                initial=np.ascontiguousarray(slope.T, np.float64),
                objective=own,
                times=in_times,
                temperature=in_temperature,
                states=np.ascontiguousarray(np.swapaxes(states, 1, 2)),
                evaluations=Evaluations(passage.forward_evaluations + chosen, passage.backward_evaluations),
            )

    def _kept(self, intervals: Sequence[Steps]) -> int | None:
        n = sum(map(len, intervals))
        return math.isqrt(n - 1) + 1 if self.checkpoints == "auto" else self.checkpoints


@dataclass(frozen=True)
class _Piece:
    """Steps whose stages are kept at once, within one interval."""

    interval: int
    steps: Steps
    is_last: bool


class _Passage:
    """Forward through all steps, and back."""

    def __init__(self, engine: Engine, solver: Solver, intervals: Sequence[Steps], kept: int | None) -> None:
        self._engine, self._tableau, self._intervals = engine, solver.tableau, intervals
        self._kept = kept
        longest = max(map(len, intervals)) if kept is None else max(1, kept // self._tableau.stages)
        self._pieces = list(_pieces(intervals, longest))
        self._states: dict[int, NDArray[np.floating]] = {}
        self._stages: dict[int, NDArray[np.floating]] = {}
        self.forward_evaluations = self.backward_evaluations = 0

    def forward(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Where particles are at the end of each interval, (k, d, N)."""
        seen = np.empty((len(self._intervals), *x.shape), x.dtype)
        keep = {0, *spine(len(self._pieces), self._kept)} if self._kept is not None else set()
        for j, piece in enumerate(self._pieces):
            if j in keep:
                self._states[j] = x.copy()
            if self._kept is None or j == len(self._pieces) - 1:
                self._stages[j] = self._record(x, piece)
            else:
                self._move(x, piece)
            if piece.is_last:
                seen[piece.interval] = x
        return seen

    def backward(self, slopes: NDArray[Any]) -> tuple[NDArray[np.floating], Floats, list[Floats]]:
        """∂L/∂x at the beginning, (d, N), slopes in parameters, and those of each interval's steps."""
        slope = np.zeros(slopes.shape[1:], self._engine.dtype)
        total: Floats | float = 0.0
        of_steps = [np.zeros((len(STEP_SLOPES), len(steps))) for steps in self._intervals]
        for j, stages in self._reversed():
            piece = self._pieces[j]
            if piece.is_last:
                slope += slopes[piece.interval].astype(slope.dtype)
            more, each = self._engine.backward(slope, piece.steps, self._tableau, stages)
            self.backward_evaluations += len(piece.steps) * self._tableau.stages
            total = total + more
            low = piece.steps.first - self._intervals[piece.interval].first
            of_steps[piece.interval][:, low : low + len(piece.steps)] += each
        return slope, np.asarray(total), of_steps

    def _reversed(self) -> Iterator[tuple[int, NDArray[np.floating]]]:
        """Numbers of the pieces, the last one first, and their stages."""
        if self._kept is None:
            for j in range(len(self._pieces) - 1, -1, -1):
                yield j, self._stages.pop(j)
            return
        for what, low, high in backwards(len(self._pieces), self._kept):
            if what == "forget":
                del self._states[low]
                continue
            if what == "reverse" and high - 1 in self._stages:
                yield high - 1, self._stages.pop(high - 1)
                continue
            x = self._states[low].copy()
            for j in range(low, high - (what == "reverse")):
                self._move(x, self._pieces[j])
            if what == "advance":
                self._states[high] = x
            else:
                yield high - 1, self._record(x, self._pieces[high - 1])

    def _move(self, x: NDArray[np.floating], piece: _Piece) -> None:
        none = self._engine.none()
        self._engine.forward(x, piece.steps, self._tableau, none, none)
        self.forward_evaluations += len(piece.steps) * self._tableau.stages

    def _record(self, x: NDArray[np.floating], piece: _Piece) -> NDArray[np.floating]:
        stages = self._engine.stages(len(piece.steps) * self._tableau.stages, x.shape[1])
        self._engine.forward(x, piece.steps, self._tableau, stages, self._engine.none())
        self.forward_evaluations += len(piece.steps) * self._tableau.stages
        return stages


def _pieces(intervals: Sequence[Steps], longest: int) -> Iterator[_Piece]:
    for i, steps in enumerate(intervals):
        for low in range(0, len(steps), longest):
            high = min(low + longest, len(steps))
            yield _Piece(i, steps.part(low, high), high == len(steps))


def _in_times(path: Path, intervals: Sequence[Steps], of_steps: Sequence[Floats]) -> tuple[Floats, float | None]:
    """Slopes in the beginning and each observed time, and in T: steps keep their shares of an interval."""
    found, temperature, T = np.zeros(len(path.times)), 0.0, path.system.temperature
    for i, (steps, slopes) in enumerate(zip(intervals, of_steps, strict=True)):
        of_size, of_start, of_amplitude, of_temperature = slopes
        length = path.times[i + 1] - path.times[i]
        amplitude = np.sqrt(2 * T / steps.sizes)
        of_size = of_size - of_amplitude * amplitude / (2 * steps.sizes)
        stretch = float(of_size @ steps.sizes + of_start @ (steps.starts - path.times[i])) / length
        found[i + 1] += stretch
        found[i] += of_start.sum() - stretch
        if T > 0:
            temperature += float(of_temperature.sum() + of_amplitude @ amplitude / (2 * T))
    return found, temperature if T > 0 else None
