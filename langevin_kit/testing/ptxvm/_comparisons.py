"""`setp` and `selp`."""

from __future__ import annotations

from functools import partial

import numpy as np

from langevin_kit.testing.ptxvm._floats import flushed
from langevin_kit.testing.ptxvm._operations import Array, Function, Opcode, Operation, only
from langevin_kit.testing.ptxvm._parse import PTXError


def _ordered_unequal(x: Array, y: Array, out: Array) -> None:
    np.logical_or(x < y, x > y, out)


def _both_numbers(x: Array, y: Array, out: Array) -> None:
    np.logical_and(x == x, y == y, out)


_RELATIONS: dict[str, Function] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "lo": np.less,
    "le": np.less_equal,
    "ls": np.less_equal,
    "gt": np.greater,
    "hi": np.greater,
    "ge": np.greater_equal,
    "hs": np.greater_equal,
}
_FLOATING = {**{name: _RELATIONS[name] for name in ("eq", "lt", "le", "gt", "ge")}, "ne": _ordered_unequal}
"""False for NaN."""
_FLOATING["num"] = _both_numbers
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "nan": "num"}
_JOINED: dict[str, Function] = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}


def compared(opcode: Opcode) -> Operation | None:
    """The operation, if it is `setp` or `selp`."""
    base, kind = opcode[0], opcode[-1]
    if base == "selp":
        only(opcode)
        return Operation(_selected, (kind, kind, "pred"), kind)
    if base != "setp":
        return None
    relation = opcode[1]
    modifiers = only((base, *opcode[2:]), *_JOINED, "ftz")
    function = _relation(opcode, relation, floating=kind[0] == "f")
    if "ftz" in modifiers:
        function = partial(_flushing, function)
    for name in modifiers & {*_JOINED}:
        return Operation(partial(_both, function, _JOINED[name]), (kind, kind, "pred"), "pred")
    return Operation(function, (kind, kind), "pred")


def _relation(opcode: Opcode, relation: str, *, floating: bool) -> Function:
    """With u at its end a comparison holds for NaN: it is what its opposite is not."""
    table = _FLOATING if floating else _RELATIONS
    if relation in table:
        return table[relation]
    opposite = _OPPOSITE.get(relation if relation == "nan" else relation.removesuffix("u"))
    if not floating or opposite is None or not relation.endswith(("u", "nan")):
        raise PTXError(f"{'.'.join(opcode)} is not known")
    return partial(_not, table[opposite])


def _not(function: Function, x: Array, y: Array, out: Array) -> None:
    function(x, y, out)
    np.logical_not(out, out)


def _flushing(function: Function, x: Array, y: Array, out: Array) -> None:
    function(flushed(x), flushed(y), out)


def _both(function: Function, join: Function, x: Array, y: Array, other: Array, out: Array) -> None:
    found = np.empty(len(x), bool)
    function(x, y, found)
    join(found, other, out)


def _selected(x: Array, y: Array, chosen: Array, out: Array) -> None:
    np.copyto(out, np.where(chosen, x, y))
