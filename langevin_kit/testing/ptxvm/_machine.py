"""Threads that run one kernel: those at the earliest instruction go first, until all have left."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm import _operations as operations
from langevin_kit.testing.ptxvm._parse import Instruction, PTXError, parse

Array = NDArray[Any]
Threads = NDArray[np.int64]

_REGISTERS = {"%p": "pred", "%rs": "b16", "%r": "b32", "%rd": "b64", "%f": "f32", "%fd": "f64"}
_SPACING = 2**32
"""Bytes of addresses for an array: none can be reached from another by a wrong index of 32 bits."""

MOST = 10**6
"""Instructions of a launch; a kernel that runs longer has lost its way."""


class Machine:
    """Executes one kernel.

    Parameters
    ----------
    text : str
        PTX with one entry, as numba emits it.

    Attributes
    ----------
    executed : Counter
        Of each opcode, by how many threads.
    """

    def __init__(self, text: str) -> None:
        self.kernel = parse(text)
        self.executed: Counter[str] = Counter()

    def launch(self, grid: int, block: int, *arguments: Any) -> None:
        """Run grid × block threads; arrays are changed in place.

        Raises
        ------
        PTXError
            For an access beyond an array, a register that nothing was written to, or an instruction that is not known.
        """
        self._arrays = [argument for argument in arguments if isinstance(argument, np.ndarray)]
        self._bytes = [array.reshape(-1).view(np.uint8) for array in self._arrays]
        values = [word for argument in arguments for word in self._words(argument)]
        if len(values) != len(self.kernel.parameters):
            raise PTXError(f"{len(values)} arguments for {len(self.kernel.parameters)} parameters")
        self._parameters = dict(zip(self.kernel.parameters, values, strict=True))
        every = np.arange(grid * block)
        zero = np.zeros_like(every)
        self._special = {"%tid.x": every % block, "%ctaid.x": every // block, "%ntid.x": zero + block}
        self._special |= {"%nctaid.x": zero + grid}
        self._registers: dict[str, Array] = {}
        self._written: dict[str, NDArray[np.bool_]] = {}
        self._next = np.zeros(len(every), np.int64)
        end = len(self.kernel.instructions)
        with np.errstate(all="ignore"):
            for _ in range(MOST):
                now = int(self._next.min(initial=end))
                if now >= end:
                    return
                self._step(self.kernel.instructions[now], np.flatnonzero(self._next == now))
        raise PTXError(f"more than {MOST} instructions")

    def _words(self, argument: Any) -> list[Any]:
        """An argument as the kernel's parameters: an array is its place, its shape and its strides."""
        if not isinstance(argument, np.ndarray):
            return [argument]
        if not argument.flags.c_contiguous:
            raise PTXError("an array is not contiguous")
        number = next(i for i, array in enumerate(self._arrays) if array is argument)
        place = (number + 1) * _SPACING
        return [0, 0, argument.size, argument.itemsize, place, *argument.shape, *argument.strides]

    def _step(self, instruction: Instruction, threads: Threads) -> None:
        self._next[threads] += 1
        if instruction.guard:
            holds = self._read(instruction.guard, "pred", threads)
            threads = threads[~holds if instruction.negated else holds]
        if not len(threads):
            return
        self.executed[instruction.name] += len(threads)
        opcode, operands = instruction.opcode, instruction.operands
        kind = opcode[-1]
        match opcode[0]:
            case "bra":
                self._next[threads] = self.kernel.labels[operands[0]]
            case "ret" | "exit":
                self._next[threads] = len(self.kernel.instructions)
            case "ld" if opcode[1] == "param":
                value = self._parameters[operands[1].strip("[]")]
                self._write(operands[0], np.full(len(threads), value, operations.dtype_of(kind)), threads)
            case "ld" if opcode[1] == "global":
                self._write(operands[0], self._loaded(operands[1], kind, threads), threads)
            case "st" if opcode[1] == "global":
                self._store(operands[0], self._read(operands[1], kind, threads), threads)
            case "mov":
                self._move(kind, operands, threads)
            case "cvta":
                self._write(operands[0], self._read(operands[1], kind, threads), threads)
            case "setp":
                pair = [self._read(operand, kind, threads) for operand in operands[1:3]]
                found = operations.compared(opcode, pair)
                for name, join in (("and", np.logical_and), ("or", np.logical_or)):
                    if name in opcode:
                        found = join(found, self._read(operands[3], "pred", threads))
                self._write(operands[0], found, threads)
            case "selp":
                a, b = (self._read(operand, kind, threads) for operand in operands[1:3])
                self._write(operands[0], np.where(self._read(operands[3], "pred", threads), a, b), threads)
            case "cvt":
                source = self._read(operands[1], kind, threads)
                self._write(operands[0], operations.converted(opcode, source), threads)
            case _:
                self._compute(instruction, threads)

    def _compute(self, instruction: Instruction, threads: Threads) -> None:
        opcode, operands = instruction.opcode, instruction.operands
        kinds = [opcode[-1]] * (len(operands) - 1)
        if opcode[0] in ("shl", "shr"):
            kinds[1] = "u32"
        if opcode[0] == "mad" and "wide" in opcode:
            kinds[2] = f"{kinds[2][0]}{2 * int(kinds[2][1:])}"
        values = [self._read(operand, kind, threads) for operand, kind in zip(operands[1:], kinds, strict=True)]
        self._write(operands[0], operations.computed(opcode, values), threads)

    def _move(self, kind: str, operands: tuple[str, ...], threads: Threads) -> None:
        """A register, or its halves, which braces hold, the lower one first."""
        target, source = operands
        if target.startswith("{"):
            names = [part.strip() for part in target.strip("{}").split(",")]
            whole = self._read(source, f"b{kind[1:]}", threads).copy()
            rows = whole.view(f"u{whole.itemsize // len(names)}").reshape(-1, len(names))
            for name, part in zip(names, rows.T, strict=True):
                self._write(name, part, threads)
        elif source.startswith("{"):
            names = [part.strip() for part in source.strip("{}").split(",")]
            half = f"b{int(kind[1:]) // len(names)}"
            rows = np.stack([self._read(name, half, threads) for name in names], axis=1)
            self._write(target, rows.view(operations.dtype_of(f"b{kind[1:]}"))[:, 0], threads)
        else:
            self._write(target, self._read(source, kind, threads), threads)

    def _read(self, operand: str, kind: str, threads: Threads) -> Array:
        """An operand's values, taken for those of a type."""
        wanted = operations.dtype_of(kind)
        if operand in self._special:
            return self._special[operand][threads].astype(wanted)
        if operand.startswith("%"):
            if operand not in self._registers or not self._written[operand][threads].all():
                raise PTXError(f"{operand} is read before anything was written to it")
            return _taken(self._registers[operand][threads], wanted)
        for prefix, bits in (("0f", np.uint32), ("0d", np.uint64)):
            if operand.lower().startswith(prefix):
                return np.full(len(threads), int(operand[2:], 16), bits).view(wanted)
        if re.fullmatch(r"-?(0x)?[0-9a-fA-F]+", operand):
            if wanted.kind == "b":
                return np.full(len(threads), bool(int(operand, 0)))
            size = 8 * wanted.itemsize
            return np.full(len(threads), int(operand, 0) % 2**size, f"u{wanted.itemsize}").view(wanted)
        raise PTXError(f"the operand {operand} is not known")

    def _write(self, name: str, value: Array, threads: Threads) -> None:
        prefix = re.match(r"%[a-z]+", name)
        if prefix is None or prefix[0] not in _REGISTERS:
            raise PTXError(f"the register {name} is not known")
        if name not in self._registers:
            self._registers[name] = np.zeros(len(self._next), operations.dtype_of(_REGISTERS[prefix[0]]))
            self._written[name] = np.zeros(len(self._next), bool)
        register = self._registers[name]
        register[threads] = _taken(np.ascontiguousarray(value), register.dtype)
        self._written[name][threads] = True

    def _places(self, operand: str, size: int, threads: Threads) -> tuple[int, Threads]:
        """Which array an address is in, and the bytes that it is of."""
        base, _, offset = operand.strip("[]").partition("+")
        address = self._read(base.strip(), "u64", threads).astype(np.int64) + int(offset or 0)
        numbers = np.unique(address // _SPACING - 1)
        if len(numbers) != 1 or not 0 <= numbers[0] < len(self._bytes):
            raise PTXError(f"{operand} is in no array")
        number = int(numbers[0])
        first = address - (number + 1) * _SPACING
        if (first % size).any():
            raise PTXError(f"{operand} is not aligned to {size} bytes")
        if (first + size > len(self._bytes[number])).any():
            raise PTXError(f"{operand} is beyond its array of {len(self._bytes[number])} bytes, at byte {first.max()}")
        return number, first[:, None] + np.arange(size)

    def _loaded(self, operand: str, kind: str, threads: Threads) -> Array:
        wanted = operations.dtype_of(kind)
        number, places = self._places(operand, wanted.itemsize, threads)
        return np.ascontiguousarray(self._bytes[number][places]).view(wanted)[:, 0]

    def _store(self, operand: str, value: Array, threads: Threads) -> None:
        number, places = self._places(operand, value.itemsize, threads)
        self._bytes[number][places] = np.ascontiguousarray(value).view(np.uint8).reshape(len(threads), -1)


def _taken(value: Array, wanted: np.dtype[Any]) -> Array:
    """The same bits as another type; a wider register holds a narrower number in its lower bits."""
    if value.dtype == wanted:
        return value
    if "b" in (value.dtype.kind, wanted.kind):
        raise PTXError("a predicate is taken for a number")
    if value.itemsize == wanted.itemsize:
        return value.view(wanted)
    unsigned = value.view(f"u{value.itemsize}")
    return unsigned.astype(f"u{wanted.itemsize}").view(wanted)
