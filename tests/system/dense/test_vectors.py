"""Several vectors in one system: what texts mean, exact derivatives, round trips, and what is refused by name."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from langevin_kit import System
from langevin_kit.errors import InvalidArgument, InvalidExpression, MobilityNotPositive
from langevin_kit.system.dense import DenseDerived, dense

RNG = np.random.default_rng(3)
VALUES: dict[str, Any] = {
    "U": RNG.normal(size=(6, 4)) / 2,
    "A": RNG.normal(size=(4, 4)) / 2,
    "b": RNG.normal(size=6),
    "m": np.array([1.0, 0, 0.5, 1, 0, 2]),
    "s": np.array(1.3),
}
LENGTHS = {"v": 6, "h": 4}
POINTS = RNG.normal(size=(10, 5))
TIME = 0.7


def make(energy: Any = 0.0, **more: Any) -> DenseDerived:
    return dense(name=("v", "h"), length=(6, 4), energy=energy, parameters=VALUES, **more)


def python(text: str, x: NDArray[Any]) -> Any:
    """The text as NumPy itself reads it, at one point."""
    functions = {name: getattr(np, name) for name in ("exp", "sin", "tanh", "sum", "sqrt")}
    functions |= {
        "logsumexp": lambda z: np.log(np.sum(np.exp(z))),
        "leaky_relu": lambda z, slope: np.where(np.real(z) > 0, z, slope * z),
        "logcosh": lambda z: np.log(np.cosh(z)),
    }
    return eval(text, functions, {**VALUES, "v": x[:6], "h": x[6:], "t": TIME})


def vectors(depth: int) -> dict[int, st.SearchStrategy[str]]:
    """Texts of vectors by length."""
    found = {6: st.sampled_from(["v", "b", "m"]), 4: st.sampled_from(["h", "b @ U"])}
    for _ in range(depth):
        v, h = found[6], found[4]
        found = {
            6: st.one_of(v, _made_of(v), h.map(lambda y: f"U @ ({y})")),
            4: st.one_of(h, _made_of(h), v.map(lambda x: f"({x}) @ U"), h.map(lambda y: f"A @ ({y})")),
        }
    return found


def _made_of(x: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    functions = st.sampled_from(
        ["tanh({})", "logcosh({})", "leaky_relu({}, 0.3)", "sin(s*({}))", "-({})/(1 + ({})**2)"]
    )
    pairs = st.tuples(x, st.sampled_from(["+", "-", "*"]), x).map(lambda p: f"(({p[0]}) {p[1]} ({p[2]}))")
    return st.one_of(st.tuples(functions, x).map(lambda p: p[0].replace("{}", p[1])), pairs)


def scalars(depth: int) -> st.SearchStrategy[str]:
    v, h = vectors(depth)[6], vectors(depth)[4]
    one = st.one_of(
        st.tuples(v, v).map(lambda p: f"({p[0]}) @ ({p[1]})"),
        st.tuples(v, h).map(lambda p: f"({p[0]}) @ U @ ({p[1]})"),
        h.map(lambda y: f"logsumexp({y})"),
        v.map(lambda x: f"sum({x})*sin(t)"),
    )
    return st.lists(one, min_size=1, max_size=3).map(" + ".join)


@settings(max_examples=150)
@given(scalars(2))
def test_texts_mean_what_numpy_reads_and_their_gradients_are_complex_steps(text: str) -> None:
    system, h = make(text), 1e-40
    value = [python(text, x) for x in POINTS.T]
    scale = max(1.0, float(np.abs(value).max()))
    np.testing.assert_allclose(system.energy_at(POINTS, TIME), value, rtol=1e-11, atol=1e-12 * scale)
    expected = np.array([[python(text, x + 1j * h * e).imag / h for x in POINTS.T] for e in np.eye(10)])
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(system.gradient_at(POINTS, TIME), expected, rtol=1e-12, atol=1e-12 * scale)


@settings(max_examples=100)
@given(vectors(2)[6], vectors(2)[4], st.sampled_from("+-*/@"))
def test_lengths_that_differ_are_refused_with_both_shapes(v: str, h: str, operation: str) -> None:
    with pytest.raises(InvalidExpression, match=r"\(6,\) and \(4,\)"):
        make(f"sum(({v}) {operation} ({h}))")


def test_gradients_go_to_each_vector() -> None:
    U = VALUES["U"]
    v, h = POINTS[:6], POINTS[6:]
    got = make("v @ v/2 + h @ h/2 - tanh(v) @ U @ logcosh(h)").gradient_at(POINTS)
    of_v = v - (1 - np.tanh(v) ** 2) * (U @ np.log(np.cosh(h)))
    np.testing.assert_allclose(got, [*of_v, *(h - np.tanh(h) * (U.T @ np.tanh(v)))], rtol=1e-12, atol=1e-13)
    products = [node for node in _nodes(make("v @ v/2 + h @ h/2 - v @ (U @ h)")) if node.kind == "product"]
    assert sorted((node.shape, node.arguments[0].orientation) for node in products) == [((4,), "T"), ((6,), "")]


def _nodes(system: DenseDerived) -> list[Any]:
    from langevin_kit.system.dense.graph import postorder

    return postorder([move.force for move in system.moves])


def test_mobility_and_drift_by_name() -> None:
    mobility = {"h": "1/(2 + v @ v + h @ h)", "v": "m*(1 + tanh(v)**2)"}
    system = make("v @ U @ h", mobility=mobility, drift={"h": "A @ h"})
    v, h = POINTS[:6], POINTS[6:]
    q = 1 / (2 + (POINTS**2).sum(0)) + 0 * h
    K = np.concatenate([VALUES["m"][:, None] * (1 + np.tanh(v) ** 2), q])
    slope = np.concatenate([2 * VALUES["m"][:, None] * np.tanh(v) / np.cosh(v) ** 2, -2 * h * q**2])
    np.testing.assert_allclose(system.mobility_at(POINTS), K, rtol=1e-13)
    np.testing.assert_allclose(system.mobility_divergence_at(POINTS), slope, rtol=1e-12, atol=1e-15)
    drift = np.concatenate([0 * v, VALUES["A"] @ h])
    expected = drift - K * np.concatenate([VALUES["U"] @ h, VALUES["U"].T @ v])
    np.testing.assert_allclose(system.force_at(POINTS), expected, rtol=1e-12, atol=1e-13)


def test_an_array_by_name_is_a_parameter() -> None:
    system = make("v @ v", mobility={"v": VALUES["m"], "h": [1, 0, 0, 1]})
    np.testing.assert_array_equal(system.mobility_at(np.zeros(10)), [*VALUES["m"], 1, 0, 0, 1])
    assert [*system.parameters][-2:] == ["mobility_v", "mobility_h"]


def test_one_vector_may_be_named_too() -> None:
    named = dense(name="v", length=6, energy="b @ v", mobility={"v": "m"}, drift={"v": "-v"}, parameters=VALUES)
    plain = dense(name="v", length=6, energy="b @ v", mobility="m", drift="-v", parameters=VALUES)
    assert named.moves == plain.moves


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mobility": {"v": 1.0, "hh": 1.0}}, InvalidArgument, "'hh' is no vector; did you mean 'h'"),
        ({"mobility": {"v": 1.0}}, InvalidArgument, "mobility: none for 'h'"),
        ({"mobility": {"diagonal": 1.0, "factor": [[1.0]] * 10}}, InvalidArgument, "'diagonal' is no vector"),
        ({"mobility": np.eye(10)}, InvalidArgument, r"shape \(10, 10\).*make one vector of them"),
        ({"mobility": {"v": np.eye(6), "h": 1}}, InvalidArgument, "mobility.v: got a matrix.*one vector of them"),
        ({"mobility": {"v": 1, "h": "A"}}, InvalidExpression, r"mobility.h: got shape \(4, 4\).*matrix"),
        ({"mobility": {"v": 1, "h": "m"}}, InvalidExpression, r"mobility.h: got shape \(6,\).*of shape \(4,\)"),
        ({"mobility": "m"}, InvalidExpression, r"mobility: got shape \(6,\); of several vectors"),
        ({"mobility": {"v": "(U @ h)**2", "h": 1}}, InvalidExpression, "mobility.v: .* of 'v' alone, but it uses 'h'"),
        ({"mobility": {"v": 1, "h": "-1 - s"}}, MobilityNotPositive, "got -2.3 for 'h' at t = 0"),
        ({"mobility": {"v": "sign(v)", "h": 1}}, InvalidExpression, "mobility.v: .*it jumps"),
        ({"mobility": {"v": 1, "h": [1, 0, np.nan, 1]}}, InvalidArgument, "not finite"),
        ({"drift": "v"}, InvalidArgument, "drift: got 'v'; a mapping by name is needed"),
        ({"drift": {"w": "v"}}, InvalidArgument, "drift: 'w' is no vector.*'v', 'h'"),
        ({"drift": {"h": "v"}}, InvalidExpression, r"drift.h: got shape \(6,\); a vector of shape \(4,\)"),
        ({"energy": "v @ h"}, InvalidExpression, r"shapes \(6,\) and \(4,\)"),
        ({"energy": "h"}, InvalidExpression, r"energy: got shape \(4,\); a scalar is needed"),
        ({"coordinates": {"v": 6, "U": 4}}, InvalidArgument, "'U' is the name of a state vector"),
        ({"coordinates": {"v": 6, "h": 0}}, InvalidArgument, "length 0 for 'h'; a positive integer"),
        ({"coordinates": {"v": 6, "exp": 4}}, InvalidArgument, "'exp' is reserved"),
        ({"units": {"w": "m"}}, InvalidArgument, "units: unknown key 'w'"),
    ],
)
def test_refusals(change: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"energy": "v @ U @ h", "coordinates": LENGTHS, "parameters": VALUES, "temperature": 1.0}
    with pytest.raises(error, match=message):
        System(**arguments | change)


def test_components_of_a_mobility_belong_to_their_own_vector() -> None:
    with pytest.raises(InvalidExpression, match=r"mobility.x: .* of 'x' alone, but it uses 'p'"):
        dense(name=("x", "p"), length=(3, 3), mobility={"x": "1 + p**2", "p": 1.0})


def test_a_system_goes_round() -> None:
    mobility = {"v": "m/(1 + v**2)", "h": [1, 0, 0, 1]}
    system = System(
        energy="v @ v/2 + h @ h/2 - v @ U @ h",
        mobility=mobility,
        drift={"h": "A @ h"},
        coordinates=LENGTHS,
        parameters=VALUES,
        units={"v": "mV", "h": "nm"},
        temperature=0.5,
    )
    assert system.names == (*(f"v[{i}]" for i in range(6)), *(f"h[{i}]" for i in range(4)))
    assert system.names.vector == LENGTHS
    assert (system.units["v[5]"], system.units["h[0]"]) == ("mV", "nm")
    colder = dataclasses.replace(system, temperature=0.25)
    again = System(**json.loads(json.dumps(system.to_dict())))
    for twin in (colder, again, pickle.loads(pickle.dumps(system))):
        assert (twin.names, twin.names.vector) == (system.names, LENGTHS)
        assert twin.content.fingerprint == system.content.fingerprint
        np.testing.assert_array_equal(twin.force_at(POINTS), system.force_at(POINTS))
    other = dataclasses.replace(system, mobility={**mobility, "v": "m"})
    assert other.content.fingerprint != system.content.fingerprint
    masked = dataclasses.replace(system, mobility={**mobility, "h": [0, 0, 0, 1]})
    assert masked.content.fingerprint == system.content.fingerprint
