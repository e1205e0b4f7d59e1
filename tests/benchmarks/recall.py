"""Recall by many replicas against OpenBLAS's sgemm of the same shape: ``python tests/benchmarks/recall.py``.

A step of dx = (−x + tanh(W x + b)) dt (+ noise) for 100,000 replicas of 784 units is one product of W (784 × 784) with
all of them. Both take all cores, a BLAS thread a worker, in turns in one process; the rate is 2 · 784² operations a
replica over wall time.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from langevin_kit import networks
from langevin_kit.backends import CPU, Program
from langevin_kit.observables import plan
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.schemes import scheme_from

UNITS, REPLICAS, STEPS, TURNS = 784, 100_000, 3, 7
CORES = len(os.sched_getaffinity(0))


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    W = networks.hebb(rng.choice([-1, 1], size=(60, UNITS)))
    x = rng.normal(size=(UNITS, REPLICAS)).astype(np.float32)
    W32, out = W.astype(np.float32), np.empty_like(x)
    edges = np.linspace(0, REPLICAS, CORES + 1).astype(int)
    parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
    whole = [
        (np.ascontiguousarray(x[:, part]), np.empty((UNITS, part.stop - part.start), np.float32)) for part in parts
    ]
    operations = 2 * UNITS**2 * REPLICAS * STEPS / 1e9
    print(f"{UNITS} units, {REPLICAS} replicas, {CORES} cores: GF/s of the step, of sgemm, ratios as min–median–max")
    with ThreadPoolExecutor(CORES) as pool:

        def sgemm() -> None:
            for _ in range(STEPS):
                list(pool.map(lambda pair: np.matmul(W32, pair[0], out=pair[1]), whole))

        for T in (0.0, 0.05):
            system = networks.continuous(W, temperature=T)
            program = Program(
                system, scheme_from("euler_maruyama"), plan(system, {}, None), "float32", 0.1,
                philox_key(seed_sequence(0)),
            )  # fmt: skip
            with CPU().ensemble(program, out) as ensemble:
                out[...] = x
                step = lambda: ensemble.advance(0, STEPS, lambda _: None)  # noqa: E731
                turns = np.array([[seconds(step), seconds(sgemm)] for _ in range(TURNS + 1)])[1:]
            rates = operations / turns
            ratio = np.sort(rates[:, 0] / rates[:, 1])
            print(
                f"T = {T:<5g} {np.median(rates[:, 0]):7.1f} {np.median(rates[:, 1]):7.1f}   "
                f"{ratio[0]:.2f}–{ratio[TURNS // 2]:.2f}–{ratio[-1]:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
