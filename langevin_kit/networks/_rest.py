"""Where the paths of a network end at T = 0: fixed points, and how stable they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import SpinSystem, System
from langevin_kit.system.arguments import above_zero, array

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEAR = 1e-6
"""The residual below which Newton's method takes over from the path."""

SAME = 1e-7
"""How far apart states are that count as one: far more than Newton's method leaves."""

NEWTON = 20


@dataclass(frozen=True)
class FixedPoints:
    """What `fixed_points` found; the one that most starts end in comes first.

    Attributes
    ----------
    states : (A, d)
    residual : (A,)
        |dx/dt| there.
    eigenvalues : (A, d)
        Of the Jacobian of dx/dt, by rising real part: perturbations grow as exp(λt).
    counts : (A,) of int
        Starts that end there.
    reached : (R,) of int
        Where each start ends; −1 if it was still on its way.
    """

    states: Floats
    residual: Floats
    eigenvalues: NDArray[Any]
    counts: Integers
    reached: Integers

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Whether all perturbations die out, (A,)."""
        return np.asarray(self.eigenvalues.real.max(axis=1) < 0)


def fixed_points(system: System, starts: Any, *, max_time: float = 1000.0, tolerance: float = 1e-10) -> FixedPoints:
    r"""Where :math:`dx/dt = b - K ∇E`, the equation of a system at T = 0, comes to rest from each of some starts.

    Paths are followed by a Runge–Kutta method of order 5 until all have \|dx/dt\| < 1e-6, and polished by Newton's
    method. A path that comes so close to a saddle counts as having ended there: look at its eigenvalues.

    Parameters
    ----------
    system : System
        That does not depend on time and has no walls; at any T, which is taken for 0.
    starts : (R, d)
    max_time : float
        How long to follow paths.
    tolerance : float
        Of |dx/dt|, above which a start counts as unfinished.

    Returns
    -------
    FixedPoints

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> from langevin_kit import networks
    >>> found = fixed_points(networks.continuous([[0, 3], [3, 0]]), [[0.1, 0.2], [0, 0], [-1, 0.5], [1, 1]])
    >>> found.states.round(4) + 0.0
    array([[ 0.9949,  0.9949],
           [ 0.    ,  0.    ],
           [-0.9949, -0.9949]])
    >>> found.stable, found.reached
    (array([ True, False,  True]), array([0, 1, 2, 0]))
    """
    still, x = _checked(system, starts)
    time, limit = above_zero("max_time", max_time), above_zero("tolerance", tolerance)
    x = _newton(still, _followed(still, x.T, time))
    residual = np.linalg.norm(still.force_at(x), axis=0)
    reached, first = _distinct(x, residual < limit)
    counts = np.bincount(reached[reached >= 0], minlength=len(first))
    order = np.argsort(-counts, kind="stable")
    numbers = np.append(np.argsort(order), -1)
    chosen = np.array(first, np.int64)[order]
    values = [np.linalg.eigvals(still.drift_jacobian(x[:, i])) for i in chosen]
    return FixedPoints(
        states=x[:, chosen].T,
        residual=residual[chosen],
        eigenvalues=np.array([each[np.argsort(each.real)] for each in values]).reshape(-1, still.n_dim),
        counts=counts[order],
        reached=numbers[reached],
    )


def _followed(system: System, x: Floats, time: float) -> Floats:
    """The states (d, R) at the time, or when all are near rest."""

    def slope(t: float, flat: Floats) -> Floats:
        return system.force_at(flat.reshape(x.shape)).ravel()

    def rest(t: float, flat: Floats) -> float:
        return float(np.linalg.norm(system.force_at(flat.reshape(x.shape)), axis=0).max()) - NEAR

    rest.terminal = True  # type: ignore[attr-defined]
    if rest(0.0, x.ravel()) <= 0:
        return x
    found = solve_ivp(slope, (0.0, time), x.ravel(), method="RK45", events=rest, rtol=NEAR / 100, atol=NEAR / 1e4)
    return np.asarray(found.y[:, -1].reshape(x.shape))


def _newton(system: System, x: Floats) -> Floats:
    """The states that are near rest, at rest."""
    x = x.copy()
    # One at a time, since Jacobians are large.
    for i in np.flatnonzero(np.linalg.norm(system.force_at(x), axis=0) < 2 * NEAR):
        for _ in range(NEWTON):
            step = np.linalg.lstsq(system.drift_jacobian(x[:, i]), system.force_at(x[:, i]))[0]
            x[:, i] -= step
            if np.abs(step).max() <= np.finfo(float).eps * max(1.0, np.abs(x[:, i]).max()):
                break
    return x


def _distinct(x: Floats, finished: NDArray[np.bool_]) -> tuple[Integers, list[int]]:
    """Of each state, which of the different ones it is; and where these stand."""
    first: list[int] = []
    reached = np.full(x.shape[1], -1)
    for i in np.flatnonzero(finished):
        apart = np.abs(x[:, first] - x[:, [i]]).max(axis=0, initial=0.0)
        known = np.flatnonzero(apart < SAME * max(1.0, np.abs(x[:, i]).max()))
        reached[i] = known[0] if known.size else len(first)
        if not known.size:
            first.append(int(i))
    return reached, first


def _checked(system: System, starts: Any) -> tuple[System, Floats]:
    """The system at T = 0, and the starts."""
    if not isinstance(system, System) or isinstance(system, SpinSystem):
        raise InvalidArgument(f"system: got {type(system).__name__}; a System is needed. Of spins take attractors.")
    if system.walls or system.retraction or system.facts.depends_on_time:
        raise InvalidArgument(
            "system: it has walls or depends on time, or a retraction; fixed points are those of none of these."
        )
    x = np.asarray(array("starts", starts))
    if x.ndim != 2 or x.shape[1] != system.n_dim or not len(x):
        raise InvalidArgument(f"starts: got shape {x.shape}; (R, {system.n_dim}) is needed, R states.")
    return replace(system, temperature=0.0), x
