"""What makes F fall: means over an ensemble of the slopes of its energy in the parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.system import System
from langevin_kit.system.dense import Vector
from langevin_kit.system.dense.differentiate import gradient, matrix_gradient
from langevin_kit.system.dense.evaluate import evaluate
from langevin_kit.system.dense.graph import Node

Floats = NDArray[np.float64]


class Slopes:
    """∂E/∂θ of a vector system for some of its parameters θ, as graphs.

    Attributes
    ----------
    names : tuple of str
    parameters : mapping of str to array
        All parameters of the system.
    factors : mapping of str to list of (Node, Node)
        Of each matrix, those of `matrix_gradient`.
    """

    def __init__(self, system: System, names: Sequence[str]) -> None:
        if not isinstance(system.content, Vector):
            raise InvalidArgument("system: its coordinates have names each; a system of vectors is needed.")
        derived = system.content.derived
        self.names, self.parameters = tuple(names), derived.parameters
        for name in names:
            if name not in derived.parameters:
                raise InvalidArgument(f"learn: got {name!r}{did_you_mean(name, derived.parameters)}.")
        shapes = {name: derived.parameters[name].shape for name in names}
        E = derived.energy
        self.factors = {name: matrix_gradient(E, name) for name, shape in shapes.items() if len(shape) == 2}
        self._nodes = {
            name: gradient(E, Node("parameter", shape, value=name)) for name, shape in shapes.items() if len(shape) < 2
        }
        for name in names:
            if not self.factors.get(name, True) or (name in self._nodes and self._nodes[name].is_number):
                raise InvalidArgument(f"learn: the energy does not depend on {name!r}, so that nothing can be learnt.")

    def mean(self, x: Floats, parameters: Mapping[str, Floats], weights: Floats | None = None) -> dict[str, Floats]:
        """⟨∂E/∂θ⟩ over the columns of x (d, R), by name."""
        w = np.full(x.shape[1], 1 / x.shape[1]) if weights is None else weights
        found = {}
        for name, terms in self.factors.items():
            products = [(evaluate(a, x, 0.0, parameters) * w) @ evaluate(b, x, 0.0, parameters).T for a, b in terms]
            found[name] = np.asarray(sum(products[1:], products[0]))
        for name, node in self._nodes.items():
            found[name] = np.asarray(evaluate(node, x, 0.0, parameters) @ w)
        return found


def energy_slope(system: System, x: Any, names: Sequence[str], *, weights: Any = None) -> dict[str, Floats]:
    r"""The mean slope of the energy in some parameters.

    .. math:: ⟨\frac{∂E}{∂θ}⟩_p = \frac{∂F[p]}{∂θ}, \qquad
              \frac{∂}{∂θ}\left(-T \ln \int e^{-E/T} dx\right) = ⟨\frac{∂E}{∂θ}⟩_q

    the second for the Boltzmann law q of all x, or of those components that are integrated over while others are held.

    Parameters
    ----------
    system : System
        Of one or more vectors.
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
    slopes = Slopes(system, names)
    positions = np.asarray(x, np.float64)
    if positions.ndim != 2 or positions.shape[0] != system.n_dim or not positions.size:
        raise InvalidArgument(f"x: got shape {positions.shape}; ({system.n_dim}, R) is needed.")
    if weights is None:
        return slopes.mean(positions, slopes.parameters)
    w = np.asarray(weights, np.float64)
    if w.shape != positions.shape[1:] or not w.sum() > 0:
        raise InvalidArgument(f"weights: got shape {w.shape}; {positions.shape[1:]} with a sum above 0 is needed.")
    return slopes.mean(positions, slopes.parameters, w / w.sum())
