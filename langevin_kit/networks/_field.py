"""Drifts that are neural networks, as texts of vectors with their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.networks._activations import ACTIVATIONS, Activation, at
from langevin_kit.random import RNG, seed_sequence
from langevin_kit.system import System
from langevin_kit.system.arguments import above_zero

WITHOUT_INVERSE = {"elu": "elu(a)", "hardtanh": "hardtanh(a)", "relu": "leaky_relu(a, 0)", "softplus": "softplus(a)"}
"""Texts of activations that no energy can be made of, beside those of `ACTIVATIONS`."""


@dataclass(frozen=True)
class Field:
    """A vector as a function of vectors, in the language of `System`.

    Attributes
    ----------
    text : str
    inputs : mapping of str to int
        The vectors it is a function of, and their lengths; the time t may be another.
    parameters : mapping of str to number or array

    Examples
    --------
    >>> Field("h - h**3", {"h": 1}).inputs
    {'h': 1}
    """

    text: str
    inputs: Mapping[str, int]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def mlp(
    inputs: Mapping[str, int],
    widths: Sequence[int],
    n_out: int,
    activation: str | Activation = "tanh",
    *,
    time: bool = False,
    prefix: str = "",
    scale: float = 1.0,
    rng: RNG = None,
) -> Field:
    r"""A multilayer perceptron :math:`W_L f(\dots f(W_1 x + b_1) \dots) + b_L`, with random parameters.

    Weights and biases are uniform in ±scale/√n, with n the number of inputs of their layer.

    Parameters
    ----------
    inputs : mapping of str to int
        The vectors it is a function of, and their lengths.
    widths : sequence of int
        Of the hidden layers; there may be none.
    n_out : int
        Length of what comes out.
    activation : str or Activation
        f: "tanh", "elu", "softplus", "relu", "hardtanh", "logistic", or another one that networks take.
    time : bool
        Whether t is an input too: the first layer then adds c₁t.
    prefix : str
        Before the names of the parameters.
    scale : float
        Of the parameters.
    rng : int, SeedSequence, Generator or None

    Returns
    -------
    Field
        With the parameters W1, b1, W2, …; of several inputs the first layer has one matrix each, such as W1_h and W1_m.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Each layer nests the text three levels deeper, of the 100 that `System` reads: 30 layers are fine, 40 are not.

    Examples
    --------
    >>> drift = mlp({"h": 2}, [14], 2, "elu", time=True, rng=0)
    >>> drift.text
    'W2 @ (elu((W1 @ h + c1*t + b1))) + b2'
    >>> {name: np.shape(value) for name, value in drift.parameters.items()}
    {'W1': (14, 2), 'c1': (14,), 'b1': (14,), 'W2': (2, 14), 'b2': (2,)}
    """
    f, size = activation_text(activation), above_zero("scale", scale)
    check_lengths({**inputs, **{f"widths[{i}]": n for i, n in enumerate(widths)}, "n_out": n_out})
    if not inputs:
        raise InvalidArgument("inputs: got none; names of vectors and their lengths are needed, such as {'h': 2}.")
    draw = np.random.default_rng(seed_sequence(rng))
    parameters: dict[str, Any] = {}
    text = ""
    # Name, what follows it in the text, and shape of each parameter but for the length of what comes out.
    terms: list[tuple[str, str, tuple[int, ...]]] = [
        ("W1" if len(inputs) == 1 else f"W1_{name}", f" @ {name}", (n,)) for name, n in inputs.items()
    ]
    terms += [("c1", "*t", ())] if time else []
    for layer, n in enumerate([*widths, n_out], start=1):
        bound = size / np.sqrt(sum(shape[0] if shape else 1 for _, _, shape in terms))
        terms.append((f"b{layer}", "", ()))
        for name, _, shape in terms:
            parameters[prefix + name] = draw.uniform(-bound, bound, (int(n), *shape))
        text = " + ".join(f"{prefix}{name}{rest}" for name, rest, _ in terms)
        terms = [(f"W{layer + 1}", f" @ ({at(f, a=text)})", (int(n),))]
    return Field(text, dict(inputs), parameters)


def neural_field(field: Field, *, mobility: Any = 1.0, temperature: float = 0.0) -> System:
    r"""A vector that a field moves: a neural ODE at T = 0, a neural SDE at T > 0.

    .. math:: dh = [f(h, t) + T\, ∇·K]\,dt + \sqrt{2TK}\,dW

    Extra dimensions that data do not have (augmented neural ODEs) are a longer h.

    Parameters
    ----------
    field : Field
        f, of one vector.
    mobility : number or str
        K, which multiplies the noise alone; of position perhaps.
    temperature : float
        T ≥ 0.

    Returns
    -------
    System
        Without energy, and so without a Boltzmann law.

    Raises
    ------
    InvalidArgument, InvalidExpression

    Notes
    -----
    Chen, Rubanova, Bettencourt & Duvenaud, NeurIPS 2018; augmented: Dupont, Doucet & Teh, NeurIPS 2019.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> spiral = neural_field(Field("A @ h", {"h": 2}, {"A": [[-0.1, 1.0], [-1.0, -0.1]]}))
    >>> ds = lk.simulate(spiral, initial=np.array([[1.0, 0.0]]), time_step=1e-3, n_steps=1000, save_every=1000,
    ...                  observables={"radius": "sqrt(h @ h)"})
    >>> round(float(ds.radius[-1]), 3)
    0.905
    """
    if len(field.inputs) != 1:
        raise InvalidArgument(f"field: got one of {', '.join(field.inputs)}; one of a single vector is needed.")
    return System(
        drift=field.text,
        mobility=mobility,
        temperature=temperature,
        coordinates=dict(field.inputs),
        parameters=field.parameters,
    )


def check_lengths(lengths: Mapping[str, Any]) -> None:
    """Refuse what is no positive integer, by its name."""
    for name, length in lengths.items():
        if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
            raise InvalidArgument(f"{name}: got length {length!r}; a positive integer is needed.")


def activation_text(activation: str | Activation) -> str:
    """The text of an activation of a.

    Examples
    --------
    >>> activation_text("relu")
    'leaky_relu(a, 0)'
    """
    if isinstance(activation, Activation):
        return activation.value_text
    texts = {name: known.value_text for name, known in ACTIVATIONS.items()} | WITHOUT_INVERSE
    if activation not in texts:
        raise InvalidArgument(f"activation: got {activation!r}{did_you_mean(str(activation), texts)}.")
    return texts[activation]
