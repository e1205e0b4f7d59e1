"""An elementwise expression of a graph → lines of a loop, one operation a line, on CPUs and GPUs alike."""

from __future__ import annotations

from collections.abc import Callable, Collection

from langevin_kit.system.dense.graph import Node, is_value

_NAMES = {"abs": "absolute"}
"""Functions that have another name in `langevin_kit.kernels.elementary`."""


class Body:
    """The lines of one loop; equal nodes are computed once.

    Parameters
    ----------
    kept : collection of Node
        What is not computed here but held elsewhere: `held` names it.
    new_name : function
        Gives a variable that no other loop uses.
    """

    def __init__(self, kept: Collection[Node], new_name: Callable[[], str]) -> None:
        self.lines: list[str] = []
        self._kept = kept
        self._new_name = new_name
        self._known: dict[Node, str] = {}

    def held(self, node: Node) -> str:
        """The name of a value that stands elsewhere, or "" for one that is computed here."""
        raise NotImplementedError

    def value(self, node: Node) -> str:
        """The name that holds a node's value."""
        if node.is_number:
            return f"R({float(node.value)!r})"
        if node not in self._known:
            self._known[node] = self.held(node) or self._computed(node)
        return self._known[node]

    def assign(self, source: str) -> str:
        """A new name for what a line computes."""
        name = self._new_name()
        self.lines.append(f"{name} = {source}")
        return name

    def _computed(self, node: Node) -> str:
        a = node.arguments
        match node.kind:
            case "add":
                return self._sum(*a)
            case "subtract":
                return self._difference(*a)
            case "multiply" if is_value(a[0], -1):
                return self.assign(f"-{self.value(a[1])}")
            case "multiply":
                return self.assign(f"{self.value(a[0])}*{self.value(a[1])}")
            case "divide":
                return self.assign(f"{self.value(a[0])}/{self.value(a[1])}")
            case "power":
                return self._power(self.value(a[0]), int(node.value))
            case "step":
                x, above, below = map(self.value, a)
                return self.assign(f"{above} if {x} > R(0.0) else {below}")
            case "held":
                return self.value(a[0])
        return self.assign(f"{_NAMES.get(node.kind, node.kind)}({self.value(a[0])})")

    def _is_product(self, node: Node) -> bool:
        return node.kind == "multiply" and node not in self._kept

    def _sum(self, a: Node, b: Node) -> str:
        if not self._is_product(b):
            a, b = b, a
        if self._is_product(b):
            x, y = map(self.value, b.arguments)
            return self.assign(f"fma({x}, {y}, {self.value(a)})")
        return self.assign(f"{self.value(b)} + {self.value(a)}")

    def _difference(self, a: Node, b: Node) -> str:
        if self._is_product(b):
            x, y = map(self.value, b.arguments)
            return self.assign(f"fma(-{x}, {y}, {self.value(a)})")
        if self._is_product(a):
            x, y = map(self.value, a.arguments)
            return self.assign(f"fma({x}, {y}, -{self.value(b)})")
        return self.assign(f"{self.value(a)} - {self.value(b)}")

    def _power(self, square: str, count: int) -> str:
        result = ""
        while count:
            if count & 1:
                result = self.assign(f"{result}*{square}") if result else square
            count >>= 1
            if count:
                square = self.assign(f"{square}*{square}")
        return result
