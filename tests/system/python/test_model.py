"""Models of Python functions against the same models as text, and their place in the code cache."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from langevin_kit import System
from langevin_kit.cache import modules as cache
from langevin_kit.errors import InvalidArgument, InvalidExpression
from langevin_kit.kernels.jit import driver
from langevin_kit.system.python.function import PythonFunction
from langevin_kit.system.python.model import FunctionModel

PARAMETERS = {"a": 0.7, "n": 3.0}
X = np.random.default_rng(1).normal(0.0, 1.0, (2, 61))


def wrapped(function: Any, field: str = "energy") -> Any:
    return PythonFunction(function, ("x", "y", "t", *PARAMETERS), field=field) if callable(function) else function


def model(energy: Any = 0.0, mobility: Any = 1.0, drift: Any = None, d: int = 2) -> FunctionModel:
    if isinstance(mobility, list):
        mobility = tuple(
            tuple(wrapped(entry, f"mobility[{i}][{j}]") for j, entry in enumerate(row))
            for i, row in enumerate(mobility)
        )
    return FunctionModel(
        coordinates=("x", "y")[:d],
        parameters=PARAMETERS,
        energy=wrapped(energy),
        mobility=wrapped(mobility, "mobility"),
        drift=tuple(wrapped(b, "drift") for b in drift) if isinstance(drift, list) else wrapped(drift, "drift"),
    )


def helper(u: float) -> float:
    return 1.0 / (1.0 + u * u)


DEPTH = 0.5


def plane(x: float, y: float, a: float, t: float) -> float:
    u = x * x - 1
    if x > y:
        return u * u + a * x * y + DEPTH * y**2 + math.sin(t * x)
    total = 0.0
    for k in range(3):
        total += (x - y) ** k / (k + 1)
    return u * u + total * y**2


PLANE = (
    "(x**2 - 1)**2 + a*x*y + 0.5*y**2 + sin(t*x)",
    "(x**2 - 1)**2 + (1 + (x - y)/2 + (x - y)**2/3)*y**2",
)


def text(energy: str, mobility: Any = 1.0) -> System:
    return System(energy=energy, mobility=mobility, temperature=0.5, coordinates=("x", "y"), parameters=PARAMETERS)


def test_the_double_well_has_the_forces_of_its_text() -> None:
    well = model(lambda x: (x**2 - 1) ** 2, lambda x: 1 / (1 + x**2), d=1)
    same = System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.0)
    x = np.linspace(-2, 2, 401)[None]
    np.testing.assert_allclose(well.evaluate("force", x), same.drift_at(x), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(well.evaluate("gradient", x), same.gradient(x), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(well.evaluate("hessian", x), same.hessian(x), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("t", [0.0, 1.3])
def test_branches_loops_and_time_equal_the_text_of_each_branch(t: float) -> None:
    functions = model(plane, [[lambda x, y: helper(x) + 0.2, 0], [0, lambda x, y: 1.5 + math.cos(x * y)]])
    mobility = [["1/(1 + x**2) + 0.2", 0], [0, "1.5 + cos(x*y)"]]
    for branch, here in zip(PLANE, (X[0] > X[1], X[0] <= X[1]), strict=True):
        same = text(branch, mobility)
        x = X[:, here]
        close = {"rtol": 2e-14, "atol": 2e-14}
        np.testing.assert_allclose(functions.evaluate("energy", x, t)[0], same.energy_at(x, t), **close)
        np.testing.assert_allclose(functions.evaluate("gradient", x, t), same.gradient(x, t), **close)
        np.testing.assert_allclose(functions.evaluate("hessian", x, t), same.hessian(x, t), rtol=1e-13, atol=1e-13)
        k = functions.evaluate("mobility", x, t)
        np.testing.assert_allclose(k, same.mobility_at(x, t), **close)
        assert not k[[0, 1], [1, 0]].any()
        np.testing.assert_allclose(
            functions.evaluate("mobility_divergence", x, t), same.mobility_divergence(x, t), **close
        )
        force, divergence = functions.evaluate("drift_jacobian", x, t)
        jacobian = force + 0.5 * divergence
        np.testing.assert_allclose(jacobian, same.drift_jacobian(x, t), rtol=1e-12, atol=1e-12)
    assert not np.allclose(functions.evaluate("gradient", X[:, ::-1], t), functions.evaluate("gradient", X, t))


def matrix(x: float, y: float, a: float) -> tuple[tuple[float, float], tuple[float, float]]:
    return (1 + x**2, a * x * y + y), (a * x * y - y, 2 + math.sin(x))


def turning(x: float, y: float) -> tuple[float, float]:
    return -y, x * y


def exact_matrix_terms(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """K, ∇·K over the second index, and b − K∇E for E = x²y, by hand."""
    a, one = PARAMETERS["a"], np.ones_like(x)
    k = np.array([[1 + x**2, a * x * y + y], [a * x * y - y, 2 + np.sin(x)]])
    gradient = np.array([2 * x * y, x**2])
    return {
        "mobility": k,
        "mobility_divergence": np.array([2 * x + a * x + one, a * y + 0 * one]),
        "force": np.array([-y, x * y]) - np.einsum("abn,bn->an", k, gradient),
        "s": np.array([1 + x**2, a * x * y, 2 + np.sin(x)]),
    }


ENTRIES = [
    [lambda x, y: 1 + x**2, lambda x, y, a: a * x * y + y],
    [lambda y, x, a: a * x * y - y, lambda x: 2 + math.sin(x)],
]


@pytest.mark.parametrize("mobility", [matrix, ENTRIES], ids=["one function", "entries"])
@pytest.mark.parametrize("drift", [turning, [lambda y: -y, lambda y, x: x * y]], ids=["one function", "entries"])
def test_a_full_mobility_and_a_drift(mobility: Any, drift: Any) -> None:
    functions = model(lambda x, y: x * x * y, mobility, drift)
    exact = exact_matrix_terms(*X)
    for what in ("mobility", "mobility_divergence", "force"):
        np.testing.assert_allclose(functions.evaluate(what, X), exact[what], rtol=1e-13, atol=1e-13, err_msg=what)
    h = 1e-6
    force, divergence = functions.evaluate("drift_jacobian", X)
    for b, shift in enumerate(np.eye(2)[:, :, None] * h):
        up, down = exact_matrix_terms(*(X + shift)), exact_matrix_terms(*(X - shift))
        np.testing.assert_allclose(force[:, b], (up["force"] - down["force"]) / (2 * h), atol=1e-7)
        slope = (up["mobility_divergence"] - down["mobility_divergence"]) / (2 * h)
        np.testing.assert_allclose(divergence[:, b], slope, atol=1e-7)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 3e-5)])
def test_the_lines_of_a_step(dtype: str, tolerance: float) -> None:
    """Every output by its name, in the state's dtype."""
    functions = model(lambda x, y: x * x * y, matrix, turning)
    names = functions.outputs
    vectors = ("force0", "force1", "divergence0", "divergence1")
    assert names == (*vectors, "s00", "s01", "s11", "vk00", "vk01", "vk10", "vk11")
    source = functions.definitions + (
        f"@cached_driver\ndef at({functions.state}):\n    {functions.lines[0]}\n    return ({', '.join(names)},)\n"
    )
    at = cache.load(source, functions.compiled, functions.fingerprint).at
    exact = exact_matrix_terms(*X)
    expected = np.concatenate([exact["force"], exact["mobility_divergence"], exact["s"], *exact["mobility"]])
    number = np.dtype(dtype).type
    for i in range(5):
        got = at(*map(number, (0.0, *X[:, i], *PARAMETERS.values())))
        np.testing.assert_allclose(got, expected[:, i], rtol=tolerance, atol=tolerance)
    assert {str(t) for t in at.nopython_signatures[-1].return_type} == {dtype}


def tuple_loop(x: float, y: float) -> float:
    total = 0.0
    for v in (x, y):
        total += v**4
    return total


def test_a_loop_over_coordinates_is_compiled_with_all_derivatives() -> None:
    functions = model(tuple_loop)
    assert functions.dense
    assert not model(plane).dense
    np.testing.assert_allclose(functions.evaluate("gradient", X), 4 * X**3, rtol=1e-14)
    np.testing.assert_allclose(functions.evaluate("hessian", X)[[0, 1], [0, 1]], 12 * X**2, rtol=1e-14)


def test_numbers_stand_for_functions() -> None:
    free = model(0, [[2, 0.5], [-0.5, 1]])
    np.testing.assert_array_equal(free.evaluate("force", X), 0.0)
    np.testing.assert_array_equal(free.evaluate("mobility", X)[:, :, 0], [[2, 0.5], [-0.5, 1]])
    np.testing.assert_array_equal(free.evaluate("drift_jacobian", X), 0.0)
    assert free.functions == ()
    assert not model(lambda: 3).evaluate("gradient", X).any()


def test_other_parameters_need_no_new_code() -> None:
    functions = model(lambda x, a: a * x)
    np.testing.assert_array_equal(functions.evaluate("gradient", X, 0.0, (5.0, 0.0))[0], 5.0)
    with pytest.raises(InvalidArgument, match=r"parameters: got shape \(1,\); 2 are needed: a, n"):
        functions.evaluate("gradient", X, 0.0, (5.0,))


def test_four_coordinates() -> None:
    """A ring of springs: E = Σ (xᵢ − xᵢ₊₁)⁴/4."""

    def ring(x: float, y: float, z: float, w: float) -> float:
        return ((x - y) ** 4 + (y - z) ** 4 + (z - w) ** 4 + (w - x) ** 4) / 4

    names = ("x", "y", "z", "w")
    energy = PythonFunction(ring, names, field="energy")
    functions = FunctionModel(coordinates=names, parameters={}, energy=energy)
    x = np.random.default_rng(2).normal(0.0, 1.0, (4, 3, 5))
    cubes = (x - np.roll(x, -1, axis=0)) ** 3
    np.testing.assert_allclose(functions.evaluate("force", x), np.roll(cubes, 1, axis=0) - cubes, rtol=1e-13)
    hessian = functions.evaluate("hessian", x)
    assert hessian.shape == (4, 4, 3, 5)
    assert not hessian[0, 2].any()
    np.testing.assert_allclose(hessian[0, 1], -3 * (x[0] - x[1]) ** 2, rtol=1e-14)
    with pytest.raises(InvalidArgument, match="coordinates: got 10 names"):
        FunctionModel(coordinates="abcdefghij", parameters={})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"energy": lambda x: (x, x)}, r"energy: the function <lambda> returns a tuple of shape \(2,\); a number"),
        ({"mobility": lambda x: (x, x)}, r"mobility: .* shape \(2,\); a number or a tuple of shape \(2, 2\) is needed"),
        ({"mobility": lambda x: ((x, x, x),) * 3}, r"shape \(3, 3\)"),
        ({"mobility": [[lambda x: x, 0]]}, r"mobility: got rows of lengths \[2\]; a 2 × 2 matrix"),
        ({"mobility": [[lambda x: (x, x), 0], [0, 1]]}, r"mobility\[0\]\[0\]: .* shape \(2,\)"),
        ({"drift": lambda x: x}, r"drift: the function <lambda> returns a number; a tuple of shape \(2,\)"),
        ({"drift": [lambda x: x]}, "drift: got 1 entries; 2 are needed"),
        ({"energy": math.inf}, "energy: got inf"),
        ({"energy": "x"}, "energy: got 'x'"),
        ({"drift": [True, 0]}, "drift: got True"),
    ],
)
def test_shapes_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        model(**arguments)


def bad_helper(u: float) -> float:
    return u % 2


LIST = [1.0, 2.0]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (
            lambda x: x % 2,
            r"energy: the function <lambda> cannot be compiled in .*x % 2.*: No implementation of function mod",
        ),
        (lambda x: bad_helper(x), r"the function <lambda> cannot be compiled in 'return u % 2'"),
        (lambda x: math.gamma(x), r"No implementation of function gamma .*\. Allowed are arithmetic"),
        (lambda x: x.real, "Unknown attribute 'real' of type number"),
        (lambda x: LIST[0] * x, "list"),
        (lambda x: x if x else 0.0, "truth"),
        (lambda x: sum(v for v in (x, x)), "contains a generator"),
    ],
)
def test_what_cannot_be_compiled_is_named(function: Callable[..., Any], words: str) -> None:
    with pytest.raises(InvalidExpression, match=words) as caught:
        _ = model(function).dense
    assert len(str(caught.value)) < 600
    assert "Dual" not in str(caught.value)


def test_an_unknown_quantity_and_a_wrong_shape() -> None:
    functions = model(plane)
    with pytest.raises(InvalidArgument, match="x: got shape"):
        functions.evaluate("energy", np.zeros((3, 4)))
    with pytest.raises(InvalidArgument, match="did you mean 'gradient'"):
        functions.evaluate("gradiant", X)


SCRIPT = """\
from langevin_kit.system.python.model import FunctionModel
from langevin_kit.system.python.function import PythonFunction
import numpy as np
DEPTH = {depth}
def helper(u):
    return {body}
def energy(x):
    return DEPTH*helper(x)
f = PythonFunction(energy, ("x", "t"), field="energy")
model = FunctionModel(coordinates=("x",), parameters={{}}, energy=f)
value = model.evaluate("gradient", np.array([[1.5]]))[0, 0]
stats = [model._compiled(what, False).stats for what in ("coefficients", "gradient")]
print(value, sum(sum(s.cache_hits.values()) for s in stats), sum(sum(s.cache_misses.values()) for s in stats))
print(len(f.compiled.signatures))
"""


def in_a_process(folder: Path, path: Path, **change: str) -> tuple[float, int, int, int]:
    path.write_text(SCRIPT.format(**{"depth": "2.0", "body": "u*u"} | change))
    environment = os.environ | {
        "LANGEVIN_CACHE_DIR": str(folder),
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    done = subprocess.run([sys.executable, str(path)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    value, hits, misses, compiled = done.stdout.split()
    return float(value), int(hits), int(misses), int(compiled)


def test_the_next_process_compiles_nothing_and_an_edit_is_never_stale(tmp_path: Path) -> None:
    folder, path = tmp_path / "code", tmp_path / "script.py"
    first = in_a_process(folder, path)
    assert first[:3] == (6.0, 0, 2)
    assert first[3] > 0
    assert in_a_process(folder, path) == (6.0, 2, 0, 0)
    assert in_a_process(folder, path, body="u*u*u")[:3] == (13.5, 0, 2)
    assert in_a_process(folder, path, depth="4.0")[:3] == (12.0, 0, 2)
    # Another script, from a file that is no longer there, may use the same code.
    other = tmp_path / "other.py"
    path.unlink()
    assert in_a_process(folder, other) == (6.0, 2, 0, 0)


def test_what_cannot_be_fingerprinted_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGEVIN_CACHE_DIR", str(tmp_path / "code"))
    for weight in (2.0, 3.0):
        functions = model(over(np.array([weight])))
        assert functions.fingerprint is None
        np.testing.assert_array_equal(functions.evaluate("gradient", X)[0], weight)
    assert not list((tmp_path / "code").glob("*.py"))


def over(table: np.ndarray) -> Callable[[float], Any]:
    return lambda x: table[0] * x


def test_the_compiled_value_is_that_of_python() -> None:
    functions = model(plane)
    got = functions.evaluate("energy", X, 0.4)[0]
    expected = [plane(x, y, PARAMETERS["a"], 0.4) for x, y in X.T]
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-14)


def test_bits_do_not_depend_on_the_number_of_points() -> None:
    functions = model(plane, matrix, turning)
    for what in ("force", "mobility_divergence", "hessian"):
        whole = functions.evaluate(what, X)
        one = np.stack([functions.evaluate(what, X[:, i]) for i in range(X.shape[1])], axis=-1)
        np.testing.assert_array_equal(one, whole, err_msg=what)


def test_a_driver_may_hold_the_functions_directly() -> None:
    compiled = wrapped(plane).compiled
    f = driver(lambda x, y: compiled(x, y, 0.7, 0.0))
    assert f(0.5, 0.25) == pytest.approx(plane(0.5, 0.25, 0.7, 0.0), rel=1e-15)
