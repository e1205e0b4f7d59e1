"""What the assembler makes of a kernel, counted: registers, stack, and the instructions of its hot loop.

No device is needed: `ptxas` and `nvdisasm` come with the extra `cuda-check`.

A loop is a natural loop of the control flow (Aho, Lam, Sethi & Ullman, Compilers, section 9.6.6). Division and square
root that are rounded as IEEE 754 asks have a short way inline, and a call for operands that it cannot take, as denormal
ones. A loop's length is that of the short way: all instructions that can be reached in it without a call, both sides of
any other branch, and those of the uniform data path too.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from langevin_kit.errors import BackendUnavailable

Capability = tuple[int, int]

ISSUED = 4
"""Instructions that a multiprocessor issues per clock: one from each of four schedulers (CUDA C++ Programming Guide,
sections Compute Capability 8.x and 9.0)."""
LANES = 32
"""Threads of a warp."""

_REPORT = re.compile(
    r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads\s.*Used (\d+) reg", re.S
)
_LABEL = re.compile(r"([.$]\S+):$")
_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;")
_BRANCH = re.compile(r"(?P<guard>@!?U?P\S+\s+)?BRA(?:\.\S+)?\s(?P<also>.*?)`\((?P<label>\S+)\)")
_CALL = re.compile(r"(?P<guard>@\S+\s+)?CALL\.")
_END = re.compile(r"(?P<guard>@\S+\s+)?(?:EXIT|RET)\b")


@dataclass(frozen=True)
class Loop:
    """A loop of one kernel.

    Attributes
    ----------
    instructions : tuple of str
        Of the short way, in the order of their addresses.
    calls : int
        Calls off the short way.
    """

    instructions: tuple[str, ...]
    calls: int


@dataclass(frozen=True)
class Assembled:
    """A kernel in machine code.

    Attributes
    ----------
    cubin : bytes
    registers : int
        32-bit registers a thread.
    stack, spilled : int
        Bytes a thread: of arrays and frames, and of registers stored to and loaded from them.
    """

    cubin: bytes
    registers: int
    stack: int
    spilled: int

    @cached_property
    def listing(self) -> str:
        """What `nvdisasm` says."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kernel.cubin"
            path.write_bytes(self.cubin)
            return _run(_tool("nvdisasm", "nvidia-cuda-nvdisasm"), "-c", str(path))

    @property
    def hot_loop(self) -> Loop:
        """The longest of the loops that hold no other.

        Raises
        ------
        ValueError
            If there is no loop, or it cannot be passed without a call.
        """
        return hot_loop(self.listing)

    def loop_with(self, part: str) -> Loop:
        """The innermost loop that has an instruction with this text, without the loops within it.

        Raises
        ------
        ValueError
            As for `hot_loop`.
        """
        return loop_with(self.listing, part)


def assemble(ptx: str, capability: Capability) -> Assembled:
    """Assemble the text of one kernel with full optimisation.

    Parameters
    ----------
    ptx : str
    capability : (int, int)
        Compute capability, as (9, 0) for an H100.

    Raises
    ------
    BackendUnavailable
        If the extra `cuda-check` is not installed.
    ValueError
        If the assembler refuses the text; with its words.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        source.write_text(ptx, encoding="utf-8")
        arch = "-arch=sm_{}{}".format(*capability)
        said = _run(_tool("ptxas", "nvidia-cuda-nvcc"), "-v", "-O3", arch, str(source), "-o", str(target))
        found = _REPORT.search(said)
        if found is None:
            raise ValueError(f"the assembler's report is not understood: {said}")
        stack, stores, loads, registers = map(int, found.groups())
        return Assembled(target.read_bytes(), registers, stack, stores + loads)


def instruction_bound(instructions: float, multiprocessors: int, clock: float) -> float:
    """Particle-steps a second at which a device would issue nothing but these instructions, at every clock.

    .. math:: 4 · 32 · n_{SM} · f / instructions

    Parameters
    ----------
    instructions : float
        Per particle-step.
    multiprocessors : int
    clock : float
        In hertz.
    """
    return ISSUED * LANES * multiprocessors * clock / instructions


def hot_loop(listing: str) -> Loop:
    """As `Assembled.hot_loop`, of a listing."""
    blocks, follow = _blocks(listing)
    loops = _loops(follow)
    inner = [(head, body) for head, body in loops.items() if not any(o in body for o in loops if o != head)]
    found = [_short_way(head, body, blocks, follow) for head, body in inner]
    if not found:
        raise ValueError("the kernel has no loop")
    return max(found, key=lambda loop: len(loop.instructions))


def loop_with(listing: str, part: str) -> Loop:
    """As `Assembled.loop_with`, of a listing."""
    blocks, follow = _blocks(listing)
    loops = _loops(follow)
    having = [head for head, body in loops.items() if any(part in line for i in body for line in blocks[i])]
    if not having:
        raise ValueError(f"the kernel has no loop with {part}")
    head = min(having, key=lambda head: len(loops[head]))
    within = [body for other, body in loops.items() if other != head and other in loops[head]]
    return _short_way(head, loops[head], blocks, follow, set().union(*within))


Follow = list[set[int]]


def _blocks(listing: str) -> tuple[list[list[str]], Follow]:
    """Runs of instructions without a branch or label between them, and which may follow each; of the kernel alone."""
    blocks: list[list[str]] = [[]]
    where: dict[str, int] = {}
    for line in map(str.strip, listing.splitlines()):
        label, instruction = _LABEL.match(line), _INSTRUCTION.match(line)
        if label:
            if blocks[-1]:
                blocks.append([])
            where[label[1]] = len(blocks) - 1
        elif instruction:
            blocks[-1].append(instruction[1])
            if _BRANCH.match(instruction[1]) or _END.match(instruction[1]):
                blocks.append([])
    follow: Follow = []
    for i, block in enumerate(blocks):
        last = block[-1] if block else ""
        branch, end = _BRANCH.match(last), _END.match(last)
        to = {where[branch["label"]]} if branch else set()
        goes_on = branch is None or branch["guard"] or branch["also"].strip()
        if (end is None or end["guard"]) and goes_on and i + 1 < len(blocks):
            to.add(i + 1)
        follow.append(to)
    return blocks, follow


def _reached(start: int, follow: Follow, within: set[int]) -> set[int]:
    seen, left = {start}, [start]
    while left:
        new = (follow[left.pop()] & within) - seen
        seen |= new
        left += new
    return seen


def _loops(follow: Follow) -> dict[int, set[int]]:
    """The blocks of each loop, by its head: a head is passed on every way to what leads back to it."""
    everything = _reached(0, follow, set(range(len(follow))))
    back: Follow = [{i for i in everything if j in follow[i]} for j in range(len(follow))]
    loops: dict[int, set[int]] = {}
    for head in sorted(everything):
        without = _reached(0, follow, everything - {head}) if head else set()
        tails = [i for i in back[head] if i not in without]
        for tail in tails:
            body = {head} if tail == head else _reached(tail, back, everything - {head})
            loops[head] = loops.get(head, {head}) | body
    return loops


def _short_way(
    head: int, body: set[int], blocks: list[list[str]], follow: Follow, without: frozenset[int] | set[int] = frozenset()
) -> Loop:
    calling = {i for i in body if any(call and not call["guard"] for call in map(_CALL.match, blocks[i]))}
    way = _reached(head, follow, body - calling)
    if head in calling or not any(head in follow[i] for i in way):
        raise ValueError("the hot loop cannot be passed without a call: something was not inlined")
    calls = sum(_CALL.match(line) is not None for i in body for line in blocks[i])
    return Loop(tuple(line for i in sorted(way - without) for line in blocks[i]), calls)


def _tool(name: str, package: str) -> str:
    try:
        found = [file for file in files(package) or [] if file.name in (name, f"{name}.exe")]
    except PackageNotFoundError:
        found = []
    if not found:
        raise BackendUnavailable(f"no {name}: install the package {package}, as langevin-kit[cuda-check] does.")
    return str(found[0].locate())


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"{Path(command[0]).name}: {done.stderr or done.stdout}")
    return done.stdout + done.stderr
