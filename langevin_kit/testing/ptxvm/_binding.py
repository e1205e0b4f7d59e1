"""Instructions → calls on the registers and the memory of one launch, decoded once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._access import Access, Sectors, address_of, place_of
from langevin_kit.testing.ptxvm._approximate import Perturbation, approximated
from langevin_kit.testing.ptxvm._bits import bitwise
from langevin_kit.testing.ptxvm._comparisons import compared
from langevin_kit.testing.ptxvm._conversions import conversion
from langevin_kit.testing.ptxvm._floats import floating
from langevin_kit.testing.ptxvm._integers import integer
from langevin_kit.testing.ptxvm._memory import BASES, Memory, Order
from langevin_kit.testing.ptxvm._operations import Opcode, Operation, dtype_of
from langevin_kit.testing.ptxvm._parse import Instruction, PTXError
from langevin_kit.testing.ptxvm._registers import Register, Registers

Array = NDArray[Any]
Threads = NDArray[np.int64]


@dataclass(frozen=True)
class Step:
    """One instruction.

    Attributes
    ----------
    name : str
    run : callable or None
        Does it for all threads at once, those that have left too, whose registers nobody reads; None where it must
        not.
    some : callable
        Does it for some threads.
    reads, writes : tuple of Register
    """

    name: str
    run: Callable[[], Any] | None
    some: Callable[[Threads], Any]
    reads: tuple[Register, ...]
    writes: tuple[Register, ...]


@dataclass(frozen=True)
class Binder:
    """Makes steps.

    Attributes
    ----------
    registers : Registers
    memory : Memory
    order : Order
    sectors : Sectors
    perturbation : float, Generator or None
    """

    registers: Registers
    memory: Memory
    order: Order
    sectors: Sectors
    perturbation: Perturbation
    _given: dict[str, Any] = field(default_factory=dict)
    _parameters: dict[tuple[str, str], Array] = field(default_factory=dict)

    def restart(self, given: dict[str, Any]) -> None:
        """Begin a launch with other arguments."""
        self._given.update(given)
        for (name, kind), array in self._parameters.items():
            array[:] = self._bits(name, kind)

    def step(self, instruction: Instruction) -> Step:
        """One instruction, without its guard.

        Raises
        ------
        PTXError
            If it is not known.
        """
        opcode, operands = instruction.opcode, instruction.operands
        match opcode[0]:
            case "ld" if opcode[1] == "param":
                return self._copied(instruction.name, [(self._parameter(operands[1], opcode[-1]), ())], operands[:1])
            case "ld" | "st" | "atom" | "red":
                return self._access(instruction)
            case "mov":
                return self._moved(instruction)
            case "cvta":
                return self._window(instruction)
        operation = self._operation(opcode)
        if operation is None or len(operands) != len(operation.sources) + 1:
            raise PTXError(f"{instruction.name} is not known")
        sources = [self.registers.source(*pair) for pair in zip(operands[1:], operation.sources, strict=True)]
        return self._computed(instruction.name, operation, sources, operands[0])

    def _operation(self, opcode: Opcode) -> Operation | None:
        found = approximated(opcode, self.perturbation)
        for family in (floating, integer, bitwise, compared, conversion):
            found = found or family(opcode)
        return found

    def _computed(self, name: str, operation: Operation, sources: list[Any], target: str) -> Step:
        function = operation.function
        arrays = [array for array, _ in sources]
        into, register = self.registers.target(target, operation.target)

        def some(threads: Threads) -> None:
            out = np.empty(len(threads), into.dtype)
            function(*[array[threads] for array in arrays], out)
            into[threads] = out

        run = None if operation.checked else partial(function, *arrays, into)
        return Step(name, run, some, _read(sources), (register,))

    def _copied(self, name: str, sources: list[Any], targets: tuple[str, ...]) -> Step:
        """Values as they are; "_" takes none."""
        pairs, registers = [], []
        for (array, _), target in zip(sources, targets, strict=True):
            if target != "_":
                into, register = self.registers.target(
                    target, "pred" if array.dtype == bool else f"b{8 * array.itemsize}"
                )
                pairs.append((into, array.view(into.dtype)))
                registers.append(register)

        def run() -> None:
            for into, array in pairs:
                np.copyto(into, array)

        def some(threads: Threads) -> None:
            for into, array in pairs:
                into[threads] = array[threads]

        return Step(
            name, partial(np.copyto, *pairs[0]) if len(pairs) == 1 else run, some, _read(sources), (*registers,)
        )

    def _parameter(self, operand: str, kind: str) -> Array:
        name, offset = address_of(operand)
        if name not in self._given or offset:
            raise PTXError(f"the parameter {operand} is not known")
        if (name, kind) not in self._parameters:
            self._parameters[name, kind] = np.full(len(self.order.block), self._bits(name, kind))
        return self._parameters[name, kind]

    def _bits(self, name: str, kind: str) -> Any:
        dtype = dtype_of(kind)
        return np.asarray(self._given[name]).astype(dtype).view(f"u{dtype.itemsize}")[()]

    def _moved(self, instruction: Instruction) -> Step:
        """A register, or its parts, which braces hold, the lowest one first."""
        kind, (target, source) = instruction.opcode[-1], instruction.operands
        name, whole = instruction.name, dtype_of(kind)
        if len(instruction.opcode) != 2:
            raise PTXError(f"{name} is not known")
        if target.startswith("{"):
            names = _parts(target)
            array, register = self.registers.source(source, f"b{kind[1:]}")
            part = f"u{whole.itemsize // len(names)}"
            per = array.strides[0] // (whole.itemsize // len(names)) if array.base is not None else len(names)
            views = [array.view(part)[i::per] for i in range(len(names))]
            return self._copied(name, [(view, register) for view in views], names)
        if source.startswith("{"):
            names = _parts(source)
            kinds = (f"b{int(kind[1:]) // len(names)}",) * len(names)
            sources = [self.registers.source(*pair) for pair in zip(names, kinds, strict=True)]
            return self._computed(name, Operation(_packed, kinds, f"b{kind[1:]}"), sources, target)
        return self._copied(name, [self.registers.source(source, kind)], (target,))

    def _window(self, instruction: Instruction) -> Step:
        """`cvta`: an address of a space as a generic one, or back."""
        opcode, operands = instruction.opcode, instruction.operands
        if opcode[-2] not in BASES or opcode[-1] != "u64" or opcode[1:-2] not in ((), ("to",)):
            raise PTXError(f"{instruction.name} is not known")
        if opcode[-2] == "global":
            return self._copied(instruction.name, [self.registers.source(operands[1], "u64")], operands[:1])
        begin = BASES[opcode[-2]]
        base = self.registers.constant(-begin if "to" in opcode else begin, np.dtype(np.uint64))
        sources = [self.registers.source(operands[1], "u64"), (base, ())]
        return self._computed(instruction.name, Operation(np.add, ("u64", "u64"), "u64"), sources, operands[0])

    def _access(self, instruction: Instruction) -> Step:
        base, operands, place = instruction.opcode[0], instruction.operands, place_of(instruction.opcode)
        into = operands[:1] if base in ("ld", "atom") else ()
        address, *values = operands[len(into) :]
        targets = [self.registers.target(name, place.kind) for part in into for name in _parts(part)]
        sources = [self.registers.source(name, place.kind) for part in values for name in _parts(part)]
        given = len(targets) if base == "ld" else len(sources)
        if given != place.count or (base == "ld") != (not sources):
            raise PTXError(f"{instruction.name} is not known with {len(operands)} operands")
        name, offset = address_of(address)
        where, registers = self.registers.source(name, "u64")
        access = Access(
            *(instruction.name, self.memory, self.order, self.sectors, place, where.view(np.int64), offset),
            into=[array for array, _ in targets],
            values=[array for array, _ in sources],
        )
        reads = (*registers, *_read(sources))
        return Step(instruction.name, None, access, reads, tuple(register for _, register in targets))


def _parts(operand: str) -> tuple[str, ...]:
    """The names in braces, or the one without."""
    return tuple(part.strip() for part in operand.strip("{}").split(","))


def _read(sources: list[Any]) -> tuple[Register, ...]:
    return tuple(register for _, registers in sources for register in registers)


def _packed(*arguments: Array) -> None:
    *parts, out = arguments
    np.copyto(out, np.stack(parts, axis=1).view(f"u{out.itemsize}")[:, 0])
