"""Kernels for CUDA without a device: compiled for two generations, assembled, and executed on the CPU.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from cuda_tools import require_compiler
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit import kernels
from langevin_kit.codegen import cuda_texts
from langevin_kit.codegen.cuda_texts import step_text
from langevin_kit.codegen.pointwise import stepper
from langevin_kit.schemes import SCHEMES, Scheme, scheme_from
from langevin_kit.testing.ptxvm import Machine
from langevin_kit.testing.sass import assemble

require_compiler()

SYSTEMS = {
    "well": lk.System(energy="(x**2 - 1)**2", temperature=0.5),
    "tensor": lk.System(
        energy="x**2/2 + y**2",
        mobility=[["1 + x**2/9", "x*y/9"], ["x*y/9", "1"]],
        temperature=0.5,
        coordinates=("x", "y"),
        walls={"x": lk.reflecting(-1.0, 1.0), "y": lk.periodic(-1.0, 1.0)},
    ),
    "moving": lk.System(energy="(x - sin(t))**2*exp(-x**2/9) + tanh(x)*log(2 + x**2)", temperature=0.5),
    "bent": lk.System(energy="(x - sin(t))**2*exp(-x**2/9)", mobility="1/2 + 1/(1 + x**2)", temperature=0.5),
    "full": lk.System(
        energy="x**2/2 + y**2",
        mobility=[["1 + x**2/9", "x*y/9"], ["x*y/9", "1"]],
        temperature=0.5,
        coordinates=("x", "y"),
    ),
    "three": lk.System(
        energy="x**4 + y**2 + z**2 + a*x*y", parameters={"a": 0.3}, temperature=0.5, coordinates=("x", "y", "z")
    ),
}
FOR_SCHEMES = {
    "adaptive": lk.System(
        energy="200*(x**2 + x*y + y**2) + 300*x**4",
        mobility=[["1 + x**2/9", "x*y/9"], ["x*y/9", "1"]],
        temperature=0.5,
        coordinates=("x", "y"),
        walls={"x": lk.reflecting(-1.0, 1.0), "y": lk.periodic(-1.0, 1.0)},
    ),
    "baoab": lk.System(
        energy="cos(q) + p**2/4", mobility=[[0, -1], [1, "2 + sin(q)"]], temperature=0.5, coordinates=("q", "p")
    ),
    "ornstein_uhlenbeck": lk.System(energy="(x - y)**2 + y**2", temperature=0.5, coordinates=("x", "y")),
    "leimkuhler_matthews": SYSTEMS["moving"],
}
CASES = [
    *[(name, "gaussian", False, dtype) for name in ("tensor", "moving") for dtype in ("float32", "float64")],
    *[("well", noise, False, "float32") for noise in ("gaussian_53", "three_point", "rademacher")],
    ("three", "rademacher", False, "float64"),
    ("moving", "rademacher", False, "float32"),
    ("three", "gaussian", True, "float32"),
]
N, TIME_STEP, KEY = 301, 1e-3, (np.uint32(11), np.uint32(22))
FIRST_PARTICLE = 2**32 - 100


def scheme_of(noise: str, *, halved: bool, scheme: str = "euler_maruyama") -> Scheme:
    return scheme_from({"name": scheme, "noise": noise, "halved": halved})


@cache
def compiled(name: str, noise: str, dtype: str, capability: tuple[int, int], *, halved: bool, fast: bool) -> Any:
    """PTX by the kernel's name."""
    from langevin_kit.codegen.cuda import kernels
    from langevin_kit.kernels.cuda.compiler import ptx

    made = kernels(SYSTEMS[name], scheme_of(noise, halved=halved), dtype, fast=fast)
    signature = made.pop("signature")
    return {kernel: ptx(function, signature, capability, fast=fast) for kernel, function in made.items()}


def start(name: str, dtype: str, scheme: str = "euler_maruyama") -> NDArray[Any]:
    system = system_of(name)
    x = np.random.default_rng(1).uniform(-0.9, 0.9, (SCHEMES[scheme].rows(system), N)).astype(dtype)
    x[system.n_dim :] = 0
    return x


def system_of(name: str) -> lk.System:
    return SYSTEMS[name] if name in SYSTEMS else FOR_SCHEMES[name]


def on_device(
    texts: dict[str, str],
    name: str,
    x: NDArray[Any],
    runs: list[tuple[str, int, int]],
    scheme: str = "euler_maruyama",
) -> None:
    """Launch kernels, with a thread or two too many."""
    R, system = x.dtype.type, system_of(name)
    parameters = np.append(SCHEMES[scheme].values(system, TIME_STEP), 0.0).astype(x.dtype)
    amplitude = R(np.sqrt(2.0 * system.temperature * TIME_STEP))
    scalars = np.float64(TIME_STEP), R(TIME_STEP), R(system.temperature), amplitude, *KEY, np.int64(FIRST_PARTICLE)
    for kernel, first, n in runs:
        Machine(texts[kernel]).launch(-(-N // 128), 128, x, parameters, np.int64(first), np.int64(n), *scalars)


def on_cpu(name: str, scheme: Scheme, x: NDArray[Any], first: int, n: int, temperature: float) -> None:
    system = system_of(name)
    constants = (scheme.values(system, TIME_STEP), TIME_STEP, temperature, *KEY, FIRST_PARTICLE)
    stepper(system, scheme, x.dtype.name).advance(x, 0, N, 256, first, n, *constants)


@pytest.mark.parametrize(("name", "noise", "halved", "dtype"), CASES)
def test_paths_are_those_of_the_cpu_bit_for_bit(name: str, noise: str, dtype: str, *, halved: bool) -> None:
    """Whole groups, then a few steps that begin inside one: through a restart, and past 2**32 particles."""
    scheme = scheme_of(noise, halved=halved)
    steps, _ = scheme.group(len(scheme.drawn(SYSTEMS[name])), dtype)
    groups, rest = (2, 70) if steps > 64 else (40 // steps, steps + 1)
    expected, got = start(name, dtype), start(name, dtype)
    begin = 5 * steps
    middle = begin + groups * steps
    on_cpu(name, scheme, expected, begin, middle - begin + 2 * rest, SYSTEMS[name].temperature)
    texts = compiled(name, noise, dtype, (9, 0), halved=halved, fast=False)
    on_device(texts, name, got, [("groups", begin, groups), ("steps", middle, rest), ("steps", middle + rest, rest)])
    assert got.tobytes() == expected.tobytes()
    assert np.isfinite(got).all()
    on_cpu(name, scheme, expected, 7, 20, 0.0)
    on_device(texts, name, got, [("noiseless", 7, 20)])
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("scheme", "name", "dtype"),
    [
        *[
            (scheme, scheme if scheme in FOR_SCHEMES else "bent", "float32")
            for scheme, row in SCHEMES.items()
            if "T = 0" not in row.needs
        ],
        *[(scheme, "full", "float64") for scheme in ("hutter_ottinger", "fixman")],
    ],
)
def test_every_scheme_has_the_bits_of_the_cpu(scheme: str, name: str, dtype: str) -> None:
    made = scheme_of("gaussian", halved=False, scheme=scheme)
    system, names = system_of(name), ("groups", "noiseless")
    steps, _ = made.group(len(made.drawn(system)), dtype)
    expected, got = start(name, dtype, scheme), start(name, dtype, scheme)
    texts = {kernel: step_text(system, made, dtype, kernel, (9, 0), fast=False) for kernel in names}
    on_cpu(name, made, expected, 0, 10 * steps, system.temperature)
    on_device(texts, name, got, [("groups", 0, 10)], scheme)
    assert got.tobytes() == expected.tobytes()
    assert np.isfinite(got).all()
    if made.loop:
        assert 2 < got[-1].mean() / (10 * steps) < 20
    on_cpu(name, made, expected, 3, 20, 0.0)
    on_device(texts, name, got, [("noiseless", 3, 20)], scheme)
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("name", "time_step"), [("rk4", TIME_STEP), ("dormand_prince", 0.3)])
def test_runge_kutta_has_the_bits_of_the_cpu(name: str, time_step: float) -> None:
    made = scheme_of("gaussian", halved=False, scheme=name)
    cold = replace(SYSTEMS["bent"], temperature=0.0)
    expected, values = start("bent", "float64", name), np.append(made.values(cold, time_step), 0.0)
    got = expected.copy()
    stepper(cold, made, "float64").advance(expected, 0, N, 256, 3, 20, values, time_step, 0.0, *KEY, 0)
    text = step_text(cold, made, "float64", "noiseless", (9, 0), fast=False)
    scalars = time_step, time_step, 0.0, 0.0, *KEY, np.int64(0)
    Machine(text).launch(3, 128, got, values, np.int64(3), np.int64(20), *map(as_scalar, scalars))
    assert got.tobytes() == expected.tobytes()
    assert np.isfinite(got).all()


def as_scalar(x: Any) -> Any:
    return np.float64(x) if isinstance(x, float) else x


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_fast_mode_is_near(name: str) -> None:
    """Within 1e-5 of the CPU's paths, and not of the same bits: the control of the test above."""
    scheme = scheme_of("gaussian", halved=False)
    steps, _ = scheme.group(len(scheme.drawn(SYSTEMS[name])), "float32")
    expected, got = start(name, "float32"), start(name, "float32")
    on_cpu(name, scheme, expected, 0, 60, SYSTEMS[name].temperature)
    texts = compiled(name, "gaussian", "float32", (9, 0), halved=False, fast=True)
    on_device(texts, name, got, [("groups", 0, 60 // steps)])
    assert np.linalg.norm(got - expected) < 1e-5 * np.linalg.norm(expected)
    assert got.tobytes() != expected.tobytes()


@pytest.mark.parametrize("capability", [(8, 0), (9, 0)])
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(("name", "dtype"), [("well", "float32"), ("tensor", "float32"), ("tensor", "float64")])
def test_kernels_live_in_registers(name: str, dtype: str, capability: tuple[int, int], *, fast: bool) -> None:
    """No stack, no spills, no float64 in a step of float32; in the exact mode nothing that an assembler may fuse."""
    for kernel, text in compiled(name, "gaussian", dtype, capability, halved=False, fast=fast).items():
        made = assemble(text, capability)
        assert (made.stack, made.spilled) == (0, 0), kernel
        assert made.registers <= (64 if dtype == "float64" else 48), (kernel, made.registers)
        operations = re.findall(r"^\s*(?:@!?%p\d+\s+)?((?:add|sub|mul|mad|fma|div|sqrt|rcp)\.\S*f\d\d)", text, re.M)
        if dtype == "float32":
            assert not [operation for operation in operations if operation.endswith("f64")]
        if not fast:
            assert not [operation for operation in operations if ".rn" not in operation]


def test_an_edited_kernel_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is found under the sources of the kernels, which a checkout has outside the package."""
    before = cuda_texts._compiler.__wrapped__()
    for folder in kernels.__path__:
        copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(kernels, "__path__", [str(tmp_path)])
    assert cuda_texts._compiler.__wrapped__() == before
    with (tmp_path / "walls.py").open("a") as file:
        file.write("# edited\n")
    assert cuda_texts._compiler.__wrapped__() != before
