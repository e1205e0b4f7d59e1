"""Systems of plain Python functions through the same door as those of text."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.codegen import stepper
from langevin_kit.errors import InvalidArgument, InvalidExpression, InvalidStore
from langevin_kit.schemes import scheme_from
from langevin_kit.system import System

KEY = (np.uint32(3), np.uint32(4))


def energy(x: float, y: float, a: float) -> float:
    total = 0.0
    for k in range(2):
        total = total + (x * x - 1) ** 2 / 2 + k * a * y * y
    return total


def own(x: float) -> float:
    return 1 / (1 + x * x) + 0.2 if abs(x) < 10 else 0.2


def cross(x: float, y: float) -> float:
    return 0.3 * x * y / ((1 + x * x) * (1 + y * y))


FUNCTIONS: dict[str, Any] = {
    "energy": energy,
    "mobility": [[own, cross], [cross, lambda y: 1 / (1 + y**2) + 0.2]],
    "drift": [lambda y, t: 0.1 * math.sin(t) * y, 0.0],
}
TEXTS: dict[str, Any] = {
    "energy": "(x**2 - 1)**2 + a*y**2",
    "mobility": [
        ["1/(1 + x**2) + 1/5", "0.3*x*y/((1 + x**2)*(1 + y**2))"],
        ["0.3*x*y/((1 + x**2)*(1 + y**2))", "1/(1 + y**2) + 1/5"],
    ],
    "drift": ["0.1*sin(t)*y", 0],
}
REST: dict[str, Any] = {"temperature": 0.5, "coordinates": ("x", "y"), "parameters": {"a": 0.7}}


@pytest.fixture(scope="module")
def twins() -> tuple[System, System]:
    return System(**FUNCTIONS, **REST), System(**TEXTS, **REST)


def test_all_fields_are_those_of_the_text(twins: tuple[System, System]) -> None:
    x = np.random.default_rng(1).normal(size=(2, 7, 3))
    for name in ("energy_at", "gradient", "hessian", "mobility_at", "mobility_divergence", "force_at", "drift_at"):
        ours, theirs = (getattr(system, name)(x, 0.4) for system in twins)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13, err_msg=name)
    ours, theirs = (system.drift_jacobian(x, 0.4) for system in twins)
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)
    facts = [dataclasses.replace(system.facts, has_constant_mobility=False, may_jump=True) for system in twins]
    assert facts[0] == facts[1]


@pytest.mark.parametrize(("dtype", "close"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("walls", [{}, {"x": lk.reflecting(-1.5, 1.5), "y": lk.reflecting(-1.0)}])
def test_paths_are_those_of_the_text(twins: tuple[System, System], dtype: str, close: float, walls: Any) -> None:
    start = np.random.default_rng(2).uniform(-1.0, 1.0, (2, 300)).astype(dtype)
    ends = []
    for system in twins:
        walled = dataclasses.replace(system, walls=walls)
        x = start.copy()
        stepper(walled, scheme_from("euler_maruyama"), dtype).advance(
            x, 0, 300, 256, 0, 20, walled.values, 1e-2, 0.5, *KEY
        )
        ends.append(x)
    np.testing.assert_allclose(ends[0], ends[1], rtol=0, atol=close)
    assert np.abs(ends[0] - start).max() > 0.1


def test_a_run_measures_what_the_text_measures(twins: tuple[System, System]) -> None:
    runs = [
        lk.simulate(
            dataclasses.replace(system, drift=None),
            initial=lk.initial.gaussian([-1.0, 0.0], 0.1),
            n_particles=2000,
            time_step=1e-2,
            n_steps=20,
            save_every=10,
            rng=0,
            observables={"both": "energy + x**2", "top": lk.observables.maximum("energy")},
        )
        for system in twins
    ]
    for name in ("energy", "both", "top", "kl_divergence", "free_energy"):
        np.testing.assert_allclose(runs[0][name], runs[1][name], rtol=1e-9, atol=1e-12, err_msg=name)
    with pytest.raises(InvalidStore, match=r"made of Python functions.*with_system"):
        _ = runs[0].langevin.system
    known = runs[0].langevin.with_system(dataclasses.replace(twins[0], drift=None))
    np.testing.assert_allclose(known.kl_divergence().kl_divergence, runs[0].kl_divergence, rtol=1e-9)
    with pytest.raises(InvalidArgument, match="not the system of this run"):
        runs[0].langevin.with_system(twins[0])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"energy": lambda x, z: x + z}, InvalidArgument, "'z'"),
        ({"mobility": "1 + x**2"}, InvalidArgument, "mobility: got the text"),
        ({"energy": lambda x: print(x)}, InvalidExpression, "energy"),
        ({"energy": lambda x: str(x)}, InvalidExpression, "energy"),
    ],
)
def test_refused(change: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        System(**{"energy": energy, **REST, **change})
