"""Straight-line source, one operation a line."""

from __future__ import annotations

from collections.abc import Sequence


class Lines:
    """Collects lines of source; equal operations are computed once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._sources: dict[str, str] = {}

    def assign(self, source: str) -> str:
        """The name that holds one operation's result; equal operations share it."""
        if source not in self._sources:
            name = f"v{len(self._sources)}"
            self.lines.append(f"{name} = {source}")
            self._sources[source] = name
        return self._sources[source]


def as_tuple(names: Sequence[str]) -> str:
    """Source of a tuple."""
    return f"({', '.join(names)},)" if names else "()"


def indent(lines: Sequence[str], width: int) -> str:
    """Lines as a block of a template."""
    return "\n".join(" " * width + line for line in lines)
