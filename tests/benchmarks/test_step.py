"""Cost of a step, of a measurement and of a histogram; ratios are to be read within one run.

To measure: pytest tests/benchmarks -n 0 --benchmark-enable --benchmark-columns=min,median. Beside other packages:
tests/benchmarks/table.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import MODELS

from langevin_kit import observables
from langevin_kit.codegen import library, measurer, stepper
from langevin_kit.observables import plan
from langevin_kit.schemes import scheme_from

MEASURED: dict[str, dict[str, Any]] = {
    "moments": {},
    "displacement": {"msd": observables.mean_square_displacement()},
    "autocorrelation": {"c": observables.autocorrelation("x")},
    "extremes": {"top": observables.maximum("x"), "low": observables.minimum("x")},
}
KEY = (np.uint32(1), np.uint32(2))
N = 4096


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_step(benchmark: Any, name: str, dtype: str) -> None:
    model = MODELS[name]
    module = stepper(model.system(), scheme_from("euler_maruyama"), dtype)
    start = np.tile(np.array(model.start, dtype)[:, None], (1, model.particles))
    x = start.copy()
    constants = (model.system().values, model.time_step, model.temperature, *KEY)
    arguments = (x, 0, model.particles, 256, 0, model.steps, *constants)
    module.advance(*arguments)
    benchmark.extra_info["particle-steps"] = model.particles * model.steps
    benchmark(module.advance, *arguments)
    assert np.isfinite(x).all()
    assert (x != start).all()


@pytest.mark.parametrize("name", MEASURED)
def test_measurement(benchmark: Any, name: str) -> None:
    system = MODELS["P2"].system()
    reduced = plan(system, {"right": "x > 0", **MEASURED[name]}, None)
    module = measurer(reduced)
    x = np.random.default_rng(0).normal(size=(2, N))
    start = x[list(reduced.start_axes)]
    means, comoments = np.empty((1, len(reduced.rows))), np.empty((1, len(reduced.pairs)))
    tops, holders = np.empty((1, len(reduced.extremes))), np.empty((1, len(reduced.extremes)), np.int64)
    arguments = (x, start, 0, N, 0.0, np.zeros(1), reduced.pairs, reduced.extremes, np.empty(1), means)
    arguments += comoments, tops, holders
    module.measure(*arguments)
    benchmark(module.measure, *arguments)
    assert np.isfinite(means).all()


def test_histogram(benchmark: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, N))
    counts = np.zeros((256, 256), np.int64)
    arguments = (x, 0, N, len(x), np.array([-5.0, -5.0]), np.array([25.6, 25.6]), counts)
    library().count_2d(*arguments)
    benchmark(library().count_2d, *arguments)
    assert counts.sum() % N == 0
