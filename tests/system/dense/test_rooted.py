"""Mobilities given by their roots, as graphs: S = R Rᵀ, what is linear, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, InvalidExpression, LangevinKitError
from langevin_kit.system.dense import DenseDerived, dense
from langevin_kit.system.dense.differentiate import gradient
from langevin_kit.system.dense.evaluate import evaluate
from langevin_kit.system.dense.expression import parse
from langevin_kit.system.dense.graph import Node, dot, is_linear, substituted

Array = NDArray[Any]
RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 3))
NAMES = {
    "h": Node("state", (3,), value="h"),
    "z": Node("normals", (3,), value="z", first=3),
    "A": Node("matrix", (3, 3), value="A"),
    "a": Node("parameter", (3,), value="a"),
    "t": Node("time", ()),
}
LINEAR = [
    "z",
    "sqrt(h)*z - h*(sqrt(h) @ z)",
    "-(2*z)/(1 + h**2) + A @ (h*z) - (z @ A)*t",
    "sum(z)*h + (h @ (A @ z))*a - z*logsumexp(h)",
    "leaky_relu(h, 0.1)*z",
    "a*(z @ h)/(h @ h)",
]
NOT_LINEAR = [
    "h",
    "z + h",
    "z*z",
    "z**2",
    "exp(z)",
    "(z @ z)*h",
    "z/(1 + z @ h)",
    "z*sum(z)",
    "h/z",
    "abs(z)",
    "0*h + 1",
]


def value(node: Node, h: Array, z: Array) -> Array:
    return evaluate(node, np.concatenate([h, z]), 0.3, {"A": A, "a": np.array([0.5, -1.0, 2.0])})


def read(text: str) -> Node:
    return parse(text, NAMES, field="mobility")


@pytest.mark.parametrize("text", LINEAR)
def test_linear_texts_are_seen_and_are(text: str) -> None:
    node = read(text)
    assert is_linear(node, NAMES["z"])
    h, u, v = np.abs(RNG.normal(size=(3, 3, 5)))
    whole = value(node, h, 2 * u - 3 * v)
    np.testing.assert_allclose(whole, 2 * value(node, h, u) - 3 * value(node, h, v), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("text", NOT_LINEAR)
def test_other_texts_are_seen(text: str) -> None:
    assert not is_linear(read(text), NAMES["z"])


@given(st.lists(st.tuples(st.sampled_from(LINEAR + NOT_LINEAR), st.sampled_from("+-")), min_size=2, max_size=4))
def test_a_sum_is_linear_where_all_its_terms_are(terms: list[tuple[str, str]]) -> None:
    """Or where those that are not cancel, which is not looked for."""
    text = " ".join(f"{sign} ({term})" for term, sign in terms)
    assert is_linear(read(text), NAMES["z"]) == all(term in LINEAR for term, _ in terms)


@pytest.mark.parametrize("text", LINEAR)
def test_the_transposed_root_is_a_gradient(text: str) -> None:
    """w·R u = u·Rᵀw for all u and w, with the normals replaced by a vector of the state too."""
    node, w = read(text), Node("parameter", (3,), value="w")
    back = gradient(dot(w, node), NAMES["z"])
    h, u = np.abs(RNG.normal(size=(2, 3)))
    weights = RNG.normal(size=3)
    x = np.concatenate([h, u])
    parameters = {"A": A, "a": np.array([0.5, -1.0, 2.0]), "w": weights}
    forward, backward = (evaluate(each, x, 0.3, parameters) for each in (node, back))
    assert weights @ forward == pytest.approx(u @ backward, rel=1e-12)
    squared = evaluate(substituted(node, NAMES["z"], back), x, 0.3, parameters)
    R = np.stack([evaluate(node, np.concatenate([h, e]), 0.3, parameters) for e in np.eye(3)], axis=1)
    np.testing.assert_allclose(squared, R @ R.T @ weights, rtol=1e-11, atol=1e-12)


def simplex(mobility: Any = None, **changes: Any) -> DenseDerived:
    root = {"root": "sqrt(h)*z - h*(sqrt(h) @ z)", "divergence": "1 - 3*h"}
    fields: dict[str, Any] = {"energy": "h @ log(h)", "mobility": root if mobility is None else mobility}
    return dense(name="h", length=3, **(fields | changes))


def test_force_noise_and_mobility() -> None:
    """Of h and of another vector beside it, at several points."""
    system = dense(
        name=("v", "h"),
        length=(2, 3),
        energy="v @ v/2 + h @ log(h) - sum(v)*(h @ h)",
        mobility={"v": "1 + v**2", "h": {"root": "g*(sqrt(h)*z - h*(sqrt(h) @ z))", "divergence": "g**2*(1 - 3*h)"}},
        parameters={"g": 0.7},
    )
    v, h = RNG.normal(size=(2, 4)), RNG.dirichlet(np.ones(3), 4).T
    x, z = np.concatenate([v, h]), RNG.normal(size=(5, 4))
    S = np.zeros((5, 5, 4))
    S[range(2), range(2)] = 1 + v**2
    S[2:, 2:] = 0.49 * (np.eye(3)[:, :, None] * h - h[:, None] * h[None])
    np.testing.assert_allclose(system.mobility_at(x), S, atol=1e-15)
    np.testing.assert_allclose(system.force_at(x), -np.einsum("abn,bn->an", S, system.gradient_at(x)), atol=1e-14)
    white = np.sqrt(h) * z[2:]
    made = np.concatenate([np.sqrt(1 + v**2) * z[:2], 0.7 * (white - h * white.sum(axis=0))])
    np.testing.assert_allclose(system.noise_at(x, z), made, atol=1e-15)
    R = np.stack([system.noise_at(x, np.repeat(e[:, None], 4, axis=1)) for e in np.eye(5)], axis=1)
    w = RNG.normal(size=(5, 4))
    np.testing.assert_allclose(system.times_at(x, w), np.einsum("abn,bn->an", S, w), atol=1e-14)
    np.testing.assert_allclose(np.einsum("acn,bcn->abn", R, R), S, atol=1e-15)
    assert (S[2:, 2:].sum(axis=0) ** 2).max() < 1e-30


@pytest.mark.parametrize("text", [each for each in NOT_LINEAR if "z @ A" not in each])
def test_a_root_that_is_not_linear_is_refused(text: str) -> None:
    with pytest.raises(InvalidExpression, match=r"mobility\.root: got .*; it must be linear in the normals z"):
        simplex({"root": text.replace("A", "a"), "divergence": "0"})


@pytest.mark.parametrize(
    ("mobility", "message"),
    [
        ({"root": "z"}, "'root' and 'divergence' are needed"),
        ({"root": "z", "divergenc": "0", "divergence": "0"}, "did you mean 'divergence'"),
        ({"root": "z - y", "divergence": "0"}, r"unknown name 'y'"),
        ({"root": "z", "divergence": "z"}, r"unknown name 'z'"),
        ({"root": "sum(z)", "divergence": "0"}, r"mobility\.root: got shape \(\); R z of shape \(3,\) is needed"),
        ({"root": "z", "divergence": "A"}, r"mobility\.divergence: got shape \(3, 3\); a vector of shape \(3,\)"),
        ({"root": "W @ z", "divergence": "0"}, r"got shape \(2,\)"),
        ({"root": "sign(h)*z", "divergence": "0"}, "'sign' is no function"),
        ({"root": 1.0, "divergence": "0"}, r"mobility\.root: got shape \(\)"),
    ],
)
def test_wrong_roots_are_refused(mobility: dict[str, Any], message: str) -> None:
    with pytest.raises(LangevinKitError, match=message):
        simplex(mobility, parameters={"A": np.eye(3), "W": np.ones((2, 3))})


@pytest.mark.parametrize(
    ("retraction", "message"),
    [
        ({"g": "h"}, "'g' is no vector"),
        ({"h": "sum(h)"}, r"retraction\.h: got shape \(\); shape \(3,\) is needed"),
        ({"h": "A @ h"}, "uses product; elementwise functions, sums and inner products are allowed"),
        ({"h": "h*t"}, "unknown name 't'"),
        ({"h": "h*z"}, "unknown name 'z'"),
        ({"h": "h/"}, "retraction"),
    ],
)
def test_wrong_retractions_are_refused(retraction: dict[str, str], message: str) -> None:
    with pytest.raises(LangevinKitError, match=message):
        simplex(retraction=retraction, parameters={"A": np.eye(3)})


def test_what_a_system_does_not_combine_is_refused() -> None:
    root = {"root": "z - h*(h @ z)", "divergence": "-2*h"}
    onto = {"h": "h/sqrt(h @ h)"}
    given: dict[str, Any] = {"temperature": 1.0, "coordinates": {"h": 3}, "mobility": root}
    with pytest.raises(InvalidArgument, match="walls: got those of a vector whose mobility is a matrix"):
        lk.System(**given, walls={"h": lk.reflecting(-1.0, 1.0)})
    with pytest.raises(InvalidArgument, match="retraction: 'h' has walls too"):
        lk.System(**given, walls={"h": lk.reflecting(-1.0, 1.0)}, retraction=onto)
    with pytest.raises(InvalidArgument, match="retraction: it is for vectors of coordinates"):
        lk.System(temperature=1.0, coordinates=("h",), retraction={"h": "h"})
    with pytest.raises(InvalidArgument, match="'z' stands for the normals"):
        lk.System(**given, parameters={"z": 1.0})
    with pytest.raises(InvalidArgument, match="retraction: spins"):
        lk.SpinSystem(couplings=[[0, 1], [1, 0]], temperature=1.0, retraction=onto)
    sphere = lk.System(**given, retraction=onto)
    with pytest.raises(InvalidArgument, match="a vector of coordinates takes 'euler_maruyama' alone"):
        lk.simulate(sphere, initial=np.ones((2, 3)), time_step=0.1, n_steps=1, scheme="heun")
    with pytest.raises(InvalidArgument, match="retraction: got str"):
        lk.System(**given, retraction="h")
    with pytest.raises(InvalidArgument, match="fixed points are those of none"):
        lk.networks.fixed_points(sphere, np.ones((1, 3)))
