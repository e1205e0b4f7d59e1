"""Arithmetic of floats by IEEE 754, rounded to nearest; the bits of a NaN are not the device's.

The assembler may still fuse a product and a sum that do not say `rn`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from langevin_kit.testing.ptxvm._fused import fused_of
from langevin_kit.testing.ptxvm._operations import Array, Function, Opcode, Operation, dtype_of, only
from langevin_kit.testing.ptxvm._parse import PTXError

_TINY = np.finfo(np.float32).tiny

_FUNCTIONS: dict[str, tuple[int, Function]] = {
    "add": (2, np.add),
    "sub": (2, np.subtract),
    "mul": (2, np.multiply),
    "div": (2, np.true_divide),
    "neg": (1, np.negative),
    "abs": (1, np.absolute),
    "rcp": (1, np.reciprocal),
    "sqrt": (1, np.sqrt),
}


def floating(opcode: Opcode) -> Operation | None:
    """The operation, if it is one of floats that is exact but for one rounding."""
    base, kind = opcode[0], opcode[-1]
    if kind not in ("f32", "f64"):
        return None
    if base in _FUNCTIONS:
        n, function = _FUNCTIONS[base]
    elif base in ("fma", "mad"):
        n, function = 3, fused_of(dtype_of(kind).name)
    elif base in ("min", "max"):
        n, function = 2, partial(_extreme, base)
    elif base == "copysign":
        only(opcode)
        return Operation(_with_sign, (kind, kind), kind)
    elif base == "testp":
        return Operation(partial(_tested, opcode), (kind,), "pred")
    else:
        return None
    flush = "ftz" in only(opcode, "rn", "ftz")
    return Operation(partial(_flushing, function) if flush else function, (kind,) * n, kind)


def flushed(x: Array) -> Array:
    """Numbers below the smallest normal float32 as zeros of their sign."""
    return np.asarray(x * (np.absolute(x) >= _TINY))


def _flushing(function: Callable[..., None], *arguments: Array) -> None:
    *sources, out = arguments
    function(*[flushed(x) for x in sources], out)
    np.copyto(out, flushed(out))


def _extreme(base: str, x: Array, y: Array, out: Array) -> None:
    """Of a number and NaN the number; −0 is below +0."""
    bits = f"u{x.itemsize}"
    least = base == "min"
    found = (np.fmin if least else np.fmax)(x, y)
    # Numbers that are equal have one pattern of bits, but for zeros, which differ in the sign.
    same = (np.bitwise_or if least else np.bitwise_and)(x.view(bits), y.view(bits)).view(x.dtype)
    np.copyto(out, np.where(x == y, same, found))


def _with_sign(sign: Array, x: Array, out: Array) -> None:
    np.copysign(x, sign, out)


def _tested(opcode: Opcode, x: Array, out: Array) -> None:
    tiny = np.finfo(x.dtype).tiny
    match opcode[1:-1]:
        case ("finite",):
            np.isfinite(x, out)
        case ("infinite",):
            np.isinf(x, out)
        case ("number",):
            np.copyto(out, ~np.isnan(x))
        case ("notanumber",):
            np.isnan(x, out)
        case ("normal",):
            np.copyto(out, np.isfinite(x) & (np.absolute(x) >= tiny))
        case ("subnormal",):
            np.copyto(out, (x != 0) & (np.absolute(x) < tiny))
        case _:
            raise PTXError(f"{'.'.join(opcode)} is not known")
