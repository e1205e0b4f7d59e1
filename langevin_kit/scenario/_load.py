"""`load`: a scenario file, or all that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langevin_kit import cache
from langevin_kit.errors import LangevinKitError
from langevin_kit.observables import observables_from_dict
from langevin_kit.scenario._message import invalid
from langevin_kit.scenario._objects import law
from langevin_kit.system import System, grid_from_dict

MAX_BYTES = 10**6


@dataclass(frozen=True)
class Scenario:
    """A system and all that `simulate` needs to run it: ``simulate(scenario.system, **scenario.arguments)``.

    Attributes
    ----------
    title : str
    system : System
    arguments : mapping
        Keyword arguments of `simulate`, with the file's text as attribute ``scenario`` of the Dataset.
    text : str
        The file as it was.
    learning : mapping or None
        Keyword arguments of `learn.recall_and_learn`, by which the system learns its patterns before the run.
    """

    title: str
    system: System
    arguments: Mapping[str, Any]
    text: str
    learning: Mapping[str, Any] | None = None


def load(path: str | Path) -> Scenario:
    """Read a scenario file.

    Parameters
    ----------
    path : str or Path
        A TOML file in UTF-8 of at most 1 MB. It is data: nothing in it is executed.

    Raises
    ------
    InvalidScenario
        With all faults of the file.
    """
    path = Path(path)
    if not path.exists():
        raise invalid(str(path), ["there is no such file"])
    if not path.is_file():
        raise invalid(str(path), ["this is no file; give a scenario file in TOML"])
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise invalid(str(path), [f"cannot be read ({error.strerror})"]) from None
    if len(data) > MAX_BYTES:
        raise invalid(str(path), [f"more than {MAX_BYTES} bytes; a scenario holds formulas and numbers, no data"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(str(path), [f"byte {error.start} is no UTF-8; save the file as UTF-8"]) from None
    return loads(text, str(path), path.parent)


def loads(text: str, name: str = "scenario", folder: str | Path = ".") -> Scenario:
    """Read a scenario from text.

    Parameters
    ----------
    text : str
    name : str
        What error messages call it.
    folder : str or Path
        Where paths in it begin.

    Raises
    ------
    InvalidScenario
        With all faults of the text.

    Examples
    --------
    >>> scenario = loads('''
    ... title = "one well"
    ... system = { energy = "x**2/2", temperature = 1.0 }
    ... initial = { kind = "point", position = [0.5] }
    ... run = { n_particles = 1000, time_step = 0.01, n_steps = 100, seed = 0 }
    ... ''')
    >>> scenario.arguments["n_steps"]
    100
    """
    remembered = cache.remember(f"scenario {text!r}", lambda: json.dumps(_valid(text, name, Path(folder))))
    tables: dict[str, Any] = json.loads(remembered)
    run, attrs, learning = tables["run"], {"scenario": text}, tables.get("learn")
    own: Mapping[str, Any] = {}
    if tables.get("network"):
        system, own = _network(tables["network"], name, Path(folder))
        if tables["network"]["image"]:
            attrs["image"] = json.dumps(tables["network"]["image"])
    else:
        system = System(**tables["system"])
    if learning:
        learning |= {"data": system.parameters["patterns"], "rng": run["seed"]}
    arguments = {
        "title": tables["title"],
        "initial": law(tables["initial"], system),
        "rng": run.pop("seed"),
        **run,
        "observables": {**own, **observables_from_dict(tables["observables"])},
        "histogram": None if tables["histogram"] is None else grid_from_dict(tables["histogram"]),
        "attrs": attrs,
    }
    return Scenario(tables["title"], system, arguments, text, learning)


# pydantic takes as long to build its models as all that a run does before its first step: a text that was valid for the
# same sources is not validated again.
def _valid(text: str, name: str, folder: Path) -> dict[str, Any]:
    """The tables of a text as plain data."""
    import tomllib

    from langevin_kit.scenario._validate import validated

    try:
        tables = tomllib.loads(text)
    except ValueError as error:
        raise invalid(name, [f"this is no TOML: {error}"]) from None
    except RecursionError:
        raise invalid(name, ["this is no scenario: nested too deeply"]) from None
    return validated(tables, name, folder)


def _network(table: Mapping[str, Any], name: str, folder: Path) -> tuple[System, dict[str, Any]]:
    """Build the network again: of its files the text knows only the names, and what they hold may have changed."""
    from langevin_kit.scenario._network import network

    try:
        return network(table, folder)
    except LangevinKitError as error:
        raise invalid(name, [f"network.{str(error).removesuffix('.')}"]) from None
