"""Straight-line source, one operation a line."""

from __future__ import annotations


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
