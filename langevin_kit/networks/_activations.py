"""Activation functions f of continuous networks: increasing, with bounded values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean


@dataclass(frozen=True)
class Activation:
    """f, its slope, and its integral; all of them take complex numbers too, so that complex steps pass through.

    Attributes
    ----------
    value : function of a
        y = f(a).
    slope : function of y
        f'(a) where f(a) = y.
    integral : function of a
        F with F' = f.
    lowest, highest : float
        The limits of f, which it reaches nowhere.
    """

    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    integral: Callable[[Any], Any]
    lowest: float
    highest: float


def _log_2cosh(a: Any) -> Any:
    size = np.where(a.real < 0, -a, a)
    return size + np.log1p(np.exp(-2 * size))


ACTIVATIONS = {
    "tanh": Activation(np.tanh, lambda y: 1 - y * y, _log_2cosh, -1.0, 1.0),
    "logistic": Activation(
        lambda a: (1 + np.tanh(a / 2)) / 2, lambda y: y * (1 - y), lambda a: a / 2 + _log_2cosh(a / 2), 0.0, 1.0
    ),
}


def activation_of(name: str) -> Activation:
    """The activation function of that name.

    Examples
    --------
    >>> f = activation_of("logistic")
    >>> float(f.value(0.0)), f.slope(0.5)
    (0.5, 0.25)
    """
    if name not in ACTIVATIONS:
        raise InvalidArgument(f"activation: got {name!r}{did_you_mean(str(name), ACTIVATIONS)}.")
    return ACTIVATIONS[name]
