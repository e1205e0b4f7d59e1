"""Arithmetic of integers, modulo 2ⁿ, and of predicates."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from langevin_kit.testing.ptxvm._operations import Array, Function, Opcode, Operation, dtype_of, only, wider
from langevin_kit.testing.ptxvm._parse import PTXError

_ONE: dict[str, Function] = {"neg": np.negative, "abs": np.absolute, "not": np.invert}
_TWO: dict[str, Function] = {
    "add": np.add,
    "sub": np.subtract,
    "min": lambda x, y, out: np.minimum(x, y, out=out),
    "max": lambda x, y, out: np.maximum(x, y, out=out),
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
_LOW = np.uint64(2**32 - 1)
_HALF = np.uint64(32)


def integer(opcode: Opcode) -> Operation | None:
    """The operation, if it is one of integers or predicates."""
    base, kind = opcode[0], opcode[-1]
    if kind[0] == "f":
        return None
    if base in _ONE:
        only(opcode)
        return Operation(_ONE[base], (kind,), kind)
    if base in _TWO:
        only(opcode)
        return Operation(_TWO[base], (kind, kind), kind)
    if base in ("div", "rem"):
        only(opcode)
        return Operation(partial(_divided, opcode), (kind, kind), kind, checked=True)
    if base in ("mul", "mad"):
        return _product(opcode)
    if base in ("shl", "shr"):
        only(opcode)
        return Operation(_left if base == "shl" else _right, (kind, "u32"), kind)
    return None


def _divided(opcode: Opcode, x: Array, y: Array, out: Array) -> None:
    """The quotient towards zero, or its remainder, which has the sign of x."""
    if not y.all():
        raise PTXError(f"{'.'.join(opcode)} divides by zero")
    quotient = np.floor_divide(_size(x), _size(y))
    if opcode[0] == "div":
        np.copyto(out, _signed(quotient, (x < 0) != (y < 0), x.dtype))
    else:
        np.copyto(out, _signed(_size(x) - quotient * _size(y), x < 0, x.dtype))


def _size(x: Array) -> Array:
    unsigned = f"u{x.itemsize}"
    return np.absolute(x).view(unsigned) if x.dtype.kind == "i" else x


def _signed(size: Array, negative: Array, dtype: np.dtype[Any]) -> Array:
    return np.where(negative, np.negative(size), size).view(dtype)


def _product(opcode: Opcode) -> Operation:
    base, kind = opcode[0], opcode[-1]
    part = only(opcode, "lo", "hi", "wide")
    bits = 8 * dtype_of(kind).itemsize
    if len(part) != 1 or (bits == 64 and "wide" in part):
        raise PTXError(f"{'.'.join(opcode)} is not known")
    target = wider(kind) if "wide" in part else kind
    if "lo" in part:
        function: Function = np.multiply
    elif bits == 64:
        function = _high_64
    else:
        function = partial(_wide if "wide" in part else _high, dtype_of(wider(kind)))
    if base == "mul":
        return Operation(function, (kind, kind), target)
    return Operation(partial(_added, function), (kind, kind, target), target)


def _added(product: Function, x: Array, y: Array, z: Array, out: Array) -> None:
    part = np.empty_like(z)
    product(x, y, part)
    np.add(part, z, out)


def _wide(dtype: np.dtype[Any], x: Array, y: Array, out: Array) -> None:
    np.multiply(x.astype(dtype), y.astype(dtype), out)


def _high(dtype: np.dtype[Any], x: Array, y: Array, out: Array) -> None:
    product = x.astype(dtype) * y.astype(dtype)
    np.copyto(out, product >> dtype.type(8 * x.itemsize), casting="same_kind")


def _high_64(x: Array, y: Array, out: Array) -> None:
    """By the products of halves."""
    a, b = x.view(np.uint64), y.view(np.uint64)
    low = (a & _LOW) * (b & _LOW)
    middle = (a >> _HALF) * (b & _LOW) + (low >> _HALF)
    other = (a & _LOW) * (b >> _HALF) + (middle & _LOW)
    high = (a >> _HALF) * (b >> _HALF) + (middle >> _HALF) + (other >> _HALF)
    if x.dtype.kind == "i":
        high = high - np.where(x < 0, b, np.uint64(0)) - np.where(y < 0, a, np.uint64(0))
    np.copyto(out, high.view(x.dtype))


def _count(n: Array, x: Array) -> Array:
    # NumPy shifts by the size of a number and more as PTX does, and has no mixed shifts of 64 and 32 bits.
    return n.astype(x.dtype) if x.itemsize >= n.itemsize else n.view(f"{x.dtype.kind}4")


def _left(x: Array, n: Array, out: Array) -> None:
    np.left_shift(x, _count(n, x), out, casting="same_kind")


def _right(x: Array, n: Array, out: Array) -> None:
    np.right_shift(x, _count(n, x), out, casting="same_kind")
