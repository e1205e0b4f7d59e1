"""The exact mode on every landscape of the zoo: thousands of steps, begun inside a group and begun again, every bit.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cuda_tools import require_compiler

from langevin_kit.codegen import stepper
from langevin_kit.codegen.cuda_texts import step_text
from langevin_kit.schemes import scheme_from
from langevin_kit.system import zoo
from langevin_kit.testing.cuda_registry import MODELS, start
from langevin_kit.testing.ptxvm import Machine

require_compiler()

N, STEPS, FIRST, KEY, CAPABILITY = 35, 2000, 3, (np.uint32(5), np.uint32(6)), (9, 0)
SCHEME = scheme_from("euler_maruyama")
LANDSCAPES = sorted(MODELS.keys() & {*zoo.__all__})


def test_all_landscapes_are_there() -> None:
    assert {*LANDSCAPES, "lattice"} == {*zoo.__all__}  # which is a place, not a landscape


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LANDSCAPES)
def test_thousands_of_steps_are_those_of_the_cpu(name: str, dtype: str) -> None:
    system = MODELS[name]()
    R, d = np.dtype(dtype).type, system.n_dim
    rng = np.random.default_rng(1)
    begin = (start(name)[:, None] + rng.normal(0.0, 0.05, (d, N))).astype(dtype)
    time_step = 1e-4
    expected, got = begin.copy(), begin.copy()
    constants = (system.values, time_step, system.temperature, *KEY, 0)
    stepper(system, SCHEME, dtype).advance(expected, 0, N, 256, FIRST, STEPS, *constants)
    machines = {k: Machine(step_text(system, SCHEME, dtype, k, CAPABILITY, fast=False)) for k in ("groups", "steps")}
    amplitude = R(np.sqrt(2.0 * system.temperature * time_step))
    scalars = np.float64(time_step), R(time_step), R(system.temperature), amplitude, *KEY, np.int64(0)
    parameters = np.append(system.values, 0.0).astype(dtype)
    for kernel, first, n in launches(SCHEME.group(d, dtype)[0]):
        machines[kernel].launch(-(-N // 32), 32, got, parameters, np.int64(first), np.int64(n), *scalars)
    assert np.isfinite(got).all()
    assert (got != begin).all()
    assert got.tobytes() == expected.tobytes()


def launches(group: int) -> list[tuple[str, int, int]]:
    """To the next group, two runs of whole groups, and what is left."""
    head = -FIRST % group
    groups = (STEPS - head) // group
    half, begin = groups // 2, FIRST + head
    parts: list[tuple[Any, ...]] = [
        ("steps", FIRST, head),
        ("groups", begin, half),
        ("groups", begin + half * group, groups - half),
        ("steps", begin + groups * group, STEPS - head - groups * group),
    ]
    return [part for part in parts if part[2]]
