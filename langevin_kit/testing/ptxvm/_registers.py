"""The registers of all threads, read and written as arrays of the type that an instruction takes them for."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._operations import dtype_of
from langevin_kit.testing.ptxvm._parse import PTXError

Array = NDArray[Any]
Threads = NDArray[np.int64]

_INTEGER = re.compile(r"-?(0[xX][0-9a-fA-F]+|\d+)U?")
_FLOATS = {"0f": np.uint32, "0d": np.uint64}


class Register:
    """One register of all threads.

    Attributes
    ----------
    data : array of bool, uint16, uint32 or uint64
    complete : bool
        Whether all threads that run have written to it: what is known once needs no more questions.
    """

    __slots__ = ("_views", "_written", "complete", "data", "name")

    def __init__(self, name: str, dtype: np.dtype[Any], n: int) -> None:
        self.name = name
        self.data = np.zeros(n, dtype)
        self.complete = False
        self._written: NDArray[np.bool_] | None = None
        self._views: dict[np.dtype[Any], Array] = {}

    def mark(self, threads: Threads) -> None:
        """Threads have written to it."""
        if self._written is None:
            self._written = np.zeros(len(self.data), bool)
        if not self.complete:
            self._written[threads] = True

    def check(self, threads: Threads) -> None:
        """Refuse a read by threads that have not."""
        if not self.complete and (self._written is None or not self._written[threads].all()):
            raise PTXError(f"{self.name} is read before anything was written to it")

    def completed(self, alive: Threads) -> bool:
        """Whether all threads that run have written to it."""
        self.complete = self.complete or (self._written is not None and bool(self._written[alive].all()))
        return self.complete

    def restart(self) -> None:
        """Forget what was written."""
        self.complete, self._written = False, None

    def taken(self, wanted: np.dtype[Any]) -> Array:
        """The same bits as another type: of a wider register the lower ones."""
        if wanted not in self._views:
            data = self.data
            if "b" in (data.dtype.kind, wanted.kind) and data.dtype != wanted:
                raise PTXError(f"{self.name}: a predicate is taken for a number, or a number for a predicate")
            if wanted.itemsize > data.itemsize:
                raise PTXError(f"{self.name}, a register of {8 * data.itemsize} bits, is read as {wanted}")
            self._views[wanted] = data.view(wanted)[:: data.itemsize // wanted.itemsize]
        return self._views[wanted]


class Registers:
    """All registers.

    Parameters
    ----------
    declared : dict of str to str
        The type of each.
    special : dict of str to array of uint32
        What is read and not written, as "%tid.x".
    symbols : dict of str to int
        Names that stand for an address.
    n : int
        How many threads there are.
    """

    def __init__(self, declared: dict[str, str], special: dict[str, Array], symbols: dict[str, int], n: int) -> None:
        self._declared, self._special, self._symbols, self._n = declared, special, symbols, n
        self._made: dict[str, Register] = {}
        self._constants: dict[tuple[int, str], Array] = {}

    def source(self, operand: str, kind: str) -> tuple[Array, tuple[Register, ...]]:
        """The numbers that an operand stands for, and the register, if it is one."""
        wanted = dtype_of(kind)
        if operand in self._special:
            return self._special[operand].astype(wanted), ()
        if operand.startswith("%"):
            register = self._register(operand)
            return register.taken(wanted), (register,)
        return self.constant(self._value(operand, wanted), wanted), ()

    def target(self, operand: str, kind: str) -> tuple[Array, Register]:
        """Where a result of a type goes: a wider register takes an integer with its sign."""
        wanted, register = dtype_of(kind), self._register(operand)
        if wanted.itemsize < register.data.itemsize and wanted.kind in "ui":
            wanted = np.dtype(f"{wanted.kind}{register.data.itemsize}")
        if wanted.itemsize != register.data.itemsize:
            raise PTXError(f"{operand}, a register of {8 * register.data.itemsize} bits, is written as {kind}")
        return register.taken(wanted), register

    def restart(self) -> None:
        """Forget what was written."""
        for register in self._made.values():
            register.restart()

    def constant(self, value: int, dtype: np.dtype[Any]) -> Array:
        """One number, given by its bits, for all threads."""
        key = value, dtype.str
        if key not in self._constants:
            unsigned = np.dtype(f"u{dtype.itemsize}")
            bits = np.full(self._n, value % 2 ** (8 * dtype.itemsize), unsigned)
            self._constants[key] = bits.astype(bool) if dtype == np.bool_ else bits.view(dtype)
        return self._constants[key]

    def _value(self, operand: str, wanted: np.dtype[Any]) -> int:
        if operand in self._symbols:
            return self._symbols[operand]
        bits = _FLOATS.get(operand[:2].lower())
        if bits is not None and wanted.itemsize == np.dtype(bits).itemsize:
            return int(operand[2:], 16)
        if _INTEGER.fullmatch(operand) and wanted.kind != "f":
            return int(operand.rstrip("U"), 0)
        raise PTXError(f"the operand {operand} is not known")

    def _register(self, name: str) -> Register:
        if name not in self._made:
            if name not in self._declared:
                raise PTXError(f"the register {name} is not known")
            self._made[name] = Register(name, dtype_of(self._declared[name].replace("f", "b")), self._n)
        return self._made[name]
