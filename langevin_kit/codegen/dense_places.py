"""What a tile copies from place to place, block by block on the way into a product, so that it stays in the cache.

The patches of an image take size² times its own memory. Where products at places alone read them, those of each place
are made in one small array just before; what such a product gives back to places is added just behind it.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from langevin_kit.system.dense.graph import Node
from langevin_kit.system.dense.places import block_of


def is_of_parameter(node: Node) -> bool:
    """Whether it is blocks of a parameter: a number for each row, the same for all particles."""
    return node.kind == "gather" and node.arguments[0].kind == "parameter"


def rows_of(node: Node) -> int:
    """Rows of one place of what a matrix gives at each."""
    return node.arguments[0].shape[0]


def passed_on(order: Sequence[Node], outputs: Collection[Node], sides: Mapping[Node, int]) -> set[Node]:
    """The nodes that get no buffer, since all that take them do so place by place.

    Parameters
    ----------
    order : sequence of Node
        All nodes, arguments first.
    outputs : collection of Node
        What loops over components take.
    sides : mapping of Node to int
        What else is taken place by place, and the components of a place.
    """
    takers: dict[Node, list[Node]] = defaultdict(list)
    for node in order:
        for argument in node.arguments:
            takers[argument].append(node)
    found: set[Node] = set()
    for node in order:
        by = takers[node]
        if node in outputs:
            continue
        if node.kind == "gather" and not is_of_parameter(node) and all(taker.kind == "each" for taker in by):
            sizes = [taker.arguments[0].shape[1] for taker in by] + [sides[node] for _ in sides.keys() & {node}]
            found |= {node} if not any(size % block_of(node) for size in sizes) else set()
        if node.kind == "each" and node not in sides and [taker.kind for taker in by] == ["scatter"]:
            found |= {node} if rows_of(node) % block_of(by[0]) == 0 else set()
    return found


def sides_of(sides: Iterable[tuple[Node, int]]) -> tuple[list[Node], dict[Node, int]]:
    """Of factors of outer products and the lengths of their blocks, those that are taken whole and place by place.

    Of several lengths of one factor the largest that divides all is given.
    """
    lengths: dict[Node, list[int]] = defaultdict(list)
    for node, length in sides:
        lengths[node].append(length)
    whole = [node for node, found in lengths.items() if node.shape[0] in found]
    return whole, {node: math.gcd(*found) for node, found in lengths.items() if node not in whole}


def table_name(table: Sequence[int]) -> str:
    """What generated source calls a table: by what stands in it, so that functions of a module can share it."""
    return "TABLE_" + hashlib.sha256(repr(table).encode()).hexdigest()[:16]


def table_source(tables: Collection[tuple[int, ...]]) -> str:
    """Lines of a module that define tables."""
    return "".join(f"{table_name(table)} = np.array({list(table)})\n" for table in tables)
