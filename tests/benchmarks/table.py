"""The table of speeds: ``python tests/benchmarks/table.py [--only speed schemes threads compile start memory]``.

Peers outside this project are given by their paths; the rows of those that are missing are left out with the reason.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import costs
import schemes
import speed
from models import MODELS

PARTS = ("speed", "schemes", "threads", "compile", "start", "memory")


def machine() -> str:
    """The processor and the versions that decide the machine code."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    packages = ", ".join(f"{name} {version(name)}" for name in ("numba", "llvmlite", "numpy"))
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{cpu}, {os.cpu_count()} cores, {load}; Python {platform.python_version()}, {packages}"


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--dtype", nargs="+", choices=("float32", "float64"), default=["float32", "float64"])
    parser.add_argument("--threads", nargs=2, type=int, default=[1, 2], help="the two counts whose times are compared")
    parser.add_argument("--twin", type=Path, help="C++ source, compiled by the command in its head")
    parser.add_argument("--prototype", type=Path, help="folder of limit_em.py")
    parser.add_argument("--jax", nargs="?", const=sys.executable, help="Python that has jax; by default this one")
    parser.add_argument("--core", type=int, default=None, help="core that all timings of one thread are pinned to")
    parser.add_argument("--turns", type=int, default=15)
    given = parser.parse_args()
    print(f"{machine()}\n")
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores) if given.core is None else given.core})
    if "speed" in given.only:
        print("ns per particle-step, fastest call; ratios of turns as minimum–median–maximum\n")
        twin, prototype = (path and path.resolve() for path in (given.twin, given.prototype))
        peers = speed.Peers(twin, prototype, given.jax)
        print(speed.table(speed.speed(given.models, given.dtype, peers, given.turns)), flush=True)
    if "schemes" in given.only:
        print(schemes.table(given.dtype), flush=True)
    if "compile" in given.only:
        print(costs.compile_times(given.models, given.dtype), flush=True)
    if "start" in given.only:
        print(costs.start_times(), flush=True)
    if "memory" in given.only:
        print(costs.memory(given.dtype), flush=True)
    os.sched_setaffinity(0, cores)
    if "threads" in given.only:
        print(costs.thread_scaling(given.models, given.dtype, given.threads), flush=True)


if __name__ == "__main__":
    main()
