"""The tables of a scenario, held to their format: the only part that needs pydantic."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from langevin_kit.scenario._faults import describe
from langevin_kit.scenario._format import NamesTable, ScenarioTable
from langevin_kit.scenario._message import invalid
from langevin_kit.system import System


def validated(tables: dict[str, Any], name: str) -> dict[str, Any]:
    """Plain data of all fields, those that were left out included.

    Raises
    ------
    InvalidScenario
        With all faults of the tables.
    """
    try:
        return ScenarioTable.model_validate(tables, context=_names(tables)).model_dump()
    except ValidationError as error:
        raise invalid(name, describe(error)) from None


def _names(tables: dict[str, Any]) -> System | None:
    try:
        return NamesTable.model_validate(tables.get("system", {})).bare()
    except ValidationError:
        return None
