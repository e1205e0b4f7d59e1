"""What every kind of observable does: ask for sums before a run, and make variables of them at each saved time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from langevin_kit.observables.rows import Rows, Sums
from langevin_kit.observables.variables import Variable

Finish = Callable[[Sums], Mapping[str, Any]]
"""From the sums of one saved time to values by suffix: "" for the observable itself, "_stderr" and so on."""


class Observable(Protocol):
    """A quantity that a run reduces over its ensemble; kinds are listed in `KINDS`."""

    @property
    def kind(self) -> str:
        """Its name in `KINDS`."""

    def plan(self, rows: Rows, where: str) -> Finish:
        """Ask for sums; `where` names the observable in errors."""

    def variables(self, name: str) -> Mapping[str, Variable]:
        """What the values are, by suffix."""
