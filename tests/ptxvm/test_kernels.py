"""Kernels as numba compiles them, and the same ones with a fault in their source that the executor must find.

Needs the extra `cuda-check`.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np
import pytest
from cuda_tools import require_compiler

from langevin_kit.kernels import counter_rng
from langevin_kit.kernels.cuda import counter_rng as device_counter_rng
from langevin_kit.testing.ptxvm import Machine, PTXError

require_compiler()

SUMS = """
def kernel(x, out):
    s = cuda.shared.array(64, R)
    thread = cuda.threadIdx.x
    i = cuda.grid(1)
    s[thread] = x[i] if i < x.shape[0] else R(0)
    cuda.syncthreads()
    k = 32
    while k > 0:
        if thread < k:
            s[thread] += s[thread + k]
        cuda.syncthreads()
        k //= 2
    if thread == 0:
        out[cuda.blockIdx.x] = s[0]
"""
"""A sum a block, in one order."""

HISTOGRAM = """
def kernel(x, out):
    s = cuda.shared.array(8, R)
    thread = cuda.threadIdx.x
    if thread < 8:
        s[thread] = 0
    cuda.syncthreads()
    i = cuda.grid(1)
    if i < x.shape[0]:
        cuda.atomic.add(s, x[i] % 8, 1)
    cuda.syncthreads()
    if thread < 8:
        cuda.atomic.add(out, thread, s[thread])
"""

WEIGHTS = """
def kernel(x, out):
    w = cuda.shared.array((4, 4), R)
    thread = cuda.threadIdx.x
    for k in range(thread, 16, cuda.blockDim.x):
        w[k // 4, k % 4] = x[k]
    cuda.syncthreads()
    i = cuda.grid(1)
    if i < out.shape[0] // 4:
        for row in range(4):
            total = R(0)
            for column in range(4):
                total += w[row, column]*x[16 + 4*i + column]
            out[4*i + row] = total
"""


@cache
def compiled(source: str, dtype: str) -> str:
    from numba import cuda, types

    from langevin_kit.kernels.cuda.compiler import ptx

    real = getattr(types, dtype)
    known: dict[str, Any] = {"cuda": cuda, "R": real}
    exec(source, known)
    return ptx(known["kernel"], (real[::1], real[::1]), (9, 0), fast=False)


def broken(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new)


def sums(source: str, dtype: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """By the executor, and in the same order by NumPy."""
    x = np.random.default_rng(0).integers(-99, 99, 150).astype(dtype) / (7 if dtype != "int64" else 1)
    x, out = x.astype(dtype), np.full(3, np.iinfo(dtype).min if dtype == "int64" else np.nan, dtype)
    Machine(compiled(source, dtype)).launch(3, 64, x, out)
    parts = np.zeros((3, 64), dtype)
    parts.ravel()[:150] = x
    while parts.shape[1] > 1:
        half = parts.shape[1] // 2
        parts = parts[:, :half] + parts[:, half:]
    return out, parts[:, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_sum_of_a_block(dtype: str) -> None:
    found, expected = sums(SUMS, dtype)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("else R(0)\n    cuda.syncthreads()", "else R(0)", "race in shared memory|nothing was written to"),
        ("        cuda.syncthreads()\n", "", "race in shared memory"),
        ("+= s[thread + k]\n    ", "+= s[thread + k]\n        ", "divergent barrier"),
        ("cuda.shared.array(64, R)", "cuda.shared.array(63, R)", "beyond its array of 252 bytes, at byte 252"),
        ("x[i] if i < x.shape[0] else R(0)", "x[i]", "beyond its array of 600 bytes, at byte"),
        ("    s[thread] = x", "    if thread != 40: s[thread] = x", "reads shared memory that nothing was written to"),
        ("    if thread == 0:\n    ", "", "race in global memory|race in shared memory"),
        ("out[cuda.blockIdx.x] = s[0]", "cuda.atomic.add(out, 0, s[0])", "an atomic sum of floats has no fixed order"),
    ],
)  # fmt: skip
def test_faults_of_a_sum_are_found(old: str, new: str, said: str) -> None:
    with pytest.raises(PTXError, match=said):
        sums(broken(SUMS, old, new), "float32")


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
def test_atomic_sums_of_integers(dtype: str) -> None:
    x, out = np.random.default_rng(0).integers(0, 64, 150).astype(dtype), np.zeros(8, dtype)
    Machine(compiled(HISTOGRAM, dtype)).launch(3, 64, x, out)
    np.testing.assert_array_equal(out, np.bincount(x.astype(np.int64) % 8, minlength=8))
    plain = broken(HISTOGRAM, "cuda.atomic.add(s, x[i] % 8, 1)", "s[x[i] % 8] += 1")
    with pytest.raises(PTXError, match="race in shared memory"):
        Machine(compiled(plain, dtype)).launch(3, 64, x, out)


def test_weights_in_shared_memory() -> None:
    rng = np.random.default_rng(0)
    x, out = rng.normal(size=16 + 4 * 50), np.full(4 * 50, np.nan)
    Machine(compiled(WEIGHTS, "float64")).launch(2, 32, x, out)
    np.testing.assert_allclose(
        out.reshape(50, 4), x[16:].reshape(50, 4) @ x[:16].reshape(4, 4).T, rtol=1e-13, atol=1e-13
    )


def words(function: Any) -> np.ndarray[Any, Any]:
    """What a generator gives for corners and random counters and keys."""
    from numba import cuda, types

    from langevin_kit.kernels.cuda.compiler import ptx

    philox = cuda.jit(device=True)(function)

    def kernel(counters: Any, out: Any) -> None:
        i = cuda.grid(1)
        if i < out.shape[1]:
            c = counters
            out[0, i], out[1, i], out[2, i], out[3, i] = philox(c[0, i], c[1, i], c[2, i], c[3, i], c[4, i], c[5, i])

    out = np.zeros((4, COUNTERS.shape[1]), np.uint32)
    text = ptx(kernel, (types.uint32[:, ::1], types.uint32[:, ::1]), (9, 0), fast=False)
    machine = Machine(text)
    machine.launch(-(-out.shape[1] // 128), 128, COUNTERS.copy(), out)
    assert machine.sectors == pytest.approx(4.0, abs=0.05)
    return out


COUNTERS = np.random.default_rng(0).integers(0, 2**32, (6, 20000), np.uint32)
COUNTERS[:, 0], COUNTERS[:, 1] = 0, 2**32 - 1


def test_the_generator_gives_the_bits_of_the_cpu() -> None:
    expected = np.array([counter_rng.philox(*map(int, column)) for column in COUNTERS[:, :500].T], np.uint32).T
    np.testing.assert_array_equal(words(device_counter_rng.philox)[:, :500], expected)


def test_a_generator_of_nine_rounds_is_found() -> None:
    known = dict(vars(device_counter_rng))
    exec(broken(inspect.getsource(device_counter_rng.philox), "range(10)", "range(9)"), known)
    assert not (words(known["philox"]) == words(device_counter_rng.philox)).all(axis=0).any()
