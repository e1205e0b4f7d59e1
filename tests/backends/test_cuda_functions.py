"""Systems of Python functions on the CUDA backend: the CPU's runs, bit by bit, and what is refused.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuda_runs import OBSERVABLES, assert_same, on_device, run
from cuda_tools import require_compiler
from numpy import exp as exponential

import langevin_kit as lk
from langevin_kit.errors import InvalidExpression

require_compiler()

DEPTH = 0.3
TABLE = np.sqrt(np.arange(300.0))


def bump(x: Any) -> Any:
    return exponential(-x * x / 9)


def energy(x: Any, y: Any, t: Any, a: Any) -> Any:
    """All that such a function may contain; cosines of numbers that are no coordinate too."""
    u = x * x - 1
    total = 0.0
    for k in range(1, 4):
        total += math.cos(k * x) * math.cos(2 * math.pi * k / 3) / (1 + y**2)
    if x > 0.5:
        total += DEPTH * (x - 0.5) ** 2.5
    n = 0
    while n < 2:
        total = total + 0.01 * np.tanh(y * n)
        n += 1
    waves, depth = (np.sin(x) + math.sinh(y) / 9, 2.0)
    total += depth * waves * abs(y) ** a
    return u * u + a * x * y + total + np.exp(-0.5 * y**2) + max(x, y) + math.sqrt(2 + t * x * x) * bump(x) + abs(y)


def own(x: Any) -> Any:
    return 1 / (1 + x * x) + 0.2 if abs(x) < 10 else 0.2


def cross(x: Any, y: Any) -> Any:
    return 0.3 * x * y / ((1 + x * x) * (1 + y * y))


PLANE = lk.System(
    energy=energy,
    mobility=[[own, cross], [cross, lambda y: 1 / (1 + y**2) + 0.2]],
    drift=[lambda y, t: 0.1 * math.sin(t) * y, 0.0],
    parameters={"a": 1.3},
    temperature=0.5,
    coordinates=("x", "y"),
    walls={"x": lk.reflecting(-1.0, 1.5), "y": lk.periodic(-1.0, 1.0)},
)


def table(x: Any) -> Any:
    """More numbers than a kernel holds in its instructions: they lie in constant memory."""
    total = 0.0 * x
    for k in range(300):
        total += TABLE[k] * math.cos(k * x)
    return x * x + total / 1000


def nested(x: Any) -> Any:
    def well(u: Any) -> Any:
        return u * u + math.log(1 + u * u)

    return well(x) + well(x - 1)


def matrix(x: Any, y: Any) -> Any:
    return (1 + x**2, x * y / 4), (x * y / 4, 1 + y**2)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_a_run_is_that_of_the_cpu(dtype: str) -> None:
    """Positions, moments, energies and whatever else a run gives; and the fast mode is near, and not the same."""
    arguments: dict[str, Any] = {"observables": OBSERVABLES, "dtype": dtype}
    expected = run(PLANE, **arguments)
    assert_same(run(PLANE, backend=on_device(), **arguments), expected)
    fast = run(PLANE, backend=on_device(reproducible=False), **arguments)
    error = np.linalg.norm(fast.position - expected.position) / np.linalg.norm(expected.position)
    assert 0 < error < {"float32": 1e-5, "float64": 1e-13}[dtype]


@pytest.mark.parametrize(
    "system",
    [
        lk.System(energy=table, temperature=0.5),
        lk.System(energy=nested, temperature=0.0),
        lk.System(energy=lambda x, y: x * x + y**4, mobility=matrix, temperature=0.5, coordinates=("x", "y")),
        lk.System(energy=0.0, drift=lambda x, y: (-x + y**3, -y), temperature=0.5, coordinates=("x", "y")),
    ],
    ids=["table", "nested, T = 0", "matrix", "drift"],
)
def test_other_forms(system: lk.System) -> None:
    arguments: dict[str, Any] = {"n_particles": 100, "n_steps": 11, "save_every": 11}
    assert_same(run(system, backend=on_device(), **arguments), run(system, **arguments))


def test_a_wrong_function_is_another_run() -> None:
    """The control of the tests above: one sign in one function."""
    other = lk.System(energy=lambda x: (x + 1) ** 2 + math.log(1 + x * x), temperature=0.5)
    same = lk.System(energy=lambda x: (x - 1) ** 2 + math.log(1 + x * x), temperature=0.5)
    with pytest.raises(AssertionError):
        assert_same(run(other, backend=on_device(), n_particles=50), run(same, n_particles=50))


def allocates(x: Any) -> Any:
    return np.sum(np.arange(3.0)) * x * x


def powers(x: Any) -> Any:
    total = 0.0 * x
    for k in range(1, 4):
        total += k**0.3 * x * x
    return total


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (allocates, r"for CUDA, energy \(allocates\).*No implementation of function empty.*backend='cpu'"),
        (powers, r"'cuda_reproducible', but energy \(powers\): pow of a number .* backend='cuda' or 'cpu'"),
        (lambda x: x * x * math.gamma(2.5), "tgamma of a number that depends on no coordinate"),
    ],
)
def test_what_cuda_cannot_have_is_refused(function: Callable[..., Any], said: str, tmp_path: Path) -> None:
    """Before anything is written; and the CPU takes it."""
    system = lk.System(energy=function, temperature=0.5)
    with pytest.raises(InvalidExpression, match=said):
        run(system, backend=on_device(), store=tmp_path / "run.zarr")
    assert not list(tmp_path.iterdir())
    run(system, n_particles=10, n_steps=2, save_every=1)
