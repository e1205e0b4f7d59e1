"""How parameters follow a slope that is given anew at each update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system.arguments import above_zero, at_least_zero

Floats = NDArray[np.float64]
Rate = float | Callable[[int], float]
Memory = dict[str, Floats]


class Optimizer(Protocol):
    """What makes parameters of their slopes. Its memory is arrays by name, so that it can be kept."""

    def begin(self, n: int) -> Memory:
        """What it remembers before the first update of n parameters."""

    def moved(self, x: Floats, slope: Floats, memory: Memory, update: int) -> tuple[Floats, Memory]:
        """Parameters and memory after an update."""


@dataclass(frozen=True)
class SGD:
    r"""Gradient descent, with momentum.

    .. math:: v ← μ v - η ∇L, \qquad θ ← θ + v

    Parameters
    ----------
    learning_rate : float or function of the number of the update
        η.
    momentum : float
        μ, at least 0 and below 1.

    Notes
    -----
    Polyak, USSR Comput. Math. Math. Phys. 4, 1, 1964.

    Examples
    --------
    >>> one = SGD(0.1)
    >>> one.moved(np.array([1.0]), np.array([2.0]), one.begin(1), 0)[0]
    array([0.8])
    """

    learning_rate: Rate
    momentum: float = 0.0

    def __post_init__(self) -> None:
        _check_rate(self.learning_rate)
        _check_share("momentum", self.momentum)

    def begin(self, n: int) -> Memory:
        """No velocity."""
        return {"velocity": np.zeros(n)}

    def moved(self, x: Floats, slope: Floats, memory: Memory, update: int) -> tuple[Floats, Memory]:
        """Parameters and memory after an update."""
        v = self.momentum * memory["velocity"] - _rate(self.learning_rate, update) * slope
        return x + v, {"velocity": v}


@dataclass(frozen=True)
class Adam:
    r"""Adam: slopes relative to the root of their running mean square.

    .. math:: m ← β_1 m + (1 - β_1) ∇L, \quad s ← β_2 s + (1 - β_2) (∇L)^2, \quad
              θ ← θ - η \frac{m/(1 - β_1^k)}{\sqrt{s/(1 - β_2^k)} + ε}

    Parameters
    ----------
    learning_rate : float or function of the number of the update
        η.
    mean, square : float
        β₁ and β₂.
    epsilon : float
        ε.

    Notes
    -----
    Kingma & Ba, ICLR 2015, algorithm 1.
    """

    learning_rate: Rate = 1e-3
    mean: float = 0.9
    square: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _check_rate(self.learning_rate)
        _check_share("mean", self.mean)
        _check_share("square", self.square)
        above_zero("epsilon", self.epsilon)

    def begin(self, n: int) -> Memory:
        """No means yet."""
        return {"mean": np.zeros(n), "square": np.zeros(n)}

    def moved(self, x: Floats, slope: Floats, memory: Memory, update: int) -> tuple[Floats, Memory]:
        """Parameters and memory after an update."""
        m = self.mean * memory["mean"] + (1 - self.mean) * slope
        s = self.square * memory["square"] + (1 - self.square) * slope**2
        k = update + 1
        size = np.sqrt(s / (1 - self.square**k)) + self.epsilon
        return x - _rate(self.learning_rate, update) * (m / (1 - self.mean**k)) / size, {"mean": m, "square": s}


@dataclass(frozen=True)
class LBFGS:
    """SciPy's L-BFGS-B, of all data at once: an epoch is one of its iterations.

    Parameters
    ----------
    memory : int
        Differences of slopes that stand for the curvature.
    tolerance : float
        Largest entry of the slope at which it stops.

    Notes
    -----
    Liu & Nocedal, Math. Program. 45, 503, 1989. A fit that goes on with another begins with no curvature.
    """

    memory: int = 10
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        if isinstance(self.memory, bool) or not isinstance(self.memory, int) or self.memory < 1:
            raise InvalidArgument(f"memory: got {self.memory!r}; a positive integer is needed.")
        at_least_zero("tolerance", self.tolerance)


def _rate(given: Rate, update: int) -> float:
    return float(given(update) if callable(given) else given)


def _check_rate(given: Rate) -> None:
    if not callable(given):
        at_least_zero("learning_rate", given)


def _check_share(name: str, value: float) -> None:
    if not at_least_zero(name, value) < 1:
        raise InvalidArgument(f"{name}: got {value!r}; at least 0 and below 1 is needed.")
