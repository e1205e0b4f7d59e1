"""Walls at the places where rounding decides: exact values, in float32 and float64."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from langevin_kit.kernels import walls
from langevin_kit.kernels.jit import driver

REALS = [np.float32, np.float64]


@driver
def overshoot(x: np.ndarray, lower: float, upper: float, out: np.ndarray) -> None:
    for i in range(x.size):
        out[i] = walls.overshoot(x[i], lower, upper)


@driver
def held(x: np.ndarray, lower: float, upper: float, out: np.ndarray) -> None:
    for i in range(x.size):
        out[i] = walls.held(x[i], lower, upper)


@driver
def wrapped(x: np.ndarray, lower: float, upper: float, out: np.ndarray, turns: np.ndarray) -> None:
    for i in range(x.size):
        out[i], turns[i] = walls.wrapped(x[i], lower, upper)


def applied(function: Callable[..., None], real: Any, x: list[float], lower: float, upper: float) -> np.ndarray:
    out = np.empty(len(x), real)
    function(np.array(x, real), real(lower), real(upper), out)
    return out


@pytest.mark.parametrize("real", REALS)
def test_overshoot_and_loss(real: Any) -> None:
    places = [-0.25, 0.0, 0.5, 1.0, 1.75, np.nan]
    np.testing.assert_array_equal(applied(overshoot, real, places, 0, 1), [0.25, 0, 0, 0, -0.75, np.nan])
    np.testing.assert_array_equal(applied(overshoot, real, places, 0, np.inf), [0.25, 0, 0, 0, 0, np.nan])
    np.testing.assert_array_equal(applied(overshoot, real, places, -np.inf, 1), [0, 0, 0, 0, -0.75, np.nan])
    np.testing.assert_array_equal(applied(held, real, places, 0, 1), [np.nan, 0, 0.5, 1, np.nan, np.nan])


@driver
def mirrored(x: np.ndarray, lower: float, upper: float, out: np.ndarray) -> None:
    for i in range(x.size):
        out[i] = walls.mirrored(x[i], lower, upper)


@pytest.mark.parametrize("real", REALS)
def test_mirrored_once(real: Any) -> None:
    """As `overshoot` and `held` of scalar coordinates; one wall has all numbers on its other side."""
    places = [-1.25, -0.25, 0.0, 0.5, 1.0, 1.75, 2.25, np.nan, np.inf, -np.inf]
    nan = np.nan
    expected = [nan, 0.25, 0, 0.5, 1, 0.25, nan, nan, nan, nan]
    np.testing.assert_array_equal(applied(mirrored, real, places, 0, 1), expected)
    expected = [1.25, 0.25, 0, 0.5, 1, 1.75, 2.25]
    np.testing.assert_array_equal(applied(mirrored, real, places[:7], 0, np.inf), expected)
    expected = [-1.25, -0.25, 0, 0.5, 1, 0.25, -0.25]
    np.testing.assert_array_equal(applied(mirrored, real, places[:7], -np.inf, 1), expected)


@driver
def settled(x: np.ndarray, beyond: np.ndarray, lower: float, upper: float, out: np.ndarray) -> None:
    for i in range(x.size):
        out[i] = walls.settled(x[i], beyond[i], lower, upper)


@pytest.mark.parametrize("real", REALS)
def test_what_corners_leave_ends_on_the_wall(real: Any) -> None:
    x, beyond = np.array([[-0.25, 0.5, 1.5, 0.5, -0.5, np.nan], [0.5, 0.0, -1.0, 1.25, -1.5, 0.0]], real)
    out = np.empty_like(x)
    settled(x, beyond, real(0), real(1), out)
    np.testing.assert_array_equal(out, [0, 0.5, 1, np.nan, np.nan, np.nan])


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize(("lower", "upper"), [(0.0, 1.0), (-np.pi, np.pi), (-0.1, 0.7), (5.0, 1000.0)])
def test_wrapped_is_the_same_place_in_the_half_open_interval(real: Any, lower: float, upper: float) -> None:
    lower, upper = real(lower), real(upper)
    ends = [np.nextafter(end, real(side)) for end in (lower, upper) for side in (-np.inf, np.inf)]
    tiny = [lower - real(1e-20), lower + np.finfo(real).tiny, upper - np.finfo(real).tiny]
    far = np.random.default_rng(1).uniform(-50, 50, 20_000).astype(real) * (upper - lower)
    x = np.concatenate([np.array([lower, upper, *ends, *tiny], real), far])
    y, turns = np.empty_like(x), np.empty_like(x)
    wrapped(x, lower, upper, y, turns)
    assert ((y >= lower) & (y < upper)).all()
    np.testing.assert_array_equal(turns, np.round(turns))
    period = Fraction(float(upper - lower))
    ulp = np.finfo(real).eps * max(abs(lower), abs(upper))
    for before, after, n in zip(x[:2000].tolist(), y.tolist(), turns.tolist(), strict=False):
        # One rounding of fma, and at the ends one more.
        assert abs(Fraction(after) + int(n) * period - Fraction(before)) <= 2 * ulp
    assert np.unique(turns).size > 50


@pytest.mark.parametrize("real", REALS)
def test_a_lost_particle_stays_lost(real: Any) -> None:
    x = np.array([np.nan, np.inf, -np.inf], real)
    y, turns = np.empty_like(x), np.empty_like(x)
    wrapped(x, real(0), real(1), y, turns)
    assert np.isnan(y).all()
