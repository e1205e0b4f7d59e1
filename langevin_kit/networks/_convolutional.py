"""Drifts of images and sequences: layers whose weights all places share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._activations import Activation, at
from langevin_kit.networks._field import Field, activation_text, check_lengths
from langevin_kit.random import RNG, seed_sequence
from langevin_kit.system.arguments import above_zero


def convolutional(
    name: str,
    shape: Sequence[int],
    channels: Sequence[int],
    activation: str | Activation = "tanh",
    *,
    size: int = 3,
    time: bool = False,
    prefix: str = "",
    scale: float = 1.0,
    rng: RNG = None,
) -> Field:
    r"""Convolutions with activations between them, from an image to one of the same shape, with random parameters.

    .. math:: y_{ij} = b + Σ_{k,l} W_{kl}\, x_{i+k,\,j+l}, \qquad |k|, |l| ≤ (s - 1)/2

    at each layer, for vectors x and y of a pixel's channels, with zeros beyond the border.

    Parameters
    ----------
    name : str
        Of the vector, which holds the pixels row after row, and of each its channels: that of an array
        (height, width, channels), raveled.
    shape : sequence of int
        (height, width, channels) of an image, or (length, channels) of a sequence. An image of width 1 is a sequence.
    channels : sequence of int
        Of the hidden layers; there may be none.
    activation : str or Activation
        As `mlp` takes it.
    size : int
        Pixels s of a window's side, an odd number.
    time : bool
        Whether t is an input too: the first layer then adds c₁t at every place.
    prefix : str
        Before the names of the parameters.
    scale : float
        Weights and biases are uniform in ±scale/√n, with n the inputs of a place of their layer.
    rng : int, SeedSequence, Generator or None

    Returns
    -------
    Field
        With the parameters W1, b1, W2, …: Wᵢ is (channels, s² channels before), raveled from
        (channels, s, s, channels before), or (channels, s channels before) of a sequence.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Where t is appended to the image as a channel (Chen, Rubanova, Bettencourt & Duvenaud, NeurIPS 2018), it adds less
    at the border, where its window has zeros; here it adds the same everywhere.

    Examples
    --------
    >>> drift = convolutional("x", (8, 8, 2), [4], rng=0)
    >>> drift.text
    'each(W2, patches(tanh((each(W1, patches(x, 8, 8, 3)) + repeat(b1, 64))), 8, 8, 3)) + repeat(b2, 64)'
    >>> {name: np.shape(value) for name, value in drift.parameters.items()}
    {'W1': (4, 18), 'b1': (4,), 'W2': (2, 36), 'b2': (2,)}
    >>> convolutional("x", (50, 3), [], time=True).text
    'each(W1, windows(x, 50, 3)) + repeat(c1, 50)*t + repeat(b1, 50)'
    """
    f, bound = activation_text(activation), above_zero("scale", scale)
    if len(shape) not in (2, 3):
        raise InvalidArgument(
            f"shape: got {tuple(shape)!r}; (height, width, channels), or (length, channels) of a sequence, is needed."
        )
    check_lengths({f"shape[{i}]": n for i, n in enumerate(shape)})
    check_lengths({**{f"channels[{i}]": n for i, n in enumerate(channels)}, "size": size})
    if size % 2 == 0:
        raise InvalidArgument(f"size: got {size}; an odd number is needed, so that a pixel is in the middle.")
    *image, c = map(int, shape)
    places = math.prod(image)
    if len(image) == 1 or image[1] == 1:
        around, area = f"windows({{}}, {places}, {size})", size
    else:
        around, area = f"patches({{}}, {image[0]}, {image[1]}, {size})", size**2
    draw = np.random.default_rng(seed_sequence(rng))
    parameters: dict[str, Any] = {}
    text, before = "", c
    for layer, after in enumerate([*map(int, channels), c], start=1):
        x = at(f, a=text) if layer > 1 else name
        sees_time = time and layer == 1
        shapes = {f"W{layer}": (after, area * before), **({"c1": (after,)} if sees_time else {}), f"b{layer}": (after,)}
        largest = bound / np.sqrt(area * before + sees_time)
        parameters |= {prefix + key: draw.uniform(-largest, largest, found) for key, found in shapes.items()}
        text = f"each({prefix}W{layer}, {around.format(x)})" + f" + repeat({prefix}c1, {places})*t" * sees_time
        text += f" + repeat({prefix}b{layer}, {places})"
        before = after
    return Field(text, {name: places * c}, parameters)
