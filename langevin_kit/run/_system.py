"""The system of a run, from the attributes of its Dataset or store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langevin_kit.errors import InvalidStore
from langevin_kit.system import System, system_from_dict
from langevin_kit.system.packed import without_bytes


def system_of(attrs: Mapping[Any, Any]) -> System:
    """Build it again.

    Raises
    ------
    InvalidStore
        If there is none, or one of Python functions.
    """
    if "system" not in attrs:
        raise InvalidStore("this Dataset has no attribute `system`: it was not made by langevin_kit.simulate.")
    data = json.loads(attrs["system"])
    if "functions" in data:
        raise InvalidStore(
            "this run's system is made of Python functions, which no store can hold: use "
            "ds.langevin.with_system(system), lk.replay(..., system=system) or lk.resume(..., system=system)."
        )
    return system_from_dict(data)


def is_system_of(system: System, attrs: Mapping[Any, Any]) -> bool:
    """Whether a run was made with it."""
    texts = json.dumps(system.to_dict()), attrs.get("system", "null")
    ours, theirs = (json.loads(text, object_hook=without_bytes) for text in texts)
    return bool(ours == theirs)
