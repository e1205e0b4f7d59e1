"""`cvt`, section 9.7.9.21."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from langevin_kit.testing.ptxvm._floats import flushed
from langevin_kit.testing.ptxvm._operations import Array, Function, Opcode, Operation, dtype_of, only
from langevin_kit.testing.ptxvm._parse import PTXError

_ROUNDED: dict[str, Function] = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def conversion(opcode: Opcode) -> Operation | None:
    """The operation, if it is `cvt`."""
    if opcode[0] != "cvt" or len(opcode) < 3:
        return None
    target, source = opcode[-2:]
    modifiers = only(opcode, "rn", "ftz", *_ROUNDED, types=2)
    rounding = next((_ROUNDED[name] for name in _ROUNDED if name in modifiers), None)
    kinds = f"{source[0]}{target[0]}".replace("s", "u").replace("b", "u")
    wide = int(source[1:]) < int(target[1:])
    # A conversion that is not exact must say how it rounds.
    needed = {"uu": False, "uf": "rn" not in modifiers, "fu": rounding is None, "ff": False}[kinds]
    if kinds == "ff" and not wide and source != target:
        needed = "rn" not in modifiers
    if needed or (rounding is not None and kinds[0] == "u"):
        raise PTXError(f"{'.'.join(opcode)}: its rounding is not known")
    if kinds == "fu" and rounding is not None:
        function: Function = partial(_to_integer, dtype_of(target), rounding)
    elif rounding is not None:
        function = partial(_integral, rounding)
    else:
        function = partial(_copied, dtype_of(target))
    if "ftz" in modifiers:
        function = partial(_flushing, function)
    return Operation(function, (source,), target)


def _copied(target: np.dtype[Any], x: Array, out: Array) -> None:
    np.copyto(out, x.astype(target))


def _integral(rounding: Function, x: Array, out: Array) -> None:
    np.copyto(out, rounding(x), casting="same_kind")


def _flushing(function: Function, x: Array, out: Array) -> None:
    function(flushed(x) if x.dtype == np.float32 else x, out)
    if out.dtype == np.float32:
        np.copyto(out, flushed(out))


def _to_integer(target: np.dtype[Any], rounding: Function, x: Array, out: Array) -> None:
    """The nearest integer there is; NaN is zero, but of 64 bits on either side the highest bit alone."""
    limits, whole = np.iinfo(target), rounding(x)
    # The largest integers are no floats: they are set, not converted.
    low, high = whole <= float(limits.min), whole >= float(limits.max)
    found = np.where(low | high | np.isnan(x), x.dtype.type(0), whole).astype(target)
    found[low], found[high] = limits.min, limits.max
    if 8 in (x.itemsize, target.itemsize):
        unsigned = found.view(f"u{target.itemsize}")
        unsigned[np.isnan(x)] = 1 << (8 * target.itemsize - 1)
    np.copyto(out, found)
