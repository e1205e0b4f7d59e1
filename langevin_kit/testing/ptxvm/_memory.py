"""Global and constant arrays, and those that the threads of a block share: where an address is, and what is a fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._parse import PTXError
from langevin_kit.testing.ptxvm._races import Touches

Array = NDArray[Any]
Threads = NDArray[np.int64]
Manner = Literal["read", "write", "atomic"]
Space = Literal["global", "shared", "const"]
AnySpace = Space | Literal["generic"]

GLOBAL_WINDOW = 2**40
"""Bytes of addresses for an array, which is in their middle: a wrong index of 32 bits does not reach another."""
INNER_WINDOW = 2**24
"""As above, of an array that the kernel declares."""
BASES: dict[Space, int] = {"global": 0, "shared": 2**60, "const": 2**61}
"""Where the arrays of a space are among generic addresses."""

_ALIGNED = 32
"""Bytes of the widest access."""

_NOUNS: dict[Manner, str] = {"read": "a read", "write": "a write", "atomic": "an atomic"}
_AGAINST: dict[Manner, tuple[Manner, ...]] = {
    "read": ("write", "atomic"),
    "write": ("read", "write", "atomic"),
    "atomic": ("read", "write"),
}


@dataclass
class Order:
    """The threads of a launch, and how far they are."""

    block: Threads
    epoch: Threads
    """Of a block: the barriers that it has passed."""
    warp: Threads
    passed: int = 0
    """Barriers of all blocks together, and launches."""

    def restart(self) -> None:
        """Begin a launch."""
        self.epoch[:] = 0
        self.passed += 1


@dataclass
class Area:
    """An array; of a shared one, its copies for all blocks in a row.

    Attributes
    ----------
    name : str
    space : str
    data : array of uint8
    size : int
        Bytes that a thread can reach.
    stride : int
        Bytes from the copy of one block to that of the next, 0 where there is one for all.
    cell : int
        Bytes that are looked after together: no access is smaller.
    order : Order
    """

    name: str
    space: Space
    data: NDArray[np.uint8]
    size: int
    stride: int
    cell: int
    order: Order
    _typed: dict[str, Array] = field(default_factory=dict)
    _touches: dict[Manner, Touches] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._cells = len(self.data) // self.cell + 1
        self._known = np.zeros(self._cells if self.stride else 0, bool)

    def typed(self, dtype: np.dtype[Any]) -> Array:
        """The bytes as numbers."""
        if dtype.str not in self._typed:
            self._typed[dtype.str] = self.data[: len(self.data) // dtype.itemsize * dtype.itemsize].view(dtype)
        return self._typed[dtype.str]

    def first(self, address: Threads, size: int, threads: Threads, name: str) -> Threads:
        """Where in `data` an access begins, of addresses from this array's first byte on."""
        if (address & (size - 1)).any():
            raise PTXError(f"{name} is not aligned to {size} bytes in {self.name}")
        if (address < 0).any() or (address > self.size - size).any():
            worst = address.min() if address.min() < 0 else address.max()
            raise PTXError(f"{name} is beyond its array of {self.size} bytes, at byte {worst} of {self.name}")
        return address + self.order.block[threads] * self.stride if self.stride else address

    def touch(self, manner: Manner, first: Threads, size: int, threads: Threads, name: str) -> None:
        """Note an access; a race, a read of what nothing was written to and a write to a constant are errors."""
        if self.space == "const":
            if manner != "read":
                raise PTXError(f"{name} writes to constant memory: {self.name}")
            return
        cells, of = first // self.cell, np.arange(len(first))
        if size > self.cell:
            cells = (cells[:, None] + np.arange(size // self.cell)).ravel()
            of = np.repeat(of, size // self.cell)
        threads = threads[of]
        blocks = self.order.block[threads]
        where = cells, threads, blocks, self.order.epoch[blocks]
        if self.stride and manner != "write" and not self._known[cells].all():
            byte = int(first[of][~self._known[cells]][0] % self.stride)
            raise PTXError(f"{name} reads shared memory that nothing was written to: byte {byte} of {self.name}")
        for other in _AGAINST[manner]:
            if other in self._touches:
                self._refuse(self._touches[other].conflicting(*where), manner, other, where, name)
        if manner not in self._touches:
            self._touches[manner] = Touches(self._cells)
        shared = self._touches[manner].note(*where)
        if manner == "write":
            self._refuse(shared, manner, "write", where, name)
        if manner != "read" and self.stride:
            self._known[cells] = True

    def _refuse(
        self, found: NDArray[np.bool_], manner: Manner, other: Manner, where: tuple[Threads, ...], name: str
    ) -> None:
        if found.any():
            cell, thread = (int(part[found][0]) for part in where[:2])
            byte = cell * self.cell % self.stride if self.stride else cell * self.cell
            raise PTXError(
                f"race in {self.space} memory: {name}, {_NOUNS[manner]} of byte {byte} of {self.name} by thread "
                f"{thread}, and {_NOUNS[other]} by another thread have no barrier between"
            )


class Memory:
    """All arrays of a launch.

    Parameters
    ----------
    shared : dict of str to int
        Bytes of each shared array.
    constants : dict of str to bytes
    blocks, cell : int
    order : Order
    """

    def __init__(
        self, shared: dict[str, int], constants: dict[str, bytes], blocks: int, cell: int, order: Order
    ) -> None:
        self._shared, self._blocks, self._cell, self._order = shared, blocks, cell, order
        self._constants = [
            Area(name, "const", np.frombuffer(octets, np.uint8), len(octets), 0, cell, order)
            for name, octets in constants.items()
        ]
        self._areas: dict[Space, list[Area]] = {}
        self.symbols = {
            name: (number + 1) * INNER_WINDOW for names in (shared, constants) for number, name in enumerate(names)
        }

    def restart(self, arrays: list[Array]) -> None:
        """Begin a launch on some global arrays."""
        cell, order = self._cell, self._order
        self._areas = {"global": [], "shared": [], "const": self._constants}
        for number, array in enumerate(arrays):
            octets = array.reshape(-1).view(np.uint8)
            self._areas["global"].append(Area(f"array {number}", "global", octets, array.nbytes, 0, cell, order))
        for name, size in self._shared.items():
            stride = -(-size // _ALIGNED) * _ALIGNED
            octets = np.zeros(self._blocks * stride, np.uint8)
            self._areas["shared"].append(Area(name, "shared", octets, size, stride, cell, order))

    def parts(self, space: AnySpace, address: Threads, name: str) -> Iterator[tuple[Area, Threads, Any]]:
        """Each array that is accessed, the addresses in it, and which of all accesses they are."""
        if space == "generic":
            of_space = np.searchsorted([*BASES.values()][1:], address, side="right")
            for i, (kind, base) in enumerate(BASES.items()):
                chosen = np.flatnonzero(of_space == i)
                if len(chosen):
                    for area, within, of in self.parts(kind, address[chosen] - base, name):
                        yield area, within, chosen[of]
            return
        window, areas = GLOBAL_WINDOW if space == "global" else INNER_WINDOW, self._areas[space]
        number = (address + window // 2) // window - 1
        low, high = int(number.min()), int(number.max())
        if low < 0 or high >= len(areas):
            raise PTXError(f"{name} is in no array")
        if low == high:
            yield areas[low], address - (low + 1) * window, slice(None)
            return
        for i in np.unique(number):
            chosen = np.flatnonzero(number == i)
            yield areas[i], address[chosen] - (i + 1) * window, chosen
