"""Steps as long as the error of an embedded scheme allows, of anything that can be tried."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import NonFinite
from langevin_kit.learn.gradient._steps import Steps

Array = NDArray[Any]

SAFETY, SHRINKS_TO, GROWS_TO = 0.9, 0.2, 10.0


class Trial(Protocol):
    """A field along which steps are tried."""

    def rate(self, x: Array, t: float) -> Array:
        """F at a place."""

    def attempt(self, x: Array, t: float, size: float, rate: Array) -> tuple[Array, Array, Array]:
        """Where a step ends, f there, and the difference from the embedded result, given f where it begins."""


class Pilot:
    """Goes along a path step by step, each as long as the error of the one before allows.

    Hairer, Nørsett & Wanner, "Solving Ordinary Differential Equations I", 2nd ed., II.4, also for the first step.

    Parameters
    ----------
    trial : Trial
    rtol, atol : float
        What the error of a step is held to, as a root of mean squares over all numbers of x.
    span : float
        How far the path will go: the first step is no longer. Negative back in time.

    Attributes
    ----------
    x, time
        Where and when the path is.
    tries : int
        Steps that were tried.
    """

    def __init__(
        self, trial: Trial, x: Array, time: float, span: float, *, rtol: float, atol: float, order: int, most: int
    ) -> None:
        self._trial, self._rtol, self._atol, self._most = trial, rtol, atol, most
        self._power, self._sign = -1 / order, math.copysign(1, span)
        self.x, self.time, self.tries, self._first = x, time, 0, 0
        self._rate = trial.rate(x, time)
        self._length = self._first_length(abs(span), order)

    def to(self, end: float, reached: Callable[[float, Array], None] = lambda t, x: None) -> Steps:
        """Go on to a time; say when and where each step ended, and return the steps that were taken."""
        starts, sizes = [], []
        least = 16 * np.finfo(np.float64).eps * max(abs(end), abs(self.time))
        while (left := self._sign * (end - self.time)) > least:
            is_last = self._length >= left * (1 - 1e-9)
            size = left if is_last else self._length
            self.tries += 1
            x, rate, difference = self._trial.attempt(self.x, self.time, self._sign * size, self._rate)
            error = self._norm(difference, np.maximum(abs(self.x), abs(x)))
            if error <= 1:
                starts.append(self.time)
                sizes.append(self._sign * size)
                self.time = end if is_last else self.time + self._sign * size
                self.x, self._rate = x, rate
                reached(self.time, x)
            factor = GROWS_TO if error == 0 else min(GROWS_TO, max(SHRINKS_TO, SAFETY * error**self._power))
            # A step cut short by an observed time says nothing against a longer one.
            self._length = max(self._length, size * factor) if is_last and error <= 1 else size * factor
            if not self._length > least or self.tries > self._most:
                raise NonFinite(
                    f"solver: steps of {self._length:.3g} at t = {self.time:.6g} after {self.tries} tries: the path "
                    "leaves the finite numbers or is stiff; allow a larger error, or bound the field."
                )
        steps = Steps(self._first, np.array(starts), np.array(sizes))
        self._first += len(steps)
        return steps

    def _norm(self, v: Array, size: Array) -> float:
        """The root of the mean square of v over what is allowed; infinite where it is not finite."""
        with np.errstate(all="ignore"):
            scaled = v / (self._atol + self._rtol * size)
            found = float(np.sqrt(np.mean(np.square(scaled, dtype=np.float64))))
        return found if math.isfinite(found) else math.inf

    def _first_length(self, span: float, order: int) -> float:
        f, x = self._rate, self.x
        size, slope = self._norm(x, abs(x)), self._norm(f, abs(x))
        first = min(span, 1e-6 if min(size, slope) < 1e-5 else 0.01 * size / slope)
        beside = (x + self._sign * first * f).astype(x.dtype)
        curvature = self._norm(self._trial.rate(beside, self.time + self._sign * first) - f, abs(x)) / first
        largest = max(slope, curvature)
        second = max(1e-6, first * 1e-3) if largest <= 1e-15 else (0.01 / largest) ** (1 / order)
        return float(min(100 * first, second, span))
