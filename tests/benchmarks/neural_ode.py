"""Gradients through paths: ``python tests/benchmarks/neural_ode.py [--peers PYTHON] [--only steps …]``.

The network is 2-64-64-2 with tanh, the batch 1024, in float32. Times are CPU time of one core, of a loss and all its
slopes without an optimiser; everyone is measured in turns, in a process of their own. Losses and slopes are printed, so
that one sees that all computed the same.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import itertools
import re
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import numpy as np
from ode_contestants import BATCH, SIZES, STEPS, fastest, our_system, ours
from speed import Absent, Measure, contestant
from table import machine

import langevin_kit as lk
from langevin_kit.codegen.adjoint import WIDTH
from langevin_kit.kernels.cpu.gemm import gemm, pack
from langevin_kit.kernels.jit import driver
from langevin_kit.learn import DiscreteAdjoint, FixedSteps

PARTS = ("steps", "memory", "peak", "threads")
CONTESTANTS = (
    ("ours", "stored"), ("ours", "auto"), ("diffrax", "backsolve"), ("diffrax", "checkpoint"),
    ("torchdiffeq", "adjoint"), ("torchdiffeq", "direct"),
)  # fmt: skip


def steps(peers: str, turns: int) -> None:
    """Milliseconds of each contestant, and ours as a share of theirs."""
    script = str(Path(__file__).parent / "ode_contestants.py")
    for solver in ("rk4", "dopri5"):
        print(f"\n{solver}: ms of the fastest call, ours stored / theirs as min–median–max of turns, loss, |slopes|")
        with ExitStack() as stack:
            found: dict[str, tuple[str, Measure]] = {}
            for package, way in CONTESTANTS:
                if way == "auto" and solver == "dopri5":
                    continue
                python = sys.executable if package == "ours" else peers
                try:
                    found[f"{package} {way}"] = stack.enter_context(contestant([python, script, package, way, solver]))
                except Absent as why:
                    print(f"{package} {way}: {why}")
            times = {name: [] for name in found}
            for _ in range(turns):
                for name, (_, measure) in found.items():
                    times[name].append(measure())
            for name, (said, _) in found.items():
                ratios = sorted(a / b for a, b in zip(times["ours stored"], times[name], strict=True))
                share = f"{ratios[0]:.3f}–{median(ratios):.3f}–{ratios[-1]:.3f}"
                loss, slope = map(float, said.split())
                print(f"{name:22} {min(times[name]) * 1e3:8.2f}   {share}   {loss:.6f} {slope:.5f}", flush=True)


def memory() -> None:
    """Peak memory against the number of steps, in states of the ensemble and in bytes of the process."""
    n, sizes = 16_384, (16, 16)
    system, loss = our_system(sizes)
    x = np.random.default_rng(0).normal(size=(n, 16))
    objective = loss.of(system, y=x)
    state = x.nbytes // 2
    print(f"\nmemory, {n} particles of 16 numbers: peak in states of {state / 1e6:.1f} MB (tracemalloc; resident set)")

    def peaks(k: int, checkpoints: object) -> tuple[float, float]:
        adjoint = DiscreteAdjoint(FixedSteps(1 / k), checkpoints, dtype="float32", backend=lk.CPU(threads=1))  # type: ignore[arg-type]
        tracemalloc.start()
        Path("/proc/self/clear_refs").write_text("5")  # the highest mark begins anew
        before = _resident("VmRSS")
        adjoint.gradient(system, x, [0.0, 1.0], objective)
        traced = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return traced / state, (_resident("VmHWM") - before) / state

    peaks(4, None)
    base = peaks(1, None)[0]
    print("steps     all stages        auto       beyond one step: " + f"{base:.1f} states")
    for k in (16, 64, 256, 1024):
        row = [peaks(k, None) if k <= 256 else (np.nan, np.nan), peaks(k, "auto")]
        print(f"{k:5} " + "  ".join(f"{traced:8.1f} {resident:8.1f}" for traced, resident in row), flush=True)


def _resident(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def peak(turns: int) -> None:
    """The step's rate against that of its widest product alone."""
    A, repeats = np.random.default_rng(0).normal(size=(64, 64)), 4000
    U, X = (np.random.default_rng(1).normal(size=s).astype(np.float32) for s in ((64, 64), (64, WIDTH)))
    Y = np.empty_like(X)
    pack(U, A)
    rows, A32 = np.random.default_rng(2).normal(size=(BATCH, 64)).astype(np.float32), A.astype(np.float32)
    out = np.empty_like(rows)

    @driver
    def alone(U: object, X: object, Y: object, n: int) -> None:
        for _ in range(n):
            gemm(U, X, Y)

    contestants: dict[str, tuple[Callable[[], object], float]] = {
        "rk4 stored": (ours("stored", "rk4"), operations() * BATCH * 4 * STEPS),
        "gemm 64 × 64": (lambda: alone(U, X, Y, repeats), 2 * 64 * 64 * WIDTH * repeats),
        "OpenBLAS": (lambda: [np.matmul(rows, A32, out=out) for _ in range(100)], 2 * 64 * 64 * BATCH * 100),
    }
    rates = {name: [] for name in contestants}
    for call, _ in contestants.values():
        call()
    for _ in range(turns):
        for name, (call, work) in contestants.items():
            rates[name].append(work / fastest(call) / 1e9)
    print(f"\nGF/s of products alone, {operations()} operations of a stage and its way back; share of our gemm's")
    for name, found in rates.items():
        shares = sorted(a / b for a, b in zip(found, rates["gemm 64 × 64"], strict=True))
        print(f"{name:14} {median(found):7.1f}   {shares[0]:.2f}–{median(shares):.2f}–{shares[-1]:.2f}", flush=True)


def operations() -> int:
    """Of the products of a stage, one particle's: forward, forward again but for the last layer, back, and slopes."""
    sizes = [m * n for m, n in itertools.pairwise(SIZES)]
    return 2 * (4 * sum(sizes) - sizes[-1])


def threads(turns: int) -> None:
    """Wall time of one and of two threads."""
    print("\nwall time of two threads / one, RK4, min–median–max; whether all bits are equal")
    for batch in (BATCH, 100_000):
        calls = [ours("auto", "rk4", threads=n, batch=batch) for n in (1, 2)]
        same = calls[0]() == calls[1]()
        ratios = []
        for _ in range(turns if batch == BATCH else 2):
            one, two = (_wall(call) for call in calls)
            ratios.append(two / one)
        print(f"{batch:7} {min(ratios):.2f}–{median(ratios):.2f}–{max(ratios):.2f}   {same}", flush=True)


def _wall(call: Callable[[], object]) -> float:
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--peers", default=sys.executable, help="Python that has diffrax and torchdiffeq; else this one"
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--core", type=int, default=None, help="core that all timings of one thread are pinned to")
    given = parser.parse_args()
    print(machine())
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores) if given.core is None else given.core})
    if "steps" in given.only:
        steps(given.peers, given.turns)
    if "peak" in given.only:
        peak(given.turns)
    if "memory" in given.only:
        memory()
    os.sched_setaffinity(0, cores)
    if "threads" in given.only:
        threads(given.turns)


if __name__ == "__main__":
    main()
