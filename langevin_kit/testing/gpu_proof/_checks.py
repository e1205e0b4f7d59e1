"""That what the device computes is right: words, normals, paths, sums, repeats, spins, and the law of a whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit.backends import Program
from langevin_kit.backends.cuda import Array, Device
from langevin_kit.codegen.cuda_texts import probe_text
from langevin_kit.kernels.cpu.normals import normals_f32, normals_f64
from langevin_kit.observables import plan
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.schemes import scheme_from
from langevin_kit.system.spins import UPDATES
from langevin_kit.testing import numpy_reference
from langevin_kit.testing.cuda_registry import MODELS, spins, start
from langevin_kit.testing.gpu_proof._proof import Check, Claim, Proof

KNOWN = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)
"""Counters, keys and words of Random123 1.14, kat_vectors (Salmon et al. 2011)."""

NEAR = 1e-5
"""‖x − x′‖/‖x‖ of the fast mode's paths and the CPU's."""

Words = NDArray[np.uint32]

_CPU: dict[str, Callable[[Words, NDArray[Any]], None]] = {"float32": normals_f32, "float64": normals_f64}


def words(proof: Proof) -> Iterator[Check]:
    """Philox gives the words of its authors, and of the reference at random counters."""
    rng, n = proof.rng("words"), proof.size(2**20, 2000)
    drawn = rng.integers(0, 2**32, (6, n), dtype=np.uint32)
    for k, (counter, key, _) in enumerate(KNOWN):
        drawn[:, k] = (*counter, *key)
    got = _launched(proof.device, "words", n, drawn[:4], drawn[4:], np.zeros((4, n), np.uint32))
    known = np.array([word for *_, word in KNOWN], np.uint32).T
    yield Check("philox: known answers", bool((got[:, : len(KNOWN)] == known).all()), {"answers": len(KNOWN)})
    expected = np.stack([_reference(drawn[:, k]) for k in range(min(n, 20_000))], axis=1)
    equal = (got[:, : expected.shape[1]] == expected).all()
    yield Check("philox: random counters, every bit", bool(equal), {"n": expected.shape[1]})


def _reference(drawn: Words) -> Words:
    counter = [np.array([word], np.uint64) for word in drawn[:4]]
    a, b, c, d = counter
    found = numpy_reference.philox((a, b, c, d), (int(drawn[4]), int(drawn[5])))
    return np.array([word[0] for word in found], np.uint32)


def normals(proof: Proof) -> Iterator[Check]:
    """Of random words and of those at the ends, in both modes."""
    rng, n = proof.rng("normals"), proof.size(2**20, 2000)
    drawn = rng.integers(0, 2**32, (4, n), dtype=np.uint32)
    ends = np.array([0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1], np.uint32)
    corners = np.array(np.meshgrid(ends, ends, ends, ends)).reshape(4, -1)
    drawn[:, : corners.shape[1]] = corners[:, :n]
    for dtype, rows in (("float32", 4), ("float64", 2)):
        expected = np.empty((rows, n), dtype)
        _CPU[dtype](drawn, expected)
        for fast in (False, True) if dtype == "float32" else (False,):
            name = f"normals_{dtype.replace('float', 'f')}"
            z = _launched(proof.device, name, n, drawn, np.full((rows, n), np.nan, dtype), fast=fast)
            error = float(np.abs(z - expected).max())
            holds = error < 1e-2 and float(np.sqrt(np.mean((z - expected) ** 2))) < 2e-6 if fast else _same(z, expected)
            mode = "fast, near" if fast else "exact, every bit"
            yield Check(f"normals: {dtype}, {mode}", holds, {"n": n, "largest": float(np.abs(z).max()), "error": error})


def paths(proof: Proof) -> Iterator[Check]:
    """The exact mode gives the CPU's runs in every variable and bit, of each model; the fast one is near."""
    for name in ("W4",) if proof.dry else MODELS:
        is_workload = name.startswith("W")
        for dtype in ("float32", "float64") if is_workload and not proof.dry else ("float32",):
            cpu = _run(proof, name, "cpu", dtype=dtype)
            exact = _run(proof, name, lk.CUDA(device=proof.device, reproducible=True), dtype=dtype)
            different = [v for v in cpu.variables if not _same(cpu[v].values, exact[v].values)]
            yield Check(f"paths: {name} {dtype}, every bit", not different, {**_sizes(cpu), "different": different})
        if is_workload:
            yield from _fast_paths(proof, name)


def _fast_paths(proof: Proof, name: str) -> Iterator[Check]:
    cpu = _run(proof, name, "cpu", dtype="float32", n_steps=100)
    fast, again = (_run(proof, name, lk.CUDA(device=proof.device), dtype="float32", n_steps=100) for _ in range(2))
    error = float(np.linalg.norm(fast.position - cpu.position) / np.linalg.norm(cpu.position))
    yield Check(f"paths: {name} fast, near", 0 < error < NEAR, {**_sizes(fast), "error": error})
    repeats = all(_same(fast[v].values, again[v].values) for v in fast.variables)
    yield Check(f"paths: {name} fast, twice the same bits", repeats, _sizes(fast))


def glauber(proof: Proof) -> Iterator[Check]:
    """Spins, fields, energies and turns are the CPU's in every bit, in shared memory and beyond; so is a whole run."""
    sizes, updates = ((20,), UPDATES[:1]) if proof.dry else ((500, 10_000), UPDATES)
    for n, update, is_short in product(sizes, updates, (True, False)):
        system = spins(n, update, is_short=is_short, temperature=1.0, seed=proof.seed)
        cpu, gpu = (_swept(proof, system, backend) for backend in (lk.CPU(), lk.CUDA(device=proof.device)))
        found = {"replicas": cpu.shape[1], "turns": float(cpu[-1].sum())}
        name = f"spins: {n} {update} {'short' if is_short else 'long'}, every bit"
        yield Check(name, _same(cpu, gpu) and found["turns"] > 0, found)
    system = spins(sizes[0], "random", temperature=1.0, seed=proof.seed)
    start = proof.rng("spins").choice([-1.0, 1.0], size=(proof.size(1003, 5), sizes[0]))
    about: dict[str, Any] = {"initial": start, "time_step": 1, "n_steps": 2, "rng": proof.seed, "save_positions": True}
    run, other = (lk.simulate(system, backend=backend, **about) for backend in ("cpu", lk.CUDA(device=proof.device)))
    different = [v for v in run.variables if not _same(run[v].values, other[v].values)]
    yield Check("spins: a run, every bit", not different, {**_sizes(run), "different": different})


def _swept(proof: Proof, system: lk.SpinSystem, backend: lk.CPU | lk.CUDA) -> NDArray[np.floating]:
    """The state of replicas after a launch from the start and one more."""
    n = system.n_dim
    state = np.zeros((system.n_rows + 1, proof.size(1003, 5) if n < 1000 else 3))
    state[:n] = proof.rng(system.update).choice([-1.0, 1.0], size=(n, state.shape[1]))
    system.begin(state)
    key = philox_key(seed_sequence(proof.seed))
    program = Program(system, scheme_from("glauber"), plan(system, None, None), "float64", 1.0, key)
    with backend.ensemble(program, state) as ensemble:
        for first, sweeps in ((0, 2), (2, 3)):
            ensemble.advance(first, sweeps, lambda _: None)
        return ensemble.state.copy()


def law(proof: Proof) -> Iterator[Check]:
    """A run of each mode obeys the Fokker–Planck equation, and one with T ∇·K left out does not.

    A right run is called inconsistent with probability 10⁻³.
    """
    right = lk.System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5)
    wrong = replace(right, drift="x/(1 + x**2)**2")  # which is −T dK/dx
    start, fine, coarse = lk.initial.gaussian([-1.0], 0.04), *(lk.Grid(x=lk.cells(-3.0, 3.0, n)) for n in (256, 128))
    n, steps = proof.size(10**6, 2000), proof.size(4000, 200)
    for system, reproducible in [(right, False)] if proof.dry else product((right, wrong), (False, True)):
        backend = lk.CUDA(device=proof.device, reproducible=reproducible)
        ds = lk.simulate(
            system,
            initial=start,
            n_particles=n,
            time_step=1e-3,
            n_steps=steps,
            save_every=steps // 4,
            histogram=fine,
            rng=proof.seed,
            dtype="float32",
            backend=backend,
            check=False,
        )
        density, other = (
            lk.fokker_planck.evolve(right, grid, initial=start, times=ds.time, steps=steps // 4)
            for grid in (fine, coarse)
        )
        verdict = lk.fokker_planck.compare(ds, density, other=other).verdict
        found = {"n": n, "steps": steps, "verdict": verdict.state, "reason": verdict.reason}
        expected = "consistent" if system is right else "inconsistent"
        terms = "with" if system is right else "without"
        yield Check(f"law: {backend.name}, {terms} T ∇·K", verdict.state == expected, found)


def _run(proof: Proof, name: str, backend: Any, **arguments: Any) -> xr.Dataset:
    system = MODELS[name]()
    rng, n = proof.rng(name), proof.size(100_037, 67)
    given = {"n_particles": n, "n_steps": proof.size(2003, 23), **arguments}
    return lk.simulate(
        system,
        initial=start(name) + rng.normal(0.0, 0.05, (n, system.n_dim)),
        time_step=1e-4,
        rng=proof.seed,
        save_positions=True,
        backend=backend,
        check=False,
        **given,
    )


def _sizes(ds: xr.Dataset) -> dict[str, int]:
    return {"n": ds.sizes["particle"], "steps": int(ds.step[-1])}


def _launched(device: Device, name: str, n: int, *arrays: NDArray[Any], fast: bool = False) -> NDArray[Any]:
    """What a kernel of `kernels.cuda.probe` makes of its last array."""
    kernel = device.load(probe_text(name, device.capability, fast=fast))
    there = [_put(device, np.ascontiguousarray(array)) for array in arrays]
    kernel(-(-n // 256), 256, *there)
    out = np.empty_like(arrays[-1])
    device.get(there[-1], out)
    return out


def _put(device: Device, host: NDArray[Any]) -> Array:
    array = device.zeros(host.shape, host.dtype)
    device.put(host, array)
    return array


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    if a.dtype == object:  # names, whose bytes are addresses
        return bool((a == b).all())
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


CHECKS: tuple[Claim, ...] = (words, normals, paths, glauber, law)
