"""What moves one vector of a state, as graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langevin_kit.system.dense import graph
from langevin_kit.system.dense.graph import Node


@dataclass(frozen=True)
class Move:
    """What moves one vector.

    Attributes
    ----------
    state : Node
        The vector.
    force : Node
        B − K∇E.
    divergence : Node
        ∇·K: the gradient of a scalar K, the elementwise derivative of a diagonal one.
    noise : Node
        What multiplies a normal: √K of a scalar or diagonal K, √D of D + U Uᵀ; 1 for a matrix, whose root multiplies
        the normals before. Or the noise R z itself of a K that is given by its root.
    """

    state: Node
    force: Node
    divergence: Node
    noise: Node

    @property
    def outputs(self) -> list[Node]:
        """All that a step with noise computes."""
        return [self.force, self.divergence, self.noise]

    @property
    def is_rooted(self) -> bool:
        """Whether `noise` is the noise itself."""
        return self.noise.stage == graph.DRAWN

    def after(self, moved: Sequence[Node]) -> Move:
        """The same where these vectors move before: what is computed from components of theirs is held."""
        return Move(self.state, *(_held(output, moved) for output in self.outputs))


def _held(output: Node, moved: Sequence[Node]) -> Node:
    pending, seen = [output], set[Node]()
    while pending:
        node = pending.pop()
        if node in moved:
            return Node(graph.HELD, output.shape, (output,))
        if node not in seen and node.shape and node.kind not in graph.CONTRACTIONS:  # those are computed before
            seen.add(node)
            pending.extend(node.arguments)
    return output
