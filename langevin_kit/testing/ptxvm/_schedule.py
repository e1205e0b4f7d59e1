"""Threads that run one kernel: those at the earliest instruction go first, until all have left; a barrier holds.

Instructions are taken by stretches, which end where threads can part or meet: so a thread only ever stands at the
beginning of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._binding import Binder, Step
from langevin_kit.testing.ptxvm._memory import Order
from langevin_kit.testing.ptxvm._parse import Instruction, Kernel, PTXError
from langevin_kit.testing.ptxvm._registers import Register

Array = NDArray[Any]
Threads = NDArray[np.int64]

_LEAVING = ("ret", "exit")
_ENDING = ("bra", "bar", "barrier", *_LEAVING)


@dataclass(frozen=True)
class Guard:
    """A predicate that decides which threads take part."""

    register: Register
    negated: bool

    def passed(self, threads: Threads) -> Threads:
        """Those that do."""
        held = self.register.data[threads]
        return threads[~held if self.negated else held]


@dataclass
class Stretch:
    """Instructions that threads run one after the other.

    Attributes
    ----------
    instructions : list of Instruction
    ending : Instruction or None
        A branch, a barrier or an exit at its end.
    target : int
        The stretch that a branch goes to.
    """

    instructions: list[Instruction]
    ending: Instruction | None
    target: int
    bound: Bound | None = None
    runs: int = 0
    """By how many threads."""


@dataclass
class Bound:
    """A stretch, decoded.

    Attributes
    ----------
    steps : list of (Step, Guard or None)
    guard : Guard or None
        Of the ending.
    calls : list of callable
        The steps by all threads, if none has a guard.
    needs, gives : tuple of Register
        What is read before it is written, and what is written.
    ready : bool
        Whether all that it needs was written by every thread, so that it may run without a question.
    """

    steps: list[tuple[Step, Guard | None]]
    guard: Guard | None
    calls: list[Callable[[], Any]]
    needs: tuple[Register, ...]
    gives: tuple[Register, ...]
    ready: bool = False


def stretches(kernel: Kernel) -> list[Stretch]:
    """Cut a kernel where a branch may come from or go to."""
    starts = {0, *kernel.labels.values()}
    starts |= {i + 1 for i, instruction in enumerate(kernel.instructions) if instruction.opcode[0] in _ENDING}
    cuts = sorted(starts | {len(kernel.instructions)})
    number = {start: i for i, start in enumerate(cuts)}
    made = []
    for first, last in pairwise(cuts):
        part = list(kernel.instructions[first:last])
        ending = part.pop() if part[-1].opcode[0] in _ENDING else None
        target = 0
        if ending is not None and ending.opcode[0] == "bra":
            if ending.operands[0] not in kernel.labels:
                raise PTXError(f"the label {ending.operands[0]} is not known")
            target = number[kernel.labels[ending.operands[0]]]
        made.append(Stretch(part, ending, target))
    return made


def _is_exit(ending: Instruction | None) -> bool:
    return ending is not None and ending.opcode[0] in _LEAVING and not ending.guard


class Schedule:
    """Launches, one after the other.

    Parameters
    ----------
    kernel : Kernel
    binder : Binder
    order : Order
    """

    def __init__(self, kernel: Kernel, binder: Binder, order: Order) -> None:
        self._stretches, self._binder, self._order = stretches(kernel), binder, order
        self._restart()
        # Threads that only have to leave do so at once: waiting for their turn they would keep the others apart.
        self._left = [not stretch.instructions and _is_exit(stretch.ending) for stretch in self._stretches] + [False]

    def run(self, most: int) -> Counter[str]:
        """Run all threads to their end; of each opcode, by how many.

        Raises
        ------
        PTXError
            For a fault, or after more than `most` instructions.
        """
        self._restart()
        left, together = most, 0
        while len(self._alive):
            threads, at = self._alive, together
            if at < 0:
                threads = self._earliest()
                at = int(self._next[threads[0]])
            if at == len(self._stretches):
                raise PTXError("the end of the kernel is reached without an exit")
            stretch = self._stretches[at]
            left -= len(stretch.instructions) + 1
            if left < 0:
                raise PTXError(f"more than {most} instructions")
            bound = self._run(stretch, threads, everyone=together >= 0)
            together = self._end(stretch, bound.guard, at, threads, everyone=together >= 0)
        for stretch in self._stretches:
            for instruction in stretch.instructions if stretch.runs else ():
                if not instruction.guard:
                    self._executed[instruction.name] += stretch.runs
        return self._executed

    def _restart(self) -> None:
        n = len(self._order.block)
        self._alive = np.arange(n)
        self._next = np.zeros(n, np.int64)
        self._waits = np.zeros(n, bool)
        self._executed: Counter[str] = Counter()
        for stretch in self._stretches:
            stretch.runs = 0
            if stretch.bound is not None:
                stretch.bound.ready = False

    def _run(self, stretch: Stretch, threads: Threads, *, everyone: bool) -> Bound:
        """The steps of a stretch."""
        bound = stretch.bound = stretch.bound or self._bind(stretch)
        stretch.runs += len(threads)
        if everyone and not bound.ready and bound.calls:
            bound.ready = all(register.completed(threads) for register in bound.needs)
            if bound.ready:
                for register in bound.gives:
                    register.complete = True
        if everyone and bound.ready:
            for call in bound.calls:
                call()
            return bound
        for step, guard in bound.steps:
            self._careful(step, guard, threads)
        if bound.guard is not None:
            bound.guard.register.check(threads)
        return bound

    def _careful(self, step: Step, guard: Guard | None, threads: Threads) -> None:
        """One step by some threads, each of which must have written what it reads."""
        if guard is not None:
            guard.register.check(threads)
            threads = guard.passed(threads)
            self._executed[step.name] += len(threads)
            if not len(threads):
                return
        for register in step.reads:
            register.check(threads)
        step.some(threads)
        for register in step.writes:
            register.mark(threads)

    def _end(self, stretch: Stretch, guard: Guard | None, at: int, threads: Threads, *, everyone: bool) -> int:
        """Let threads go where the ending sends them: the stretch where all are, or −1 if they are apart."""
        ending, beyond = stretch.ending, at + 1
        chosen = threads if guard is None else guard.passed(threads)
        if ending is not None:
            self._executed[ending.name] += len(chosen)
        where = stretch.target if ending is not None and ending.opcode[0] == "bra" else beyond
        waits = ending is not None and ending.opcode[0] in ("bar", "barrier")
        leaves = ending is not None and (ending.opcode[0] in _LEAVING or (where != beyond and self._left[where]))
        if everyone and not len(chosen):
            return beyond
        if everyone and not waits and not leaves and len(chosen) == len(threads):
            return where
        self._next[threads] = beyond
        self._next[chosen] = where
        self._waits[chosen] = waits
        if leaves and len(chosen):
            self._alive = np.setdiff1d(self._alive, chosen, assume_unique=True)
        return self._together()

    def _together(self) -> int:
        """Where all threads are, if they are together; a barrier lets go of blocks when nothing else can run."""
        alive = self._alive
        if not len(alive):
            return -1
        if self._waits[alive].all():
            self._release()
        places = self._next[alive]
        first = int(places[0])
        return first if (places == first).all() and not self._waits[alive].any() else -1

    def _earliest(self) -> Threads:
        """The threads that go first."""
        ready = self._alive[~self._waits[self._alive]]
        places = self._next[ready]
        first: Threads = ready[places == places.min()]
        return first

    def _release(self) -> None:
        """Let blocks pass their barrier, at which all their threads must wait."""
        blocks = self._order.block
        for block in np.unique(blocks[self._alive]):
            members = np.flatnonzero(blocks == block)
            waiting = int(self._waits[members].sum())
            if waiting < len(members):
                raise PTXError(
                    f"divergent barrier: {waiting} threads of block {block} wait, and "
                    f"{len(members) - waiting} have left"
                )
            if len(np.unique(self._next[members])) != 1:
                raise PTXError(f"divergent barrier: threads of block {block} wait at different ones, a deadlock")
            self._waits[members] = False
            self._order.epoch[block] += 1
        self._order.passed += 1

    def _bind(self, stretch: Stretch) -> Bound:
        """Decode a stretch, when threads first come to it."""
        steps: list[tuple[Step, Guard | None]] = []
        needs: dict[Register, None] = {}
        gives: dict[Register, None] = {}
        for instruction in stretch.instructions:
            step = self._binder.step(instruction)
            steps.append((step, self._guard(instruction)))
            needs |= dict.fromkeys(register for register in step.reads if register not in gives)
            gives |= dict.fromkeys(step.writes)
        guard = self._guard(stretch.ending)
        if guard is not None and guard.register not in gives:
            needs[guard.register] = None
        calls = [step.run or partial(self._by_all, step) for step, _ in steps]
        plain = all(guard is None for _, guard in steps)
        return Bound(steps, guard, calls if plain else [], (*needs,), (*gives,))

    def _by_all(self, step: Step) -> None:
        step.some(self._alive)

    def _guard(self, instruction: Instruction | None) -> Guard | None:
        if instruction is None or not instruction.guard:
            return None
        _, (register,) = self._binder.registers.source(instruction.guard, "pred")
        return Guard(register, instruction.negated)
