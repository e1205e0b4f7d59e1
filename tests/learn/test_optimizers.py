"""Optimisers against their equations, and on a quadratic whose answers are closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from langevin_kit.errors import InvalidArgument
from langevin_kit.learn import LBFGS, SGD, Adam

CURVATURE = np.array([1.0, 4.0, 9.0])
BEGIN = np.array([1.0, -2.0, 0.5])


def path(optimizer: Any, n: int) -> np.ndarray:
    """Parameters after each of n updates along the slope of ½ Σ c θ²."""
    x, memory, found = BEGIN, optimizer.begin(3), []
    for update in range(n):
        x, memory = optimizer.moved(x, CURVATURE * x, memory, update)
        found.append(x)
    return np.array(found)


def test_descent_without_momentum_is_a_power() -> None:
    np.testing.assert_allclose(path(SGD(0.1), 7)[-1], BEGIN * (1 - 0.1 * CURVATURE) ** 7, rtol=1e-14)


@pytest.mark.claim("D19")
def test_momentum_is_a_heavy_ball() -> None:
    # θ'' + γ θ' = −c θ with θ' from 0, at the time k √η, where μ = 1 − γ √η: the error falls as √η.
    gamma, errors = 0.8, []
    for eta in (1e-4, 1e-6):
        h = np.sqrt(eta)
        n = round(2 / h)
        found = path(SGD(eta, momentum=1 - gamma * h), n)[-1]
        root = np.sqrt(gamma**2 / 4 - CURVATURE + 0j)
        t = n * h
        exact = BEGIN * (np.exp(-gamma * t / 2) * (np.cosh(root * t) + gamma / 2 / root * np.sinh(root * t))).real
        errors.append(np.abs(found - exact).max())
    assert np.log10(errors[0] / errors[1]) == pytest.approx(1, abs=0.1)


def test_adam_is_its_equations() -> None:
    rate: Callable[[int], float] = lambda k: 0.1 / (k + 1)  # noqa: E731
    found = path(Adam(rate, mean=0.8, square=0.9, epsilon=1e-6), 5)
    x, m, s = BEGIN.copy(), np.zeros(3), np.zeros(3)
    for k in range(1, 6):
        g = CURVATURE * x
        m, s = 0.8 * m + 0.2 * g, 0.9 * s + 0.1 * g * g
        x = x - 0.1 / k * (m / (1 - 0.8**k)) / (np.sqrt(s / (1 - 0.9**k)) + 1e-6)
        np.testing.assert_allclose(found[k - 1], x, rtol=1e-14)
    np.testing.assert_allclose(path(Adam(0.01), 1)[0], BEGIN - 0.01 * np.sign(BEGIN), rtol=1e-6)


BAD: list[Callable[[], object]] = [
    lambda: SGD(-0.1), lambda: SGD(0.1, momentum=1.0), lambda: Adam(mean=-0.1), lambda: Adam(epsilon=0.0),
    lambda: LBFGS(memory=0), lambda: LBFGS(tolerance=-1.0),
]  # fmt: skip


@pytest.mark.parametrize("make", BAD)
def test_refusals(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidArgument, match=r"needed|allowed|must"):
        make()
