"""Layers of binary units: each takes one of its two states by a field and a word of the generator.

A row of a tile is one unit of all its particles. Fields come from products of a matrix and a tile, and the words from
`draw_words`, whose order of units this file shares: flat, unit u of particle i stands at u P + i in both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..elementary import float32 as elementary32
from ..elementary import float64 as elementary64
from ..jit import driver
from ..noise import uniform_word_f32, uniform_word_f64
from .buffers import load, store


@driver
def take_f32(
    units: NDArray[np.float32],
    fields: NDArray[np.float32],
    words: NDArray[np.uint32],
    unit: int,
    scale: np.float32,
    low: np.float32,
    high: np.float32,
) -> None:
    """A unit's states by P(high) = 1/(1 + exp(−scale field)); `scale` is (high − low)/T."""
    width = units.shape[1]
    for q in range(unit * width, unit * width + width):
        x = scale * load(fields, 1, q)
        # The rarer of both states comes of small numbers alone, which are finer than those near 1.
        u = uniform_word_f32(load(words, 2, q))
        rare = u + u * elementary32.exp(elementary32.absolute(x)) < np.float32(1)
        store(units, 0, q, high if (x > np.float32(0)) != rare else low)


@driver
def take_f64(
    units: NDArray[np.float64],
    fields: NDArray[np.float64],
    words: NDArray[np.uint32],
    unit: int,
    scale: np.float64,
    low: np.float64,
    high: np.float64,
) -> None:
    """As `take_f32`: the words have 32 bits, so that what is rarer than 2**-33 does not happen."""
    width = units.shape[1]
    for q in range(unit * width, unit * width + width):
        x = scale * load(fields, 1, q)
        u = uniform_word_f64(load(words, 2, q))
        rare = u + u * elementary64.exp(elementary64.absolute(x)) < 1.0
        store(units, 0, q, high if (x > 0.0) != rare else low)


@driver
def follow(
    units: NDArray[np.floating], fields: NDArray[np.floating], unit: int, low: np.floating, high: np.floating
) -> None:
    """A unit's states at T = 0: by the sign of its field; one whose field is 0 stays."""
    width = units.shape[1]
    for q in range(unit * width, unit * width + width):
        x = load(fields, 1, q)
        stays = load(units, 0, q)
        store(units, 0, q, high if x > 0 else (low if x < 0 else stays))
