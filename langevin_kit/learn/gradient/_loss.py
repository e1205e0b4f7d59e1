"""Losses and encoders as texts over vectors of numbers of each particle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.errors import InvalidArgument, InvalidExpression, did_you_mean
from langevin_kit.system import System, arguments
from langevin_kit.system.dense import Components, graph
from langevin_kit.system.dense.differentiate import gradient, matrix_gradient
from langevin_kit.system.dense.evaluate import evaluate, outer
from langevin_kit.system.dense.expression import parse
from langevin_kit.system.dense.graph import Node

Floats = NDArray[np.float64]


class Texts:
    """Outputs of inputs, both vectors of each particle, with parameters.

    Parameters
    ----------
    inputs : mapping of str to int
        Names and lengths; they stand one behind the other.
    texts : mapping of str to str
        Name of an output → its text.
    parameters : mapping of str to array
    """

    def __init__(self, inputs: Mapping[str, int], texts: Mapping[str, str], parameters: Mapping[str, Any]) -> None:
        self.parameters = {k: np.asarray(arguments.array(f"parameters.{k}", v), float) for k, v in parameters.items()}
        self.inputs: dict[str, Node] = {}
        self.rows = 0
        for name, length in inputs.items():
            if name in self.parameters:
                raise InvalidArgument(f"parameters: {name!r} is the name of a vector; all names must differ.")
            self.inputs[name] = Node("state", (length,), value=name, first=self.rows)
            self.rows += length
        kinds = {k: "matrix" if a.ndim == 2 else "parameter" for k, a in self.parameters.items()}
        own = {k: Node(kinds[k], a.shape, value=k) for k, a in self.parameters.items()}
        self.outputs = {name: parse(text, {**self.inputs, **own}, field=name) for name, text in texts.items()}

    def values(self, x: NDArray[Any], parameters: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Outputs of inputs x (rows, N)."""
        return {name: evaluate(node, x, 0.0, parameters) for name, node in self.outputs.items()}

    @cached_property
    def _work(self) -> tuple[Node, dict[str, Node]]:
        """Σ (cotangent · output), and the cotangents, which stand behind the inputs."""
        at, cotangents, terms = self.rows, {}, []
        for name, node in self.outputs.items():
            shape = node.shape or (1,)
            cotangents[name] = Node("given", shape, value=name, first=at)
            at += shape[0]
            terms.append(graph.total(graph.multiply(node, cotangents[name])))
        return graph.sum_of(terms), cotangents

    @cached_property
    def _slopes(self) -> tuple[dict[str, Node], dict[str, Any]]:
        work, _ = self._work
        of_parameters: dict[str, Any] = {}
        for name, value in self.parameters.items():
            if value.ndim == 2:
                of_parameters[name] = matrix_gradient(work, name)
            else:
                of_parameters[name] = gradient(work, Node("parameter", value.shape, value=name))
        return {name: gradient(work, node) for name, node in self.inputs.items()}, of_parameters

    def pullback(
        self, x: NDArray[Any], parameters: Mapping[str, Any], cotangents: Mapping[str, NDArray[Any]]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Slopes in the inputs, and those in the parameters summed over particles, given the slopes in the outputs."""
        stacked = np.concatenate([x, *(np.reshape(cotangents[name], (-1, x.shape[1])) for name in self.outputs)])

        def at(node: Node) -> NDArray[Any]:
            return evaluate(node, stacked, 0.0, parameters)

        of_inputs, of_parameters = self._slopes
        summed = {}
        for name, found in of_parameters.items():
            if isinstance(found, Node):
                summed[name] = np.asarray(at(found).sum(axis=-1))
            else:
                shape = self.parameters[name].shape
                summed[name] = sum((outer(at(u), at(v), shape) for u, v in found), np.zeros(shape))
        return {name: at(node) for name, node in of_inputs.items()}, summed


@dataclass(frozen=True, eq=False)
class Loss:
    r"""The mean over particles and times of a text.

    .. math:: L = \frac{1}{k N} \sum_{i=1}^{k} \sum_{n=1}^{N} ℓ(x_n(t_i), y_n(t_i); θ)

    Parameters
    ----------
    text : str
        ℓ, a scalar of the system's vectors, the targets, and parameters θ of its own: a readout.
    targets : mapping of str to int
        Names and lengths of vectors that each particle is given.
    parameters : mapping of str to array
        θ, and their first values.

    Raises
    ------
    InvalidArgument, InvalidExpression

    Examples
    --------
    >>> from langevin_kit import System
    >>> system = System(coordinates={"x": 2}, drift="-x", temperature=0.0)
    >>> loss = Loss("sum((x - y)**2)/2", targets={"y": 2})
    >>> objective = loss.of(system, y=[[0.0, 1.0]])
    >>> objective.value(np.array([1.0]), np.array([[[1.0], [1.0]]]))
    0.5
    """

    text: str
    targets: Mapping[str, int]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    _known: dict[tuple[tuple[str, int], ...], Texts] = field(default_factory=dict, init=False, repr=False)

    def _texts_of(self, vectors: tuple[tuple[str, int], ...]) -> Texts:
        """The text read for a state of these vectors, once."""
        if vectors not in self._known:
            self._known[vectors] = Texts({**dict(vectors), **self.targets}, {"loss": self.text}, self.parameters)
        return self._known[vectors]

    def of(self, system: System, /, parameters: Mapping[str, Any] | None = None, **targets: ArrayLike) -> TextObjective:
        """The loss of that system's particles, each with targets (N, m), or (k, N, m) where they are of each time."""
        names = system.names
        if not isinstance(names, Components):
            raise InvalidArgument("system: its coordinates have names each; a system of vectors is needed.")
        for name in self.targets:
            if name in names.vector:
                raise InvalidArgument(f"targets: {name!r} is a vector of the system; all names must differ.")
            if name not in targets:
                raise InvalidArgument(f"targets: {name!r} is missing; give {name}=(N, {self.targets[name]}).")
        for name in targets:
            if name not in self.targets:
                raise InvalidArgument(f"targets: got {name!r}{did_you_mean(name, self.targets)}.")
        texts = self._texts_of(tuple(names.vector.items()))
        if texts.outputs["loss"].shape != ():
            raise InvalidExpression(f"loss: got shape {texts.outputs['loss'].shape}; a scalar is needed: sum(...).")
        given = {name: _columns(name, value, self.targets[name]) for name, value in targets.items()}
        own = {**texts.parameters, **{k: np.asarray(v) for k, v in (parameters or {}).items()}}
        return TextObjective(texts, system.n_dim, given, own)


class TextObjective:
    """A `Loss` with the targets of each particle."""

    def __init__(
        self, texts: Texts, d: int, targets: Mapping[str, NDArray[Any]], parameters: Mapping[str, NDArray[Any]]
    ) -> None:
        self._texts, self._d, self._targets = texts, d, targets
        self.parameters = parameters

    def value(self, times: Floats, states: NDArray[Any]) -> Any:
        """L of states (k, d, N)."""
        total = self.each(times, states).mean()
        return total if np.iscomplexobj(total) else float(total)

    def each(self, times: Floats, states: NDArray[Any]) -> NDArray[Any]:
        """ℓ of each particle at each time, (k, N)."""
        return np.array(
            [self._texts.values(self._stacked(i, x), self.parameters)["loss"] for i, x in enumerate(states)]
        )

    def slopes(self, times: Floats, states: NDArray[Any]) -> tuple[Any, NDArray[Any], dict[str, Floats]]:
        """L, its slopes in states (k, d, N), and in its own parameters."""
        k, d, n = states.shape
        slopes = np.empty(states.shape)
        own = {name: np.zeros(value.shape) for name, value in self._texts.parameters.items()}
        each = {"loss": np.full(n, 1 / (k * n))}
        for i, x in enumerate(states):
            of_inputs, of_parameters = self._texts.pullback(self._stacked(i, x), self.parameters, each)
            slopes[i] = np.concatenate(list(of_inputs.values()))[:d]
            for name, value in of_parameters.items():
                own[name] += value
        return self.value(times, states), slopes, own

    def _stacked(self, i: int, x: NDArray[Any]) -> NDArray[Any]:
        given = [value[i] if value.ndim == 3 else value for value in self._targets.values()]
        return np.concatenate([x, *given])


def _columns(name: str, value: ArrayLike, length: int) -> Floats:
    """Targets (N, m) or (k, N, m) as columns (…, m, N)."""
    found = np.asarray(value, np.float64)
    if found.ndim not in (2, 3) or found.shape[-1] != length:
        raise InvalidArgument(f"targets: got shape {found.shape} for {name!r}; (N, {length}) or (k, N, {length}).")
    if not np.isfinite(found).all():
        raise InvalidArgument(f"targets: got numbers that are not finite for {name!r}.")
    return np.ascontiguousarray(np.swapaxes(found, -1, -2))
