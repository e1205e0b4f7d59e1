"""How fast the device is, by its own clock: its ceilings, the workloads over sizes, and what they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.backends import Program
from langevin_kit.backends.cuda import Device
from langevin_kit.backends.cuda._dense import DenseMover
from langevin_kit.backends.cuda._device import placed
from langevin_kit.backends.cuda._mover import Mover
from langevin_kit.backends.cuda._spins import SpinMover
from langevin_kit.codegen.cuda_texts import probe_text
from langevin_kit.kernels.cuda.probe import FUSED
from langevin_kit.kernels.cuda.spins import MOST_THREADS
from langevin_kit.observables import plan
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.schemes import Scheme, scheme_from
from langevin_kit.testing.cuda_registry import CAPABILITIES, MODELS, ROWS, SPINS, SWEEPS
from langevin_kit.testing.cuda_registry import network as registered_network
from langevin_kit.testing.cuda_registry import spins as registered_spins
from langevin_kit.testing.gpu_proof import _peers
from langevin_kit.testing.gpu_proof._proof import Check, Claim, Proof
from langevin_kit.testing.sass import LANES, instruction_bound

WARM, REPEATS = 3, 10
"""Launches before those that are timed, and those."""
WORKLOADS = ("W1", "W2", "W4")
SIZES = (10**4, 10**5, 10**6, 10**7, 10**8)
PARTICLE_STEPS = 2e10
"""Of what is timed, if the ensemble is large: 20 ms or more, which is thousands of times the resolution of an event."""

REPLICAS, SWEEPS_BEFORE, SWEEPS_TIMED = (132, 1056, 10**4), 20, 10
"""Of spins: sizes of the ensemble, sweeps before those that are timed, and those."""

UNITS, NETWORKS, TRAFFIC = 64, (10**4, 10**5, 10**6), 24
"""W3: coordinates, sizes of the ensemble, and bytes that a step moves for one coordinate in float32."""

VISIBLE, HIDDEN, RECALLED = 784, 128, 10**5
"""Networks that recall: units of one that has a layer, of the second layer of another, and replicas."""


def ceilings(proof: Proof) -> Iterator[Check]:
    """Instructions that are issued, of nothing but multiply-adds, and bytes that are copied, each second."""
    device = proof.device
    about = device.about()
    threads, rounds = about["multiprocessors"] * 2048, 2_000
    x = device.zeros((threads,), np.float32)
    chains = device.load(probe_text("fused_chains", device.capability, fast=False))
    seconds = _timed(device, lambda: chains(threads // 256, 256, x, np.int64(rounds)))
    issued = threads / LANES * rounds * FUSED / seconds
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
        program = _program(proof, MODELS[row.model](), row.scheme, row.dtype)
        mover = Mover(proof.device, program, fast=row.fast)
        rates = {}
        for n in SIZES:
            steps = max(64, min(2**14, int(PARTICLE_STEPS / n))) // row.steps * row.steps
            rates[n] = _rate(proof.device, mover, program, n, steps) / program.system.n_dim
        best = max(rates.values())
        found = {"rates": rates, "bound": bound, "share": best / bound, "cpu": _cpu_rate(program)}
        yield Check(f"rate: {row}", best < 1.1 * bound, found)


def network(proof: Proof) -> Iterator[Check]:
    """W3, a network of 64 units: component-steps a second, with products in full and in TF32, and their traffic."""
    device = proof.device
    system = registered_network(UNITS, proof.seed)
    program = _program(proof, system, scheme_from("euler_maruyama"), "float32")
    for tf32 in (False, True):
        rates = {}
        for n in NETWORKS:
            mover = DenseMover(device, program, fast=True, tf32=tf32)
            rates[n] = _rate(device, mover, program, n, 256)
        found = {"rates": rates, "bytes a second": TRAFFIC * max(rates.values())}
        yield Check(f"rate: W3 float32{', TF32' if tf32 else ''}", True, found)


def recall(proof: Proof) -> Iterator[Check]:
    """Networks that recall: component-steps a second, and the share of a step that its products alone would take."""
    device, rng = proof.device, np.random.default_rng(proof.seed)
    U = rng.normal(size=(VISIBLE, HIDDEN)) / (2 * VISIBLE**0.5)
    W = networks.hebb(rng.choice([-1.0, 1.0], size=(max(1, VISIBLE // 13), VISIBLE)))
    known = {
        "one layer": (networks.continuous(W, temperature=0.05), [W]),
        "two layers": (networks.bipartite(U, "tanh", "tanh", temperature=0.05), [U, U.T]),
    }
    for name, (system, matrices) in known.items():
        program = _program(proof, system, scheme_from("euler_maruyama"), "float32")
        mover = DenseMover(device, program, fast=True, tf32=False)
        rate = _rate(device, mover, program, RECALLED, 16)
        alone = sum(_product_seconds(device, matrix) for matrix in matrices)
        share = alone * rate / (RECALLED * system.n_dim)
        yield Check(f"rate: recall, {name}, float32", True, {"rate": rate, "share of products": share})


def _product_seconds(device: Device, matrix: NDArray[np.float64]) -> float:
    """Of one product of a matrix with all replicas."""
    m, k = matrix.shape
    operand = placed(device, np.ascontiguousarray(matrix.T, np.float32))
    x, out = (device.zeros((rows, RECALLED), np.float32) for rows in (k, m))
    return _timed(device, lambda: device.product(operand, x, out, tf32=False))


def glauber(proof: Proof) -> Iterator[Check]:
    """Attempts a second of spins that remember, and of spins too hot for it; and bytes of couplings that turns read."""
    device, about, n = proof.device, proof.device.about(), SPINS
    known = CAPABILITIES.index(device.capability) if device.capability in CAPABILITIES else -1
    sweep = next(sweep for sweep in SWEEPS if sweep.update == "random" and sweep.is_short)
    assert sweep.turns is not None
    for temperature in (0.5, 1.5):
        system = registered_spins(n, "random", temperature=temperature)
        program = _program(proof, system, scheme_from("glauber"), "float64")
        rates, turned = {}, 0.0
        for replicas in REPLICAS:
            rates[replicas], turned = _attempts(device, program, system, replicas)
        instructions = sweep.budgets[known].instructions + turned * MOST_THREADS * sweep.turns[known]
        bound, best = instruction_bound(instructions, about["multiprocessors"], about["clock"]), max(rates.values())
        found = {"rates": rates, "turned": turned, "bound": bound, "share": best / bound}
        found["bytes a second"] = 2 * n * turned * best
        yield Check(f"rate: {sweep}, T = {temperature}", best < 1.1 * bound, found)


def _attempts(device: Device, program: Program, system: lk.SpinSystem, replicas: int) -> tuple[float, float]:
    """Attempts a second, and the share of them that turn a spin, once the ensemble has settled."""
    mover, n, state = SpinMover(device, program), system.n_dim, np.zeros((system.n_rows + 1, replicas))
    state[:n] = 1.0
    system.begin(state)
    X, flips = placed(device, state), np.zeros((2, replicas))
    mover.begin(replicas)
    list(mover.moved(X, 0, 0, SWEEPS_BEFORE))
    device.get(X[-1], flips[0])
    seconds = _timed(device, lambda: list(mover.moved(X, 0, SWEEPS_BEFORE, SWEEPS_TIMED)))
    device.get(X[-1], flips[1])
    mover.end()
    attempts = replicas * n * SWEEPS_TIMED
    return attempts / seconds, float(np.diff(flips, axis=0).sum()) / ((WARM + REPEATS) * attempts)


def peers(proof: Proof) -> Iterator[Check]:
    """The same steps of W1 by CuPy's elementwise kernels, and by JAX where it is installed; one that fails says so."""
    proof.device.release()
    for name, rate in _peers.RATES.items():
        try:
            found = rate(proof.seed)
        except Exception as error:
            found = {"not measured": f"{type(error).__name__}: {error}"}
        yield Check(f"rate: W1 by {name}", True, found)


def _program(proof: Proof, system: lk.System, scheme: Scheme, dtype: str) -> Program:
    return Program(system, scheme, plan(system, None, None), dtype, 1e-4, philox_key(seed_sequence(proof.seed)))


def _rate(device: Device, mover: Mover | DenseMover, program: Program, n: int, steps: int) -> float:
    """Steps of one coordinate a second, by the device's own events."""
    d = program.system.n_dim
    mover.begin(n)
    X = device.zeros((d, n), program.dtype)
    seconds = _timed(device, lambda: list(mover.moved(X, 0, 0, steps)))
    mover.end()
    return n * d * steps / seconds


def _cpu_rate(program: Program) -> float:
    n, steps = 10**6, 64
    state = np.zeros((program.system.n_dim, n), program.dtype)
    with lk.CPU().ensemble(program, state) as ensemble:
        ensemble.advance(0, steps, lambda _: None)
        before = perf_counter()
        ensemble.advance(steps, steps, lambda _: None)
        return n * steps / (perf_counter() - before)


def _timed(device: Device, work: Callable[[], object]) -> float:
    for _ in range(WARM):
        work()
    return median(device.seconds(work) for _ in range(REPEATS))


RATES: tuple[Claim, ...] = (ceilings, workloads, network, recall, glauber, peers)
