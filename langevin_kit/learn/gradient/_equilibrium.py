"""Slopes of places of rest, by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_kit.errors import NotContracting
from langevin_kit.learn.gradient import _krylov
from langevin_kit.learn.gradient._gradient import Gradient, Objective
from langevin_kit.learn.gradient._motion import Floats, Motion, parts
from langevin_kit.learn.gradient._rest import Relaxation
from langevin_kit.learn.gradient._stable import require_stable
from langevin_kit.learn.gradient._steps import times_of
from langevin_kit.random import RNG
from langevin_kit.system import System

UNSOLVED = 1e-8
"""A residual that no refinement made smaller: of a Jacobian without an inverse."""


@dataclass(frozen=True)
class EquilibriumAdjoint:
    r"""Slopes of a loss of where particles come to rest at T = 0.

    Each particle follows dx/dt = f(x; θ), f = b − K∇E, from where it begins to a fixed point x*, and

    .. math:: f(x^*; θ) = 0, \qquad J^T y = \frac{∂L}{∂x^*}, \qquad \frac{dL}{dθ} = -y·\frac{∂f}{∂θ}, \qquad
              J = \frac{∂f}{∂x}

    No path is kept, so that neither memory nor error grow with the time that it took. Particles have been at rest for
    long when the objective looks: it sees the same places at all times, and the times do not matter.

    Slopes in `initial` are 0, since a fixed point stays where it is when its particle begins elsewhere nearby; only
    components that are clamped, such as those with K = 0, have one.

    Parameters
    ----------
    max_time : float
        How long to follow a path.
    path_tolerance : float
        Of the error of a step, relative to how far the path went. Places of rest are exact whatever it is.
    longest_dense : int
        Of longer states no Jacobian is held: Jᵀy = ∂L/∂x* is solved by GMRES.

    Raises
    ------
    InvalidArgument
    NotContracting
        Where a particle does not come to rest, or J has an eigenvalue whose real part is not negative. Of states longer
        than 48 those count that 48 Arnoldi steps find.

    Notes
    -----
    Pineda, Phys. Rev. Lett. 59, 2229 (1987); Almeida, Proc. IEEE 1st ICNN, 609 (1987). y is also where
    dy/dt = Jᵀy − ∂L/∂x* comes to rest.

    Examples
    --------
    >>> from langevin_kit.learn import EquilibriumAdjoint, Loss
    >>> unit = System(coordinates={"x": 1}, drift="-x + tanh(w*x + 1)", temperature=0.0, parameters={"w": 0.5})
    >>> loss = Loss("sum(x)", targets={}).of(unit)
    >>> found = EquilibriumAdjoint().gradient(unit, [[0.0]], [0.0, 1.0], loss)
    >>> x = found.states[0, 0, 0]
    >>> slope = (1 - x**2) * x / (1 - 0.5 * (1 - x**2))  # of x = tanh(w x + 1)
    >>> bool(abs(found.parameters["w"] - slope) < 1e-15)
    True
    """

    max_time: float = 1000.0
    path_tolerance: float = 1e-5
    longest_dense: int = 48

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
        names = motion.field.names(learn)
        x = Relaxation(self.max_time, self.path_tolerance).rest(motion, motion.x)
        require_stable(motion, x)
        states = np.broadcast_to(x, (len(looks), *x.shape))
        loss, slopes, own = objective.slopes(looks, states)
        slope = slopes.sum(axis=0)
        y = self._adjoint(motion, x, slope)
        back, of_parameters = motion.pullback(x, -y, names)
        return Gradient(
            loss=float(loss),
            parameters=of_parameters,
            initial=np.where(motion.moving[:, None], 0.0, slope + back).T,
            objective=own,
            states=np.ascontiguousarray(np.swapaxes(states, 1, 2)),
            evaluations=motion.evaluations,
        )

    def _adjoint(self, motion: Motion, x: Floats, slope: Floats) -> Floats:
        """Y (d, N) with Jᵀy = slope in the components that move, and 0 in the others."""
        y, moving = np.zeros_like(x), motion.moving
        m = int(moving.sum())
        for part in parts(x.shape[1], m * len(x)):
            places, right = x[:, part], slope[:, part] * moving[:, None]
            if m <= self.longest_dense:
                J = motion.jacobians(places)
                y[moving, part] = np.linalg.solve(J.swapaxes(1, 2), right[moving].T[:, :, None])[:, :, 0].T
                continue

            def times(v: Floats, places: Floats = places) -> Floats:
                return motion.transposed(places, v) * moving[:, None]

            y[:, part], left = _krylov.solve(times, right)
            if left.max() > UNSOLVED:
                i = int(left.argmax())
                raise NotContracting(
                    f"initial: Jᵀy = ∂L/∂x is solved to {left[i]:.3g} alone where particle {part.start + i} comes to "
                    "rest, so that J has no inverse there; see whether the energy has a flat direction."
                )
        return y
