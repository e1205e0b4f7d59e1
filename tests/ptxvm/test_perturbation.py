"""The `.approx` functions moved within the error that the ISA allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ptx_text import operated

from langevin_kit.testing.ptxvm import PTXError

# The name, numbers, the function and the bound of its relative and its absolute error.
CASES: list[tuple[str, tuple[float, float], Any, float, float]] = [
    ("sin.approx.f32", (-3.0, 3.0), np.sin, 0.0, 2.0**-20.5),
    ("cos.approx.ftz.f32", (-3.0, 3.0), np.cos, 0.0, 2.0**-20.5),
    ("lg2.approx.f32", (0.51, 1.99), np.log2, 0.0, 2.0**-22),
    ("lg2.approx.f32", (3.0, 1e6), np.log2, 2.0**-22, 0.0),
    ("ex2.approx.f32", (-20.0, 20.0), np.exp2, 2.0**-22, 0.0),
    ("sqrt.approx.f32", (0.0, 9.0), np.sqrt, 2.0**-23, 0.0),
    ("rsqrt.approx.f32", (0.1, 9.0), lambda x: 1 / np.sqrt(x), 2.0**-22.9, 0.0),
    ("tanh.approx.f32", (-3.0, 3.0), np.tanh, 2.0**-11, 0.0),
    ("rcp.approx.f32", (1.0, 9.0), lambda x: 1 / x, 2.0**-23, 0.0),
]


def moved(name: str, x: Any, perturb: Any) -> Any:
    return operated(f"{name} {{d}}, {{a}};", x, "f4", perturb=perturb).astype(np.float64)


@pytest.mark.parametrize(("name", "ends", "exact", "relative", "absolute"), CASES)
def test_results_move_by_the_bound(
    name: str, ends: tuple[float, float], exact: Any, relative: float, absolute: float
) -> None:
    x = np.random.default_rng(0).uniform(*ends, 500).astype(np.float32)
    truth = exact(x.astype(np.float64))
    bound, ulp = relative * np.abs(truth) + absolute, np.spacing(np.abs(truth).astype(np.float32))
    for sign in (1, -1):
        error = (moved(name, x, float(sign)) - truth) * sign
        assert (error >= 0.4 * bound - 0.5 * ulp).all()
        assert (error <= bound + ulp).all()
    drawn = np.abs(moved(name, x, np.random.default_rng(1)) - truth)
    assert (drawn <= bound + ulp).all()
    assert (np.abs(moved(name, x, None) - truth) <= 0.5 * ulp).all()


@pytest.mark.parametrize("name", ["div.approx.f32", "div.full.f32", "div.approx.ftz.f32"])
def test_quotients_move_by_two_units(name: str) -> None:
    x, y = np.random.default_rng(0).uniform(1, 9, (2, 500)).astype(np.float32)
    near = operated(f"{name} {{d}}, {{a}}, {{b}};", x, "f4", y)
    far = operated(f"{name} {{d}}, {{a}}, {{b}};", x, "f4", y, perturb=1.0)
    np.testing.assert_array_equal((far - near) / np.spacing(near), 2)
    np.testing.assert_array_equal(near, x / y)


def test_a_quotient_by_more_than_2_126_is_zero() -> None:
    x, y = np.full(2, 3.0, np.float32), np.array([2.0**127, 2.0**126], np.float32)
    np.testing.assert_array_equal(operated("div.approx.f32 {d}, {a}, {b};", x, "f4", y) > 0, [False, True])
    np.testing.assert_array_equal(operated("div.full.f32 {d}, {a}, {b};", x, "f4", y) > 0, [True, True])


def test_exact_instructions_do_not_move() -> None:
    x = np.random.default_rng(0).uniform(1, 9, 100).astype(np.float32)
    np.testing.assert_array_equal(moved("sqrt.rn.f32", x, 1.0), np.sqrt(x))


def test_infinities_stay() -> None:
    x = np.array([0.0, np.inf, -1.0], np.float32)
    np.testing.assert_array_equal(moved("lg2.approx.f32", x, 1.0), [-np.inf, np.inf, np.nan])


def test_a_sine_without_a_bound_is_a_fault() -> None:
    x = np.full(4, 1e4, np.float32)
    moved("sin.approx.f32", x, None)
    with pytest.raises(PTXError, match=r"sin\.approx\.f32: the ISA gives no bound of its error here"):
        moved("sin.approx.f32", x, 1.0)


def test_a_logarithm_of_one_may_be_positive() -> None:
    """So √(−2 ln u) by these units alone would be NaN for the largest u: exact to the nearest float32 it is zero."""
    body = "lg2.approx.f32 {d}, {a};\nmul.rn.f32 {d}, {d}, 0fBFB17218;\nsqrt.approx.f32 {d}, {d};"
    x = np.ones(4, np.float32)
    assert (operated(body, x, "f4") == 0).all()
    assert np.isnan(operated(body, x, "f4", perturb=1.0)).all()
