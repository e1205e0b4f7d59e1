"""What the functions of the zoo refuse."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument

Floats = NDArray[np.float64]


def positive(**values: Any) -> dict[str, float]:
    """The values as floats; refuses what is not a finite number above 0."""
    return {name: _number(name, value, " above 0") for name, value in values.items()}


def not_negative(**values: Any) -> dict[str, float]:
    """The values as floats; refuses what is not a finite number of at least 0."""
    return {name: _number(name, value, " of at least 0") for name, value in values.items()}


def finite(**values: Any) -> dict[str, float]:
    """The values as floats; refuses what is not a finite number."""
    return {name: _number(name, value, "") for name, value in values.items()}


def whole(name: str, value: Any, lowest: int, highest: int) -> int:
    """The value as an integer between two bounds."""
    try:
        number = operator.index(value)
    except TypeError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise InvalidArgument(f"{name}: got {value!r}; a whole number from {lowest} to {highest} is needed.")
    return number


def numbers(name: str, value: Any) -> Floats:
    """The value as an array of finite numbers."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if not (array.size and np.isfinite(array).all()):
        raise InvalidArgument(f"{name}: got {value!r}; finite numbers are needed.")
    return array


def positive_definite(name: str, value: Any, d: int | None = None) -> Floats:
    """A number, a diagonal or a matrix as a symmetric positive definite matrix, d × d if d is given."""
    array = numbers(name, value)
    if array.ndim < 2:
        array = np.diag(np.broadcast_to(array, (d,)) if d and array.size == 1 else np.atleast_1d(array))
    if array.ndim != 2 or array.shape[0] != array.shape[1] or (d and len(array) != d):
        shape = f"({d}, {d})" if d else "(d, d)"
        raise InvalidArgument(f"{name}: got shape {array.shape}; a number, a diagonal, or a matrix {shape} is needed.")
    if not np.allclose(array, array.T, rtol=1e-12, atol=0.0):
        raise InvalidArgument(f"{name}: got {array.tolist()}; the matrix must be symmetric.")
    lowest = float(np.linalg.eigvalsh(array)[0])
    if lowest <= 0.0:
        raise InvalidArgument(f"{name}: got {array.tolist()} with the eigenvalue {lowest:.3g}; all must be positive.")
    return array


def coordinate_names(d: int) -> tuple[str, ...]:
    """x, y, z; x0, x1, … for more than three."""
    return ("x", "y", "z")[:d] if d <= 3 else tuple(f"x{a}" for a in range(d))


def _number(name: str, value: Any, bound: str) -> float:
    try:
        number = np.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    inside = {"": True, " above 0": number > 0, " of at least 0": number >= 0}[bound]
    if not (np.isfinite(number) and inside):
        raise InvalidArgument(f"{name}: got {value!r}; a finite number{bound} is needed.")
    return number
