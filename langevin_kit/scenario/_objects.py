"""From the plain tables of a scenario to the library's objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langevin_kit.system import initial
from langevin_kit.system.initial import Initial

LAWS: dict[str, Callable[..., Initial]] = {
    "gaussian": initial.gaussian,
    "point": initial.point,
    "uniform": initial.uniform,
}
"""Laws to start from by their kind; a table's other fields are their arguments."""


def law(table: Mapping[str, Any]) -> Initial:
    """Where the particles start."""
    return LAWS[table["kind"]](**{name: value for name, value in table.items() if name != "kind"})
