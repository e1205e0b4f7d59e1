"""Nanoseconds per particle-step of ours and of others, on one pinned core, in turns.

Other processes disturb a timing by tens of percent and never speed it up. So each number is the fastest of many calls
of a millisecond, and each ratio is of two measurements that follow one another, given as minimum, median and maximum.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from models import MODELS, network

HERE = Path(__file__).parent
Measure = Callable[[], float]


class Absent(Exception):
    """A contestant that cannot take part, and why."""


@dataclass
class Comparison:
    """Measurements of one model in one dtype, by contestant; those that are absent have a reason instead."""

    model: str
    dtype: str
    nanoseconds: dict[str, list[float]]
    absent: dict[str, str] = field(default_factory=dict)

    def ratios(self, other: str) -> list[float]:
        """Ours over another's, turn by turn."""
        return [a / b for a, b in zip(self.nanoseconds["ours"], self.nanoseconds[other], strict=True)]


@dataclass(frozen=True)
class Peers:
    """Where the contestants outside this project are; None for those to leave out.

    Attributes
    ----------
    twin : path
        A C++ source whose head names its compiler command, with workloads W1 to W4.
    prototype : path
        A folder with `limit_em.py`, a Numba kernel for P1, P2 and P4.
    jax : str
        A Python interpreter that has jax.
    """

    twin: Path | None = None
    prototype: Path | None = None
    jax: str | None = None


@contextmanager
def worker(kind: str, name: str, dtype: str, *, python: str = sys.executable, **environment: str) -> Iterator[Measure]:
    """A process of `contestants.py`."""
    with contestant([python, str(HERE / "contestants.py"), kind, name, dtype], **environment) as (_, measure):
        yield measure


@contextmanager
def contestant(command: list[str], **environment: str) -> Iterator[tuple[str, Measure]]:
    """A process that says "ready", and then answers each line with a number: what it says beside it, and how to ask."""
    one_thread = dict.fromkeys(("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    process = subprocess.Popen(
        command,
        env=os.environ | one_thread | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    answers, requests = process.stdout, process.stdin

    def measure() -> float:
        requests.write("\n")
        requests.flush()
        return float(answers.readline())

    try:
        greeting = answers.readline().strip()
        if not greeting.startswith("ready"):
            raise Absent(greeting.removeprefix("absent: ") or "it died at its start")
        yield greeting.removeprefix("ready").strip(), measure
    finally:
        requests.close()
        process.wait()
        answers.close()


@contextmanager
def compiled_twin(source: Path) -> Iterator[Path]:
    """The twin's program, in a folder of its own with the network of W3 beside it."""
    with tempfile.TemporaryDirectory(prefix="langevin-twin-") as name:
        folder = Path(name)
        command = re.search(r"^//\s*((?:g|clang)\+\+ .*)$", source.read_text(), re.MULTILINE)
        if command is None:
            raise SystemExit(f"--twin: the head of {source} names no compiler command, as in '// g++ -O3 em.cpp -o em'")
        words = shlex.split(command[1])
        if shutil.which(words[0]) is None:
            raise SystemExit(f"--twin: {words[0]} is not installed")
        shutil.copy(source, folder / source.name)
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        np.concatenate([a.ravel() for a in network()]).tofile(folder / "net.bin")
        yield folder / words[words.index("-o") + 1]


@contextmanager
def twin(program: Path, name: str, dtype: str) -> Iterator[Measure]:
    """The compiled twin, started anew for each measurement; it reports the fastest of its own repetitions."""
    n, steps = MODELS[name].particles, MODELS[name].steps
    arguments = [str(program), name[1:], str(n), str(steps), str(steps), dtype, "philox", "20", "1"]

    def measure() -> float:
        done = subprocess.run(
            arguments,
            cwd=program.parent,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout.split()[0]) * 1e9 / (n * steps)

    yield measure


def compare(name: str, dtype: str, peers: Peers, program: Path | None, turns: int) -> Comparison:
    """Measure everyone on one model, in turns."""
    without = {
        "twin": _missing("--twin", program, name, "W"),
        "prototype": _missing("--prototype", peers.prototype, name, "P"),
        "jax": _missing("--jax", peers.jax, name, name),
    }
    contestants: dict[str, Callable[[], AbstractContextManager[Measure]]] = {
        "ours": lambda: worker("ours", name, dtype),
        "twin": lambda: twin(program or Path(), name, dtype),
        "prototype": lambda: worker("prototype", name, dtype, PROTOTYPE=str(peers.prototype)),
        "numpy": lambda: worker("numpy", name, dtype),
        "jax": lambda: worker("jax", name, dtype, python=str(peers.jax)),
    }
    absent = {kind: reason for kind, reason in without.items() if reason}
    with ExitStack() as stack:
        measures: dict[str, Measure] = {}
        for kind, start in contestants.items():
            if kind not in absent:
                try:
                    measures[kind] = stack.enter_context(start())
                except Absent as reason:
                    absent[kind] = str(reason)
        taken: dict[str, list[float]] = {kind: [] for kind in measures}
        if "ours" in measures:
            for _ in range(turns):
                for kind, measure in measures.items():
                    taken[kind].append(measure())
    return Comparison(name, dtype, taken, absent)


def _missing(option: str, given: object, name: str, family: str) -> str:
    if given is None:
        return f"{option} not given"
    return "" if name.startswith(family) else f"it has the models {family}"


def speed(names: Sequence[str], dtypes: Sequence[str], peers: Peers, turns: int = 15) -> list[Comparison]:
    """Compare on every model and dtype; the caller has pinned this process to a core."""
    with ExitStack() as stack:
        program = stack.enter_context(compiled_twin(peers.twin)) if peers.twin else None
        return [compare(name, dtype, peers, program, turns) for name in names for dtype in dtypes]


def table(comparisons: Sequence[Comparison]) -> str:
    """A Markdown table, and below it why contestants are missing."""
    others = ("twin", "prototype", "numpy", "jax")
    kinds = [k for k in others if any(k in c.nanoseconds for c in comparisons)]
    head = ["model", "dtype", "ours", *kinds, *(f"ours / {k}" for k in kinds)]
    rows = [head, ["---"] * 2 + ["---:"] * (len(head) - 2)]
    for c in comparisons:
        if "ours" in c.nanoseconds:
            times = [_best(c.nanoseconds, k) for k in ("ours", *kinds)]
            rows.append([c.model, c.dtype, *times, *(_spread(c, k) for k in kinds)])
    reasons: dict[tuple[str, str], list[str]] = {}
    for c in comparisons:
        for kind, reason in c.absent.items():
            reasons.setdefault((kind, reason), []).append(f"{c.model} {c.dtype}")
    missing = [f"- without {kind} ({reason}): {', '.join(where)}" for (kind, reason), where in reasons.items()]
    return "\n".join([*("| " + " | ".join(row) + " |" for row in rows), "", *missing])


def _best(nanoseconds: Mapping[str, Sequence[float]], kind: str) -> str:
    return f"{min(nanoseconds[kind]):.3g}" if kind in nanoseconds else ""


def _spread(c: Comparison, kind: str) -> str:
    if kind not in c.nanoseconds:
        return ""
    r = c.ratios(kind)
    return f"{min(r):.2f}–**{median(r):.2f}**–{max(r):.2f}"
