"""Convolutional fields: texts that are the network they say, beside SciPy's correlations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import correlate

from langevin_kit import networks
from langevin_kit.errors import InvalidArgument

RNG = np.random.default_rng(0)


def layer(weights: NDArray[Any], bias: Any, image: NDArray[Any], window: tuple[int, ...]) -> NDArray[Any]:
    """(…, channels) of an image (…, channels before): all channels in one correlation, of which one slice is whole."""
    kernels = weights.reshape(len(weights), *window, -1)
    padded = np.pad(image, [*((n // 2, n // 2) for n in window), (0, 0)])
    return np.stack([correlate(padded, kernel, "valid")[..., 0] for kernel in kernels], axis=-1) + bias


@pytest.mark.parametrize(
    ("shape", "size", "window"),
    [((5, 4, 3), 3, (3, 3)), ((3, 4, 1), 5, (5, 5)), ((7, 3), 3, (3,)), ((7, 1, 3), 5, (5, 1)), ((2, 3, 2), 1, (1, 1))],
)
def test_the_text_is_the_network(shape: tuple[int, ...], size: int, window: tuple[int, ...]) -> None:
    drift = networks.convolutional("x", shape, [4, 6], "softplus", size=size, time=True, prefix="f_", scale=2.0, rng=1)
    p = drift.parameters
    images = RNG.normal(size=(3, *shape))
    system = networks.neural_field(drift)
    for t in (0.0, 0.7):
        found = system.force_at(images.reshape(3, -1).T, t)
        for i, image in enumerate(images):
            x = np.logaddexp(0, layer(p["f_W1"], t * p["f_c1"] + p["f_b1"], image, window))
            x = np.logaddexp(0, layer(p["f_W2"], p["f_b2"], x, window))
            expected = layer(p["f_W3"], p["f_b3"], x, window)
            assert expected.shape == shape
            np.testing.assert_allclose(found[:, i], expected.ravel(), rtol=0, atol=1e-13)


def test_far_from_the_border_an_image_that_moves_moves_what_comes_out() -> None:
    field = networks.neural_field(networks.convolutional("x", (9, 8, 2), [5], "tanh", rng=2))
    image = np.zeros((9, 8, 2))
    image[3:5, 3:5] = RNG.normal(size=(2, 2, 2))
    still = field.force_at(np.zeros(144)).reshape(9, 8, 2)
    one, other = (field.force_at(x.ravel()).reshape(9, 8, 2) for x in (image, np.roll(image, (1, 0), (0, 1))))
    np.testing.assert_allclose((one - still)[1:7, 1:7], (other - still)[2:8, 1:7], rtol=0, atol=1e-15)
    assert np.abs((one - still)[0]).max() == 0  # three rows away, out of reach of two windows
    assert np.abs((one - still)[1]).max() > 1e-3


def test_parameters_are_uniform_and_those_of_their_seed() -> None:
    """Each layer fills ±scale/√n of the n inputs of a place, t among them."""
    first, again = (networks.convolutional("x", (6, 6, 8), [64], time=True, scale=0.5, rng=3) for _ in range(2))
    assert {name: np.shape(value) for name, value in first.parameters.items()} == {
        "W1": (64, 72), "c1": (64,), "b1": (64,), "W2": (8, 576), "b2": (8,)
    }  # fmt: skip
    for names, n in ((("W1", "c1", "b1"), 73), (("W2", "b2"), 576)):
        drawn = np.concatenate([first.parameters[name].ravel() for name in names]) * np.sqrt(n) / 0.5
        assert 0.99 < np.abs(drawn).max() <= 1
        assert abs(drawn.mean()) < 4.4 / np.sqrt(3 * drawn.size)
    for name, value in first.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shape": (8,)}, r"shape: got \(8,\); \(height, width, channels\), or \(length, channels\)"),
        ({"shape": (8, 0, 1)}, r"shape\[1\]: got length 0"),
        ({"channels": [4, 2.5]}, r"channels\[1\]: got length 2.5"),
        ({"size": 4}, "size: got 4; an odd number is needed"),
        ({"size": -1}, "size: got length -1"),
        ({"activation": "rleu"}, "did you mean 'relu'"),
        ({"scale": 0.0}, "scale"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        networks.convolutional(**{"name": "x", "shape": (8, 8, 2), "channels": [3], **given})
