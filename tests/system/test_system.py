"""`System`: what it takes, what it refuses, and that its derivatives are those of its energy and mobility."""

from __future__ import annotations

import cmath
import copy
import dataclasses
import json
import math
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp

from langevin_kit.errors import InvalidArgument, InvalidExpression
from langevin_kit.system import System, functions
from langevin_kit.system.names import RESERVED

WELL: dict[str, Any] = {"energy": "(x**2 - 1)**2", "temperature": 0.5}
PLANE: dict[str, Any] = {"energy": "(x**2 - 1)**2 + x*y**2/2", "temperature": 0.5, "coordinates": ("x", "y")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"coordinates": ()}, "coordinates: got 0 names"),
        ({"coordinates": [f"x{k}" for k in range(17)]}, "coordinates: got 17 names"),
        ({"coordinates": ("x", "x")}, "must differ in name"),
        ({"parameters": {"x": 1.0}}, "must differ in name"),
        ({"coordinates": ("t",)}, "'t' is reserved"),
        ({"coordinates": ("T",)}, "'T' is reserved"),
        ({"parameters": {"sin": 1.0}}, "'sin' is reserved"),
        ({"parameters": {"max": 1.0}}, "'max' is reserved"),
        ({"parameters": {"lambda": 1.0}}, "no Python keyword"),
        ({"coordinates": ("é",)}, "letters, digits"),
        ({"coordinates": ("",)}, "letters, digits"),
        ({"coordinates": ("x y",)}, "letters, digits"),
        ({"coordinates": (1,)}, "letters, digits"),
        ({"parameters": {"a": math.nan}}, "a: got nan"),
        ({"parameters": {"a": "1"}}, "a: got '1'"),
        ({"parameters": {"a": True}}, "a: got True"),
        ({"parameters": {"temperature": math.nan}}, "temperature"),
        ({"parameters": {"a": 10**400}}, "a: got"),
        ({"temperature": 10**400}, "temperature: got"),
        ({"temperature": -0.1}, "temperature: got -0.1; it must be at least 0"),
        ({"temperature": math.inf}, "temperature: got inf"),
        ({"temperature": None}, "temperature: got None"),
        ({"temperature": "0.5"}, "temperature: got '0.5'"),
        ({"units": {"tmie": "s"}}, "did you mean 'time'"),
        ({"units": {"y": "m"}}, "units: unknown key 'y'"),
        ({"mobility": [[1, 0], [0, 1]]}, r"mobility: got rows of lengths \[2, 2\]; allowed are a scalar or a 1 × 1"),
        ({"mobility": None}, "mobility"),
        ({"coordinates": 5}, "coordinates"),
    ],
)
def test_refused(change: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        System(**{**WELL, **change})


@pytest.mark.parametrize(
    ("mobility", "words"),
    [
        ([1, 2], r"a nested list of these is needed"),
        (["1 + x**2", "1"], r"a matrix is a list of rows"),
        ([[1, 0], [0]], r"rows of lengths \[2, 1\]"),
    ],
)
def test_matrix_refused(mobility: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        System(**PLANE, mobility=mobility)


def test_a_matrix_is_split_once() -> None:
    """K = S + A: the drift takes K whole, noise S; entries that are equal are seen to be, however they are written."""
    x = np.array([[0.3, 1.0], [0.2, -1.0]])
    system = System(**PLANE, mobility=[["2", "0.1 + x*y"], ["0.1 - x*y", "1 + x**2"]])
    k = np.array([[[2, 2], 0.1 + x[0] * x[1]], [0.1 - x[0] * x[1], 1 + x[0] ** 2]])
    np.testing.assert_allclose(system.mobility_at(x), k)
    np.testing.assert_allclose(system.symmetric_mobility_at(x), (k + k.swapaxes(0, 1)) / 2)
    np.testing.assert_allclose(system.force_at(x), -np.einsum("abn,bn->an", k, system.gradient(x)))
    np.testing.assert_allclose(system.mobility_divergence(x), [x[0], -x[1]])
    still = -np.einsum("abn,bn->an", (k + k.swapaxes(0, 1)) / 2, system.gradient(x))
    np.testing.assert_allclose(system.reversible_drift_at(x), still, atol=1e-12)
    assert not system.facts.is_symmetric
    assert System(**PLANE, mobility=[["2", "x*(1 + y)"], ["x + y*x", 1]]).facts.is_symmetric


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"energy": "x +"}, "energy: "),
        ({"energy": "q*x"}, "energy: unknown name 'q'"),
        ({"energy": None}, "energy: "),
        ({"mobility": "y"}, "mobility: unknown name 'y'"),
        ({"mobility": [["1 + z"]]}, r"mobility\[0\]\[0\]: unknown name 'z'"),
        ({"mobility": True}, "mobility: "),
    ],
)
def test_text_refused(change: Mapping[str, Any], field: str) -> None:
    with pytest.raises(InvalidExpression, match=field):
        System(**{**WELL, **change})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", np.float64(0.5)),
        ("temperature", np.float32(0.5)),
        ("temperature", np.int64(1)),
        ("mobility", np.float64(0.5)),
        ("mobility", np.eye(1)),
        ("energy", np.float64(0.5)),
    ],
)
def test_numpy_numbers(name: str, value: Any) -> None:
    system = System(**{**WELL, name: value})
    assert np.isfinite(system.drift_at([[1.0]])).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {**WELL, "mobility": "1/(1 + a*x**2)", "parameters": {"a": 2}, "units": {"x": "nm", "time": "s"}},
        {**PLANE, "mobility": [["2", 0], [0, "1 + x**2"]]},
        {**PLANE, "mobility": (("2", "x - x"), (0, 1))},
        {**WELL, "mobility": [["1 + x**2"]]},
        {**WELL, "energy": 1, "coordinates": "xy"},
    ],
)
def test_to_dict_round_trip(arguments: dict[str, Any]) -> None:
    first = System(**arguments)
    second = System(**first.to_dict())
    assert second.to_dict() == first.to_dict()
    x = np.random.default_rng(3).normal(size=(first.n_dim, 5))
    np.testing.assert_array_equal(second.drift_at(x), first.drift_at(x))


def test_frozen_and_copied() -> None:
    system = System(**WELL, parameters={"a": 1.0})
    with pytest.raises(dataclasses.FrozenInstanceError):
        system.temperature = 2.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        system.parameters["a"] = 2.0  # type: ignore[index]
    assert dataclasses.replace(system, temperature=2.0).temperature == 2.0


@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_reaches_another_process(how: str) -> None:
    system = System(**WELL, parameters={"a": 1.0})
    twin = pickle.loads(pickle.dumps(system)) if how == "pickle" else copy.deepcopy(system)
    assert twin.to_dict() == system.to_dict()


SMOOTH = [
    "(x**2 - 1)**2 + y**2/2",
    "exp(-x*y)*sin(3*x) + cos(y)**3",
    "log(2 + x**2 + y**4)*sqrt(1 + y**2)",
    "tanh(x*y)/cosh(x) + sinh(y)",
    "(3 + x)**-1.5 + (4 + y)**0.3 + 2**x",
    "a*tan(x/4)*y + t*x**3*y",
]


def complex_step(text: str, a: int, x: np.ndarray, t: float) -> float:
    """∂f/∂xᵃ = Im f(x + ih)/h: no difference is taken, so h may be tiny and nothing cancels."""
    point = [complex(v) for v in x]
    point[a] += 1e-30j
    names = {k: getattr(cmath, k) for k in ("exp", "sin", "cos", "log", "sqrt", "tanh", "cosh", "sinh", "tan")}
    value = complex(eval(text, {"x": point[0], "y": point[1], "a": 0.7, "t": t, **names}))
    return value.imag / 1e-30


@pytest.mark.parametrize("text", SMOOTH)
def test_derivatives_against_complex_step(text: str) -> None:
    parameters = {"a": 0.7}
    system = System(energy=text, mobility=f"2 + {text}", temperature=0.5, coordinates=("x", "y"), parameters=parameters)
    points, t = np.random.default_rng(5).uniform(-1.0, 1.0, (2, 20)), 0.3
    expected = np.array([[complex_step(text, a, x, t) for x in points.T] for a in range(2)])
    gradient = system.gradient(points, t)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(system.mobility_divergence(points, t), expected, rtol=1e-12, atol=1e-13)
    drift = -system.mobility_at(points, t)[[0, 1], [0, 1]] * gradient + 0.5 * expected
    np.testing.assert_allclose(system.drift_at(points, t), drift, rtol=1e-12)
    hessian = system.hessian(points, t)
    assert hessian.shape == (2, 2, 20)
    np.testing.assert_allclose(hessian[0, 1], hessian[1, 0], rtol=1e-12, atol=1e-13)
    for a in range(2):
        h = np.zeros((2, 1))
        h[a] = 1e-5
        difference = (system.gradient(points + h, t) - system.gradient(points - h, t)) / 2e-5
        np.testing.assert_allclose(hessian[a], difference, rtol=1e-6, atol=1e-6)


def test_by_hand() -> None:
    x, y = np.random.default_rng(6).normal(size=(2, 3, 4))
    system = System(**PLANE, mobility=[["1/(1 + x**2)", 0], [0, "2 + sin(y)"]])
    points = np.stack([x, y])
    gradient = np.stack([4 * x * (x**2 - 1) + y**2 / 2, x * y])
    diagonal = np.stack([1 / (1 + x**2), 2 + np.sin(y)])
    mobility = np.zeros((2, 2, *x.shape))
    mobility[0, 0], mobility[1, 1] = diagonal
    divergence = np.stack([-2 * x / (1 + x**2) ** 2, np.cos(y)])
    hessian = np.array([[12 * x**2 - 4, y], [y, x]])
    for got, expected in [
        (system.energy_at(points), (x**2 - 1) ** 2 + x * y**2 / 2),
        (system.gradient(points), gradient),
        (system.mobility_at(points), mobility),
        (system.mobility_divergence(points), divergence),
        (system.hessian(points), hessian),
        (system.drift_at(points), -diagonal * gradient + 0.5 * divergence),
        (dataclasses.replace(system, temperature=0).drift_at(points), -diagonal * gradient),
    ]:
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-14)


def test_no_divergence_term_at_zero_temperature() -> None:
    # √x has an infinite slope at 0; without noise there is no such term, and 0·∞ must not make it NaN.
    system = System(energy="x**2/2", mobility="sqrt(abs(x))", temperature=0)
    assert system.drift_at([[0.0]]).tolist() == [[0.0]]


def test_multi_line_text_and_time() -> None:
    system = System(energy="(x**2/2\n  - x*cos(t))", mobility="1 + t", temperature=1.0)
    x = np.array([[1.0, 2.0]])
    np.testing.assert_allclose(system.drift_at(x, 2.0), -3.0 * (x - math.cos(2.0)))
    assert system.facts.energy_depends_on_time
    still = System(energy="x**2", mobility="1 + t", temperature=1.0)
    assert not still.facts.energy_depends_on_time
    assert still.facts.depends_on_time


@pytest.mark.parametrize("shape", [(), (2, 1), (3, 2)])
def test_positions_of_another_dimension(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match="the first axis must have length d = 1"):
        System(**WELL).energy_at(np.ones(shape))


def test_one_point_needs_no_axis_of_points() -> None:
    plane = System(**PLANE)
    assert plane.energy_at([1.0, 2.0]).shape == ()
    assert float(plane.energy_at([1.0, 2.0])) == 2.0
    assert plane.gradient([1.0, 2.0]).tolist() == [2.0, 2.0]
    assert plane.hessian([1.0, 2.0]).shape == (2, 2)


@pytest.mark.parametrize("names", [("x0", "x1"), ("cse0", "Select"), ("numpy", "array"), ("E", "I"), ("_", "__")])
def test_names_that_generated_code_uses_too(names: tuple[str, str]) -> None:
    a, b = names
    text = f"exp({a}*{b}) + ({a}*{b})**2 + sqrt({b})*abs({a})"
    system = System(energy=text, temperature=1.0, coordinates=names)
    x, y = 0.5, 2.0
    assert math.isclose(system.energy_at([[x], [y]])[0], math.e + 1 + math.sqrt(2) / 2)
    np.testing.assert_allclose(system.gradient([[x], [y]])[0], [y * math.e + 2 * x * y**2 + math.sqrt(2)])


@pytest.mark.parametrize(
    ("text", "at", "gradient", "hessian"),
    [
        ("abs(x)", -2.0, -1.0, 0.0),
        ("abs(x)**3", -2.0, -12.0, 12.0),
        ("sqrt(x**2)", 3.0, 1.0, 0.0),
        ("abs(sqrt(x))", 4.0, 0.25, -1 / 32),
        ("abs(log(x))", 0.5, -2.0, 4.0),
        ("abs(x*log(x))", 2.0, 1 + math.log(2), 0.5),
        ("tan(x + pi/2)", 1.0, 1 + 1 / math.tan(1) ** 2, -2 / math.tan(1) * (1 + 1 / math.tan(1) ** 2)),
        ("x*log(1e20)", 1.0, 20 * math.log(10), 0.0),
        ("x*sin(10**20)", 1.0, math.sin(10**20), 0.0),
        ("x**2*sqrt(2e19)", 1.0, 2 * math.sqrt(2e19), 2 * math.sqrt(2e19)),
    ],
)
def test_kinks_and_large_constants(text: str, at: float, gradient: float, hessian: float) -> None:
    system = System(energy=text, temperature=1.0)
    np.testing.assert_allclose(system.gradient([[at]]), [[gradient]], rtol=1e-12)
    np.testing.assert_allclose(system.hessian([[at]]), [[[hessian]]], rtol=1e-12, atol=1e-300)


def test_abs_keeps_the_domain() -> None:
    assert np.isnan(System(energy="abs(exp(sqrt(x)))", temperature=1.0).energy_at([[-4.0]])).all()


def test_reserved_names_are_what_expressions_know() -> None:
    assert {"t", "T", *functions.CONSTANTS, *functions.SMOOTH, *functions.LOGICAL} == RESERVED


def test_sympy_expressions_are_read_as_their_text() -> None:
    x, y, a = sp.symbols("x y a")
    energy = (x**2 - 1) ** 2 + a * sp.exp(-(y**2)) + sp.Rational(1, 3) * sp.Abs(x - y) ** 3 + sp.pi * y**2
    arguments: dict[str, Any] = {"temperature": 0.5, "coordinates": ("x", "y"), "parameters": {"a": 0.7}}
    symbolic = System(
        energy=energy, mobility=sp.Matrix([[2 + sp.sin(x), x * y / 9], [x * y / 9, 3]]), drift=[y, -x], **arguments
    )
    text = System(
        energy="(x**2 - 1)**2 + a*exp(-y**2) + abs(x - y)**3/3 + pi*y**2",
        mobility=[["2 + sin(x)", "x*y/9"], ["x*y/9", 3]],
        drift=["y", "-x"],
        **arguments,
    )
    points = np.random.default_rng(9).normal(size=(2, 20))
    np.testing.assert_allclose(symbolic.drift_at(points), text.drift_at(points), rtol=1e-13)
    again = System(**symbolic.to_dict())
    np.testing.assert_array_equal(again.drift_at(points), symbolic.drift_at(points))
    with pytest.raises(InvalidExpression, match="gamma"):
        System(energy=sp.gamma(x), temperature=1.0)


def test_tensor_and_drift_by_hand() -> None:
    system = System(
        energy="x**2/2 + x*y*z",
        mobility=[["1 + y**2", "x*y", 0], ["y*x", "2 + x**2", "z"], [0, "z", "3 + z**2"]],
        drift=["t*y", 0, "x"],
        temperature=0.25,
        coordinates=("x", "y", "z"),
    )
    x, y, z = np.random.default_rng(10).normal(size=(3, 8))
    t, zero = 1.5, np.zeros(8)
    gradient = np.stack([x + y * z, x * z, x * y])
    mobility = np.array([[1 + y**2, x * y, zero], [x * y, 2 + x**2, z], [zero, z, 3 + z**2]])
    divergence = np.stack([x, y + 1, 2 * z])
    force = np.stack([t * y, zero, x]) - np.einsum("abn,bn->an", mobility, gradient)
    points = np.stack([x, y, z])
    np.testing.assert_allclose(system.mobility_at(points), mobility)
    np.testing.assert_allclose(system.mobility_divergence(points), divergence)
    np.testing.assert_allclose(system.force_at(points, t), force, rtol=1e-13)
    np.testing.assert_allclose(system.drift_at(points, t), force + 0.25 * divergence, rtol=1e-13)
    assert system.facts.has_drift
    assert not system.facts.is_diagonal


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drift": ["1"]}, "drift: got 1 entries; one text or number for each of the 2 coordinates"),
        ({"drift": "x"}, "drift: got 1 entries"),
        ({"drift": 3.5}, "drift: got 1 entries"),
        ({"drift": {"x": 1}}, "drift: got"),
        ({"drift": ["x", "q"]}, r"drift\[1\]: unknown name 'q'"),
    ],
)
def test_drift_refused(change: Mapping[str, Any], words: str) -> None:
    with pytest.raises((InvalidArgument, InvalidExpression), match=words):
        System(**{**PLANE, **change})


def test_a_vector_system_and_its_copies() -> None:
    system = System(
        coordinates={"v": 3},
        energy="v @ A @ v / 2",
        parameters={"A": np.diag([1.0, 2.0, 3.0]), "k": 2},
        temperature=0.5,
        units={"v": "mV", "time": "ms"},
    )
    assert system.names == ("v[0]", "v[1]", "v[2]")
    assert system.units["v[1]"] == "mV"
    colder = dataclasses.replace(system, temperature=0.25)
    twin = pickle.loads(pickle.dumps(system))
    again = System(**json.loads(json.dumps(system.to_dict())))
    for copy_ in (colder, twin, again):
        assert copy_.names == system.names
        np.testing.assert_array_equal(copy_.gradient(np.ones((3, 2))), [[1, 1], [2, 2], [3, 3]])
    np.testing.assert_allclose(system.hessian(np.zeros(3)), np.diag([1.0, 2.0, 3.0]), atol=1e-300)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"coordinates": {}}, "got 0 vectors"),
        ({"coordinates": {"v": 2**20, "w": 1}}, "got length 1 for 'w' behind 1048576 others; at most 1048576"),
        ({"coordinates": {"v": 0}}, "positive integer"),
        ({"coordinates": {"t": 2}}, "'t' is reserved"),
        ({"parameters": {"A": "text"}}, r"parameters.A: got 'text'"),
        ({"parameters": {"A": [[np.nan]]}}, "not finite"),
        ({"energy": "v"}, "a scalar is needed"),
        ({"units": {"x": "m"}}, "units: unknown key 'x'"),
    ],
)
def test_vector_refused(change: Mapping[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {"coordinates": {"v": 2}, "energy": "v @ v", "temperature": 1.0}
    with pytest.raises((InvalidArgument, InvalidExpression), match=words):
        System(**{**arguments, **change})
