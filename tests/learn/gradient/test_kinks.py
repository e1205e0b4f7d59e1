"""Slopes through layers with kinks, against dual numbers that are carried along the same steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.learn import DiscreteAdjoint, FixedSteps, Loss
from langevin_kit.preflight.dual import Dual

RNG = np.random.default_rng(0)
PARAMETERS: dict[str, Any] = {
    "W1": RNG.normal(size=(4, 2)),
    "b1": RNG.normal(size=4),
    "W2": RNG.normal(size=(2, 4)),
    "V": RNG.normal(size=(2, 2)),
    "c": 0.4,
}
SYSTEM = lk.System(
    coordinates={"x": 2},
    drift="W2 @ elu(W1 @ x + b1) + hardtanh(V @ x) - c*abs(x) + leaky_relu(x, 0.1)",
    parameters=PARAMETERS,
    temperature=0.0,
)
BEGIN = RNG.normal(size=(30, 2))
N_STEPS = 6


def elu(a: Any) -> Any:
    return np.where(a > 0, a, np.exp(np.minimum(a, 0.0)) - 1.0)


def product(matrix: Any, x: list[Any]) -> list[Any]:
    return [sum((row[j] * x[j] for j in range(1, len(x))), row[0] * x[0]) for row in matrix]


def rate(x: list[Any], p: dict[str, Any]) -> list[Any]:
    hidden = [elu(a + b) for a, b in zip(product(p["W1"], x), p["b1"], strict=True)]
    bent = [np.minimum(np.maximum(a, -1.0), 1.0) for a in product(p["V"], x)]
    out = product(p["W2"], hidden)
    return [o + h - p["c"] * np.absolute(y) + np.where(y > 0, y, 0.1 * y) for o, h, y in zip(out, bent, x, strict=True)]


def test_slopes_are_those_of_dual_numbers() -> None:
    found = DiscreteAdjoint(FixedSteps(1 / N_STEPS, "heun")).gradient(
        SYSTEM, BEGIN, [0.0, 1.0], Loss("x @ x", targets={}).of(SYSTEM)
    )
    n, size, at = len(BEGIN), sum(np.size(value) for value in PARAMETERS.values()), 0
    p: dict[str, Any] = {}
    for name, value in PARAMETERS.items():
        entries = []
        for entry in np.ravel(value):
            slope = np.zeros((size, n))
            slope[at] = 1.0
            entries.append(Dual(np.full(n, entry), slope))
            at += 1
        p[name] = entries[0] if np.ndim(value) == 0 else np.array(entries, object).reshape(np.shape(value)).tolist()
    x: list[Any] = list(BEGIN.T)
    h = 1 / N_STEPS
    for _ in range(N_STEPS):
        first = rate(x, p)
        second = rate([y + h * f for y, f in zip(x, first, strict=True)], p)
        x = [y + h / 2 * (f + g) for y, f, g in zip(x, first, second, strict=True)]
    loss = (x[0] * x[0] + x[1] * x[1]) * (1 / n)
    assert found.loss == pytest.approx(loss.value.sum(), rel=1e-13)
    exact = loss.slope.sum(axis=1)
    mine = np.concatenate([np.ravel(found.parameters[name]) for name in PARAMETERS])
    assert np.abs(mine - exact).max() < 1e-12 * np.abs(exact).max()
    # Places lie on both sides of every kink.
    assert all((np.sign(y.value).min(), np.sign(y.value).max()) == (-1, 1) for y in x)
