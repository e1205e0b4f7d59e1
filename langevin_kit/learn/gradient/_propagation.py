"""Slopes of places of rest from where a small pull towards a loss brings them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_kit.errors import InvalidArgument, NotContracting
from langevin_kit.learn._moments import GraphSlopes, energy_names
from langevin_kit.learn.gradient._gradient import Gradient, Objective
from langevin_kit.learn.gradient._motion import Floats, Motion, Nudged
from langevin_kit.learn.gradient._rest import Relaxation
from langevin_kit.learn.gradient._stable import require_stable
from langevin_kit.learn.gradient._steps import times_of
from langevin_kit.random import RNG
from langevin_kit.system import System
from langevin_kit.system.arguments import above_zero


@dataclass(frozen=True)
class EquilibriumPropagation:
    r"""Slopes of a loss of where particles come to rest, by relaxation alone, in systems that descend an energy.

    Each particle relaxes in E to x*, and from there in E ± β ℓ to x±, where L is the mean of ℓ over particles:

    .. math:: \frac{dL}{dθ} = \frac{1}{2β} \left\langle \frac{∂E}{∂θ}(x_+) - \frac{∂E}{∂θ}(x_-) \right\rangle + O(β^2)

    or, not symmetric, with one nudge, :math:`⟨∂E/∂θ(x_+) - ∂E/∂θ(x^*)⟩/β + O(β)`. All that a parameter must know is
    local: of E = … − g·U f it is −g fᵀ, Hebb's rule, under the pull, and against it without.

    Particles have been at rest for long when the objective looks, as in `EquilibriumAdjoint`, whose slopes are the
    limit β → 0; so slopes in `initial` are 0 but for clamped components.

    Parameters
    ----------
    beta : float
        β > 0. What is left is of the order β² or β; round-off is about 1e-16/β.
    symmetric : bool
    max_time, path_tolerance : float
        As of `EquilibriumAdjoint`.

    Raises
    ------
    InvalidArgument
        At T > 0, for which there is `ThermalCovariance`, and for systems with a drift of their own.
    NotContracting
        Where a particle does not come to rest, as it may with a loss that is not bounded below and a large β.

    Notes
    -----
    Scellier & Bengio, Front. Comput. Neurosci. 11, 24 (2017); symmetric: Laborieux et al., Front. Neurosci. 15, 633674
    (2021).

    Examples
    --------
    >>> from langevin_kit.learn import EquilibriumPropagation, Loss
    >>> unit = System(coordinates={"x": 1}, energy="a*(x @ x)/2 - sum(x)", temperature=0.0, parameters={"a": 2.0})
    >>> loss = Loss("x @ x/2", targets={}).of(unit)
    >>> found = EquilibriumPropagation(beta=1e-3).gradient(unit, [[0.0]], [0.0, 1.0], loss)
    >>> bool(abs(found.parameters["a"] + 1/8) < 1e-6)  # x* = 1/a, L = 1/(2 a²)
    True
    """

    beta: float
    symmetric: bool = True
    max_time: float = 1000.0
    path_tolerance: float = 1e-5

    def __post_init__(self) -> None:
        above_zero("beta", self.beta)

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
        """The loss and its slopes; see `GradientProvider`. No random number is drawn."""
        motion, looks = Motion(system, initial, parameters), times_of(times)[1:]
        if system.drift is not None:
            raise InvalidArgument(
                "drift: equilibrium propagation is for systems that descend an energy; take EquilibriumAdjoint."
            )
        slopes = GraphSlopes(system, energy_names(system) if learn is None else learn)
        about = Relaxation(self.max_time, self.path_tolerance)
        rest = about.rest(motion, motion.x)
        require_stable(motion, rest)
        ends, of_energy, of_loss = [], [], []
        for beta in (self.beta, -self.beta) if self.symmetric else (self.beta, 0.0):
            nudged = Nudged(motion, rest, looks, objective, beta)
            x = self._nudged(about, nudged, rest, beta) if beta else rest
            ends.append(slopes.mean(x, motion.values))
            of_energy.append(motion.derived.gradient_at(x, 0.0, motion.values))
            of_loss.append(nudged.slopes(x))
        width, n = 2 * self.beta if self.symmetric else self.beta, rest.shape[1]
        in_places = ((of_energy[0] - of_energy[1]) / width + (of_loss[0] + of_loss[1]) / 2) / n
        states = np.broadcast_to(rest, (len(looks), *rest.shape))
        loss, _, own = objective.slopes(looks, states)
        return Gradient(
            loss=float(loss),
            parameters={name: (ends[0][name] - ends[1][name]) / width for name in slopes.names},
            initial=np.where(motion.moving[:, None], 0.0, in_places).T,
            objective=own,
            states=np.ascontiguousarray(np.swapaxes(states, 1, 2)),
            evaluations=motion.evaluations,
        )

    def _nudged(self, about: Relaxation, nudged: Nudged, rest: Floats, beta: float) -> Floats:
        try:
            return about.rest(nudged, rest)
        except NotContracting as error:
            raise NotContracting(
                f"beta: got {self.beta:.6g}; nudged by {beta:+.6g}, {error} Or take a smaller beta."
            ) from None
