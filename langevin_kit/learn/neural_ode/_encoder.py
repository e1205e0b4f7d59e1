"""Where particles begin, given data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, InvalidExpression, did_you_mean
from langevin_kit.learn.gradient import Texts

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Encoder:
    """Vectors of a state as texts of a datum.

    Parameters
    ----------
    texts : mapping of str to str
        Name of a vector → where it begins, as a text of the inputs and parameters; 0 for vectors left out.
    inputs : mapping of str to int
        Names and lengths of vectors of data.
    parameters : mapping of str to array
        Their first values.

    Examples
    --------
    >>> Encoder({"h": "y", "m": "tanh(V @ y)"}, {"y": 2}, {"V": [[1.0, 0.0], [0.0, 1.0]]}).inputs
    {'y': 2}
    """

    texts: Mapping[str, str]
    inputs: Mapping[str, int]
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Begin:
    """An encoder of a system's vectors."""

    def __init__(self, encoder: Encoder, vectors: Mapping[str, int]) -> None:
        for name in encoder.texts:
            if name not in vectors:
                raise InvalidArgument(f"encoder: got a text for {name!r}{did_you_mean(name, vectors)}.")
        self.inputs = dict(encoder.inputs)
        self._texts = Texts(encoder.inputs, encoder.texts, encoder.parameters)
        self.parameters = self._texts.parameters
        self._vectors = vectors
        for name, node in self._texts.outputs.items():
            if node.shape not in ((), (vectors[name],)):
                raise InvalidExpression(
                    f"{name}: got shape {node.shape}; a vector of shape {(vectors[name],)} is needed."
                )

    def places(self, data: Floats, parameters: Mapping[str, Any]) -> NDArray[Any]:
        """Where data (rows, N) begin, (N, d)."""
        found, n = self._texts.values(data, parameters), data.shape[1]
        parts = [np.broadcast_to(found.get(name, 0.0), (length, n)) for name, length in self._vectors.items()]
        return np.ascontiguousarray(np.concatenate(parts).T)

    def slopes(self, data: Floats, parameters: Mapping[str, Any], slope: Floats) -> dict[str, Floats]:
        """Slopes in the parameters, given those in the places (N, d)."""
        cotangents, at = {}, 0
        for name, length in self._vectors.items():
            part = slope.T[at : at + length]
            at += length
            if name in self._texts.outputs:
                cotangents[name] = part if self._texts.outputs[name].shape else part.sum(axis=0)
        return self._texts.pullback(data, parameters, cotangents)[1]


def padded(vectors: Mapping[str, int], n: int) -> Encoder:
    """The encoder that puts n numbers of a datum in front of the first vector, and zeros behind them: augmented.

    Raises
    ------
    InvalidArgument
    """
    name, length = next(iter(vectors.items()))
    if n > length:
        raise InvalidArgument(
            f"data: got {n} numbers a datum; the vector {name!r} has {length}. Give an Encoder, or a longer vector."
        )
    if n == length:
        return Encoder({name: "datum"}, {"datum": n})
    return Encoder({name: "padding @ datum"}, {"datum": n}, {"padding": np.eye(length, n)})
