"""Dual numbers on arrays against complex steps, exact values, and the symbolic derivatives of systems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit.preflight.derivatives import DualNumbers
from langevin_kit.preflight.dual import Dual, differentiated, variables
from langevin_kit.system import System

Function = Callable[[Any], Any]
X: NDArray[np.float64] = np.random.default_rng(0).uniform(0.2, 1.4, 50)

ANALYTIC: dict[str, Function] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "arctan": np.arctan,
    "negative": lambda x: -x,
    "positive": lambda x: +x,
    "square": np.square,
    "reciprocal": np.reciprocal,
    "sum": lambda x: 2 + x + x + 1.5,
    "difference": lambda x: (2 - x) - (x * x - 1),
    "product": lambda x: 3 * x * np.sin(x) * 2,
    "quotient": lambda x: (1 / x) / (1 + x) / 3,
    "integer power": lambda x: x**7 - x**-3 + x**2,
    "real power": lambda x: x**2.5,
    "power of a number": lambda x: 1.7**x,
    "power of itself": lambda x: x**x,
    "nested": lambda x: np.exp(-np.sqrt(1 + np.sin(x) ** 2) / (0.3 + np.tanh(x) ** 2)),
}


@pytest.mark.parametrize("name", ANALYTIC)
def test_against_the_complex_step(name: str) -> None:
    f = ANALYTIC[name]
    got = f(Dual(X, np.ones((1, X.size))))
    np.testing.assert_allclose(got.value, f(X), rtol=0, atol=0)
    np.testing.assert_allclose(got.slope[0], f(X + 1e-30j).imag / 1e-30, rtol=1e-13)


def test_what_is_not_analytic() -> None:
    x = Dual(np.array([-2.0, 0.5, 3.0]), np.ones((1, 3)))
    np.testing.assert_array_equal(np.abs(x).slope[0], [-1, 1, 1])
    np.testing.assert_array_equal(np.sign(x).slope[0], [0, 0, 0])
    np.testing.assert_array_equal(np.maximum(x, 1.0).slope[0], [0, 0, 1])
    np.testing.assert_array_equal(np.minimum(2 * x, x * x).slope[0], [2, 1, 2])
    np.testing.assert_array_equal(np.greater(x, 0.0), [False, True, True])
    np.testing.assert_array_equal(x >= 3.0, [False, False, True])
    chosen = np.where(x > 0, x * x, 5.0)
    np.testing.assert_array_equal(chosen.value, [5.0, 0.25, 9.0])
    np.testing.assert_array_equal(chosen.slope[0], [0.0, 1.0, 6.0])


def test_several_directions_and_constants() -> None:
    at = np.array([[2.0, 3.0], [5.0, 7.0]])
    x, y = variables(at)
    values, slopes = differentiated([x * y**2, 4.0], at)
    np.testing.assert_array_equal(values, [[50.0, 147.0], [4.0, 4.0]])
    np.testing.assert_array_equal(slopes, [[[25.0, 49.0], [20.0, 42.0]], np.zeros((2, 2))])


def test_what_has_no_rule_is_refused_and_not_differentiated_wrongly() -> None:
    x = Dual(X, np.ones((1, X.size)))
    with pytest.raises(TypeError):
        np.arctanh(x)
    with pytest.raises(TypeError):
        np.add.reduce(x)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        np.where(x, x, 0.0)


@pytest.mark.parametrize(
    ("energy", "mobility"),
    [
        ("(x**2 - 1)**2 + a*x*y*sin(t) + y**2/2", "1/(1 + x**2 + y**2)"),
        ("log(1 + exp(x)) + tanh(y)**2 + cosh(x - y)", [["1 + x**2", 0], [0, "exp(-y**2) + a"]]),
        ("abs(x - y)**3 + sqrt(2 + sin(x*y))/(1 + y**2)", 2.0),
    ],
)
def test_systems_at_random_points(energy: str, mobility: Any) -> None:
    system = System(energy=energy, mobility=mobility, temperature=1.0, coordinates=("x", "y"), parameters={"a": 0.7})
    x = np.random.default_rng(1).standard_normal((2, 40))
    found = DualNumbers(system).at(x, 0.3)
    np.testing.assert_allclose(found.gradient, system.gradient(x, 0.3), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.divergence, system.mobility_divergence(x, 0.3), rtol=1e-11, atol=1e-12)
    assert found.mobility.shape == (2, 2, 40)
    assert found.slope.shape == (2, 2, 2, 40)
