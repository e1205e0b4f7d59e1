"""Loads, stores and atomics; section 9.7.9 and 9.7.13."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._memory import BASES, AnySpace, Area, Manner, Memory, Order
from langevin_kit.testing.ptxvm._operations import Opcode, dtype_of
from langevin_kit.testing.ptxvm._parse import PTXError

Array = NDArray[Any]
Threads = NDArray[np.int64]

_PLACE = re.compile(r"\[\s*([^\s+\]]+)\s*(?:\+\s*(-?\d+))?\s*\]")
_SECTOR = 32
_ATOMIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "min": min,
    "max": max,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
}
_IGNORED = {"volatile", "relaxed", "weak", "gpu", "sys", "cta", "nc"}
"""Of the order that others see, which threads of a launch must not rest on."""


@dataclass(frozen=True)
class Place:
    """What an opcode says of the memory that it accesses.

    Attributes
    ----------
    space : str
        "global", "shared", "const" or "generic".
    kind : str
        The type of a number.
    count : int
        How many numbers a thread accesses, one behind the other.
    operation : str
        What an atomic does, else "".
    """

    space: AnySpace
    kind: str
    count: int
    operation: str


def place_of(opcode: Opcode) -> Place:
    """Read an opcode of `ld`, `st`, `atom` or `red`.

    Raises
    ------
    PTXError
        If it is of another memory, or an atomic on floats.
    """
    name, kind, modifiers = ".".join(opcode), opcode[-1], {*opcode[1:-1]}
    atomic = opcode[0] in ("atom", "red")
    operation = next((part for part in _ATOMIC if part in modifiers), "") if atomic else ""
    if atomic and kind.startswith("f"):
        raise PTXError(f"{name}: an atomic sum of floats has no fixed order, so results would not repeat")
    spaces: list[AnySpace] = [space for space in BASES if space in modifiers]
    counts = modifiers & {"v2", "v4"}
    unknown = modifiers - _IGNORED - {*spaces} - counts - {operation}
    if unknown or len(spaces) > 1 or len(counts) > 1 or atomic != bool(operation) or (atomic and counts):
        raise PTXError(f"{name} is not known")
    return Place(spaces.pop() if spaces else "generic", kind, int(counts.pop()[1]) if counts else 1, operation)


def address_of(operand: str) -> tuple[str, int]:
    """The register or name of an address, and the bytes added to it."""
    found = _PLACE.fullmatch(operand)
    if found is None:
        raise PTXError(f"the operand {operand} is not known")
    return found[1], int(found[2] or 0)


@dataclass
class Sectors:
    """How many sectors of 32 bytes the global accesses of a warp touch."""

    requests: int = 0
    touched: int = 0


@dataclass(eq=False)
class Access:
    """An instruction that accesses memory, run by threads when it is called.

    Attributes
    ----------
    name : str
        Of the instruction, for messages.
    memory : Memory
    order : Order
    sectors : Sectors
    place : Place
    address : array of int64
        Of all threads.
    offset : int
    into : list of array
        Registers that take what was loaded.
    values : list of array
        What is stored or joined.
    """

    name: str
    memory: Memory
    order: Order
    sectors: Sectors
    place: Place
    address: Array
    offset: int
    into: list[Array]
    values: list[Array]

    def __post_init__(self) -> None:
        self._dtype = dtype_of(self.place.kind)
        self._size = self._dtype.itemsize * self.place.count
        self._manner: Manner = "atomic" if self.place.operation else "write" if self.values else "read"
        self._last: tuple[Any, ...] | None = None
        self._address: Array | None = None

    def __call__(self, threads: Threads) -> None:
        address = self.address[threads] + self.offset
        if not self._known(address, threads):
            found = [self._found(*part, threads) for part in self.memory.parts(self.place.space, address, self.name)]
            self._last = threads, self.order.passed, found
            self._address = address
        assert self._last is not None
        for area, index, chosen, requests, touched in self._last[2]:
            self.sectors.requests += requests
            self.sectors.touched += touched
            of = threads[chosen]
            typed = area.typed(self._dtype)
            if self._manner == "atomic":
                self._join(typed, index, of)
            for j, register in enumerate(self.into if self._manner == "read" else ()):
                register[of] = typed[index + j if j else index]
            for j, value in enumerate(self.values if self._manner == "write" else ()):
                typed[index + j if j else index] = value[of]

    def _known(self, address: Threads, threads: Threads) -> bool:
        """Whether this load was made before, by the same threads and with no barrier since.

        A write between by another thread would have been a race with the first one.
        """
        if self._manner != "read" or self._last is None:
            return False
        last, passed, _ = self._last
        return last is threads and passed == self.order.passed and bool((address == self._address).all())

    def _found(self, area: Area, within: Threads, chosen: Any, threads: Threads) -> tuple[Any, ...]:
        of = threads[chosen]
        first = area.first(within, self._size, of, self.name)
        area.touch(self._manner, first, self._size, of, self.name)
        requests, touched = self._counted(first, of) if area.space == "global" else (0, 0)
        return area, first // self._dtype.itemsize, chosen, requests, touched

    def _counted(self, first: Threads, threads: Threads) -> tuple[int, int]:
        """The warps, and the sectors of each: an access that is aligned lies in one."""
        warps = self.order.warp[threads]
        sectors = warps * 2**40 + first // _SECTOR
        return _distinct(warps), _distinct(sectors)

    def _join(self, typed: Array, index: Threads, threads: Threads) -> None:
        """One thread after the other, and modulo 2ⁿ."""
        join, (value,) = _ATOMIC[self.place.operation], self.values
        before = np.empty(len(threads), self._dtype)
        for i, (cell, number) in enumerate(zip(index, value[threads], strict=True)):
            before[i] = typed[cell]
            typed[cell] = join(before[i], number)
        for register in self.into:
            register[threads] = before


def _distinct(x: Threads) -> int:
    x = np.sort(x)
    return 1 + int(np.count_nonzero(x[1:] != x[:-1]))
