"""The loops over particles of generated steps must become packed instructions without calls, for AVX2 and newer.

The assembly is made in one further process, for a fixed processor, so that the verdict is the same on every machine.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from typing import Any

import pytest

CASES = [f"{dtype} {name}" for name in ("W1", "W2", "W4") for dtype in ("float32", "float64")]
CASES += [
    "float32 walls",
    "float32 ring",
    "float32 pvd2",
    "float32 mala",
    "float32 strang",
    "float32 space",
    "float32 exits",
]
CONTROL = "float64 libm"
SCHEMES_HERE = ("pvd2", "mala", "strang")

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")


def system_of(name: str) -> Any:
    from models import MODELS

    from langevin_kit import System, absorbing, periodic, reflecting

    if name == "walls":
        return System(
            energy="sin(2*pi*y)*cos(pi*x)",
            mobility=[["1 + x**2", "0.8*cos(x)"], ["0.8*cos(x)", 1]],
            temperature=1.0,
            coordinates=("x", "y"),
            walls={"x": reflecting(0.0, 1.0), "y": reflecting(0.0, 1.0)},
        )
    if name == "ring":
        return System(energy="cos(x)", temperature=1.0, walls={"x": periodic(-3.0, 3.0)})
    if name == "space":
        return System(energy="x**4 + y**2 + z**2 + x*y/3", temperature=0.5, coordinates=("x", "y", "z"))
    if name == "exits":
        walls = dict.fromkeys("xyz", absorbing(-2.0, 2.0))
        return System(energy="x**4 + y**2 + z**2", temperature=0.5, coordinates=("x", "y", "z"), walls=walls)
    if name in SCHEMES_HERE:
        return System(energy="1.2*cos(x) + 0.4*sin(2*x)", mobility="1 + 0.6*sin(x)", temperature=1.0)
    return MODELS[name].system()


def listing(case: str) -> str:
    """The instructions of `noisy_block`, without the wrappers that Python calls."""
    import numpy as np
    from numba import typeof

    from langevin_kit.cache import load
    from langevin_kit.codegen.pointwise import stepper_source
    from langevin_kit.schemes import scheme_from

    dtype, name = case.split()
    system = system_of("ring" if case == CONTROL else name)
    scheme = scheme_from(name if name in SCHEMES_HERE else "euler_maruyama")
    source = stepper_source(system, scheme, dtype)
    # With machine code of its own, which it does not need in a run.
    source = re.sub(r"@inner\w*\ndef noisy_block", "@cached_driver\ndef noisy_block", source)
    module = load(source.replace("= sin(", "= math.sin(") if case == CONTROL else source)
    x = np.zeros((scheme.rows(system), 256), dtype)
    key = (np.uint32(1), np.uint32(2))
    module.advance.compile(tuple(map(typeof, (x, 0, 256, 256, 0, 4, system.values, 1e-3, 0.5, *key, 0))))
    (signature,) = module.noisy_block.signatures
    text: str = module.noisy_block.inspect_asm(signature)
    return text[text.index(",@function") : text.index(".Lfunc_end0:")]


def verdict(text: str) -> dict[str, int]:
    # Each loop has a packed body and a scalar remainder: a loop without the first has more scalar instructions.
    packed, scalar = (len(re.findall(rf"\tvfn?m\w+{kind}\t", text)) for kind in ("p[sd]", "s[sd]"))
    return {
        "packed": packed > 0.9 * scalar > 0,
        "calls": re.search(r"\tcall", text) is not None,
        "converts_between_floats": re.search(r"\tvcvt(ps2pd|pd2ps)", text) is not None,
        "aligns_its_stack": re.search(r"\tandq\t\$-(32|64), %rsp", text) is not None,
        "roots": len(re.findall(r"\tvsqrtp[sd]\t", text)),
    }


@pytest.fixture(scope="module")
def verdicts() -> dict[str, dict[str, int]]:
    # Empty features: those of the named processor alone, not of this one. No cache: code from there has no assembly.
    environment = os.environ | {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "",
        "LANGEVIN_CACHE_DIR": os.devnull,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("case", CASES)
def test_loops_of_a_step_are_packed(verdicts: dict[str, dict[str, int]], case: str) -> None:
    expected = {"packed": True, "calls": False, "converts_between_floats": False, "aligns_its_stack": True}
    assert verdicts[case] | expected == verdicts[case]


def test_four_vectors_are_side_by_side(verdicts: dict[str, dict[str, int]]) -> None:
    """And one for what is left. The only roots are Box and Muller's: two for four numbers of a call, one for two."""
    assert [verdicts[f"{dtype} W1"]["roots"] for dtype in ("float32", "float64")] == [(4 + 1) * 2, (4 + 1) * 1]


def test_a_libm_call_is_noticed(verdicts: dict[str, dict[str, int]]) -> None:
    assert verdicts[CONTROL]["calls"]


if __name__ == "__main__":
    json.dump({case: verdict(listing(case)) for case in [*CASES, CONTROL]}, sys.stdout)
