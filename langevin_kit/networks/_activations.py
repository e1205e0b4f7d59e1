"""Activation functions f of continuous networks: increasing, as functions of arrays and as texts of vectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean


@dataclass(frozen=True)
class Activation:
    """An increasing f with a continuous slope, its inverse and its integral.

    The functions of `ACTIVATIONS` take complex numbers too, so that complex steps pass through.

    Attributes
    ----------
    value : function of a
        y = f(a).
    slope : function of y
        f'(a) where f(a) = y.
    inverse : function of y
        a where f(a) = y.
    integral : function of a
        F with F' = f.
    lowest, highest : float
        The limits of f, which it reaches nowhere.
    value_text, integral_text : str
        f and F of a vector a, in the language of `System`.
    slope_text, inverse_integral_text : str
        The slope f' and the integral of the inverse, of a vector y.
    """

    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    integral: Callable[[Any], Any]
    lowest: float
    highest: float
    value_text: str
    integral_text: str
    slope_text: str
    inverse_integral_text: str


def _log_2cosh(a: Any) -> Any:
    size = np.where(a.real < 0, -a, a)
    return size + np.log1p(np.exp(-2 * size))


ACTIVATIONS = {
    "tanh": Activation(
        np.tanh,
        lambda y: 1 - y * y,
        np.arctanh,
        _log_2cosh,
        -1.0,
        1.0,
        "tanh(a)",
        "(logcosh(a) + log(2))",
        "(1 - y**2)",
        "((1 + y)*log((1 + y)/2) + (1 - y)*log((1 - y)/2))/2",
    ),
    "logistic": Activation(
        lambda a: (1 + np.tanh(a / 2)) / 2,
        lambda y: y * (1 - y),
        lambda y: np.log(y / (1 - y)),
        lambda a: a / 2 + _log_2cosh(a / 2),
        0.0,
        1.0,
        "(1 + tanh(a/2))/2",
        "(a/2 + logcosh(a/2) + log(2))",
        "y*(1 - y)",
        "(y*log(y) + (1 - y)*log(1 - y))",
    ),
    "algebraic": Activation(
        lambda a: a / np.sqrt(1 + a * a),
        lambda y: (1 - y * y) ** 1.5,
        lambda y: y / np.sqrt(1 - y * y),
        lambda a: np.sqrt(1 + a * a),
        -1.0,
        1.0,
        "a/sqrt(1 + a**2)",
        "sqrt(1 + a**2)",
        "sqrt(1 - y**2)**3",
        "-sqrt(1 - y**2)",
    ),
    "arctan": Activation(
        lambda a: 2 / np.pi * np.arctan(np.pi / 2 * a),
        lambda y: np.cos(np.pi / 2 * y) ** 2,
        lambda y: 2 / np.pi * np.tan(np.pi / 2 * y),
        lambda a: 2 / np.pi * (a * np.arctan(np.pi / 2 * a) - np.log(1 + (np.pi / 2 * a) ** 2) / np.pi),
        -1.0,
        1.0,
        "(2/pi*atan(pi/2*a))",
        "(2/pi*(a*atan(pi/2*a) - log(1 + (pi/2*a)**2)/pi))",
        "cos(pi/2*y)**2",
        "(-4/pi**2*log(cos(pi/2*y)))",
    ),
}


def activation_of(name: str | Activation) -> Activation:
    """The activation function of that name, or the one given.

    Examples
    --------
    >>> f = activation_of("logistic")
    >>> float(f.value(0.0)), f.slope(0.5)
    (0.5, 0.25)
    """
    if isinstance(name, Activation):
        return name
    if name not in ACTIVATIONS:
        raise InvalidArgument(f"activation: got {name!r}{did_you_mean(str(name), ACTIVATIONS)}.")
    return ACTIVATIONS[name]


def at(text: str, **places: str) -> str:
    """The text with other texts in the place of names.

    Examples
    --------
    >>> at("tanh(a)", a="W @ x + b")
    'tanh((W @ x + b))'
    """
    return re.sub(rf"\b({'|'.join(places)})\b", lambda found: f"({places[found[0]]})", text)
