"""What stops a run, in words: which particle went wrong, at which step, from where, and how to see its path."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import Ensemble, Measurement
from langevin_kit.errors import BoundaryLeak, LangevinKitError, NonFinite
from langevin_kit.run._paths import Paths, State
from langevin_kit.run._start import BLOCK
from langevin_kit.system import System

SHOWN = 4
"""Coordinates of a place that are shown: those of the largest size."""
REACH = 8.6
"""No standard normal that is drawn is larger."""
LEAD = 10
"""Steps before the loss that the suggested replay shows."""


@dataclass(frozen=True)
class Guard:
    """Looks at what was measured, and raises by name if the ensemble is not whole.

    Attributes
    ----------
    paths : Paths
        Of the run.
    run : str
        What `replay` takes as the run, as text.
    needs_initial : bool
        Whether `replay` must be given the array that the run started from.
    """

    paths: Paths
    run: str
    needs_initial: bool

    def require_whole(self, measurement: Measurement, ensemble: Ensemble, last: int, energy: float) -> None:
        """Refuse to go on from step `last` with fewer particles than there are.

        Raises
        ------
        NonFinite
            If particles or their energies are not finite.
        BoundaryLeak
            If a step went so far beyond a wall that no reflection brings the particle back, or a particle is beyond a
            wall.
        """
        if len(measurement.nonfinite):
            raise self._loss(measurement.nonfinite, last)
        if len(measurement.leaked):
            raise self._leaked(measurement.leaked, ensemble.position, last)
        if measurement.sums.n and not np.isfinite(energy):
            raise NonFinite(self._no_energy(ensemble.position, last))

    def _loss(self, lost: NDArray[np.int64], last: int) -> LangevinKitError:
        k, paths = int(lost[0]), self.paths
        if paths.system.facts.has_ensemble_mobility:
            return NonFinite(
                f"particle {k}, and {len(lost) - 1} more, are not finite at step {last}. All move by the covariance of "
                f"all, so one that is lost takes the others along. Use a smaller time_step than {paths.time_step:g}."
            )
        state, step = paths.before_loss(k, last)
        x = state[: paths.system.n_dim, 0].astype(np.float64)
        others = f"{len(lost)} particles were lost by step {last}. " if len(lost) > 1 else ""
        see = f"{others}{self._see(k, step + 1)}"
        when = f"step {step + 1} (t = {(step + 1) * paths.time_step:g})"
        open_step = self._without_walls(state, k, step)
        if open_step is not None:
            where, advice = self._leak(x, open_step, step)
            return BoundaryLeak(f"particle {k} was lost at a wall in {when}: {where} {advice} {see}")
        with np.errstate(all="ignore"):
            drift = paths.system.drift_at(x[:, None], step * paths.time_step)
            moved = float(np.linalg.norm(drift)) * paths.time_step
            mobility = paths.system.mobility_at(x[:, None], step * paths.time_step)[..., 0]
        why = _why(mobility, paths.scheme.why_lost)
        return NonFinite(
            f"particle {k} is not finite after {when}: at step {step} it was at {self._place(x)}, where the drift "
            f"alone moves it by {moved:.3g} a step. {why} Use a smaller time_step than {paths.time_step:g}, "
            f"or mend the model. {see}"
        )

    def _leaked(self, leaked: NDArray[np.int64], position: NDArray[np.floating], last: int) -> LangevinKitError:
        k = int(leaked[0])
        return BoundaryLeak(
            f"{len(leaked)} of {position.shape[1]} particles are beyond the walls at step {last}, the first of them "
            f"particle {k} at {self._place(position[:, k])}: mass has left the domain. Every step should have turned "
            f"them back, so this is no fault of your model; please report it. {self._see(k, last)}"
        )

    def _without_walls(self, state: State, particle: int, step: int) -> NDArray[np.float64] | None:
        """Where the step would have led without reflecting walls, if that is a finite place beyond one of them."""
        system = self.paths.system
        mirrors = list(system.walled("reflecting"))
        if not mirrors:
            return None
        walls = {name: wall for name, wall in system.walls.items() if wall.kind != "reflecting"}
        free = replace(self.paths, system=replace(system, walls=walls))
        y = free.advance(state, particle, step, 1)[: system.n_dim, 0].astype(np.float64)
        beyond = (y[mirrors] < system.lower[mirrors]) | (y[mirrors] > system.upper[mirrors])
        return y if np.isfinite(y).all() and beyond.any() else None

    def _leak(self, x: NDArray[np.float64], y: NDArray[np.float64], step: int) -> tuple[str, str]:
        system = self.paths.system
        overshoot = np.maximum(system.lower - y, y - system.upper)
        overshoot[list(system.walled("periodic"))] = -np.inf
        a = int(np.argmax(overshoot))
        name, length = system.names[a], system.upper[a] - system.lower[a]
        bound = system.lower[a] if y[a] < system.lower[a] else system.upper[a]
        apart = f"and the walls are {length:.6g} apart" if np.isfinite(length) else "and no reflection brought it back"
        where = (
            f"from {self._place(x)} the step led to {name} = {y[a]:.6g}, {overshoot[a]:.3g} beyond the wall at "
            f"{bound:g}, {apart}."
        )
        longest = min(_longest_step(system, x, step * self.paths.time_step), 0.5 * self.paths.time_step)
        return where, f"Use a time_step of {longest:.2g} or less (it was {self.paths.time_step:g})."

    def _no_energy(self, position: NDArray[np.floating], last: int) -> str:
        system, t = self.paths.system, last * self.paths.time_step
        for low in range(0, position.shape[1], BLOCK):
            with np.errstate(all="ignore"):
                energy = system.energy_at(position[:, low : low + BLOCK].astype(np.float64), t)
            bad = np.flatnonzero(~np.isfinite(energy))
            if len(bad):
                k = low + int(bad[0])
                return (
                    f"the energy of particle {k} is not finite at step {last} (t = {t:g}), though its position is: it "
                    f"is at {self._place(position[:, k])}. It runs away, or is where E has no value. Use a smaller "
                    f"time_step than {self.paths.time_step:g}, or confine the particles. {self._see(k, last)}"
                )
        return f"the mean energy overflows at step {last} (t = {t:g}): particles run away. Confine them."

    def _see(self, particle: int, step: int) -> str:
        first = max(0, step - LEAD)
        if step == first or self.paths.system.facts.has_ensemble_mobility:
            return ""
        initial = ", initial=initial" if self.needs_initial else ""
        error = ", where error is this exception" if self.run == "error.run" else ""
        call = f"lk.replay({self.run}, particle={particle}, first={first}, n_steps={step - first}{initial})"
        return f"See its path: {call}{error}."

    def _place(self, x: NDArray[np.floating]) -> str:
        names = self.paths.system.names
        shown = sorted(np.argsort(-np.abs(x.astype(np.float64)), kind="stable")[:SHOWN])
        more = f" (the largest of {len(names)} coordinates)" if len(names) > SHOWN else ""
        return ", ".join(f"{names[a]} = {x[a]:.6g}" for a in shown) + more


def _why(mobility: NDArray[np.float64], by_scheme: str) -> str:
    """What may have led there; a mobility that is not positive certainly has."""
    lowest = float(np.linalg.eigvalsh(mobility)[0]) if np.isfinite(mobility).all() else np.nan
    if lowest < 0:
        return f"K has the eigenvalue {lowest:.3g} there: no noise has a negative variance."
    step = by_scheme or "The explicit step is unstable where E is steep;"
    return f"{step} or E falls without bound, or the argument of a function is out of range."


def _longest_step(system: System, x: NDArray[np.float64], t: float) -> float:
    """The time step h with which a step from x cannot cross the domain: |f| h + REACH √(2 T K h) = length."""
    force = np.abs(system.drift_at(x[:, None], t)[:, 0])
    spread = REACH * np.sqrt(2 * system.temperature * np.diagonal(system.mobility_at(x[:, None], t)[..., 0]))
    steps = [np.inf]
    for a in system.walled("reflecting"):
        length = system.upper[a] - system.lower[a]
        if np.isfinite(length):
            # The root √h of f h + s √h = length, in the form that does not cancel.
            root = 2 * length / (spread[a] + np.sqrt(spread[a] ** 2 + 4 * force[a] * length))
            steps.append(float(root**2))
    return min(steps)
