"""How fast the device is, by its own clock: its ceilings, the workloads over sizes, and what they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import numpy as np

import langevin_kit as lk
from langevin_kit.backends import Program
from langevin_kit.backends.cuda import Device
from langevin_kit.codegen.cuda_texts import probe_text
from langevin_kit.kernels.cuda.probe import CHAINS
from langevin_kit.observables import plan
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.testing.cuda_registry import CAPABILITIES, MODELS, ROWS, Row
from langevin_kit.testing.gpu_proof import _peers
from langevin_kit.testing.gpu_proof._proof import Check, Claim, Proof
from langevin_kit.testing.sass import LANES, instruction_bound

WARM, REPEATS = 3, 10
"""Launches before those that are timed, and those."""
WORKLOADS = ("W1", "W2", "W4")
SIZES = (10**4, 10**5, 10**6, 10**7, 10**8)
PARTICLE_STEPS = 2e11
"""Of a timed launch of the largest ensembles: a tenth of a second or more, so that the clock settles."""


def ceilings(proof: Proof) -> Iterator[Check]:
    """Instructions that are issued, of nothing but multiply-adds, and bytes that are copied, each second."""
    device = proof.device
    about = device.about()
    threads, rounds = about["multiprocessors"] * 2048, 20_000
    x = device.zeros((threads,), np.float32)
    chains = device.load(probe_text("fused_chains", device.capability, fast=False))
    seconds = _timed(device, lambda: chains(threads // 256, 256, x, np.int64(rounds)))
    issued = threads / LANES * rounds * CHAINS / seconds
    bound = 4 * about["multiprocessors"] * about["clock"]
    yield Check("ceiling: warp instructions a second", issued < 1.1 * bound, {"measured": issued, "of clock": bound})
    n = 2**28
    source, target = device.zeros((n,), np.float32), device.zeros((n,), np.float32)
    copy = device.load(probe_text("copied", device.capability, fast=False))
    seconds = _timed(device, lambda: copy(n // 256, 256, source, target))
    yield Check("ceiling: bytes a second", True, {"measured": 8 * n / seconds})


def workloads(proof: Proof) -> Iterator[Check]:
    """Particle-steps a second of each workload, their share of the instruction bound, and the CPU's in this call."""
    about = proof.device.about()
    for row in ROWS:
        if row.model not in WORKLOADS or row.noise != "gaussian":
            continue
        known = CAPABILITIES.index(proof.device.capability) if proof.device.capability in CAPABILITIES else -1
        bound = instruction_bound(row.budgets[known].instructions, about["multiprocessors"], about["clock"])
        rates = {n: _rate(proof, row, n) for n in SIZES}
        best = max(rates.values())
        found = {"rates": rates, "bound": bound, "share": best / bound, "cpu": _cpu_rate(proof, row)}
        yield Check(f"rate: {row}", best < 1.1 * bound, found)


def peers(proof: Proof) -> Iterator[Check]:
    """The same steps of W1 by CuPy's elementwise kernels, and by JAX where it is installed."""
    for name, rate in _peers.RATES.items():
        try:
            yield Check(f"rate: W1 by {name}", True, {"rate": rate(proof.seed)})
        except ImportError as error:
            yield Check(f"rate: W1 by {name}", True, {"not installed": str(error)})


def _program(proof: Proof, row: Row) -> Program:
    system = MODELS[row.model]()
    seed = seed_sequence(proof.seed)
    return Program(system, row.scheme, plan(system, None, None), row.dtype, 1e-4, philox_key(seed))


def _rate(proof: Proof, row: Row, n: int) -> float:
    """Particle-steps a second of launches of many steps, by the device's own events."""
    from langevin_kit.backends.cuda._mover import Mover

    program, device = _program(proof, row), proof.device
    mover = Mover(device, program, fast=row.fast)
    steps = max(64, min(2**14, int(PARTICLE_STEPS / n))) // row.steps * row.steps
    mover.begin(n)
    X = device.zeros((program.system.n_dim, n), row.dtype)
    seconds = _timed(device, lambda: list(mover.moved(X, 0, 0, steps)))
    return n * steps / seconds


def _cpu_rate(proof: Proof, row: Row) -> float:
    program, n, steps = _program(proof, row), 10**6, 64
    state = np.zeros((program.system.n_dim, n), row.dtype)
    with lk.CPU().ensemble(program, state) as ensemble:
        ensemble.advance(0, steps, lambda _: None)
        before = perf_counter()
        ensemble.advance(steps, steps, lambda _: None)
        return n * steps / (perf_counter() - before)


def _timed(device: Device, work: Callable[[], object]) -> float:
    for _ in range(WARM):
        work()
    return median(device.seconds(work) for _ in range(REPEATS))


RATES: tuple[Claim, ...] = (ceilings, workloads, peers)
