"""Instructions on single bits and bytes: fields, counts, permutations; sections 9.7.1 and 9.7.8."""

from __future__ import annotations

from functools import partial

import numpy as np

from langevin_kit.testing.ptxvm._operations import Array, Opcode, Operation, only
from langevin_kit.testing.ptxvm._parse import PTXError


def bitwise(opcode: Opcode) -> Operation | None:
    """The operation, if it is one on bits."""
    base, kind = opcode[0], opcode[-1]
    match base:
        case "popc" | "clz" | "brev" if kind in ("b32", "b64"):
            only(opcode)
            function, target = {"popc": (_ones, "u32"), "clz": (_zeros, "u32"), "brev": (_reversed, kind)}[base]
            return Operation(function, (kind,), target)
        case "bfind":
            amount = "shiftamt" in only(opcode, "shiftamt")
            return Operation(partial(_highest, amount), (kind,), "u32")
        case "bfe":
            only(opcode)
            return Operation(_field, (kind, "u32", "u32"), kind)
        case "bfi":
            only(opcode)
            return Operation(_inserted, (kind, kind, "u32", "u32"), kind)
        case "shf":
            modifiers = only(opcode, "l", "r", "wrap", "clamp")
            if len(modifiers) != 2 or kind != "b32":
                raise PTXError(f"{'.'.join(opcode)} is not known")
            return Operation(partial(_funnel, "l" in modifiers, "wrap" in modifiers), ("b32", "b32", "u32"), "b32")
        case "prmt" if kind == "b32":
            only(opcode)
            return Operation(_permuted, ("b32", "b32", "b32"), "b32")
        case "lop3" if kind == "b32":
            only(opcode)
            return Operation(_looked_up, ("b32", "b32", "b32", "u32"), "b32")
        case _:
            return None


def _ones(x: Array, out: Array) -> None:
    np.copyto(out, np.bitwise_count(x))


def _leading(x: Array) -> Array:
    """How many zeros are above the highest bit that is set."""
    bits = 8 * x.itemsize
    filled = x.copy()
    shift = 1
    while shift < bits:
        filled |= filled >> x.dtype.type(shift)
        shift *= 2
    return np.asarray(bits - np.bitwise_count(filled).astype(np.uint32), np.uint32)


def _zeros(x: Array, out: Array) -> None:
    np.copyto(out, _leading(x))


def _reversed(x: Array, out: Array) -> None:
    octets = np.ascontiguousarray(x).view(np.uint8).reshape(len(x), x.itemsize)
    bits = np.unpackbits(octets, axis=1, bitorder="little")
    turned = np.packbits(bits[:, ::-1], axis=1, bitorder="little")
    np.copyto(out, np.ascontiguousarray(turned).view(x.dtype)[:, 0])


def _highest(amount: bool, x: Array, out: Array) -> None:
    """Where the highest bit is that differs from the sign, or how far it is from the top; 2³² − 1 if none does."""
    bits = 8 * x.itemsize
    unsigned = (x ^ (x >> x.dtype.type(bits - 1)) if x.dtype.kind == "i" else x).view(f"u{x.itemsize}")
    leading = _leading(unsigned)
    found = leading if amount else np.uint32(bits - 1) - leading
    np.copyto(out, np.where(unsigned == 0, np.uint32(2**32 - 1), found))


def _mask(length: Array, dtype: np.dtype[np.generic]) -> Array:
    """Ones at the bottom; NumPy shifts by the size of a number and more to zero."""
    one = np.ones(len(length), dtype)
    return np.asarray((one << length.astype(dtype)) - one)


def _octet(n: Array) -> Array:
    return np.asarray(n & np.uint32(0xFF))


def _field(x: Array, position: Array, length: Array, out: Array) -> None:
    bits, dtype = 8 * x.itemsize, x.dtype
    length = _octet(length)
    shifted = x >> _octet(position).astype(dtype)
    if dtype.kind == "u":
        np.copyto(out, shifted & _mask(length, dtype))
        return
    spare = (bits - np.minimum(length, bits)).astype(dtype)
    np.copyto(out, np.where(length == 0, dtype.type(0), (shifted << spare) >> spare))


def _inserted(x: Array, y: Array, position: Array, length: Array, out: Array) -> None:
    dtype = x.dtype
    position, mask = _octet(position).astype(dtype), _mask(_octet(length), dtype)
    np.copyto(out, (y & ~(mask << position)) | ((x & mask) << position))


def _funnel(left: bool, wrap: bool, low: Array, high: Array, count: Array, out: Array) -> None:
    count = (count & np.uint32(31) if wrap else np.minimum(count, np.uint32(32))).astype(np.uint64)
    both = high.astype(np.uint64) << np.uint64(32) | low.astype(np.uint64)
    found = (both << count) >> np.uint64(32) if left else both >> count
    np.copyto(out, found.astype(np.uint32))


def _permuted(low: Array, high: Array, selector: Array, out: Array) -> None:
    """Each byte is one of eight, or eight times its highest bit."""
    both = (high.astype(np.uint64) << np.uint64(32) | low.astype(np.uint64)).view(np.uint8).reshape(-1, 8)
    result = np.zeros((len(low), 4), np.uint8)
    rows = np.arange(len(low))
    for i in range(4):
        chosen = selector >> np.uint32(4 * i) & np.uint32(15)
        octet = both[rows, chosen & np.uint32(7)]
        result[:, i] = np.where(chosen & np.uint32(8), np.where(octet & np.uint8(128), 255, 0), octet)
    np.copyto(out, result.view(np.uint32)[:, 0])


def _looked_up(x: Array, y: Array, z: Array, table: Array, out: Array) -> None:
    found = np.zeros_like(x)
    for i in range(8):
        chosen = table >> np.uint32(i) & np.uint32(1)
        terms = (part if i >> shift & 1 else ~part for part, shift in ((x, 2), (y, 1), (z, 0)))
        row = next(terms) & next(terms) & next(terms)
        found |= np.where(chosen, row, np.uint32(0))
    np.copyto(out, found)
