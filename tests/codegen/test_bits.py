"""The same bits of states and of sums whatever x86 processor the code is compiled for.

Each processor needs a process of its own, for numba reads its name once. One without the instruction for `fma` calls a
function for it: slow, and the same bits.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

V3 = {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt", "xsave"}
V4 = V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
PLAIN = "generic"
NEEDS = {
    PLAIN: set[str](),
    "haswell": V3,
    "x86-64-v4": V4,
    "znver4": V4 | {"sse4a", "avx512bf16", "avx512bitalg", "avx512ifma", "avx512vbmi", "avx512vbmi2", "avx512vnni",
                    "avx512vpopcntdq", "gfni", "vaes", "vpclmulqdq", "clzero", "wbnoinvd", "sha"},
}  # fmt: skip
"""Processors by LLVM's names, and the features whose instructions their code may use."""

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86 processors")


def systems() -> dict[str, Any]:
    from langevin_kit import System, periodic, reflecting

    rng = np.random.default_rng(1)
    return {
        "line": System(energy="log(cosh(2*x)) + a*sin(3*x)", mobility="1/(1 + x**2)", temperature=0.5,
                       parameters={"a": 0.3}),
        "walls": System(
            energy="sin(2*pi*y)*cos(pi*x)",
            mobility=[["1 + x**2", "0.8*cos(x)"], ["0.8*cos(x)", "1 + exp(-t)"]],
            temperature=1.0,
            coordinates=("x", "y"),
            walls={"x": reflecting(0.0, 1.0), "y": periodic(0.0, 1.0)},
        ),
        "dense": System(
            energy="v @ v / 2 - tanh(g*v) @ W @ tanh(g*v) / 2",
            mobility="1 / (1 + v**2)",
            temperature=0.3,
            coordinates={"v": 10},
            parameters={"W": rng.normal(size=(10, 10)) / 3, "g": 1.25},
        ),
    }  # fmt: skip


CASES = ["line float32", "walls float64", "dense float32"]
MEASURED = "walls float64"


def digests() -> dict[str, str]:
    """Of the states of 300 particles after 21 steps, from step 2 on, and of measured sums."""
    from langevin_kit.backends import CPU
    from langevin_kit.backends._protocol import Program
    from langevin_kit.codegen import stepper
    from langevin_kit.observables import plan
    from langevin_kit.schemes import scheme_from

    found, known = {}, systems()
    key = (np.uint32(12345), np.uint32(67890))
    for case in CASES:
        name, dtype = case.split()
        system = known[name]
        x = np.random.default_rng(2).random((system.n_dim + len(system.walled("periodic")), 300)).astype(dtype)
        x[system.n_dim :] = 0
        scheme = scheme_from("euler_maruyama")
        stepper(system, scheme, dtype).advance(x, 0, 300, 256, 2, 21, system.values, 1e-2, system.temperature, *key)
        assert np.isfinite(x).all()
        found[case] = sha256(x.tobytes()).hexdigest()
        if case == MEASURED:
            program = Program(system, scheme, plan(system, None, None), dtype, 1e-2, key)
            with CPU(threads=1).ensemble(program, x) as ensemble:
                sums = ensemble.measure(23).sums
            found["sums"] = sha256(sums.mean.tobytes() + sums.comoment.tobytes()).hexdigest()
    return found


def compiled_for() -> str:
    from numba.core.registry import cpu_target

    name: str = cpu_target.target_context.codegen().magic_tuple()[1]
    return name


@cache
def on(processor: str) -> dict[str, str]:
    environment = os.environ | {
        "NUMBA_CPU_NAME": processor,
        "NUMBA_CPU_FEATURES": "",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made.pop("compiled for") == processor
    return dict(made)


def missing(processor: str) -> list[str]:
    from llvmlite.binding import get_host_cpu_features

    features = get_host_cpu_features()
    return sorted(feature for feature in NEEDS[processor] if not features.get(feature))


@pytest.mark.parametrize(
    "processor",
    [pytest.param(name, marks=pytest.mark.slow) if name == "haswell" else name for name in NEEDS if name != PLAIN],
)
def test_bits_do_not_depend_on_the_processor(processor: str) -> None:
    if without := missing(processor):
        pytest.skip(f"this machine cannot run code for {processor}: it has no {', '.join(without)}")
    assert on(processor) == on(PLAIN)
    # Every digest is of something else.
    assert len(set(on(PLAIN).values())) == len(CASES) + 1


if __name__ == "__main__":
    json.dump({"compiled for": compiled_for(), **digests()}, sys.stdout)
