"""The text of a PTX module with one entry → instructions."""

from __future__ import annotations

import re
from dataclasses import dataclass


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
    instructions : tuple of Instruction
    labels : dict of str to int
        Which instruction a branch goes to.
    """

    parameters: tuple[str, ...]
    instructions: tuple[Instruction, ...]
    labels: dict[str, int]


_ENTRY = re.compile(r"\.visible\s+\.entry\s+\S+?\s*\((?P<parameters>.*?)\)[^{]*\{(?P<body>.*)\n\}", re.DOTALL)
_PARAMETER = re.compile(r"\.param\s+(?:\.align\s+\d+\s+)?\.\w+\s+([\w$]+)")
_LABEL = re.compile(r"(\$[\w$]+):")
_INSTRUCTION = re.compile(r"(?:@(!?)(%p\d+)\s+)?([\w.:]+)\s*(.*)", re.DOTALL)
_COMMA = re.compile(r",(?![^{\[]*[}\]])")


def parse(text: str) -> Kernel:
    """Read a module.

    Raises
    ------
    PTXError
        If it has no entry, or memory that is shared, local or constant.
    """
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    entry = _ENTRY.search(text)
    if entry is None:
        raise PTXError("no entry was found")
    kept = re.search(r"\.(shared|local|const)\s+\.align[^;]*;", text)
    if kept is not None:
        raise PTXError(f"memory that is not global: {kept[0]}")
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    for statement in re.split(r"[;\n]", entry["body"]):
        rest = statement.strip()
        label = _LABEL.match(rest)
        if label is not None:
            labels[label[1]] = len(instructions)
            rest = rest[label.end() :].strip()
        if not rest or rest.startswith("."):
            continue
        found = _INSTRUCTION.fullmatch(rest)
        if found is None:
            raise PTXError(f"cannot be read: {rest}")
        negated, guard, opcode, operands = found.groups()
        parts = tuple(part.strip() for part in _COMMA.split(operands)) if operands else ()
        instructions.append(Instruction(guard or "", negated == "!", tuple(opcode.split(".")), parts))
    return Kernel(tuple(_PARAMETER.findall(entry["parameters"])), tuple(instructions), labels)
