"""What makes F fall: means over an ensemble of the slopes of its energy in the parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.learn._data import Network
from langevin_kit.learn._spins import SpinSlopes
from langevin_kit.networks import BipartiteSpins
from langevin_kit.system import System
from langevin_kit.system.dense import Vector
from langevin_kit.system.dense.differentiate import gradient, matrix_gradient
from langevin_kit.system.dense.evaluate import evaluate, outer
from langevin_kit.system.dense.graph import Node, postorder

Floats = NDArray[np.float64]


class Slopes(Protocol):
    """∂E/∂θ for some parameters θ of a network, by name; `outer` are those whose slope is a single outer product."""

    names: tuple[str, ...]
    outer: tuple[str, ...]

    def mean(self, x: Floats, parameters: Mapping[str, Floats], weights: Floats | None = None) -> dict[str, Floats]:
        """⟨∂E/∂θ⟩ over the columns of x (d, R)."""

    def right(self, x: Floats, parameters: Mapping[str, Floats]) -> dict[str, Floats]:
        """What stands on the right of an outer product."""


def slopes_of(network: Network, names: Sequence[str], *, averaged: bool = False) -> Slopes:
    """Those of that network; of binary units with h averaged given v, if that is asked for."""
    if isinstance(network, BipartiteSpins):
        return SpinSlopes(network, names, averaged=averaged)
    return GraphSlopes(network, names)


class GraphSlopes:
    """∂E/∂θ of a vector system for some of its parameters θ, as graphs.

    Attributes
    ----------
    names, outer : tuple of str
    factors : mapping of str to list of (Node, Node)
        Of each matrix, those of `matrix_gradient`.
    """

    def __init__(self, system: System, names: Sequence[str]) -> None:
        if not isinstance(system.content, Vector):
            raise InvalidArgument("system: its coordinates have names each; a system of vectors is needed.")
        derived = system.content.derived
        self.names = tuple(names)
        for name in names:
            if name not in derived.parameters:
                raise InvalidArgument(f"learn: got {name!r}{did_you_mean(name, derived.parameters)}.")
        self._shapes = shapes = {name: derived.parameters[name].shape for name in names}
        E = derived.energy
        self.factors = {name: matrix_gradient(E, name) for name, shape in shapes.items() if len(shape) == 2}
        self._nodes = {
            name: gradient(E, Node("parameter", shape, value=name)) for name, shape in shapes.items() if len(shape) < 2
        }
        self.outer = tuple(
            name
            for name, terms in self.factors.items()
            if len(terms) == 1 and terms[0][0].shape[0] == shapes[name][0]  # not one at each of several places
        )
        for name in names:
            if not self.factors.get(name, True) or (name in self._nodes and self._nodes[name].is_number):
                raise InvalidArgument(f"learn: the energy does not depend on {name!r}, so that nothing can be learnt.")

    def mean(self, x: Floats, parameters: Mapping[str, Floats], weights: Floats | None = None) -> dict[str, Floats]:
        """⟨∂E/∂θ⟩ over the columns of x (d, R), by name."""
        w = np.full(x.shape[1], 1 / x.shape[1]) if weights is None else weights
        found = {}
        for name, terms in self.factors.items():
            sides = [(evaluate(a, x, 0.0, parameters) * w, evaluate(b, x, 0.0, parameters)) for a, b in terms]
            products = [outer(a, b, self._shapes[name]) for a, b in sides]
            found[name] = np.asarray(sum(products[1:], products[0]))
        for name, node in self._nodes.items():
            found[name] = np.asarray(evaluate(node, x, 0.0, parameters) @ w)
        return found

    def right(self, x: Floats, parameters: Mapping[str, Floats]) -> dict[str, Floats]:
        """What stands on the right of the outer product, by name."""
        return {name: np.asarray(evaluate(self.factors[name][0][1], x, 0.0, parameters)) for name in self.outer}


def energy_names(system: System) -> tuple[str, ...]:
    """The parameters that the energy of a system of vectors depends on."""
    if not isinstance(system.content, Vector):
        raise InvalidArgument("system: its coordinates have names each; a system of vectors is needed.")
    derived = system.content.derived
    used = {str(node.value) for node in postorder([derived.energy]) if node.kind in ("parameter", "matrix")}
    return tuple(name for name in derived.parameters if name in used)


def energy_slope(system: Network, x: Any, names: Sequence[str], *, weights: Any = None) -> dict[str, Floats]:
    r"""The mean slope of the energy in some parameters.

    .. math:: ⟨\frac{∂E}{∂θ}⟩_p = \frac{∂F[p]}{∂θ}, \qquad
              \frac{∂}{∂θ}\left(-T \ln \int e^{-E/T} dx\right) = ⟨\frac{∂E}{∂θ}⟩_q

    the second for the Boltzmann law q of all x, or of those components that are integrated over while others are held.

    Parameters
    ----------
    system : System or BipartiteSpins
        Of one or more vectors, or of layers of binary units.
    x : (d, R)
        An ensemble, as `position` of a run.
    names : sequence of str
        Parameters θ: numbers, vectors or matrices.
    weights : (R,), optional
        Of the columns; all alike if left out.

    Returns
    -------
    mapping of str to array
        Each of its parameter's shape.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> system = System(coordinates={"v": 2}, energy="v @ (W @ v)/2", temperature=1.0, parameters={"W": np.eye(2)})
    >>> energy_slope(system, [[1.0, 0.0], [0.0, 2.0]], ["W"])["W"]
    array([[0.25, 0.  ],
           [0.  , 1.  ]])
    """
    slopes = slopes_of(system, names)
    parameters = {name: np.asarray(value) for name, value in system.parameters.items()}
    positions = np.asarray(x, np.float64)
    if positions.ndim != 2 or positions.shape[0] != system.n_dim or not positions.size:
        raise InvalidArgument(f"x: got shape {positions.shape}; ({system.n_dim}, R) is needed.")
    if weights is None:
        return slopes.mean(positions, parameters)
    w = np.asarray(weights, np.float64)
    if w.shape != positions.shape[1:] or not w.sum() > 0:
        raise InvalidArgument(f"weights: got shape {w.shape}; {positions.shape[1:]} with a sum above 0 is needed.")
    return slopes.mean(positions, parameters, w / w.sum())
