"""From pydantic's errors to one line a fault, in the words of the file."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from langevin_kit.errors import did_you_mean
from langevin_kit.scenario._tables import TABLES


def describe(error: ValidationError) -> list[str]:
    """One line for each fault, or a short block where an expression is marked."""
    details = error.errors(include_url=False)
    meant = {_meant(detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"}
    return [_describe(detail) for detail in details if detail["type"] != "missing" or detail["loc"] not in meant]


def _meant(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The place of the field that a misspelt one stands for: it is not missing as well."""
    return (*place[:-1], *get_close_matches(str(place[-1]), _fields(place), n=1))


def _fields(place: tuple[int | str, ...]) -> list[str]:
    table = tuple(str(part) for part in place[:-1])
    # An observable's table, and that of a wall, stands under the name that the user gave it.
    named = {"observables": table[:1] + table[2:], "system": table if table in TABLES else table[:2]}
    named |= {"network": table if table in TABLES else table[:1] + table[2:]}
    return list(TABLES[named.get(table[0], table) if table else table].model_fields)


def _kinds(place: tuple[int | str, ...]) -> list[str]:
    return [table[1].strip("<>") for table in TABLES if table[0:1] == place[:1] and len(table) == 2]


def _tag(place: tuple[int | str, ...]) -> str:
    """The field that says which of several tables is meant."""
    return "model" if place[0] == "network" else "kind"


def _describe(detail: ErrorDetails) -> str:
    place, context = detail["loc"], detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return f"{_path(place)}: missing; this field is required"
        case "extra_forbidden":
            return f"{_path(place)}: unknown field{did_you_mean(str(place[-1]), _fields(place))}"
        case "union_tag_invalid":
            kind = str(context["tag"]).strip("<>")
            return f"{_path(place)}.{_tag(place)}: got {kind!r}{did_you_mean(kind, _kinds(place))}"
        case "union_tag_not_found":
            return f"{_path(place)}.{_tag(place)}: missing; must be one of {', '.join(_kinds(place))}"
        case "value_error":
            return _refused(place, detail["input"], str(context["error"]))
        case "model_type" | "model_attributes_type" | "dict_type":
            must = "must be a table"
        case _:
            must = re.sub(r"^(Input|List|Tuple|String) should", "must", detail["msg"])
    return f"{_path(place)}: got {_short(detail['input'])}; {must}"


def _refused(place: tuple[int | str, ...], value: Any, message: str) -> str:
    """The library names the field itself, as in ``mobility[0][1]: ...``: the path takes over what it adds."""
    label, separator, rest = message.removesuffix(".").partition(": ")
    field = re.split(r"[.\[]", label)[0]
    if separator and field in place:
        return f"{_path(place)}{label.removeprefix(field)}: {rest}"
    if separator and isinstance(value, dict) and field in value:
        return f"{_path(place)}.{label}: {rest}"
    return f"{_path(place)}: {message.removesuffix('.')}"


def _path(place: tuple[int | str, ...]) -> str:
    if place[0] in ("initial", "network"):
        place = (place[0], *place[2:])
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]" and not re.fullmatch("<[a-z_]+>", part):
            text += f".{part if re.fullmatch(r'[A-Za-z0-9_-]+', part) else repr(part)}"
    return text.removeprefix(".")


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= 60 else f"{text[:57]}..."
