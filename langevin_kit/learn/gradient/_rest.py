"""Where particles come to rest at T = 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import NotContracting
from langevin_kit.learn.gradient import _krylov
from langevin_kit.learn.gradient._motion import Floats, Moving, Which, parts
from langevin_kit.system.arguments import above_zero

FINER = 1.0, 1e-2, 1e-4, 1e-6
"""Of the tolerance: what is allowed while Newton's method is not."""

NEAR = 10.0
"""Of the tolerance: how short a path's last step is, relative to how far it went, when Newton's method is tried.

An explicit step at the limit of its stability trembles about a place of rest by its tolerance, and comes no closer."""

SMALL = 1e-3
"""The longest first step with which Newton's method may begin, so that it ends where the path would."""

SOLVED = 1e-9
"""The longest last step of Newton's method, relative to how far the path went."""

PRODUCTS = 64
"""With vectors that Newton's method takes at once, about: so much memory each particle has."""

NEWTON = 20
STEPS = 100_000
"""Most steps of a path; each is as long as stability lets it, 2.5 times the shortest time of the relaxation."""


@dataclass(frozen=True)
class Relaxation:
    """Paths by a Runge–Kutta method with steps of each particle's own, then Newton's method.

    Bogacki & Shampine, Appl. Math. Lett. 2, 321 (1989).

    Attributes
    ----------
    max_time : float
        How long to follow a path.
    tolerance : float
        Of a step's error, relative to how far a path went. It only decides to which side of a watershed a path goes.
    """

    max_time: float
    tolerance: float

    def __post_init__(self) -> None:
        above_zero("max_time", self.max_time)
        above_zero("path_tolerance", self.tolerance)

    def rest(self, motion: Moving, x: Floats) -> Floats:
        """Where the particles at x (d, N) come to rest.

        Raises
        ------
        NotContracting
        """
        path = _Path(motion, x, self)
        rest, going = x.copy(), np.arange(x.shape[1])
        for finer in FINER:
            path.follow(going, finer * self.tolerance)
            done = np.zeros(len(going), bool)
            for part in parts(len(going), PRODUCTS * len(x)):
                some = going[part]
                rest[:, some], done[part] = _newton(motion, path.x[:, some], path.scale[some], some)
            going = going[~done]
            if not going.size:
                return rest
        raise self.restless(motion, path.x, going)

    def restless(self, motion: Moving, x: Floats, which: Which) -> NotContracting:
        """The error of particles that are still on their way."""
        i = int(which[0])
        with np.errstate(all="ignore"):
            speed = np.linalg.norm(motion.velocity(x[:, which], which), axis=0)[0]
        return NotContracting(
            f"initial: {len(which)} of {x.shape[1]} particles do not come to rest within the time {self.max_time:.6g}, "
            f"{STEPS} steps, the walls and the finite numbers, first particle {i}, where |dx/dt| is {speed:.3g}. Give "
            "a longer max_time if it falls; if particles go round, away, or creep, take DiscreteAdjoint."
        )


class _Path:
    """Particles on their way."""

    def __init__(self, motion: Moving, x: Floats, about: Relaxation) -> None:
        self._motion, self._about = motion, about
        everyone = np.arange(x.shape[1])
        self.x, self.rate = x.copy(), motion.velocity(x, everyone)
        self.scale = np.abs(x).max(axis=0)
        self._spent = np.zeros(len(everyone))
        speed, turn = np.abs(self.rate).max(axis=0), np.abs(motion.times(x, self.rate, everyone)).max(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            first = np.where(np.isfinite(turn), 0.1 * speed / turn, about.max_time)
        self._size = np.where(np.isfinite(first), np.minimum(first, about.max_time), about.max_time)

    def follow(self, which: Which, tolerance: float) -> None:
        """Move those particles until they are near rest."""
        which = which[np.abs(self.rate[:, which]).max(axis=0) > 0]
        for _ in range(STEPS):
            if not which.size:
                return
            before, speed = self.x[:, which], np.abs(self.rate[:, which]).max(axis=0)
            taken = self._step(which, tolerance)
            now = np.abs(self.rate[:, which]).max(axis=0)
            length, scale = self._size[which] * now, self.scale[which]
            # What leaves a saddle is slow, too, but its speed rises.
            calm = (now < speed) | taken & (before == self.x[:, which]).all(axis=0)
            near = calm & (length <= NEAR * tolerance * scale)
            lost = ~taken & (length <= _krylov.EPSILON * scale) | (self._spent[which] > self._about.max_time)
            if (lost & ~near).any():
                which = which[lost & ~near]
                break
            which = which[~near]
        raise self._about.restless(self._motion, self.x, which)

    def _step(self, which: Which, tolerance: float) -> NDArray[np.bool_]:
        """Try a step; return whose was taken."""
        x, k1, h = self.x[:, which], self.rate[:, which], self._size[which]

        def f(x: Floats) -> Floats:
            return self._motion.velocity(x, which)

        with np.errstate(all="ignore"):
            k2 = f(x + h / 2 * k1)
            k3 = f(x + 3 * h / 4 * k2)
            new = x + h / 9 * (2 * k1 + 3 * k2 + 4 * k3)
            k4 = f(new)
            error = np.abs(h / 72 * (-5 * k1 + 6 * k2 + 8 * k3 - 9 * k4)).max(axis=0)
            scale = np.maximum.reduce([self.scale[which], np.abs(new).max(axis=0), h * np.abs(k1).max(axis=0)])
            error = error / (tolerance * scale)
        error = np.where(np.isfinite(error) & self._motion.inside(new), error, np.inf)
        taken = error <= 1
        moved = which[taken]
        self.x[:, moved], self.rate[:, moved], self.scale[moved] = new[:, taken], k4[:, taken], scale[taken]
        self._spent[moved] += h[taken]
        self._size[which] = h * np.clip(0.9 * np.maximum(error, 1e-9) ** (-1 / 3), 0.2, 5.0)
        return taken


def _newton(motion: Moving, x: Floats, scale: Floats, which: Which) -> tuple[Floats, NDArray[np.bool_]]:
    """Places (d, n) at rest near x, and whether there are any."""
    allowed, size = SMALL * scale, np.full(len(which), np.inf)
    with np.errstate(all="ignore"):
        for _ in range(NEWTON):
            step = _krylov.solve(partial(_times, motion, x, which), motion.velocity(x, which), tolerance=1e-9)[0]
            size = np.abs(step).max(axis=0)
            begins = size <= allowed
            x = np.where(begins, x - step, x)
            allowed = np.where(begins, np.minimum(allowed, size), 0.0)
            if not (begins & (size > 4 * _krylov.EPSILON * np.abs(x).max(axis=0))).any():
                break
    return x, motion.inside(x) & np.isfinite(size) & (size <= SOLVED * scale)


def _times(motion: Moving, x: Floats, which: Which, v: Floats) -> Floats:
    return motion.times(x, v, which)
