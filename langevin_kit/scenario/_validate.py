"""The tables of a scenario, held to their format: the only part that needs pydantic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from langevin_kit.errors import LangevinKitError
from langevin_kit.scenario._faults import describe
from langevin_kit.scenario._format import NamesTable, ScenarioTable
from langevin_kit.scenario._message import invalid
from langevin_kit.scenario._network_format import Network
from langevin_kit.scenario._tables import NetworkScenarioTable
from langevin_kit.system import System


def validated(tables: dict[str, Any], name: str, folder: Path) -> dict[str, Any]:
    """Plain data of all fields, those that were left out included.

    Raises
    ------
    InvalidScenario
        With all faults of the tables.
    """
    faults: list[str] = []
    format_: type[ScenarioTable] = ScenarioTable
    if "network" not in tables:
        known = _names(tables)
    else:
        format_, known = NetworkScenarioTable, _network(tables, folder, faults)
        if "system" in tables:
            faults.append("system: got a table beside [network]; leave one of them out")
    try:
        found = format_.model_validate({**tables, **({"system": None} if faults else {})}, context=known).model_dump()
    except ValidationError as error:
        faults += describe(error)
    if faults:
        raise invalid(name, faults)
    return found


def _names(tables: dict[str, Any]) -> System | None:
    """A system without forces, in which expressions can be read."""
    try:
        return NamesTable.model_validate(tables.get("system", {})).bare()
    except ValidationError:
        return None


def _network(tables: dict[str, Any], folder: Path, faults: list[str]) -> System | None:
    """The network's system; or what its builder refuses, while the format is yet to say what is wrong with fields."""
    from langevin_kit.scenario._network import network

    try:
        table = TypeAdapter(Network).validate_python(tables["network"]).model_dump()
    except ValidationError:
        return None
    try:
        return network(table, folder).system
    except LangevinKitError as error:
        faults.append(f"network.{str(error).removesuffix('.')}")
        return None
