"""Dual numbers against exact derivatives, first and second; their types, mixing, and equal bits in any loop."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any, cast

import mpmath
import numpy as np
import pytest
import sympy as sp
from numba import types
from numba.core.errors import TypingError

from langevin_kit.kernels.dual import (
    Dual,
    constant,
    derivative,
    leaf_value,
    like,
    multiply_add,
    value,
    variable,
    widen,
)
from langevin_kit.kernels.elementary import float32, float64
from langevin_kit.kernels.jit import driver, inline
from langevin_kit.system.python.capture import captured

X, Y, A = sp.symbols("x y a", real=True)
PARAMETER = 3.0
HALF = 0.5


def loop(x: Any, y: Any, a: Any) -> Any:
    total = 0
    for k in range(4):
        total += k * x**k * y
    return total


def newton(x: Any, y: Any, a: Any) -> Any:
    root = 1.0
    n = 0
    while n < 6:
        root = 0.5 * (root + x / root)
        n += 1
    return root * y


def branch(x: Any, y: Any, a: Any) -> Any:
    if x > y:
        return x * x
    elif x > HALF:  # noqa: RET505
        u = x + y
    else:
        u = 1
    return u * y


def pair(x: Any, y: Any, a: Any) -> Any:
    u = (x * y, x + y, 2.0)
    p, q, r = u
    return p * q * r + u[0]


# Name: the function as a user writes it, the same in SymPy, and bounds in ulp of (value, first, second derivatives):
# the measured maxima and a third; the last power cancels in its mixed derivative near x = exp(-1/y).
CASES: dict[str, tuple[Callable[[Any, Any, Any], Any], Any, tuple[float, float, float]]] = {
    "add": (lambda x, y, a: x + y, X + Y, (0.5, 0, 0)),
    "add numbers": (lambda x, y, a: 2 + x + 0.25, X + 2.25, (0.5, 0, 0)),
    "subtract": (lambda x, y, a: x - y, X - Y, (0.5, 0, 0)),
    "subtract numbers": (lambda x, y, a: 2 - (x - 0.25), 2.25 - X, (0.5, 0, 0)),
    "multiply": (lambda x, y, a: x * y, X * Y, (0.5, 0, 0)),
    "multiply numbers": (lambda x, y, a: 3 * (x * 0.25), X * 0.75, (0.5, 0, 0)),
    "divide": (lambda x, y, a: x / y, X / Y, (1.5, 3, 3.5)),
    "divide by a number": (lambda x, y, a: x / 4 + x / 0.5, X * 2.25, (0.5, 0, 0)),
    "divide a number": (lambda x, y, a: 3 / x, 3 / X, (1.5, 2.5, 4)),
    "signs": (lambda x, y, a: -(+x), -X, (0, 0, 0)),
    "parameter": (lambda x, y, a: a * x + a, A * X + A, (1, 0, 0)),
    "power 0": (lambda x, y, a: x**0, X**0, (0, 0, 0)),
    "power 1": (lambda x, y, a: x**1, X, (0, 0, 0)),
    "power 2": (lambda x, y, a: x**2, X**2, (0.5, 0, 0)),
    "power 7": (lambda x, y, a: x**7, X**7, (3.5, 3, 3)),
    "power -1": (lambda x, y, a: x**-1, 1 / X, (0.5, 2, 3)),
    "power -3": (lambda x, y, a: x**-3, X**-3, (3, 4.5, 6)),
    "power 2.0": (lambda x, y, a: x**2.0, X**2, (0.5, 0, 0)),
    "power 0.5": (lambda x, y, a: x**0.5, sp.sqrt(X), (0.5, 1, 3)),
    "power 2.5": (lambda x, y, a: x**2.5, X ** sp.Rational(5, 2), (2, 1.5, 2)),
    "power -1.5": (lambda x, y, a: x**-1.5, X ** sp.Rational(-3, 2), (1.5, 2.5, 4.5)),
    "power 0.3": (lambda x, y, a: x**0.3, X ** sp.Float(0.3, 30), (1.5, 2.5, 3.5)),
    "power of a parameter": (lambda x, y, a: x**a, X**A, (3, 2.5, 3)),
    "power of a coordinate": (lambda x, y, a: x**y, X**Y, (2.5, 3.5, 70)),
    "power of a number": (lambda x, y, a: 2**x, 2**X, (2, 3, 3)),
    "powers by call": (
        lambda x, y, a: math.pow(x, 3.0) + pow(x, 3) + np.power(x, 3),
        3 * X**3,
        (2.5, 2.5, 2),
    ),
    "exp": (lambda x, y, a: math.exp(x * y), sp.exp(X * Y), (2.5, 3, 3)),
    "log": (lambda x, y, a: math.log(x), sp.log(X), (1, 0.5, 2)),
    "sqrt": (lambda x, y, a: math.sqrt(x), sp.sqrt(X), (0.5, 1.5, 4)),
    "sin": (lambda x, y, a: math.sin(x), sp.sin(X), (1.5, 1.5, 1.5)),
    "cos": (lambda x, y, a: math.cos(x), sp.cos(X), (1.5, 1.5, 1.5)),
    "tan": (lambda x, y, a: math.tan(HALF * x), sp.tan(X / 2), (2.5, 4, 5)),
    "sinh": (lambda x, y, a: math.sinh(x), sp.sinh(X), (2, 1.5, 2)),
    "cosh": (lambda x, y, a: math.cosh(x), sp.cosh(X), (1.5, 2, 1.5)),
    "tanh": (lambda x, y, a: math.tanh(HALF * x), sp.tanh(X / 2), (1.5, 4, 3)),
    "atan": (lambda x, y, a: math.atan(HALF * x) + np.arctan(x), sp.atan(X / 2) + sp.atan(X), (1.5, 3, 5)),
    "numpy": (lambda x, y, a: np.exp(x) * np.cosh(x), sp.exp(X) * sp.cosh(X), (2.5, 2.5, 3)),
    "abs": (lambda x, y, a: abs(x - 9) + math.fabs(x + 9) + np.abs(y), Y + 18, (0.5, 0, 0)),
    "min": (lambda x, y, a: min(x, y) + min(x, -1) + np.minimum(9.0, x), sp.Min(X, Y) - 1 + X, (5, 0, 0)),
    "max": (lambda x, y, a: max(x, y) + max(9.0, x) + np.maximum(x, 0), sp.Max(X, Y) + 9 + X, (1, 0, 0)),
    "float": (lambda x, y, a: float(x) * float(y), X * Y, (0.5, 0, 0)),
    "truth as a number": (lambda x, y, a: (x > 0) * x, X, (0, 0, 0)),
    "loop": (loop, (X + 2 * X**2 + 3 * X**3) * Y, (2, 2.5, 2.5)),
    "while": (newton, sp.sqrt(X) * Y, (2, 2, 2.5)),
    "branch": (branch, sp.Piecewise((X**2, X > Y), ((X + Y) * Y, X > HALF), (Y, True)), (1.5, 1.5, 0)),
    "tuple": (pair, 2 * X * Y * (X + Y) + X * Y, (2.5, 2.5, 1.5)),
}
FIELDS = ("value", "x", "y", "xx", "xy", "yx", "yy")
N = 37


def points(dtype: str) -> np.ndarray:
    x, y = np.random.default_rng(5).uniform([[0.3], [0.4]], [[2.6], [2.2]], (2, N))
    return np.array([x, y, np.full(N, PARAMETER)]).astype(dtype)


@inline
def evaluated(f: Any, x: Any, y: Any, a: Any) -> Any:
    e = f(variable(variable(x, 0), 0), variable(variable(y, 1), 1), constant(constant(a)))
    ex, ey = derivative(e, 0), derivative(e, 1)
    second = derivative(ex, 0), derivative(ex, 1), derivative(ey, 0), derivative(ey, 1)
    return (leaf_value(e), value(ex), value(ey), *second)


@driver
def evaluate(f: Any, points: np.ndarray, out: np.ndarray) -> None:
    for i in range(points.shape[1]):
        parts = evaluated(f, points[0, i], points[1, i], points[2, i])
        for k in range(7):
            out[k, i] = parts[k]


@cache
def compiled(name: str) -> Any:
    return captured(cast("FunctionType", CASES[name][0]), name, ())


def result(name: str, dtype: str, at: np.ndarray | None = None) -> np.ndarray:
    at = points(dtype) if at is None else at
    out = np.full((len(FIELDS), at.shape[1]), 7.0, dtype)
    evaluate(compiled(name), at, out)
    return out


def exact(name: str, at: np.ndarray) -> np.ndarray:
    """In 40 digits, rounded to long double."""
    e = CASES[name][1]
    parts = [sp.diff(e, *[{"x": X, "y": Y}[s] for s in field]) if field != "value" else e for field in FIELDS]
    parts = [part.replace(sp.Heaviside, lambda u, *_: sp.Piecewise((1, u > 0), (0, True))) for part in parts]
    parts = [part.replace(sp.DiracDelta, lambda *_: sp.Integer(0)) for part in parts]
    with mpmath.workdps(40):
        f = sp.lambdify((X, Y, A), parts, "mpmath")
        rows = [[np.longdouble(mpmath.nstr(v, 25)) for v in f(*map(mpmath.mpf, map(float, p)))] for p in at.T]
    return np.array(rows).T


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str, dtype: str) -> None:
    at = points(dtype)
    want = exact(name, at)
    spacing = np.spacing(np.abs(want).astype(dtype)).astype(np.longdouble)
    errors = np.abs(result(name, dtype) - want) / spacing
    order = [0, 1, 1, 2, 2, 2, 2]
    for k, field in enumerate(FIELDS):
        assert errors[k].max() <= CASES[name][2][order[k]], (field, float(errors[k].max()))


def test_the_reference_notices_a_wrong_derivative() -> None:
    want, got = exact("divide", points("float64")), result("multiply", "float64")
    assert np.abs(got - want)[:3].min(axis=1).max() > 1e-3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_powers_of_a_base_that_is_not_positive(dtype: str) -> None:
    """Integers in every spelling are defined there, all else is NaN, and no slope at zero is lost."""
    below = np.array([[-1.5, -2.0], [0.5, 0.5], [PARAMETER, PARAMETER]]).astype(dtype)
    for name in ("power 2", "power 7", "power -3", "power 2.0", "power of a parameter", "powers by call"):
        np.testing.assert_allclose(
            result(name, dtype, below), exact(name, below).astype(float), rtol=30 * np.finfo(dtype).eps
        )
    for name in ("power 0.5", "power 0.3", "power 2.5", "log", "sqrt", "power of a coordinate"):
        assert np.isnan(result(name, dtype, below)[0]).all(), name
    fraction = below.copy()
    fraction[2] = 2.5
    assert np.isnan(result("power of a parameter", dtype, fraction)[:2]).all()
    zero = np.array([[0.0], [0.5], [PARAMETER]]).astype(dtype)
    for name in ("power 2", "power 7", "power 2.0", "power 2.5", "loop"):
        np.testing.assert_array_equal(result(name, dtype, zero), exact(name, zero).astype(float), err_msg=name)
    for exponent, derivatives in ((0.0, (1, 0, 0)), (1.0, (0, 1, 0)), (2.0, (0, 0, 2))):
        zero[2] = exponent
        np.testing.assert_array_equal(result("power of a parameter", dtype, zero)[[0, 1, 3], 0], derivatives)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan"])
def test_functions_of_plain_numbers_are_the_librarys(name: str, dtype: str) -> None:
    """Under both modules' names: no bit of a model is decided by the platform's library."""
    library = float32 if dtype == "float32" else float64
    given = np.array([0.3, 1.7, 2.4] if dtype.startswith("float") else [1, 1, 2]).astype(dtype)
    wanted = [getattr(library, name)(x if dtype == "float32" else np.float64(x)) for x in given]
    for function in (getattr(math, name), getattr(np, {"atan": "arctan"}.get(name, name))):
        f = captured(calling(function), name, ())
        assert [f(x) for x in given] == wanted


def calling(function: Callable[[Any], Any]) -> Any:
    return lambda x: function(x)


def test_the_slope_at_a_kink_is_zero() -> None:
    f = driver(lambda x: derivative(abs(variable(x, 0)), 0))
    assert [f(x) for x in (-2.0, 0.0, 3.0)] == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparisons_are_those_of_values(name: str) -> None:
    compare = getattr(operator, name)
    f = driver(
        lambda x, y: (compare(variable(x, 0), variable(y, 1)), compare(variable(x, 0), 2), compare(0.5, constant(y)))
    )
    for x in (0.5, 1.0, 2.0, math.nan):
        for y in (0.25, 0.5, 1.0):
            assert f(x, y) == (compare(x, y), compare(x, 2), compare(0.5, y))


R = types.float64
D0, D1, D01 = Dual(R, (0,)), Dual(R, (1,)), Dual(R, (1, 0))


def type_of(f: Callable[..., Any], *arguments: Any) -> Any:
    compiled: Any = captured(cast("FunctionType", f), "f", ())
    compiled.compile(arguments)
    return compiled.overloads[compiled.signatures[-1]].signature.return_type


@pytest.mark.parametrize(
    ("f", "arguments", "expected"),
    [
        (lambda x, y: x * x + 1, (D0, D1), D0),
        (lambda x, y: math.exp(x) / 3, (D0, D1), D0),
        (lambda x, y: x * y, (D0, D1), D01),
        (lambda x, y: y if x > 0 else x, (D0, D1), D01),
        (lambda x, y: 0 if x > 0 else x, (D0, D1), D0),
        (lambda x, y: widen(x, 2), (D0, D1), D01),
        (lambda x, y: value(x), (D0, D1), R),
        (lambda x, y: derivative(x, 1), (D0, D1), R),
        (lambda x, y: like(1, x), (Dual(types.float32), R), types.float32),
        (lambda x, y: 2.5 * x + y, (Dual(types.float32), types.int64), Dual(types.float32)),
        (lambda x, y: x + y, (Dual(D0, (0,)), Dual(D1, (1,))), Dual(D01, (0, 1))),
        (lambda x, y: leaf_value(x * y), (Dual(D0, (0,)), Dual(D1, (1,))), R),
        (lambda x, y: math.exp(x) * 0.1, (Dual(types.float32, (0,)), R), Dual(types.float32, (0,))),
    ],
)
def test_a_type_lists_the_coordinates_it_may_depend_on(f: Callable[..., Any], arguments: Any, expected: Any) -> None:
    assert type_of(f, *arguments) == expected


def test_a_variable_of_a_loop_takes_the_larger_type() -> None:
    def total(x: Any, y: Any) -> Any:
        s = 0.0
        for k in range(3):
            s += k * x
            if x > y:
                s += y
        return s

    assert type_of(total, D0, D1) == D01


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x % 2,
        lambda x, y: x // 2,
        lambda x, y: int(x),
        lambda x, y: x.real,
        lambda x, y: x * 1j,
        lambda x, y: math.gamma(x),
        lambda x, y: 1.0 if x else 2.0,
        lambda x, y: x & 1,
        lambda x, y: x + "1",
    ],
)
def test_refused(f: Callable[..., Any]) -> None:
    with pytest.raises(TypingError):
        type_of(f, D0, D1)


def test_two_precisions_do_not_mix() -> None:
    with pytest.raises(TypingError):
        type_of(lambda x, y: x + y, D0, Dual(types.float32))


def test_multiply_add_rounds_once() -> None:
    a, c = 1 + 2.0**-30, -1 - 2.0**-29
    f = driver(lambda a, c: (value(multiply_add(variable(a, 0), a, c)), multiply_add(a, a, c)))
    assert f(a, c) == (2.0**-60, 2.0**-60)
    assert a * a + c == 0.0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["numpy", "divide", "power 7", "power of a parameter", "tuple"])
def test_bits_do_not_depend_on_the_loop(name: str, dtype: str) -> None:
    """A vectorised body, its remainder and single numbers agree."""
    whole = result(name, dtype)
    at = points(dtype)
    for i in range(N):
        np.testing.assert_array_equal(result(name, dtype, at[:, i : i + 1].copy())[:, 0], whole[:, i])
