"""Slopes of the energy of binary units in their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.networks import BipartiteSpins

Floats = NDArray[np.float64]


class SpinSlopes:
    """∂E/∂θ of E = −v·U h − I·v − J·h: −v hᵀ, −v and −h.

    Attributes
    ----------
    names : tuple of str
    outer : tuple of str
        Those whose slope is a single outer product.
    """

    def __init__(self, network: BipartiteSpins, names: Sequence[str], *, averaged: bool = False) -> None:
        self.names, self._network = tuple(names), network
        for name in names:
            if name not in network.parameters:
                raise InvalidArgument(f"learn: got {name!r}{did_you_mean(name, network.parameters)}.")
        self.outer = tuple(name for name in names if name == "U")
        self._averaged = averaged

    def mean(
        self, x: NDArray[np.floating], parameters: Mapping[str, Floats], weights: Floats | None = None
    ) -> dict[str, Floats]:
        """⟨∂E/∂θ⟩ over the columns of x (n + m, R), by name; with ⟨h⟩ given v in place of h where that was asked for.

        It has the same mean and less noise (Rao & Blackwell).
        """
        n, R = len(parameters["U"]), x.shape[1]
        v, h = x[:n], x[n:]
        if self._averaged:
            h = BipartiteSpins(parameters, self._network.temperature, self._network.states).hidden_mean(v)
        w = np.ones(R) if weights is None else weights * R
        made: dict[str, NDArray[np.floating]] = {}
        for name in self.names:
            if name == "U":
                made[name] = v @ h.T if weights is None else (v * w) @ h.T
            else:
                made[name] = (v if name == "I" else h) @ w
        return {name: -product.astype(np.float64) / R for name, product in made.items()}

    def right(self, x: NDArray[np.floating], parameters: Mapping[str, Floats]) -> dict[str, Floats]:
        """What stands on the right of the outer product, by name."""
        return {name: x[len(parameters["U"]) :].astype(np.float64) for name in self.outer}
