"""The discrete adjoint: exact slopes of the steps that were taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from langevin_kit.backends import CPU
from langevin_kit.errors import InvalidArgument, NonFinite
from langevin_kit.learn.gradient._gradient import (
    Evaluations,
    Floats,
    Gradient,
    Objective,
    WithoutSlopes,
    require_objective,
)
from langevin_kit.learn.gradient._passage import Checkpointed, Stored
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
        States that are kept on the way forward, beside the first; what is between them is computed again, in the order
        that needs fewest steps, some particles at a time. All stages of all steps are kept with None; with "auto" as
        many states as let each step be computed just twice, which grows as the root of the number of steps.
    times : bool
        Whether slopes in times, and in T, are wanted, too.
    dtype : "float64" or "float32"
        Of states and slopes; sums over particles are float64.
    backend : CPU
        Threads; results do not depend on them.

    Notes
    -----
    Memory is that of what is kept: N d numbers a state, as many a stage, and beside the states stages in as much room
    again for each thread. Hager, Numer. Math. 87, 247, 2000; Griewank &
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
        if not hasattr(self.solver, "tableau"):
            raise InvalidArgument(f"solver: got {self.solver!r}; FixedSteps or DormandPrince is needed.")
        if not isinstance(self.backend, CPU):
            raise InvalidArgument(f"backend: got {self.backend!r}; slopes take a langevin_kit.CPU alone here.")
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
        require_objective(objective)
        path = Path.of(system, initial, times, self.solver.tableau, learn, parameters, rng)
        with path.engine(self.dtype, self.backend, by_step=self.times) as engine:
            x = path.begin(self.dtype)
            way = self.solver.steps(engine, x, path.times, record=self.checkpoints is None)
            intervals = way.intervals
            passage: Stored | Checkpointed = (
                Stored(engine, self.solver.tableau, way)
                if self.checkpoints is None
                else Checkpointed(engine, self.solver.tableau, intervals, x.shape[1], self.checkpoints)
            )
            states = passage.forward(x)
            if not np.isfinite(states).all():
                raise NonFinite("states: the path left the finite numbers; take shorter steps, or bound the field.")
            loss, slopes, own = objective.slopes(path.times[1:], states)
            goes_back = not isinstance(objective, WithoutSlopes)
            slope, flat, of_steps = passage.backward(slopes) if goes_back else passage.nothing(slopes)
            in_times, in_temperature = _in_times(path, intervals, of_steps) if self.times else (None, None)
            return Gradient(
                loss=loss,
                parameters=engine.by_name(flat),
                initial=np.ascontiguousarray(slope.T, np.float64),
                objective=own,
                times=in_times,
                temperature=in_temperature,
                states=np.ascontiguousarray(np.swapaxes(states, 1, 2)),
                evaluations=Evaluations(way.evaluations + passage.evaluations, passage.pullbacks),
            )


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
