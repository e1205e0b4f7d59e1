"""The generated loops of a dense step must be packed instructions, for AVX2 and so on any newer x86.

The assembly is made in one further process, for a fixed processor, so that the verdict is the same on every machine.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys

import numpy as np
import pytest

from langevin_kit.cache import load
from langevin_kit.codegen.dense import stepper_source
from langevin_kit.schemes import scheme_from
from langevin_kit.system import reflecting
from langevin_kit.system.dense import dense

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")

# A product, a reduction, a row of parameters, a function, and a mobility with a divergence.
SYSTEM = dense(
    name="v",
    length=12,
    energy="v @ v / 2 - tanh(v) @ W @ tanh(v) / 2 - b @ v + logsumexp(W @ v)",
    mobility="1 / (1 + v**2)",
    parameters={"W": np.eye(12), "b": np.ones(12)},
)
# Rows of one buffer, that loops must be seen to be apart.
VECTORS = dense(
    name=("v", "h"),
    length=(7, 5),
    energy="v @ v / 2 + h @ h / 2 - tanh(v) @ U @ tanh(h)",
    mobility={"v": "m", "h": "1 / (1 + h**2)"},
    parameters={"U": np.ones((7, 5)), "m": np.ones(7)},
)
# Sums over normals, and places that particles return to.
ROOTED = dense(
    name="h",
    length=12,
    energy="h @ log(h) - b @ h",
    mobility={"root": "sqrt(h)*z - h*(sqrt(h) @ z)", "divergence": "1 - 12*h"},
    parameters={"b": np.ones(12)},
    retraction={"h": "(abs(h) + 1e-30)/sum(abs(h) + 1e-30)"},
)
KINDS = ("", " of two vectors", " within walls", " on a simplex")
CASES = (*(f"{dtype}{kind}" for kind in KINDS for dtype in ("float32", "float64")), "float64 in a chain")


def arithmetic(case: str) -> dict[str, int]:
    """How many additions, products, quotients and roots of `advance` are packed, and how many scalar."""
    dtype = case.split()[0]
    system = VECTORS if "vectors" in case else ROOTED if "simplex" in case else SYSTEM
    source = stepper_source(system, scheme_from("euler_maruyama"), dtype, (0,) if "walls" in case else ())
    source = source.replace("cached_driver", "driver")
    if case == CASES[-1]:
        # Each particle's step waits for the one before it; the last writes into the slack behind the buffer.
        source = source.replace("store(b2, 2, at, stochastic", "store(b2, 2, at + 1, stochastic")
    advance = load(source).advance
    x = np.full((12, 8), 1 / 12, dtype)
    values = np.concatenate([system.flat_parameters(), *[reflecting(-1.0, 1.0).inside(dtype)] * 2])
    advance(x, 0, 8, 256, 0, 1, values, 0.1, 1.0, np.uint32(0), np.uint32(0))
    listing: str = advance.inspect_asm(advance.signatures[0])
    body = listing[listing.index(",@function") : listing.index(".Lfunc_end0:")]
    found = re.findall(r"\tv(?:fn?m|add|sub|mul|div|sqrt)\w*([ps])[sd]\t", body)
    return {"packed": found.count("p"), "scalar": found.count("s")}


@pytest.fixture(scope="module")
def counts() -> dict[str, dict[str, int]]:
    # Empty features: those of the named processor alone, not of this one.
    environment = os.environ | {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("case", CASES[:-1])
def test_loops_are_packed(counts: dict[str, dict[str, int]], case: str) -> None:
    # The scalar ones are of the step: the time, the amplitude of the noise; and the root of each entry of m, once.
    assert counts[case]["scalar"] <= (12 if "vectors" in case else 5)
    assert counts[case]["packed"] > 50
    if "walls" in case:
        assert counts[case]["packed"] > counts[case.split()[0]]["packed"]


def test_a_scalar_loop_is_noticed(counts: dict[str, dict[str, int]]) -> None:
    assert counts[CASES[-1]]["scalar"] > 5


if __name__ == "__main__":
    json.dump({case: arithmetic(case) for case in CASES}, sys.stdout)
