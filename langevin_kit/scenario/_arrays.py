"""Arrays of a scenario: rows in the file, random ones by their seed, or a file of NumPy's format beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system.arguments import array

Floats = NDArray[np.float64]

MAX_NUMBERS = 2**24
"""Numbers of an array: 128 MB in float64."""

Draw = Callable[[np.random.Generator, int, Mapping[str, Any]], Floats]
"""A generator, the number asked for as `random`, and the table → the array."""


def array_of(name: str, value: Any, folder: Path, draw: Draw) -> Floats:
    """The array (P, N) that a field stands for.

    Raises
    ------
    InvalidArgument
        With the field's name: for a file that cannot be read or holds no such array, and for an array too large.
    """
    if isinstance(value, Mapping) and "file" in value:
        found = _read(name, folder / value["file"])
    elif isinstance(value, Mapping):
        count = value["random"]
        if count * value.get("length", 1) > MAX_NUMBERS:
            raise InvalidArgument(
                f"{name}: got {count} × {value['length']} numbers; at most {MAX_NUMBERS} are allowed."
            )
        found = draw(np.random.default_rng(value["seed"]), count, value)
    else:
        found = value
    made = np.asarray(array(name, found))
    if made.ndim != 2 or not 0 < made.size <= MAX_NUMBERS:
        raise InvalidArgument(f"{name}: got shape {made.shape}; rows of equal length are needed, (P, N).")
    return made


def _read(name: str, path: Path) -> Any:
    """Map the file, so that a false header allocates nothing; objects in it are refused, not made."""
    if not path.is_file():
        raise InvalidArgument(f"{name}.file: got {path}; there is no such file. Paths begin at the scenario's folder.")
    if path.stat().st_size > 8 * MAX_NUMBERS + 4096:
        raise InvalidArgument(f"{name}.file: {path} is too large; at most {MAX_NUMBERS} numbers are allowed.")
    try:
        found = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise InvalidArgument(f"{name}.file: {path} cannot be read ({error}); save an array by numpy.save.") from None
    if found.dtype.kind not in "biuf":
        raise InvalidArgument(f"{name}.file: {path} holds no array of numbers; save one by numpy.save.")
    return found
