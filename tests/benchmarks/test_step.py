"""Cost of a step, of a measurement and of a histogram; ratios are to be read within one run.

To measure: pytest tests/benchmarks -n 0 --benchmark-enable --benchmark-columns=min,median
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from langevin_kit import System, observables
from langevin_kit.codegen import library, measurer, stepper
from langevin_kit.observables import plan
from langevin_kit.schemes import scheme_from

SYSTEMS = {
    "1-D well": System(energy="(x**2 - 1)**2", temperature=0.5),
    "2-D diagonal": System(
        energy="(x**2 - 1)**2 + x*y/2 + y**2",
        mobility=[["1/2 + 1/(1 + x**2 + y**2)", 0], [0, "1/2 + 1/(1 + y**2)"]],
        temperature=0.5,
        coordinates=("x", "y"),
    ),
}
MEASURED: dict[str, dict[str, Any]] = {
    "moments": {},
    "displacement": {"msd": observables.mean_square_displacement()},
    "autocorrelation": {"c": observables.autocorrelation("x")},
    "extremes": {"top": observables.maximum("x"), "low": observables.minimum("x")},
}
N, STEPS = 4096, 64
KEY = (np.uint32(1), np.uint32(2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_step(benchmark: Any, name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    module = stepper(system, scheme_from("euler_maruyama"), dtype)
    x = np.full((system.n_dim, N), 0.5, dtype)
    arguments = (x, 0, N, 256, 0, STEPS, np.zeros(1), 1e-3, 0.5, *KEY)
    module.advance(*arguments)
    benchmark.extra_info["particle-steps"] = N * STEPS
    benchmark(module.advance, *arguments)
    assert np.isfinite(x).all()


@pytest.mark.parametrize("name", MEASURED)
def test_measurement(benchmark: Any, name: str) -> None:
    system = SYSTEMS["2-D diagonal"]
    reduced = plan(system, {"right": "x > 0", **MEASURED[name]}, None)
    module = measurer(reduced)
    x = np.random.default_rng(0).normal(size=(2, N))
    start = x[list(reduced.start_axes)]
    means, comoments = np.empty((1, len(reduced.rows))), np.empty((1, len(reduced.pairs)))
    tops, holders = np.empty((1, len(reduced.extremes))), np.empty((1, len(reduced.extremes)), np.int64)
    arguments = (x, start, 0, N, 0.0, np.zeros(1), reduced.pairs, reduced.extremes, means, comoments, tops, holders)
    module.measure(*arguments)
    benchmark(module.measure, *arguments)
    assert np.isfinite(means).all()


def test_histogram(benchmark: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, N))
    counts = np.zeros((256, 256), np.int64)
    arguments = (x, 0, N, np.array([-5.0, -5.0]), np.array([25.6, 25.6]), counts)
    library().count_2d(*arguments)
    benchmark(library().count_2d, *arguments)
    assert counts.sum() % N == 0
