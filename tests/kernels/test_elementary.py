"""Every elementary function against a wider type, at special values, and for its exact symmetries."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langevin_kit.kernels.elementary import float32 as elementary32
from langevin_kit.kernels.elementary import float64 as elementary64
from langevin_kit.kernels.jit import driver

MODULES: dict[str, ModuleType] = {"float32": elementary32, "float64": elementary64}
WIDER: dict[str, Any] = {"float32": np.float64, "float64": np.longdouble}
LARGEST_ANGLE = {"float32": 2.0**17, "float64": 2.0**40}

# In ulp, for both types; the measured maxima stand in the docstrings of the modules.
BOUNDS = {
    "exp": 1.1,
    "log": 0.9,
    "sin": 1.6,
    "cos": 1.6,
    "tan": 3.6,
    "sinh": 2.6,
    "cosh": 1.6,
    "tanh": 1.3,
    "atan": 1.5,
    "atanh": 2.3,
    "sqrt": 0.5,
    "absolute": 0.0,
    "sign": 0.0,
}
CASES = [(name, dtype) for name in BOUNDS for dtype in MODULES]


@driver
def loop(function: Any, x: np.ndarray, out: np.ndarray) -> None:
    for i in range(x.size):
        out[i] = function(x[i])


def evaluate(name: str, x: np.ndarray) -> np.ndarray:
    out = np.full_like(x, 7)
    loop(getattr(MODULES[x.dtype.name], name), x, out)
    return out


def points(name: str, dtype: str, n: int = 40_000) -> np.ndarray:
    """The domain of a function: evenly spaced where it bends, every magnitude, and its hard arguments."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(3)
    if name == "exp":
        low, high = (
            np.log(WIDER[dtype](info.tiny)) + 0.3466,
            np.log(WIDER[dtype](info.max)),
        )
        ends = (float(info.smallest_subnormal), -low)
    elif name in ("sinh", "cosh"):
        low, high = 0.0, np.log(WIDER[dtype](info.max)) + 0.69
        ends = (float(info.smallest_subnormal), high)
    elif name in ("sin", "cos", "tan"):
        low, high = 0.0, 12.0
        ends = (float(info.smallest_subnormal), LARGEST_ANGLE[dtype])
    elif name == "atanh":
        low, high = 0.0, 1.0
        ends = (float(info.smallest_subnormal), 0.5)
    else:
        low, high = 0.0, 4.0
        ends = (float(info.smallest_subnormal), float(info.max))
    parts = [np.linspace(low, high, n)[1:-1], np.exp(rng.uniform(np.log(ends[0]), np.log(ends[1]), n))]
    if name in ("sin", "cos", "tan"):
        turns = np.rint(np.exp(rng.uniform(0, np.log(ends[1]), n)) / np.pi * 2) - 1
        parts.append(turns * (np.longdouble(np.pi) + np.longdouble(1.2246467991473532e-16)) / 2)
    if name == "atanh":  # up to the last number below 1, and where the power of two of its argument changes
        parts += [1 - np.exp(rng.uniform(np.log(info.epsneg), 0, n)), rng.uniform(0.16, 0.18, n)]
    x = np.concatenate(parts).astype(dtype)
    if name == "atan":  # on both sides of the places where the reduction changes
        parts += [2.0 + rng.uniform(-1e-3, 1e-3, n), 0.5 + rng.uniform(-1e-3, 1e-2, n)]
    if name not in ("log", "sqrt"):
        x[rng.integers(0, 2, x.size) == 1] *= -1
    if name == "exp":
        x = x[(x > low) & (x < high)]
    return x


def errors_in_ulp(name: str, x: np.ndarray) -> np.ndarray:
    wide = x.astype(WIDER[x.dtype.name])
    exact = getattr(np, {"atan": "arctan", "atanh": "arctanh"}.get(name, name))(wide)
    return np.abs(evaluate(name, x) - exact) / np.spacing(np.abs(exact).astype(x.dtype))


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_error(name: str, dtype: str) -> None:
    if np.finfo(WIDER[dtype]).nmant < np.finfo(dtype).nmant + 10:
        pytest.skip("needs an 80-bit or wider long double as the reference")
    assert errors_in_ulp(name, points(name, dtype)).max() <= BOUNDS[name]


@pytest.mark.parametrize("dtype", MODULES)
def test_logcosh(dtype: str) -> None:
    """Within one and a half units in the last place of |x| + 1, of any magnitude, where cosh itself overflows too."""
    info = np.finfo(dtype)
    x = np.concatenate([points("tanh", dtype), np.array([0.0, -0.0, info.max / 2, -info.max / 2, np.inf], dtype)])
    wide = np.abs(x.astype(WIDER[dtype]))
    exact = wide - np.log(WIDER[dtype](2)) + np.log1p(np.exp(-2 * wide))
    got = evaluate("logcosh", x)
    assert got[-1] == np.inf
    assert (np.abs(got[:-1] - exact[:-1]) <= 1.5 * np.spacing((wide[:-1] + 1).astype(dtype))).all()
    np.testing.assert_array_equal(got, evaluate("logcosh", -x))
    assert np.isnan(evaluate("logcosh", np.array([np.nan], dtype)))


INF, NAN = np.inf, np.nan
SPECIAL: dict[str, list[tuple[float, float]]] = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (1e30, INF), (-1e30, 0.0)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-1.0, NAN), (-INF, NAN), (-1e-40, NAN)],
    "sin": [(0.0, 0.0), (INF, NAN), (-INF, NAN), (1e13, NAN)],
    "cos": [(0.0, 1.0), (INF, NAN), (-INF, NAN), (1e13, NAN)],
    "tan": [(0.0, 0.0), (INF, NAN), (-INF, NAN), (1e13, NAN)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (711.0, INF), (-711.0, -INF)],
    "cosh": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (711.0, INF), (-711.0, INF)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (1e30, 1.0), (-1e30, -1.0)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (INF, np.pi / 2), (-INF, -np.pi / 2), (1e30, np.pi / 2), (-1.0, -np.pi / 4)],
    "atanh": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.001, NAN), (-1.001, NAN), (INF, NAN), (-INF, NAN)],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (4.0, 2.0), (INF, INF), (-1.0, NAN), (-INF, NAN)],
    "absolute": [(0.0, 0.0), (-0.0, 0.0), (INF, INF), (-INF, INF)],
    "sign": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (1e-40, 1.0)],
}


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_special_values(name: str, dtype: str) -> None:
    arguments, values = np.array([*SPECIAL[name], (NAN, NAN), (-NAN, NAN)], dtype=dtype).T
    got = evaluate(name, np.ascontiguousarray(arguments))
    np.testing.assert_array_equal(got, values)
    zero = values == 0
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(values[zero]))


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("dtype", MODULES)
def test_angle_limit(name: str, dtype: str) -> None:
    """Beyond the stated range an angle is refused by NaN, never answered wrongly."""
    limit = np.dtype(dtype).type(LARGEST_ANGLE[dtype])
    got = evaluate(name, np.array([limit, np.nextafter(limit, limit * 2)]))
    assert np.isfinite(got[0])
    assert np.isnan(got[1])


@pytest.mark.parametrize("dtype", MODULES)
def test_exp_is_zero_where_it_would_no_more_be_normal(dtype: str) -> None:
    """A subnormal result would be slow; the last results before 0 are normal and right."""
    info = np.finfo(dtype)
    # 2**0.5 times the smallest normal number is the last to be kept.
    last = np.log(np.float64(info.tiny)) + 0.5 * np.log(2.0)
    kept = (last + np.linspace(1e-5, 1.0, 50)).astype(dtype)
    got = evaluate("exp", kept)
    assert np.all(got >= info.tiny)
    np.testing.assert_allclose(got, np.exp(kept.astype(np.longdouble)).astype(dtype), rtol=2 * info.eps)
    beyond = np.concatenate([(last - np.linspace(1e-4, 20.0, 50)).astype(dtype), np.array([-1e30, -np.inf], dtype)])
    np.testing.assert_array_equal(evaluate("exp", beyond), np.zeros(52, dtype))


def numbers(dtype: str) -> st.SearchStrategy[float]:
    return st.floats(allow_nan=False, width=32 if dtype == "float32" else 64)


@pytest.mark.parametrize("dtype", MODULES)
@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=st.data())
def test_symmetries(dtype: str, data: st.DataObject) -> None:
    x = data.draw(numbers(dtype))
    pair = np.array([x, -x], dtype)
    for name in ("sin", "tan", "sinh", "tanh", "atan", "atanh"):
        plus, minus = evaluate(name, pair)
        np.testing.assert_array_equal(plus, -minus, err_msg=name)
    for name in ("cos", "cosh", "absolute"):
        plus, minus = evaluate(name, pair)
        np.testing.assert_array_equal(plus, minus, err_msg=name)


@pytest.mark.parametrize("dtype", MODULES)
@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=st.data())
def test_bounds_and_order(dtype: str, data: st.DataObject) -> None:
    pair = np.sort(np.array([data.draw(numbers(dtype)), data.draw(numbers(dtype))], dtype))
    for name in ("sin", "cos", "tanh"):
        assert not np.any(np.abs(evaluate(name, pair)) > 1), name
    for name in ("sign", "sqrt", "atan"):
        low, high = evaluate(name, np.sort(np.abs(pair)) if name == "sqrt" else pair)
        assert low <= high, name
    assert np.all(evaluate("cosh", pair) >= 1)
    assert np.all(evaluate("exp", pair) >= 0)
