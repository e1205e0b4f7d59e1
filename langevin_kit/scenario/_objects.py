"""From the plain tables of a scenario to the library's objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langevin_kit.observables import KINDS
from langevin_kit.system import Grid, cells, initial
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


def observable(value: Any) -> Any:
    """An observable of a kind; or a text, which stands for its mean."""
    return KINDS[value["kind"]](value["of"]) if isinstance(value, Mapping) else value


def observables(tables: Mapping[str, Any]) -> dict[str, Any]:
    """What the run reduces."""
    return {name: observable(value) for name, value in tables.items()}


def grid(axes: Mapping[str, Any]) -> Grid:
    """The histogram's cells."""
    return Grid(**{name: cells(*axis) for name, axis in axes.items()})
