"""The law that the generated step samples, from its transfer operator: no sampling, so no statistical error.

The negative controls leave T ∇·K out of the same step, wholly, by half, or its part beside the diagonal of K: an extra
drift takes it away. The bias then does not vanish with the step.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from oracle import SCALAR, biases

from langevin_kit import System

_PLANE = {"energy": "cos(x) + 0.6*sin(y) + 0.3*cos(x - y)", "temperature": 1.0, "coordinates": ("x", "y")}
_CROSS = "0.7*sin(x - y)"
SYSTEMS = {
    "scalar": SCALAR,
    "diagonal": System(mobility=[["1 + 0.5*sin(x + y)", 0], [0, "1 + 0.5*cos(x)*cos(y)"]], **_PLANE),
    "tensor": System(mobility=[["1 + 0.2*sin(x)", _CROSS], [_CROSS, "1 + 0.2*cos(y)"]], **_PLANE),
}
MESH = {"scalar": (96, 40), "diagonal": (26, 14), "tensor": (26, 14)}
TIME_STEPS = {"scalar": (0.1, 0.05, 0.025, 0.0125), "diagonal": (0.1, 0.05), "tensor": (0.1, 0.05)}
# How much of the divergence is left: of the part from the diagonal of K, of the part from beside it.
WITHOUT = [("scalar", 0.0, 1.0), ("scalar", 0.5, 1.0), ("diagonal", 0.0, 1.0), ("diagonal", 0.5, 1.0)]
WITHOUT += [("tensor", 0.0, 0.0), ("tensor", 1.0, 0.0), ("tensor", 0.0, 1.0)]


def with_less_divergence(system: System, diagonal: float, beside: float) -> System:
    """The same system with a drift that takes a share of T ∇·K away (T = 1)."""
    derived = system.derived
    drift = [
        sum(
            (keep - 1) * k.diff(x)
            for b, (k, x) in enumerate(zip(row, derived.coordinates, strict=True))
            for keep in [diagonal if a == b else beside]
        )
        for a, row in enumerate(derived.mobility)
    ]
    return replace(system, drift=drift)


@pytest.mark.claim("C12")
@pytest.mark.parametrize("name", SYSTEMS)
def test_bias_is_of_first_order_in_the_time_step(name: str) -> None:
    bias = biases(SYSTEMS[name], MESH[name], TIME_STEPS[name])
    order = np.log2(bias[:-1] / bias[1:])
    assert bias[0] < 0.1
    assert ((order > 0.95) & (order < 1.35)).all(), order
    if name == "scalar":
        assert 0.97 < order[-1] < 1.08
        # Two steps extrapolate the first order away; what is left is the second.
        assert abs(2 * bias[-1] - bias[-2]) < 0.1 * bias[-1]


@pytest.mark.claim("C12")
@pytest.mark.parametrize(("name", "diagonal", "beside"), WITHOUT)
def test_without_the_divergence_the_bias_stays(name: str, diagonal: float, beside: float) -> None:
    bias = biases(with_less_divergence(SYSTEMS[name], diagonal, beside), MESH[name], TIME_STEPS[name])
    assert bias[-1] > 0.02
    assert bias[-1] > 0.75 * bias[-2]
