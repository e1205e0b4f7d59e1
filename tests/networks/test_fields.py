"""Neural fields: texts that are the network they say, at any depth, and what moves by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument, InvalidExpression

FUNCTIONS = {
    "tanh": np.tanh,
    "elu": lambda a: np.where(a > 0, a, np.expm1(a)),
    "softplus": lambda a: np.logaddexp(0, a),
    "relu": lambda a: np.maximum(a, 0),
    "hardtanh": lambda a: np.clip(a, -1, 1),
    "logistic": lambda a: 1 / (1 + np.exp(-a)),
}
X = np.random.default_rng(0).normal(size=(3, 20))


def system_of(field: networks.Field, name: str = "h") -> lk.System:
    """What the field moves; other inputs than the first stay where they are."""
    return lk.System(
        drift={name: field.text},
        mobility=dict.fromkeys(field.inputs, 1.0),
        temperature=0.0,
        coordinates=dict(field.inputs),
        parameters=field.parameters,
    )


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_the_text_is_the_network(activation: str) -> None:
    """To round-off; also where activations are far from 0, |a| up to 1000."""
    f, drift = FUNCTIONS[activation], networks.mlp({"h": 3}, [8, 5], 3, activation, time=True, scale=2.0, rng=1)
    p = drift.parameters
    for x in (X, 300 * X):
        first = f(p["W1"] @ x + (0.7 * p["c1"] + p["b1"])[:, None])
        expected = p["W3"] @ f(p["W2"] @ first + p["b2"][:, None]) + p["b3"][:, None]
        found = system_of(drift).force_at(x, 0.7)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * np.abs(x).max())
    assert np.abs(system_of(drift).force_at(X, 0.7) - system_of(drift).force_at(X, 0.6)).max() > 1e-3


def test_slopes_are_exact_also_where_texts_have_a_kink() -> None:
    """∂f/∂h = W₂ diag(f') W₁ at places, and with the slope 1 of elu at 0."""
    drift = networks.mlp({"h": 3}, [8], 3, "elu", rng=1)
    p = {**drift.parameters, "b1": np.zeros(8)}
    field = networks.Field(drift.text, drift.inputs, p)
    for x in (*X.T, np.zeros(3)):
        a = p["W1"] @ x
        expected = p["W2"] @ (np.exp(np.minimum(a, 0))[:, None] * p["W1"])
        np.testing.assert_allclose(networks.neural_field(field).drift_jacobian(x), expected, rtol=1e-13, atol=1e-14)


def test_a_field_of_two_vectors() -> None:
    drift = networks.mlp({"h": 3, "m": 3}, [8], 3, prefix="f_", rng=2)
    p, x = drift.parameters, np.concatenate([X, X[::-1] ** 2])
    assert list(p) == ["f_W1_h", "f_W1_m", "f_b1", "f_W2", "f_b2"]
    first = np.tanh(p["f_W1_h"] @ x[:3] + p["f_W1_m"] @ x[3:] + p["f_b1"][:, None])
    expected = p["f_W2"] @ first + p["f_b2"][:, None]
    np.testing.assert_allclose(system_of(drift).force_at(x)[:3], expected, rtol=1e-12, atol=1e-14)


def test_parameters_are_uniform_and_those_of_their_seed() -> None:
    """Each layer fills ±scale/√n of its n inputs, t among them; the mean of 10 000 weights is 0 within 4.4 errors."""
    drift = networks.mlp({"h": 99}, [200, 50], 99, time=True, scale=0.5, rng=3)
    for names, n in ((("W1", "c1", "b1"), 100), (("W2", "b2"), 200), (("W3", "b3"), 50)):
        drawn = np.concatenate([drift.parameters[name].ravel() for name in names]) * np.sqrt(n) / 0.5
        assert 0.99 < np.abs(drawn).max() <= 1
        assert abs(drawn.mean()) < 4.4 / np.sqrt(3 * drawn.size)
    again = networks.mlp({"h": 99}, [200, 50], 99, time=True, scale=0.5, rng=3)
    for name, value in drift.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], value)
    one, other = (networks.mlp({"h": 9}, [], 9, rng=seed).parameters["W1"] for seed in (4, None))
    assert (one != other).all()


def test_depth() -> None:
    """Each layer nests its text three levels deeper, of 100 that are allowed; activations are written once."""
    deep = networks.mlp({"h": 3}, [4] * 30, 3, "elu", scale=2.0, rng=0)
    assert np.isfinite(system_of(deep).force_at(X)).all()
    with pytest.raises(InvalidExpression, match="nested deeper than 100 levels"):
        system_of(networks.mlp({"h": 3}, [4] * 40, 3, "elu", rng=0))


def test_a_field_moves_by_euler_steps_and_noise() -> None:
    """At T = 0 to round-off; at T > 0 the covariance of a linear field is Lyapunov's of the steps, within 4.4 errors.

    Two are tried: false alarms 2e-5. That of another temperature, by 5 %, is told apart.
    """
    A, dt, n = np.array([[-0.5, 1.0], [-1.0, -0.8]]), 0.05, 40_000
    for T in (0.0, 0.4, 0.42):
        field = networks.neural_field(networks.Field("A @ h", {"h": 2}, {"A": A}), mobility="1/2", temperature=T)
        step, start = np.eye(2) + dt * A, np.array([1.0, 0.5])
        ds = lk.simulate(
            field, initial=np.tile(start, (n, 1)), time_step=dt, n_steps=400, save_every=400, rng=1, check=False,
            observables={"xx": "h @ h", "xAx": "h @ A @ h"}
        )  # fmt: skip
        if not T:
            np.testing.assert_allclose(ds["mean"][-1], np.linalg.matrix_power(step, 400) @ start, rtol=1e-9)
            continue
        cov = solve_discrete_lyapunov(step, 0.4 * dt * np.eye(2))
        z = [
            (float(ds[name][-1]) - expected) / float(ds[f"{name}_stderr"][-1])
            for name, expected in (("xx", np.trace(cov)), ("xAx", np.trace(A @ cov)))
        ]
        assert (np.abs(z).max() < 4.4) == (T == 0.4), z


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"activation": "rleu"}, "did you mean 'relu'"),
        ({"widths": [3, 0]}, r"widths\[1\]: got length 0"),
        ({"n_out": 2.5}, "n_out: got length 2.5"),
        ({"inputs": {}}, "inputs: got none"),
        ({"inputs": {"h": True}}, "h: got length True"),
        ({"scale": 0.0}, "scale"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        networks.mlp(**{"inputs": {"h": 2}, "widths": [3], "n_out": 2, **given})


def test_a_neural_field_has_one_vector() -> None:
    with pytest.raises(InvalidArgument, match="field: got one of h, m; one of a single vector"):
        networks.neural_field(networks.mlp({"h": 2, "m": 2}, [3], 2))
