"""What an instruction computes: a function of arrays, one number a thread, and the types of its operands.

PTX ISA 9.0, sections 9.7.1 to 9.7.9. A function takes the sources, then the array that it writes to last of all, which
may be one of the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._parse import PTXError

Array = NDArray[Any]
Opcode = tuple[str, ...]
Function = Callable[..., Any]

SIZES = {"8": 1, "16": 2, "32": 4, "64": 8}
_KINDS = {"u": "u", "s": "i", "b": "u", "f": "f"}


@dataclass(frozen=True)
class Operation:
    """What an instruction computes.

    Attributes
    ----------
    function : callable
        ``function(*sources, out)``.
    sources : tuple of str
        Their types, as "u32" or "pred".
    target : str
        The type of the result.
    checked : bool
        Whether it looks for faults, and must not see threads that do not take part.
    """

    function: Function
    sources: tuple[str, ...]
    target: str
    checked: bool = False


@cache
def dtype_of(name: str) -> np.dtype[Any]:
    """The dtype of a type, as "f32"; bits are unsigned integers, predicates are bool."""
    if name == "pred":
        return np.dtype(bool)
    if name[:1] not in _KINDS or name[1:] not in SIZES or name == "f8":
        raise PTXError(f"the type {name} is not known")
    return np.dtype(f"{_KINDS[name[0]]}{SIZES[name[1:]]}")


def only(opcode: Opcode, *modifiers: str, types: int = 1) -> set[str]:
    """The modifiers between an opcode's base and its types; one that is not among those known is an error."""
    found = {*opcode[1 : len(opcode) - types]}
    if found - {*modifiers}:
        raise PTXError(f"{'.'.join(opcode)} is not known: {', '.join(sorted(found - {*modifiers}))}")
    return found


def wider(kind: str) -> str:
    """The type of twice the size."""
    return f"{kind[0]}{2 * int(kind[1:])}"
