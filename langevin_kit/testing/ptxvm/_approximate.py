"""The `.approx` functions of float32: in float64, rounded, and moved within the error that the ISA allows on request.

PTX ISA 9.0, section 9.7.3.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from langevin_kit.testing.ptxvm._floats import flushed
from langevin_kit.testing.ptxvm._operations import Array, Opcode, Operation, only
from langevin_kit.testing.ptxvm._parse import PTXError

Perturbation = float | np.random.Generator | None
"""The share of the bound by which results are moved, or what draws one from [−1, 1] for each."""

Bound = Callable[[Array, Array], Array]
"""From the first source and the result to the largest absolute error."""


def _relative(power: float) -> Bound:
    return lambda x, y: np.absolute(y) * 2.0**power


def _ulp(count: int) -> Bound:
    return lambda x, y: np.asarray(count * np.spacing(np.absolute(y).astype(np.float32)).astype(np.float64))


def _logarithmic(x: Array, y: Array) -> Array:
    near = (x > 0.5) & (x < 2.0)
    return np.where(near, 2.0**-22, np.absolute(y) * 2.0**-22)


def _circular(x: Array, y: Array) -> Array:
    size = np.absolute(x)
    return np.where(size <= np.pi, 2.0**-20.5, np.where(size <= 100 * np.pi, 2.0**-14.7, np.inf))


_FUNCTIONS: dict[str, tuple[int, Callable[..., Array], Bound]] = {
    "div": (2, operator.truediv, _ulp(2)),
    "rcp": (1, lambda x: 1 / x, _ulp(1)),
    "sqrt": (1, np.sqrt, _relative(-23)),
    "rsqrt": (1, lambda x: 1 / np.sqrt(x), _relative(-22.9)),
    "lg2": (1, np.log2, _logarithmic),
    "ex2": (1, np.exp2, _relative(-22)),
    "sin": (1, np.sin, _circular),
    "cos": (1, np.cos, _circular),
    "tanh": (1, np.tanh, _relative(-11)),
}


def approximated(opcode: Opcode, perturbation: Perturbation) -> Operation | None:
    """The operation, if it is an approximation."""
    base, kind = opcode[0], opcode[-1]
    if base not in _FUNCTIONS or kind != "f32" or not {"approx", "full"} & {*opcode}:
        return None
    modifiers = only(opcode, "approx", "ftz", *["full"] * (base == "div"))
    count, exact, bound = _FUNCTIONS[base]
    if base == "div" and "approx" in modifiers:
        exact = _quotient
    # Threads that have left hold anything, which may lie where there is no bound.
    return Operation(
        partial(_rounded, ".".join(opcode), exact, bound, perturbation, "ftz" in modifiers),
        ("f32",) * count,
        "f32",
        checked=perturbation is not None,
    )


def _quotient(x: Array, y: Array) -> Array:
    """Zero for a divisor above 2¹²⁶, as `div.approx` has it."""
    return np.asarray(x / np.where((np.absolute(y) > 2.0**126) & np.isfinite(y), np.copysign(np.inf, y), y))


def _rounded(
    name: str, exact: Callable[..., Array], bound: Bound, perturbation: Any, flush: bool, *arguments: Array
) -> None:
    *sources, out = arguments
    wide = [(flushed(x) if flush else x).astype(np.float64) for x in sources]
    value = exact(*wide)
    if perturbation is not None:
        error = np.where(np.isfinite(value), bound(wide[0], value), 0.0)
        if not np.isfinite(error).all():
            raise PTXError(f"{name}: the ISA gives no bound of its error here")
        if isinstance(perturbation, np.random.Generator):
            perturbation = perturbation.uniform(-1, 1, len(value))
        value = value + error * perturbation
    found = value.astype(np.float32)
    np.copyto(out, flushed(found) if flush else found)
