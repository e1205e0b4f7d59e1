"""What a step multiplies by its length, as one graph, and what pulls the slopes of a loss back through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.system.dense import graph
from langevin_kit.system.dense.derived import DenseDerived
from langevin_kit.system.dense.differentiate import gradient, matrix_gradient
from langevin_kit.system.dense.evaluate import evaluate_all, outer
from langevin_kit.system.dense.graph import Node

TEMPERATURE = Node("temperature", (), value="T")
AMPLITUDE = Node("amplitude", (), value="√(2T/Δt)")
"""No text can use these names."""


@dataclass(frozen=True, eq=False)
class Field:
    r"""The velocity of equation (1) with the noise of a step, and its pullback.

    .. math:: f(x, t, z) = b - K∇E + T ∇·K + \sqrt{2T/Δt}\, K^{1/2} z, \qquad x ← x + Δt\, f

    Attributes
    ----------
    derived : DenseDerived
    noisy : bool
        Whether T > 0: without, f is b − K∇E.
    """

    derived: DenseDerived
    noisy: bool
    _plans: dict[tuple[str, ...], list[list[Node]]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.noisy and self.derived.noise_shapes:
            raise InvalidArgument(
                "mobility: got a constant matrix at T > 0; slopes through its noise need its root: give "
                "mobility={'root': 'R @ z', 'divergence': '0*v'} with a matrix R of the parameters, R Rᵀ = K."
            )
        if self.derived.retractions:
            raise InvalidArgument("retraction: slopes do not go through one in this version; leave it out.")

    @property
    def d(self) -> int:
        """Length of the state."""
        return self.derived.d

    @cached_property
    def normals(self) -> tuple[Node, ...]:
        """The normals z of each vector."""
        return tuple(
            Node("normals", x.shape, value=f"z of {x.value}", first=self.d + x.first) for x in self.derived.states
        )

    @cached_property
    def cotangents(self) -> tuple[Node, ...]:
        """The slopes λ of a loss in what f gives, by vector; they stand behind the state's and the normals' rows."""
        return tuple(Node("given", x.shape, value="λ", first=2 * self.d + x.first) for x in self.derived.states)

    @cached_property
    def velocity(self) -> tuple[Node, ...]:
        """F by vector."""
        parts = []
        for move, z in zip(self.derived.rates, self.normals, strict=True):
            f = move.force
            if self.noisy:
                noise = move.noise if move.is_rooted else graph.multiply(move.noise, z)
                f = graph.add(
                    graph.add(f, graph.multiply(TEMPERATURE, move.divergence)), graph.multiply(AMPLITUDE, noise)
                )
            parts.append(f if f.shape else graph.multiply(f, graph.number(1, move.state.shape)))
        return tuple(parts)

    @cached_property
    def work(self) -> Node:
        """λ·f: all slopes are its derivatives."""
        return graph.sum_of(graph.dot(a, f) for a, f in zip(self.cotangents, self.velocity, strict=True))

    @cached_property
    def pullback(self) -> tuple[Node, ...]:
        """∂(λ·f)/∂x by vector."""
        return tuple(gradient(self.work, state) for state in self.derived.states)

    def slope(self, leaf: Node) -> Node:
        """∂(λ·f)/∂(leaf), of a number or a vector."""
        return gradient(self.work, leaf)

    def factors(self, name: str) -> list[tuple[Node, Node]]:
        """∂(λ·f)/∂(matrix of that name) as a sum of outer products."""
        return matrix_gradient(self.work, name)

    @cached_property
    def _used(self) -> frozenset[str]:
        """The parameters that f depends on."""
        nodes = graph.postorder(self.velocity)
        return frozenset(str(n.value) for n in nodes if n.kind in ("parameter", "matrix"))

    def names(self, learn: Sequence[str] | None) -> tuple[str, ...]:
        """The parameters whose slopes are wanted: all that f depends on, or those asked for.

        Raises
        ------
        InvalidArgument
        """
        used = self._used
        known = [name for name in self.derived.parameters if name in used]
        for name in learn or ():
            if name not in self.derived.parameters:
                raise InvalidArgument(f"learn: got {name!r}{did_you_mean(name, known)}.")
            if name not in used:
                raise InvalidArgument(f"learn: nothing moves by {name!r}, so that it has no slope.")
        return tuple(known if learn is None else learn)

    def velocity_at(self, x: Any, t: float, values: Mapping[str, Any], z: Any = None) -> NDArray[Any]:
        """F of shape (d, N) at places x (d, N), with normals z (d, N) and the values of all that is named."""
        stacked = np.concatenate([x, np.zeros_like(x) if z is None else z])
        return np.concatenate(evaluate_all(self.velocity, stacked, t, values))

    def pullback_at(
        self, x: Any, t: float, values: Mapping[str, Any], cotangent: Any, names: Sequence[str] = (), z: Any = None
    ) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
        """∂(λ·f)/∂x (d, N), and the sums over particles of the slopes in parameters."""
        nodes = self._nodes(tuple(names))
        stacked = np.concatenate([x, np.zeros_like(x) if z is None else z, cotangent])
        found = iter(evaluate_all([n for part in nodes for n in part], stacked, t, values))
        of_state = np.concatenate([next(found) for _ in nodes[0]])
        slopes = {}
        for name, part in zip(names, nodes[1:], strict=True):
            if len(self.derived.parameters[name].shape) < 2:
                slopes[name] = next(found).sum(axis=-1)
                continue
            shape = self.derived.parameters[name].shape
            pairs = [outer(next(found), next(found), shape) for _ in part[::2]]
            slopes[name] = np.asarray(sum(pairs[1:], pairs[0]))
        return of_state, slopes

    def jacobians_at(self, x: Any, t: float, values: Mapping[str, Any], rows: Any) -> NDArray[Any]:
        """Some rows of ∂f/∂x at places x (d, N): (N, rows, d)."""
        d, n = x.shape
        units = np.zeros((d, n, len(rows)))
        units[list(rows), :, range(len(rows))] = 1.0
        found = self.pullback_at(np.repeat(x, len(rows), axis=1), t, values, units.reshape(d, -1))[0]
        return found.reshape(d, n, len(rows)).transpose(1, 2, 0)

    def _nodes(self, names: tuple[str, ...]) -> list[list[Node]]:
        """What `pullback_at` evaluates: of the state, and of each parameter."""
        if names not in self._plans:
            shapes = {name: self.derived.parameters[name].shape for name in names}
            self._plans[names] = [
                [*self.pullback],
                *(
                    [side for pair in self.factors(name) for side in pair]
                    if len(shape) == 2
                    else [self.slope(Node("parameter", shape, value=name))]
                    for name, shape in shapes.items()
                ),
            ]
        return self._plans[names]


@lru_cache(maxsize=64)
def field_of(derived: DenseDerived, *, noisy: bool) -> Field:
    """The field of a system; the same one for the same system."""
    return Field(derived, noisy)
