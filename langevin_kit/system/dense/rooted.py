r"""A mobility S = R Rᵀ given by its root R(x): a text of R z, linear in a vector z of normals.

.. math:: R^T w = \frac{∂}{∂z}\, w·R z

so that S w, of two such products, takes a few sums where a matrix (n, n) at each place would take n² numbers. Its
divergence is a text as well. Where states live on a manifold (`langevin_kit.system.dense.retraction`) it is the
divergence along it,

.. math:: (∇·S)^a = Π^{bc} ∂_c S^{ab}

with Π the projector on the tangent space: what makes exp(−E/T) against the manifold's volume stationary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langevin_kit.errors import InvalidArgument, InvalidExpression, did_you_mean
from langevin_kit.system.dense import graph
from langevin_kit.system.dense.by_vector import ROOT
from langevin_kit.system.dense.differentiate import gradient
from langevin_kit.system.dense.expression import parse
from langevin_kit.system.dense.graph import Node

NORMALS = "z"
"""What a root calls the normals."""


@dataclass(frozen=True)
class Root:
    """S = R Rᵀ of one vector.

    Attributes
    ----------
    noise : Node
        R z.
    normals : Node
        The vector z, as long as the state's.
    divergence : Node
        ∇·S, a vector or a scalar.
    """

    noise: Node
    normals: Node
    divergence: Node

    @property
    def depends_on_time(self) -> bool:
        """Whether S changes with time."""
        return self.noise.depends_on_time or self.divergence.depends_on_time

    def times(self, w: Node) -> Node:
        """S w."""
        along = gradient(graph.dot(w, self.noise), self.normals)
        return graph.substituted(self.noise, self.normals, along)


def read(mobility: Mapping[str, Any], names: Mapping[str, Node], state: Node, d: int, *, field: str) -> Root:
    """Read the two texts; of a state of length d, and `state` one of its vectors.

    Raises
    ------
    InvalidArgument, InvalidExpression
    """
    for key in (*ROOT, *mobility):
        if key not in mobility or key not in ROOT:
            raise InvalidArgument(
                f"{field}: got the keys {', '.join(map(repr, mobility))}; 'root' and 'divergence' are needed, for "
                f"S = R Rᵀ{did_you_mean(str(key), ROOT) if key not in ROOT else ''}."
            )
    if NORMALS in names:
        raise InvalidArgument(
            f"{field}.root: {NORMALS!r} stands for the normals, but a vector or a parameter has this name. Rename it."
        )
    normals = Node("normals", state.shape, value=NORMALS, first=d + state.first)
    noise = parse(mobility["root"], {**names, NORMALS: normals}, field=f"{field}.root")
    if noise.shape != state.shape:
        raise InvalidExpression(f"{field}.root: got shape {noise.shape}; R z of shape {state.shape} is needed.")
    if not graph.is_linear(noise, normals):
        raise InvalidExpression(
            f"{field}.root: got {mobility['root']!r}; it must be linear in the normals {NORMALS}, each of its terms a "
            f"product with {NORMALS} once, as in sqrt({state.value})*{NORMALS}."
        )
    divergence = parse(mobility["divergence"], names, field=f"{field}.divergence")
    if divergence.shape not in ((), state.shape):
        raise InvalidExpression(
            f"{field}.divergence: got shape {divergence.shape}; a vector of shape {state.shape} is needed."
        )
    return Root(noise, normals, divergence)
