"""How an ensemble moves at T = 0: its velocity, and products with the velocity's Jacobian."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.learn._data import NO_KEY
from langevin_kit.learn.gradient._gradient import Evaluations, Objective
from langevin_kit.run import initial_state
from langevin_kit.system import System, arguments
from langevin_kit.system.dense import Vector
from langevin_kit.system.dense.derived import DenseDerived
from langevin_kit.system.dense.field import field_of

Floats = NDArray[np.float64]
Which = NDArray[np.int64]

STEP = 1e-30
"""Of the complex step: nothing cancels, so it may be tiny."""

NEARBY = 1e-6
"""Of differences of an objective's slopes, relative to where particles are."""

MOST = 2**22
"""Numbers that are held at once, for as many particles as this allows."""


class Moving(Protocol):
    """What particles follow: functions of places (d, n) of those particles that are named."""

    def velocity(self, x: Floats, which: Which) -> Floats:
        """F."""

    def times(self, x: Floats, v: Floats, which: Which) -> Floats:
        """J v with J = ∂f/∂x."""

    def inside(self, x: Floats) -> NDArray[np.bool_]:
        """Whether places are finite and between the walls, (n,)."""


class Motion:
    """dx/dt = f(x), f = b − K∇E.

    Attributes
    ----------
    x : (d, N)
        Where particles begin.
    moving : (d,) of bool
        Components that move at all: those that are clamped have f = 0 and no slope of it.
    """

    def __init__(self, system: System, initial: ArrayLike, parameters: Mapping[str, Any] | None) -> None:
        self.derived = derived_of(system)
        if system.temperature > 0:
            raise InvalidArgument(
                f"temperature: got {system.temperature:.6g}; particles come to rest at T = 0 alone. Take "
                "ThermalCovariance at T > 0, or replace(system, temperature=0.0)."
            )
        if self.derived.depends_on_time:
            raise InvalidArgument("system: it depends on time, so that nothing comes to rest. Take DiscreteAdjoint.")
        self.field = field_of(self.derived, noisy=False)
        self.values = dict(self.derived.values(parameters))
        self.x = columns_of(system, initial)
        self._forward = self._backward = 0
        self.moving = self._moving()
        self._low, self._high = (np.where(self.moving, limit, sign * np.inf)[:, None]
                                 for limit, sign in ((system.lower, -1), (system.upper, 1)))  # fmt: skip

    def _moving(self) -> NDArray[np.bool_]:
        moving = np.asarray((self.velocity(self.x) != 0).any(axis=1))
        for a in np.flatnonzero(~moving):
            unit = np.zeros_like(self.x)
            unit[a] = 1.0
            moving[a] = self.transposed(self.x, unit).any()
        return moving

    def velocity(self, x: NDArray[Any], which: Which | None = None) -> NDArray[Any]:
        """F, which is the same for all."""
        self._forward += x.shape[1]
        return self.field.velocity_at(x, 0.0, self.values)

    def times(self, x: Floats, v: Floats, which: Which | None = None) -> Floats:
        """J v."""
        return np.asarray(self.velocity(x + 1j * STEP * v).imag / STEP)

    def transposed(self, x: Floats, y: Floats) -> Floats:
        """Jᵀ y."""
        return self.pullback(x, y, ())[0]

    def pullback(self, x: Floats, y: Floats, names: Sequence[str]) -> tuple[Floats, dict[str, Floats]]:
        """Jᵀ y, and y·∂f/∂θ of parameters, summed over particles."""
        self._backward += x.shape[1]
        return self.field.pullback_at(x, 0.0, self.values, y, names)

    def jacobians(self, x: Floats) -> Floats:
        """J of the components that move, (n, m, m)."""
        rows = np.flatnonzero(self.moving)
        self._backward += x.shape[1] * len(rows)
        return np.ascontiguousarray(self.field.jacobians_at(x, 0.0, self.values, rows)[..., rows])

    @property
    def evaluations(self) -> Evaluations:
        """What was computed for all particles, with parts of them counted as such."""
        n = self.x.shape[1]
        return Evaluations(-(-self._forward // n), -(-self._backward // n))

    def inside(self, x: Floats) -> NDArray[np.bool_]:
        """Whether places are finite and between the walls, (n,)."""
        return np.asarray((np.isfinite(x) & (x > self._low) & (x < self._high)).all(axis=0))


class Nudged:
    """dx/dt = f − β K s with s = N ∂L/∂x: what descends E + β ℓ where L is the mean of ℓ over N particles.

    Attributes
    ----------
    rest : (d, N)
        Where particles are without a nudge: so do others while slopes of some are taken.
    """

    def __init__(self, free: Motion, rest: Floats, times: Floats, objective: Objective, beta: float) -> None:
        self._free, self._rest, self._times, self._objective, self._beta = free, rest, times, objective, beta
        self.inside = free.inside

    def slopes(self, x: Floats, which: Which | slice = slice(None)) -> Floats:
        """S."""
        everywhere = self._rest.copy()
        everywhere[:, which] = x
        states = np.broadcast_to(everywhere, (len(self._times), *everywhere.shape))
        return np.asarray(self._objective.slopes(self._times, states)[1].sum(axis=0)[:, which] * everywhere.shape[1])

    def velocity(self, x: Floats, which: Which) -> Floats:
        """F − β K s."""
        return self._free.velocity(x) - self._beta * self._mobile(x, self.slopes(x, which))

    def times(self, x: Floats, v: Floats, which: Which) -> Floats:
        """J v, with differences in the place of second slopes of the objective: enough for Newton's method."""
        size = np.abs(v).max(axis=0)
        step = NEARBY * np.maximum(np.abs(x).max(axis=0), NEARBY) / np.where(size > 0, size, 1.0)
        rise = (self.slopes(x + step * v, which) - self.slopes(x - step * v, which)) / (2 * step)
        rise = self._mobile(x, rise) + self._mobile(x + 1j * STEP * v, self.slopes(x, which)).imag / STEP
        return np.asarray(self._free.times(x, v) - self._beta * rise)

    def _mobile(self, x: NDArray[Any], w: Floats) -> NDArray[Any]:
        derived, values = self._free.derived, self._free.values
        if derived.noise_shapes:
            return derived.mobility_at(x, 0.0, values) @ w
        return derived.times_at(x, w, 0.0, values)


def derived_of(system: System) -> DenseDerived:
    """The graphs of a system of vectors."""
    if not isinstance(system, System) or not isinstance(system.content, Vector):
        raise InvalidArgument("system: its coordinates have names each; a system of vectors is needed.")
    return system.content.derived


def columns_of(system: System, initial: ArrayLike) -> Floats:
    """Where particles begin, (d, N), between walls and on manifolds."""
    x = np.asarray(arguments.array("initial", initial))
    if x.ndim != 2 or x.shape[1] != system.n_dim or not len(x):
        raise InvalidArgument(f"initial: got shape {x.shape}; (N, {system.n_dim}) is needed.")
    return np.asarray(initial_state(system, system.n_dim, x, len(x), "float64", NO_KEY), np.float64)


def parts(n: int, numbers: int) -> Iterator[slice]:
    """N particles in parts, when each needs so many numbers."""
    size = max(1, MOST // max(1, numbers))
    return (slice(low, min(low + size, n)) for low in range(0, n, size))
