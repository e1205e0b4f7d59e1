"""Activation functions f of continuous networks: increasing, as functions of arrays and as texts of vectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.system.arguments import number


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
        The limits of f, which it reaches nowhere; infinite ones if it has none.
    value_text, integral_text : str
        f and F of a vector a, in the language of `System`.
    slope_text, inverse_integral_text : str
        The slope f' and the integral of the inverse, of a vector y.
    growth : float
        Of an unbounded f its steepest slope at infinity; 0 of others.
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
    growth: float = 0.0

    @property
    def is_unbounded(self) -> bool:
        """Whether f has no limits."""
        return self.growth > 0


def leaky_relu(slope: float) -> Activation:
    """f(a) = a above 0 and slope·a below.

    Parameters
    ----------
    slope : float
        Between 0 and 1, which are excluded.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> leaky_relu(0.25).value(np.array([-2.0, 2.0]))
    array([-0.5,  2. ])
    """
    rise, bend = (1 + _share(slope)) / 2, (1 - slope) / 2
    return Activation(
        lambda a: np.where(a.real < 0, slope * a, a),
        lambda y: np.where(y.real < 0, slope, 1.0),
        lambda y: np.where(y.real < 0, y / slope, y),
        lambda a: np.where(a.real < 0, slope * a * a, a * a) / 2,
        -np.inf,
        np.inf,
        f"leaky_relu(a, {slope!r})",
        f"a*leaky_relu(a, {slope!r})/2",
        f"({rise!r} + {bend!r}*sign(y))",
        f"(y*leaky_relu(y, {1 / slope!r})/2)",
        1.0,
    )


def leaky_hardtanh(slope: float) -> Activation:
    """f(a) = a up to |a| = 1, and of the given slope beyond.

    Parameters
    ----------
    slope : float
        Between 0 and 1, which are excluded.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> leaky_hardtanh(0.1).value(np.array([-0.5, 2.0]))
    array([-0.5,  1.1])
    """
    bend = 1 - _share(slope)

    def beyond(a: Any) -> Any:
        """By how much a lies outside −1 … 1."""
        return np.where(a.real > 1, a - 1, np.where(a.real < -1, a + 1, 0 * a))

    return Activation(
        lambda a: a - bend * beyond(a),
        lambda y: np.where(np.abs(y.real) < 1, 1.0, slope),
        lambda y: y + bend / slope * beyond(y),
        lambda a: (a * a - bend * beyond(a) ** 2) / 2,
        -np.inf,
        np.inf,
        f"({slope!r}*a + {bend / 2!r}*(abs(a + 1) - abs(a - 1)))",
        f"({slope / 2!r}*a**2 + {bend / 4!r}*((a + 1)*abs(a + 1) - (a - 1)*abs(a - 1) - 2))",
        f"({slope!r} + {bend / 2!r}*(sign(y + 1) - sign(y - 1)))",
        f"({1 / slope / 2!r}*y**2 + {(1 - 1 / slope) / 4!r}*((y + 1)*abs(y + 1) - (y - 1)*abs(y - 1) - 2))",
        slope,
    )


def _share(slope: Any) -> float:
    if not 0 < (found := number("slope", slope)) < 1:
        raise InvalidArgument(f"slope: got {slope!r}; a number between 0 and 1 is needed.")
    return found


def _log_2cosh(a: Any) -> Any:
    size = np.where(a.real < 0, -a, a)
    return size + np.log1p(np.exp(-2 * size))


ACTIVATIONS = {
    "identity": Activation(
        lambda a: a,
        lambda y: 1 + 0 * y,
        lambda y: y,
        lambda a: a * a / 2,
        -np.inf,
        np.inf,
        "a",
        "a**2/2",
        "1",
        "y**2/2",
        1.0,
    ),
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
    "leaky_relu": leaky_relu(0.25),
    "leaky_hardtanh": leaky_hardtanh(0.1),
}
"""By name; those with a parameter take the value in their place here."""


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
    if name == "relu":
        raise InvalidArgument(
            "activation: got 'relu': below 0 its energy is flat, so that Z is infinite, and K = 1/f' is 1/0. "
            "'leaky_relu' has a slope there; 'leaky_hardtanh' has bounded gain and stores patterns."
        )
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
