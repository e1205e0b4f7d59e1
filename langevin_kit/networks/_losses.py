r"""How far patterns are from being fixed points of dx/dt = −x + f(W x + b), with exact gradients.

Gradients are those with respect to W, as if all its entries were free, and b; they are real, and values take complex
W and b, by whose steps the gradients are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from langevin_kit.networks._activations import Activation

Array = NDArray[Any]

Stages = Sequence[tuple[float, float]]


class Loss(NamedTuple):
    """A value, and its gradients."""

    value: Any
    couplings: Array
    fields: Array


def euler() -> Stages:
    """The slope at x: y − x of an Euler step is as many times that."""
    return ((0.0, 1.0),)


def runge_kutta(time_step: float) -> Stages:
    """Of the classical method of fourth order: at x + c k, where k is the slope before, with which weight."""
    return ((0.0, 1 / 6), (time_step / 2, 1 / 3), (time_step / 2, 1 / 3), (time_step, 1 / 6))


def squares(x: Array, W: Array, b: Array, f: Activation, stages: Stages) -> Loss:
    r"""Half the sum of \|(y − x)/Δt\|², where a step of the equation goes from x (P, N) to y.

    The gradient is that of the step as it is taken, backwards through its stages.
    """
    mean, k = np.zeros_like(x), np.zeros_like(x)
    passed = []
    for reach, weight in stages:
        z = x + reach * k
        y = f.value(z @ W.T + b)
        k = y - z
        mean = mean + weight * k
        passed.append((z, f.slope(y)))
    of_W, of_b, back = np.zeros_like(W), np.zeros_like(b), np.zeros_like(x)
    for (reach, weight), (z, slope) in zip(reversed(stages), reversed(passed), strict=True):
        of_k = weight * mean + back
        of_field = of_k * slope
        of_W, of_b = of_W + of_field.T @ z, of_b + of_field.sum(axis=0)
        back = reach * (of_field @ W - of_k)
    return Loss((mean * mean).sum() / 2, of_W, of_b)


def cross_entropy(x: Array, W: Array, b: Array, f: Activation) -> Loss:
    r"""The sum of F(a) − x a, a = W x + b, F' = f: convex, and least where x = f(a).

    For the logistic function it is −Σ x ln y + (1 − x) ln(1 − y) with y = f(a); for tanh the same of (1 + x)/2 and
    (1 + y)/2.
    """
    a = x @ W.T + b
    error = f.value(a) - x
    return Loss((f.integral(a) - x * a).sum(), error.T @ x, error.sum(axis=0))


@dataclass(frozen=True)
class Objective:
    """A loss of W, symmetric and without a diagonal, and of b; plus half the decay times the square of what is free.

    That is: the couplings above the diagonal, row by row, and the fields.
    """

    loss: Callable[[Array, Array], Loss]
    n: int
    weight_decay: float = 0.0

    @cached_property
    def above(self) -> tuple[Array, Array]:
        """Where the free couplings are."""
        rows, columns = np.triu_indices(self.n, 1)
        return rows, columns

    def unpacked(self, free: Array) -> tuple[Array, Array]:
        """W and b."""
        W, (rows, columns) = np.zeros((self.n, self.n), free.dtype), self.above
        W[rows, columns] = W[columns, rows] = free[: len(rows)]
        return W, free[len(rows) :]

    def __call__(self, free: Array) -> tuple[Any, Array]:
        """The value, and its gradient."""
        at = self.loss(*self.unpacked(free))
        gradient = np.concatenate([(at.couplings + at.couplings.T)[self.above], at.fields])
        return at.value + self.weight_decay / 2 * (free @ free), gradient + self.weight_decay * free
