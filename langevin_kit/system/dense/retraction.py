"""Where a vector returns to after each step: onto the manifold that it lives on, or into a domain that is no box.

A retraction is a map ρ of the vector alone that leaves the manifold's points where they are: ρ(ρ(x)) = ρ(x). It need
not lead to the nearest one. Paths of the equation itself stay on the manifold, so that ρ(x) = x along them, and Itô's
formula gives Dρ f + T Σₖ D²ρ(Rₖ, Rₖ) = f for the drift f: to first order in Δt a step is returned by 0 on average.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.errors import InvalidExpression
from langevin_kit.system.dense import graph
from langevin_kit.system.dense.expression import parse
from langevin_kit.system.dense.graph import CONTRACTIONS, Node

FIELD = "retraction"


def read(text: Any, state: Node, names: dict[str, Node]) -> Node:
    """ρ of a vector that has moved; `names` are those of parameters.

    Raises
    ------
    InvalidExpression
    """
    field = f"{FIELD}.{state.value}"
    moved = Node("moved", state.shape, value=state.value, first=state.first)
    node = parse(text, {**names, str(state.value): moved}, field=field)
    if node.shape != state.shape:
        raise InvalidExpression(f"{field}: got shape {node.shape}; shape {state.shape} is needed.")
    used = {each.kind for each in graph.postorder([node])} & (CONTRACTIONS - {"sum", "dot"})
    if used:
        raise InvalidExpression(
            f"{field}: got {text!r}, which uses {', '.join(sorted(used))}; elementwise functions, sums and inner "
            "products are allowed."
        )
    return node
