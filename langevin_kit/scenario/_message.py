"""The error that lists what is wrong with a scenario."""

from __future__ import annotations

from collections.abc import Sequence

from langevin_kit.errors import InvalidScenario

MOST = 50
"""Faults that a message lists; a file with more is no scenario."""


def invalid(name: str, faults: Sequence[str]) -> InvalidScenario:
    """The error that lists all faults of a file."""
    count = f"{len(faults)} fault{'s' * (len(faults) > 1)}"
    more = [f"and {len(faults) - MOST} more"] * (len(faults) > MOST)
    text = "\n".join([f"{name}: {count}", *(f"  {line}" for line in "\n".join([*faults[:MOST], *more]).split("\n"))])
    # A file is data: no character of it may steer the terminal.
    return InvalidScenario("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text))
