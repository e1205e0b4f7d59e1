"""Cost of a step of a network of 64 units; ratios are to be read within one run.

To measure: pytest tests/benchmarks -n 0 --benchmark-enable --benchmark-columns=min,median
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from langevin_kit.codegen.dense import stepper
from langevin_kit.schemes import scheme_from
from langevin_kit.system.dense import dense

D, N, STEPS = 64, 1024, 16
RNG = np.random.default_rng(0)
W = RNG.normal(size=(D, D)) / 16
SYSTEMS = {
    "recurrent": dense(
        name="v",
        length=D,
        drift="U @ leaky_relu(v, 0.1) - v + I",
        parameters={"U": (W + W.T) / 2, "I": RNG.normal(size=D) / 10},
    ),
    "hopfield": dense(name="v", length=D, energy="v @ v / 2 - tanh(v) @ W @ tanh(v) / 2", parameters={"W": W}),
    "modern hopfield": dense(
        name="v", length=D, energy="v @ v / 2 - logsumexp(X @ v)", parameters={"X": RNG.normal(size=(32, D))}
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_step(benchmark: Any, name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    module = stepper(system, scheme_from("euler_maruyama"), dtype)
    x = np.zeros((D, N), dtype)
    arguments = (x, 0, N, 256, 0, STEPS, system.flat_parameters(), 1e-2, 0.1, np.uint32(1), np.uint32(2))
    module.advance(*arguments)
    benchmark.extra_info["particle-component-steps"] = D * N * STEPS
    benchmark(module.advance, *arguments)
    assert np.isfinite(x).all()
    assert x.std() > 0.01
