"""Loops over the scalar functions must become packed instructions without calls, for AVX2 and so on any newer x86.

The assembly is made in one further process, for a fixed processor, so that the verdict is the same on every machine.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import subprocess
import sys
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from numba import njit, types

from langevin_kit.kernels import dual, noise
from langevin_kit.kernels.counter_rng import STREAM_DYNAMICS, philox
from langevin_kit.kernels.elementary import float32, float64
from langevin_kit.kernels.jit import OPTIONS, driver, inline
from langevin_kit.system.python.capture import captured

ELEMENTARY = (
    *(
        "exp",
        "log",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "atan",
        "atanh",
        "logcosh",
        "sqrt",
        "absolute",
        "sign",
    ),
)
CASES = [
    *(f"{dtype} {name}" for dtype in ("float32", "float64") for name in ELEMENTARY),
    "float32 gaussian_f32",
    "float64 gaussian_f64",
    "float64 uniform_f64",
    "float32 three_point_f32",
    "float64 three_point_f64",
    "float32 rademacher_f32",
    "float64 rademacher_f64",
    *(f"{dtype} {name}" for dtype in ("float32", "float64") for name in ("dual", "second_dual")),
]
WIDENED = ["float64 gaussian_f32_as_f64", "float32 gaussian_f64_as_f32"]
CONTROL = "float64 libm"

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")


@driver
def elementary_loop(function: Any, x: np.ndarray, out: np.ndarray) -> None:
    for i in range(x.size):
        out[i] = function(x[i])


@cache  # Numba holds a function only weakly.
def total(name: str) -> Any:
    """The sum of all that a function makes of the four words."""
    drawn = getattr(noise, name)

    @inline
    def four(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> Any:
        z0, z1, z2, z3 = drawn(a, b, c, d)
        return z0 + z1 + z2 + z3

    @inline
    def two(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> Any:
        z0, z1 = drawn(a, b, c, d)
        return z0 + z1

    @inline
    def of_pairs(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> Any:
        return drawn(a, b) + drawn(c, d)

    if name.startswith("gaussian_f64"):
        return two
    return of_pairs if name.startswith(("uniform", "rademacher")) else four


@driver
def noise_loop(function: Any, call: np.uint32, out: np.ndarray) -> None:
    for i in range(out.size):
        a, b, c, d = philox(np.uint32(i), np.uint32(0), call, STREAM_DYNAMICS, np.uint32(1), np.uint32(2))
        out[i] += function(a, b, c, d)


@inline
def libm(x: float) -> float:
    return math.sin(x)


@partial(captured, where="energy", callers=())
def energy(x: Any, y: Any, a: Any) -> Any:
    """As a user writes it: numbers without a type, integer powers, functions of Python and NumPy, a loop, a branch."""
    u = x * x - 1
    total = 0.0
    for k in range(1, 3):
        total = total + math.cos(k * x) / (1 + y**2)
    if x > 0.5:
        total += 0.3 * (x - 0.5) ** 2.0
    return u * u / 4 + a * x * y + total + np.exp(-0.5 * y**2) + max(x, y) + math.tanh(y)


@driver
def dual_loop(a: np.floating, x: np.ndarray, y: np.ndarray) -> None:
    for i in range(x.size):
        e = energy(dual.variable(x[i], 0), dual.variable(y[i], 1), dual.constant(a))
        x[i], y[i] = dual.derivative(e, 0), dual.derivative(e, 1)


@driver
def second_dual_loop(a: np.floating, x: np.ndarray, y: np.ndarray) -> None:
    for i in range(x.size):
        u, v = dual.variable(x[i], 0), dual.variable(y[i], 1)
        e = energy(dual.variable(u, 0), dual.variable(v, 1), dual.constant(dual.constant(a)))
        x[i], y[i] = dual.derivative(dual.derivative(e, 0), 0), dual.derivative(dual.derivative(e, 0), 1)


def assembly(case: str) -> str:
    """The instructions of the loop's own function, without the wrappers that Python calls."""
    dtype, name = case.split()
    array = types.Array(getattr(types, dtype), 1, "C")
    if name in ("dual", "second_dual"):
        loop = dual_loop if name == "dual" else second_dual_loop
        signature: tuple[Any, ...] = (getattr(types, dtype), array, array)
    elif hasattr(noise, name):
        loop, signature = noise_loop, (types.Dispatcher(total(name)), types.uint32, array)
    else:
        function = libm if name == "libm" else getattr({"float32": float32, "float64": float64}[dtype], name)
        loop, signature = elementary_loop, (types.Dispatcher(function), array, array)
    return listing_of(loop, signature)


def listing_of(compiled: Any, signature: tuple[Any, ...]) -> str:
    compiled.compile(signature)
    listing: str = compiled.inspect_asm(compiled.signatures[-1])
    return listing[listing.index(",@function") : listing.index(".Lfunc_end0:")]


def verdict(text: str) -> dict[str, bool]:
    return {
        "packed": re.search(r"\tv(?!mov|zero|broad|extract|insert)\w+\t.*%ymm", text) is not None,
        "calls": re.search(r"\tcall", text) is not None,
        "converts_between_floats": re.search(r"\tvcvt(ps2pd|pd2ps|ss2sd|sd2ss)", text) is not None,
    }


def widths() -> dict[str, bool]:
    """Whether a loop fills 512-bit registers: under the project's driver, and under numba's own pipeline."""
    array = types.Array(types.float64, 1, "C")
    signature = (types.Dispatcher(float64.exp), array, array)
    plain = njit(**OPTIONS)(elementary_loop.py_func)  # type: ignore[attr-defined]
    return {"driver": "%zmm" in listing_of(elementary_loop, signature), "plain": "%zmm" in listing_of(plain, signature)}


def in_a_process_for(processor: str, what: str) -> Any:
    # Empty features: those of the named processor alone, not of this one.
    environment = os.environ | {
        "NUMBA_CPU_NAME": processor,
        "NUMBA_CPU_FEATURES": "",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = [sys.executable, __file__, what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def verdicts() -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = in_a_process_for("haswell", "verdicts")
    return found


@pytest.mark.parametrize("case", CASES)
def test_loop_is_packed(verdicts: dict[str, dict[str, bool]], case: str) -> None:
    assert verdicts[case] == {"packed": True, "calls": False, "converts_between_floats": False}


@pytest.mark.parametrize("case", WIDENED)
def test_loop_with_a_change_of_type_is_packed(verdicts: dict[str, dict[str, bool]], case: str) -> None:
    assert verdicts[case] == {"packed": True, "calls": False, "converts_between_floats": True}


def test_a_libm_call_is_noticed(verdicts: dict[str, dict[str, bool]]) -> None:
    assert verdicts[CONTROL] == {"packed": False, "calls": True, "converts_between_floats": False}


def test_vectors_are_as_wide_as_the_registers_where_numba_halves_them() -> None:
    assert in_a_process_for("skylake-avx512", "widths") == {"driver": True, "plain": False}


if __name__ == "__main__":
    made = widths() if sys.argv[1] == "widths" else {c: verdict(assembly(c)) for c in [*CASES, *WIDENED, CONTROL]}
    json.dump(made, sys.stdout)
