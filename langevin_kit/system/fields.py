"""A system's functions of position as NumPy functions, from the source that `derive` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "R": np.float64,
    "fma": lambda a, b, c: a * b + c,
    "absolute": np.absolute,
    "sign": np.sign,
    **{name: getattr(np, name) for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt")},
    "atan": np.arctan,
    "greater": lambda a, b: np.greater(a, b).astype(np.float64),
    "greater_equal": lambda a, b: np.greater_equal(a, b).astype(np.float64),
    "select": lambda c, a, b: np.where(np.greater(c, 0), a, b),
}
"""What the source calls; other numbers than arrays may bring their own."""


@lru_cache(maxsize=256)
def compiled(source: str) -> Mapping[str, Callable[..., Any]]:
    """The functions that the source defines, by name: f(t, x0, …, p0, …) → rows."""
    return run(source, FUNCTIONS)


def run(source: str, functions: Mapping[str, Callable[..., Any]]) -> Mapping[str, Callable[..., Any]]:
    """Execute array source with the given elementary functions."""
    scope: dict[str, Any] = dict(functions)
    exec(compile(source, "<derived>", "exec"), scope)
    return scope


def rows(
    function: Callable[..., Any], x: NDArray[np.float64], t: float, parameters: Sequence[float]
) -> NDArray[np.float64]:
    """Call one of the functions at x of shape (d, ...): float64 rows, broadcast to the shape behind d."""
    with np.errstate(all="ignore"):
        values = function(np.float64(t), *x, *map(np.float64, parameters))
    return np.stack([np.broadcast_to(np.asarray(row, np.float64), x.shape[1:]) for row in values])
