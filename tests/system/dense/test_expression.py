"""The text language of dense systems: what it means, and what it refuses with the shapes in the message."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_kit.errors import InvalidExpression
from langevin_kit.system.dense import graph
from langevin_kit.system.dense.evaluate import evaluate
from langevin_kit.system.dense.expression import parse
from langevin_kit.system.dense.graph import Node

V = Node("state", (3,), value="v")
VALUES = {
    "s": np.array(1.5),
    "b": np.array([0.5, -1.0, 2.0]),
    "c": np.array([1.0, 2.0]),
    "A": np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0], [2.0, 0.5, 1.0]]),
    "X": np.array([[1.0, -2.0, 0.5], [0.25, 1.0, 3.0]]),
}
NAMES = {
    "v": V,
    "t": Node("time", ()),
    **{k: Node("matrix" if a.ndim == 2 else "parameter", a.shape, value=k) for k, a in VALUES.items()},
}
X = np.random.default_rng(0).normal(size=(3, 5))
T = 0.7


def python(text: str) -> np.ndarray:
    """The text as NumPy itself reads it, particle by particle."""
    names = {
        name: getattr(np, name)
        for name in ("exp", "log", "sqrt", "sin", "cos", "sinh", "cosh", "tanh", "abs", "sign", "pi")
    }
    names |= {
        "sum": np.sum,
        "logsumexp": lambda z: np.log(np.sum(np.exp(z))),
        "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
        "logcosh": lambda x: np.log(np.cosh(x)),
        "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
        "hardtanh": lambda x: np.clip(x, -1, 1),
        "softplus": lambda x: np.log1p(np.exp(x)),
        "atan": np.arctan,
        "atanh": np.arctanh,
    }
    columns = [eval(text, names, {**VALUES, "v": X[:, i], "t": T}) for i in range(X.shape[1])]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "v",
        "-v + +v*2",
        "v*b - b/v + 2/v - v/2",
        "s*v/s - t*v + v/t",
        "v**3 + v**-2 + v**0 - v**1",
        "(2*v)**2*(3*b)*(-1)",
        "A @ v",
        "v @ A",
        "X @ v",
        "c @ X",
        "c @ X @ v",
        "v @ A @ v",
        "v @ v",
        "v @ b * 2",
        "s * A @ v",
        "A*s @ v",
        "A/s @ v",
        "-A @ (2*v)",
        "2*A @ (s*v) - v @ (3*A)",
        "A @ (A @ v)",
        "sum(v)",
        "sum(2*v*b) + sum(v**2)",
        "sum(A @ v)*v",
        "logsumexp(X @ v)",
        "logsumexp(s*v - b)*s",
        "exp(v) + log(2 + abs(v)) - sqrt(v**2 + 1) + sin(v)*cos(t) + sinh(v)/cosh(v) - tanh(s*v)",
        "logcosh(s*v) + logcosh(2)*b",
        "atanh(tanh(s*v)) + atanh(0.5)*b",
        "atan(3*v)*atan(b) + atan(2)",
        "leaky_relu(v, 0.1) + leaky_relu(A @ v, s)",
        "elu(3*v)*hardtanh(v - b/2) + softplus(A @ v)",
        "sign(A @ v) - v*sign(-2) + sign(v - v)*sign(s)",
        "pi*v + exp(1)*b - sqrt(2)",
        "v @ (A @ v - 1)",
        "1/(1 + v @ v) * v",
        "(v\n + b)",
    ],
)
def test_means_what_numpy_means(text: str) -> None:
    node = parse(text, NAMES, field="drift")
    expected = python(text)
    np.testing.assert_allclose(evaluate(node, X, T, VALUES), expected, rtol=1e-13, atol=1e-13)
    assert node.shape == expected.shape[:-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A @ c", r"@ of shapes \(3, 3\) and \(2,\); the inner lengths"),
        ("v @ X", r"@ of shapes \(3,\) and \(2, 3\)"),
        ("v + c", r"Add of vectors of shapes \(3,\) and \(2,\)"),
        ("v*c", r"Mult of vectors of shapes"),
        ("A + A", r"Add of shapes \(3, 3\) and \(3, 3\); a matrix may be scaled"),
        ("A*v", r"Mult of shapes \(3, 3\) and \(3,\)"),
        ("A*A @ v", r"Mult of shapes \(3, 3\) and \(3, 3\)"),
        ("v/A", "Div of shapes"),
        ("s/A", "Div of shapes"),
        ("A @ A @ v", r"two matrices of shapes \(3, 3\) and \(3, 3\); write A @ \(B @ v\)"),
        ("s @ v", "scalars are multiplied with"),
        ("A**2", "power of a matrix"),
        ("v**0.5", "the exponent must be an integer"),
        ("v**s", "the exponent must be an integer"),
        ("v**v", "the exponent must be an integer"),
        ("v**65", "at most 64"),
        ("tanh(A)", r"tanh of a matrix of shape \(3, 3\)"),
        ("sum(s)", "sum of a scalar"),
        ("logsumexp(v @ v)", "logsumexp of a scalar"),
        ("relu(v)", "leaky_relu"),
        ("max(v)", "logsumexp"),
        ("softmax(v)", "exp"),
        ("sign(v)", "it jumps, which no gradient shows; it is for drifts and observables alone"),
        ("tan(v)", "no function of dense expressions; did you mean 'tanh'"),
        ("leaky_relu(v)", "takes 2 arguments, got 1"),
        ("leaky_relu(v, v)", "slope"),
        ("leaky_relu(v, v @ v)", "slope"),
        ("tanh(v, v)", "takes 1 argument, got 2"),
        ("tanh(x=v)", "takes 1 argument, got 0"),
        ("w + v", "unknown name 'w'"),
        ("tanh", "is a function: write"),
        ("v[0]", "Subscript is not allowed"),
        ("A.T @ v", "Attribute is not allowed"),
        ("v.sum()", "only a function's name"),
        ("(lambda: v)()", "only a function's name"),
        ("[v for v in b]", "ListComp is not allowed"),
        ("v if v else b", "IfExp is not allowed"),
        ("v > 0", "Compare is not allowed"),
        ("__import__('os')", "no function"),
        ("v % 2", "Mod is not allowed"),
        ("v // 2", "FloorDiv is not allowed"),
        ("~v", "Invert is not allowed"),
        ("True*v", "is no real number"),
        ("1j*v", "is no real number"),
        ("'v'", "is no real number"),
        ("1/0*v", "division by zero"),
        ("0**-1*v", "no real, finite value"),
        ("exp(1000)*v", "no real, finite value"),
        ("log(-1)*v", "no real, finite value"),
        ("1e308*10*v", "too large"),
        ("1e400*v", "too large"),
        ("v +", "invalid syntax"),
        ("α", "not allowed"),
        ("v" + "+v" * 3000, "at most 4096"),
        ("v" + "+v" * 200, "nested deeper"),
        ("-" * 150 + "v", "nested deeper"),
        (None, "give text or a number"),
        (True, "give text or a number"),
    ],
)
def test_refusals(text: object, message: str) -> None:
    with pytest.raises(InvalidExpression, match=message) as caught:
        parse(text, NAMES, field="energy")
    assert str(caught.value).startswith("energy: ")


def test_the_mark_stands_under_the_operation() -> None:
    with pytest.raises(InvalidExpression) as caught:
        parse("v + (b * c)", NAMES, field="drift")
    _, text, mark = str(caught.value).splitlines()
    assert text[mark.index("^") :] == "b * c)"


def test_both_products_of_a_quadratic_form_become_one() -> None:
    from langevin_kit.system.dense.differentiate import gradient

    slope = gradient(parse("v @ A @ v / 2 - b @ v", NAMES, field="energy"), V)
    products = [node for node in graph.postorder([slope]) if node.kind == "product"]
    assert [p.arguments[0].orientation for p in products] == ["S"]


@pytest.mark.parametrize(
    ("text", "degree"),
    [
        ("3 + t", 0),
        ("b @ v", 1),
        ("v @ A @ v + s*sum(v)", 2),
        ("sum((X @ v)**2)/t", 2),
        ("(v @ v)**2", 4),
        ("sum(tanh(v))", np.inf),
        ("1/(v @ v)", np.inf),
        ("logsumexp(v)", np.inf),
        ("sum(leaky_relu(v, 0.1))", np.inf),
        ("sum(tanh(b))", 0),
    ],
)
def test_degree(text: str, degree: float) -> None:
    assert graph.degree(parse(text, NAMES, field="energy")) == degree


def test_shared_arguments_cost_no_exponential_time() -> None:
    text = "v"
    for _ in range(60):
        text = f"leaky_relu({text},2)"
    node = parse(f"sum({text})", NAMES, field="energy")
    assert len(graph.postorder([node])) < 200
    assert graph.degree(node) == np.inf


@pytest.mark.parametrize(
    ("text", "value", "slope"), [("elu(v)", 0.0, 1.0), ("softplus(v)", np.log(2), 0.5), ("hardtanh(v)", 0.0, 1.0)]
)
def test_slopes_at_zero(text: str, value: float, slope: float) -> None:
    """Where biases are 0, networks often are: a step there must not lose the slope."""
    node = parse(text, NAMES, field="drift")
    at_zero = evaluate(node, np.full((3, 1), 1e-30j), T, VALUES)
    np.testing.assert_allclose(at_zero.real, value, atol=1e-16)
    np.testing.assert_allclose(at_zero.imag / 1e-30, slope)
    far = evaluate(
        parse("elu(v) + hardtanh(v) + softplus(v)", NAMES, field="drift"), np.array([[1e9, -1e9, 1e3]]).T, T, {}
    )
    np.testing.assert_allclose(far[:, 0], [2e9 + 1, -2, 2001])
