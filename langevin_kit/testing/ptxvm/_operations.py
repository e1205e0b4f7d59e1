"""What each instruction computes, for arrays of threads; of PTX ISA 9.0, sections 9.7.1 to 9.7.9."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._fused import fused
from langevin_kit.testing.ptxvm._parse import PTXError

Array = NDArray[Any]
Opcode = tuple[str, ...]

SIZES = {"8": 1, "16": 2, "32": 4, "64": 8}
KINDS = {"u": "u", "s": "i", "b": "u", "f": "f"}


def dtype_of(name: str) -> np.dtype[Any]:
    """The type of an opcode's last part, as "f32"; bits are unsigned integers, predicates are bool."""
    if name == "pred":
        return np.dtype(bool)
    if name[:1] not in KINDS or name[1:] not in SIZES:
        raise PTXError(f"the type {name} is not known")
    return np.dtype(f"{KINDS[name[0]]}{SIZES[name[1:]]}")


def flushed(x: Array) -> Array:
    """Numbers below the smallest normal float32 as zeros."""
    return np.where(np.abs(x) < np.finfo(np.float32).tiny, np.copysign(np.float32(0), x), x)


_APPROXIMATE: dict[str, Callable[..., Array]] = {
    "div": operator.truediv,
    "rcp": lambda x: 1 / x,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "lg2": np.log2,
    "ex2": np.exp2,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
}
"""In float64, then rounded: a device may differ by the error that the ISA allows."""

_FLOAT: dict[str, Callable[..., Array]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "fma": fused,
    "neg": operator.neg,
    "abs": np.abs,
    "min": np.fmin,
    "max": np.fmax,
    "div": operator.truediv,
    "rcp": lambda x: x.dtype.type(1) / x,
    "sqrt": np.sqrt,
}
"""IEEE 754, round to nearest; the assembler may still fuse a product and a sum that do not say `rn`."""

_INTEGER: dict[str, Callable[..., Array]] = {
    "add": operator.add,
    "sub": operator.sub,
    "neg": operator.neg,
    "min": np.minimum,
    "max": np.maximum,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "not": operator.invert,
}
"""Modulo 2ⁿ."""

_COMPARED: dict[str, Callable[..., Array]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lo": operator.lt,
    "le": operator.le,
    "ls": operator.le,
    "gt": operator.gt,
    "hi": operator.gt,
    "ge": operator.ge,
    "hs": operator.ge,
}
_ROUNDED = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def computed(opcode: Opcode, x: list[Array]) -> Array:
    """The result of an instruction that only computes, from operands of its last type."""
    base, kind = opcode[0], opcode[-1]
    if kind[0] != "f":
        return _integer(opcode, x)
    if "approx" in opcode or "full" in opcode:
        table, wide = _APPROXIMATE, [value.astype(np.float64) for value in x]
    else:
        table, wide = _FLOAT, x
        if {"rz", "rm", "rp", "sat"} & {*opcode}:
            raise PTXError(f"{'.'.join(opcode)}: its rounding is not known")
    if base not in table:
        raise PTXError(f"{'.'.join(opcode)} is not known")
    flush = flushed if "ftz" in opcode else np.asarray
    wide = [flush(value) for value in wide]
    return flush(table[base](*wide).astype(dtype_of(kind)))


def _integer(opcode: Opcode, x: list[Array]) -> Array:
    base = opcode[0]
    if base in ("shl", "shr"):
        return _shifted(base, x[0], x[1])
    if base in ("mul", "mad"):
        return _product(opcode, x)
    if base not in _INTEGER:
        raise PTXError(f"{'.'.join(opcode)} is not known")
    return _INTEGER[base](*x)


def _product(opcode: Opcode, x: list[Array]) -> Array:
    bits = 8 * x[0].itemsize
    if "lo" in opcode:
        found = x[0] * x[1]
    else:
        if bits == 64:
            raise PTXError(f"{'.'.join(opcode)} is not known")
        wide = np.dtype(f"{x[0].dtype.kind}{2 * x[0].itemsize}")
        found = x[0].astype(wide) * x[1].astype(wide)
        if "hi" in opcode:
            found = (found >> wide.type(bits)).astype(x[0].dtype)
    return found + x[2].view(found.dtype) if opcode[0] == "mad" else found


def _shifted(base: str, x: Array, count: Array) -> Array:
    bits = 8 * x.itemsize
    far, count = count >= bits, np.minimum(count, bits - 1).astype(x.dtype)
    if base == "shl":
        return np.where(far, x.dtype.type(0), x << count)
    # All bits of a negative number are its sign in the end; a shift by one less has them too.
    return x >> count if x.dtype.kind == "i" else np.where(far, x.dtype.type(0), x >> count)


def compared(opcode: Opcode, x: list[Array]) -> Array:
    """The predicate of `setp`; with u at its end a comparison holds for NaN, and "neu" is the opposite of "eq"."""
    relation = opcode[1]
    nan = np.isnan(x[0]) | np.isnan(x[1]) if x[0].dtype.kind == "f" else np.zeros(len(x[0]), bool)
    if relation in ("num", "nan"):
        return ~nan if relation == "num" else nan
    unordered = relation not in _COMPARED and relation.endswith("u")
    name = relation.removesuffix("u") if unordered else relation
    if name not in _COMPARED:
        raise PTXError(f"{'.'.join(opcode)} is not known")
    holds = _COMPARED[name](x[0], x[1])
    return holds | nan if unordered else holds & ~nan


def converted(opcode: Opcode, x: Array) -> Array:
    """The result of `cvt`."""
    target = dtype_of(opcode[-2])
    rounding = next((_ROUNDED[part] for part in opcode if part in _ROUNDED), None)
    if x.dtype.kind == "f" and rounding is not None:
        x = np.asarray(rounding(x))
    if x.dtype.kind == "f" and target.kind != "f":
        if rounding is None:
            raise PTXError(f"{'.'.join(opcode)}: its rounding is not known")
        limits = np.iinfo(target)
        inside = np.nan_to_num(np.clip(x, float(limits.min), float(limits.max)))
        # The largest integers of 64 bits are no float64: they are set, not converted.
        return np.asarray(np.where(x >= float(limits.max), target.type(limits.max), inside.astype(target)))
    found = np.asarray(x.astype(target))
    return flushed(found) if "ftz" in opcode and target == np.float32 else found
