"""The text of a PTX module with one entry → instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache


class PTXError(Exception):
    """A fault of a kernel, or what this executor does not know."""


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes
    ----------
    guard : str
        The predicate that decides which threads take part, "" if all do.
    negated : bool
    opcode : tuple of str
        The parts of its name, as ("add", "rn", "f32").
    operands : tuple of str
    """

    guard: str
    negated: bool
    opcode: tuple[str, ...]
    operands: tuple[str, ...]

    @property
    def name(self) -> str:
        """The whole name."""
        return ".".join(self.opcode)


@dataclass(frozen=True)
class Kernel:
    """An entry.

    Attributes
    ----------
    parameters : tuple of str
        Their names.
    registers : dict of str to str
        The type that each is declared with.
    shared : dict of str to int
        Bytes of each array that the threads of a block share.
    constants : dict of str to bytes
        What is in each array of constant memory.
    instructions : tuple of Instruction
    labels : dict of str to int
        Which instruction a branch goes to.
    """

    parameters: tuple[str, ...]
    registers: dict[str, str]
    shared: dict[str, int]
    constants: dict[str, bytes]
    instructions: tuple[Instruction, ...]
    labels: dict[str, int]


_ENTRY = re.compile(r"\.entry\s+\S+?\s*\((?P<parameters>.*?)\)[^{]*\{(?P<body>.*)\n\}", re.DOTALL)
_PARAMETER = re.compile(r"\.param\s+(?:\.align\s+\d+\s+)?\.\w+\s+([\w$]+)")
_SHARED = re.compile(r"\.shared\s+(?:\.align\s+\d+\s+)?\.[a-z](\d+)\s+([\w$]+)(?:\[(\d+)\])?\s*;")
_CONSTANT = re.compile(r"\.const\s+(?:\.align\s+\d+\s+)?\.b8\s+([\w$]+)\[\d+\]\s*=\s*\{([\d,\s]*)\}\s*;")
_KEPT = re.compile(r"(?<![\w.])\.(?:local|const|extern\s+\.shared)\s+\.[^;]*;")
_REGISTER = re.compile(r"\.reg\s+\.(\w+)\s+(.*)", re.DOTALL)
_LABEL = re.compile(r"(\$[\w$]+):")
_INSTRUCTION = re.compile(r"(?:@(!?)(%p\d+)\s+)?([a-z][\w.:]*)\s*(.*)", re.DOTALL)
_COMMA = re.compile(r",(?![^{\[]*[}\]])")
_NAME = re.compile(r"%\w+")


@lru_cache(maxsize=64)
def parse(text: str) -> Kernel:
    """Read a module.

    Raises
    ------
    PTXError
        If it has not one entry, memory that is neither global, constant nor static and shared, or a line that cannot
        be read.
    """
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    entry = _ENTRY.search(text)
    if entry is None or len(re.findall(r"\.entry\b", text)) != 1:
        raise PTXError("no entry was found, or more than one")
    constants = {name: bytes(map(int, octets.split(","))) for name, octets in _CONSTANT.findall(text)}
    kept = _KEPT.search(_CONSTANT.sub("", text))
    if kept is not None:
        raise PTXError(f"memory that is neither global, constant nor static and shared: {kept[0]}")
    shared = {name: int(bits) // 8 * int(count or 1) for bits, name, count in _SHARED.findall(text)}
    body = _Body()
    for statement in re.split(r"[;\n]", entry["body"]):
        body.take(statement.strip())
    parameters = tuple(_PARAMETER.findall(entry["parameters"]))
    return Kernel(parameters, body.registers, shared, constants, tuple(body.instructions), body.labels)


class _Body:
    """What is between the braces of an entry; registers of an inner pair get names of their own."""

    def __init__(self) -> None:
        self.registers: dict[str, str] = {}
        self.instructions: list[Instruction] = []
        self.labels: dict[str, int] = {}
        self._inner: list[dict[str, str]] = []
        self._opened = 0

    def take(self, statement: str) -> None:
        label = _LABEL.match(statement)
        if label is not None:
            self.labels[label[1]] = len(self.instructions)
            statement = statement[label.end() :].strip()
        declared = _REGISTER.fullmatch(statement)
        if statement == "{":
            self._opened += 1
            self._inner.append({})
        elif statement == "}":
            self._inner.pop()
        elif declared is not None:
            for name in _names(declared[2]):
                self.registers[self._declare(name)] = declared[1]
        elif statement and not statement.startswith("."):
            self.instructions.append(self._instruction(statement))

    def _declare(self, name: str) -> str:
        if not self._inner:
            return name
        self._inner[-1][name] = f"{name}@{self._opened}"
        return self._inner[-1][name]

    def _instruction(self, statement: str) -> Instruction:
        found = _INSTRUCTION.fullmatch(statement)
        if found is None:
            raise PTXError(f"cannot be read: {statement}")
        negated, guard, opcode, operands = found.groups()
        for names in reversed(self._inner):
            operands = _NAME.sub(lambda match, names=names: names.get(match[0], match[0]), operands)
        parts = tuple(part.strip() for part in _COMMA.split(operands)) if operands else ()
        return Instruction(guard or "", negated == "!", tuple(opcode.split(".")), parts)


def _names(declared: str) -> Iterator[str]:
    """The names of "%r<3>, %x": %r0, %r1, %r2, %x."""
    for part in declared.split(","):
        name, _, count = part.strip().partition("<")
        if count:
            yield from (f"{name}{number}" for number in range(int(count.rstrip(">"))))
        else:
            yield name
