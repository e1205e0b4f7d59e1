"""From the plain tables of a scenario to the library's objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langevin_kit.system import System, initial
from langevin_kit.system.initial import Initial

LAWS: dict[str, Callable[..., Initial]] = {
    "gaussian": initial.gaussian,
    "point": initial.point,
    "uniform": initial.uniform,
    "patterns": initial.patterns,
}
"""Laws to start from by their kind; a table's other fields are their arguments."""


def law(table: Mapping[str, Any], system: System | None = None) -> Initial:
    """Where the particles start; at the patterns of a system, if so they do."""
    options = {name: value for name, value in table.items() if name != "kind"}
    if table["kind"] == "patterns":
        assert system is not None
        xi = system.parameters["patterns"]
        options |= {"patterns": xi, "n_hidden": system.n_dim - xi.shape[1]}
    return LAWS[table["kind"]](**options)
