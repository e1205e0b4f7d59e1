"""Derivatives of dense systems against complex steps, closed forms, and refusals before anything runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, InvalidExpression, MobilityNotPositive
from langevin_kit.system.dense import DenseDerived, dense
from langevin_kit.system.dense.differentiate import along
from langevin_kit.system.dense.evaluate import evaluate
from langevin_kit.system.dense.graph import Node
from langevin_kit.system.dense.root import semidefinite_root

RNG = np.random.default_rng(0)
D = 6
PARAMETERS: dict[str, Any] = {
    "A": RNG.normal(size=(D, D)),
    "X": RNG.normal(size=(9, D)),
    "b": RNG.normal(size=D),
    "c": RNG.normal(size=9),
    "s": 1.3,
}
POINTS = RNG.normal(size=(D, 40))


def make(energy: str = "0", **more: Any) -> DenseDerived:
    return dense(name="v", length=D, energy=energy, parameters=PARAMETERS, **more)


def complex_step(system: DenseDerived, x: NDArray[np.float64], t: float) -> NDArray[np.float64]:
    h = 1e-40
    rows = [system.energy_at(x + 1j * h * np.eye(D)[:, [i]], t).imag / h for i in range(D)]
    return np.stack(rows)


ENERGIES = [
    "b @ v",
    "sum(v)",
    "v @ A @ v / 2 - b @ v",
    "(v @ A @ v)**2/(1 + v @ v)",
    "v @ v / 2 - logsumexp(s * X @ v)/s",
    "v @ v / 2 - logsumexp(c + X @ tanh(v))*cos(t)",
    "v @ v / 2 - tanh(A @ v) @ A @ tanh(v)",
    "sum(exp(v)*sin(v) - sqrt(1 + v**2)*cos(s*v)) + sum(log(2 + v**2))",
    "sum(sinh(v)/cosh(2*v)) + sum(v**-3 + 2/v)",
    "sum(abs(v)**3) + sum(abs(A @ v)*b)",
    "sum(leaky_relu(v, 0.1)**2) + c @ leaky_relu(X @ v, s)",
    "sum(elu(3*v)*hardtanh(v/2)) + c @ softplus(X @ v)",
    "exp(-(v - b) @ (v - b)/2)*sum(v)*t",
    "sqrt(1 + v @ v)*log(1 + (b @ v)**2) + v @ A @ b",
    "atan(3*v) @ v - sum(atan(X @ v + c)**2)*cos(t)",
    "sum(tanh(X @ leaky_relu(A @ v, 0.5)))",
    "(v @ v) * sum(v*b*v)",
    "v @ v / 2 - sum(logcosh(X @ v + c))",
    "atanh(v/9) @ v - sum(atanh(sin(X @ v + c)/2)**2)*cos(t)",
    "t*sum(b) + 3",
]


@pytest.mark.parametrize("energy", ENERGIES)
def test_gradient_is_the_complex_step(energy: str) -> None:
    system = make(energy)
    expected = complex_step(system, POINTS, 0.4)
    got = system.gradient_at(POINTS, 0.4)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * scale)
    if system.energy.depends_on_state:
        assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("energy", ENERGIES)
def test_slopes_along_a_direction_are_complex_steps(energy: str) -> None:
    """Of ∇E, and of its slope along a direction again: what softmax, its slope and so on are differentiated to."""
    system, h = make(energy), 1e-40
    directions = RNG.normal(size=(D, 40))
    way = Node("normals", (D,), value="direction", first=D)
    first = along(system.gradients[0], system.states, [way])
    second = along(first, system.states, [way])
    stepped = POINTS + 1j * h * directions
    both = np.concatenate([POINTS, directions])
    cases = [
        (first, system.gradient_at(stepped, 0.4)),
        (second, evaluate(first, np.concatenate([stepped, directions]), 0.4, system.parameters)),
    ]
    for node, complex_values in cases:
        expected = complex_values.imag / h
        scale = max(1.0, float(np.abs(expected).max()))
        got = evaluate(node, both, 0.4, system.parameters)
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12 * scale)


@pytest.mark.parametrize(
    ("mobility", "K", "divergence"),
    [
        ("2", lambda v: 2 + 0 * v, lambda v: 0 * v),
        ("s", lambda v: 1.3 + 0 * v, lambda v: 0 * v),
        ("exp(b)", lambda v: np.exp(PARAMETERS["b"])[:, None] + 0 * v, lambda v: 0 * v),
        ("1/(1 + v**2)", lambda v: 1 / (1 + v**2), lambda v: -2 * v / (1 + v**2) ** 2),
        (
            "s*(1 - tanh(v)**2) + t",
            lambda v: 1.3 / np.cosh(v) ** 2 + 0.4,
            lambda v: -2.6 * np.tanh(v) / np.cosh(v) ** 2,
        ),
        ("1/(1 + v @ v)", lambda v: 1 / (1 + (v**2).sum(0)) + 0 * v, lambda v: -2 * v / (1 + (v**2).sum(0)) ** 2),
    ],
)
def test_mobility_and_its_divergence(mobility: str, K: Any, divergence: Any) -> None:
    system = make("v @ A @ v / 2", mobility=mobility, drift="A @ v")
    x, t = POINTS, 0.4
    np.testing.assert_allclose(system.mobility_at(x, t), K(x), rtol=1e-13)
    np.testing.assert_allclose(system.mobility_divergence_at(x, t), divergence(x), rtol=1e-12, atol=1e-15)
    expected = PARAMETERS["A"] @ x - K(x) * complex_step(system, x, t)
    np.testing.assert_allclose(system.force_at(x, t), expected, rtol=1e-12, atol=1e-12)


def test_matrix_mobility() -> None:
    A = PARAMETERS["A"]
    K = A @ A.T + (A - A.T)
    for mobility in (K, K.tolist()):
        system = make("b @ v", mobility=mobility)
        np.testing.assert_array_equal(system.mobility_at(POINTS), K)
        np.testing.assert_allclose(system.force_at(POINTS), np.tile((-K @ PARAMETERS["b"])[:, None], 40), rtol=1e-13)
        np.testing.assert_allclose(system.noise_root() @ system.noise_root().T, A @ A.T, rtol=1e-12, atol=1e-13)
        assert not system.mobility_divergence_at(POINTS).any()
    named = dense(name="v", length=D, energy="sum(v)", mobility="2*M", parameters={"M": K})
    np.testing.assert_allclose(named.mobility_at(POINTS), 2 * K)
    np.testing.assert_allclose(named.noise_root() @ named.noise_root().T, 2 * A @ A.T, rtol=1e-12, atol=1e-13)


def test_flat_parameters_are_raveled_in_order() -> None:
    M = np.array([[4.0, 2.0], [2.0, 2.0]])
    system = dense(name="v", length=2, energy="s*b @ v", mobility="M", parameters={"s": 3, "M": M, "b": [1, 2]})
    np.testing.assert_array_equal(system.flat_parameters(), [3, 4, 2, 2, 2, 1, 2, 2, 0, 1, 1])
    np.testing.assert_array_equal(system.flat_parameters({"s": 5})[:1], [5])
    with pytest.raises(InvalidArgument, match=r"parameters.b: got shape \(3,\); the system was made with \(2,\)"):
        system.flat_parameters({"b": [1, 2, 3]})


def test_quadratic_energies_are_recognised() -> None:
    A, b, X, c, s = (PARAMETERS[k] for k in "AbXcs")
    found = make("v @ A @ v / 2 + b @ v*2 + sum((X @ v - c)**2)/s + t").quadratic(t=0.5)
    assert found is not None
    np.testing.assert_allclose(found[0], (A + A.T) / 2 + 2 * X.T @ X / s, rtol=1e-13)
    np.testing.assert_allclose(found[1], 2 * b - 2 * X.T @ c / s, rtol=1e-13)
    assert found[2] == pytest.approx(c @ c / s + 0.5, rel=1e-14)
    np.testing.assert_array_equal(found[0], found[0].T)
    assert make("3").quadratic() is not None
    for energy in ("sum(v**3)", "(v @ v)**2", "logsumexp(v)", "v @ v/2 + sum(abs(v))", "1/(1 + v @ v)"):
        assert make(energy).quadratic() is None


@pytest.mark.parametrize("rank", range(D + 1))
def test_root_of_semidefinite_matrices(rank: int) -> None:
    B = np.random.default_rng(rank).normal(size=(D, rank))
    S = B @ B.T
    L = semidefinite_root(S)
    np.testing.assert_allclose(L @ L.T, S, rtol=0, atol=1e-13 * max(1.0, float(np.abs(S).max())))
    assert (np.abs(L).max(axis=0) > 0).sum() == rank
    if rank == D:
        np.testing.assert_allclose(L, np.linalg.cholesky(S), rtol=1e-10, atol=1e-12)


def test_root_of_a_nearly_singular_matrix_keeps_its_covariances() -> None:
    small = 2.0**-26
    S = np.array([[small**2, small], [small, 1.0]])
    L = semidefinite_root(S)
    np.testing.assert_allclose(L @ L.T, S, rtol=0, atol=1e-15)


@pytest.mark.parametrize("S", [[[1.0, 2.0], [2.0, 1.0]], [[-1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
def test_indefinite_mobilities_are_refused(S: list[list[float]]) -> None:
    smallest = np.linalg.eigvalsh(S)[0]
    with pytest.raises(MobilityNotPositive, match=f"eigenvalue {smallest:.6g}"):
        dense(name="v", length=2, mobility=S)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"energy": "v"}, InvalidExpression, r"energy: got shape \(6,\); a scalar is needed; write sum"),
        ({"energy": "A"}, InvalidExpression, r"energy: got shape \(6, 6\); a scalar"),
        ({"drift": "X @ v"}, InvalidExpression, r"drift: got shape \(9,\); a vector of shape \(6,\)"),
        ({"mobility": "c"}, InvalidExpression, r"mobility: got shape \(9,\)"),
        ({"mobility": "X"}, InvalidExpression, r"mobility: got shape \(9, 6\)"),
        ({"mobility": np.eye(3)}, InvalidExpression, r"mobility: got shape \(3, 3\)"),
        ({"mobility": "1 + (A @ v)**2"}, InvalidExpression, "component i of a vector .* uses product"),
        ({"mobility": "v**2 + v @ v"}, InvalidExpression, "component i of a vector .* uses dot"),
        ({"mobility": "t*A"}, InvalidExpression, "a matrix must be constant"),
        ({"mobility": "(v @ v)*A"}, InvalidExpression, "a matrix must be constant"),
        ({"mobility": -1.0}, MobilityNotPositive, "got -1 at t = 0"),
        ({"mobility": "b"}, MobilityNotPositive, "at least 0"),
        ({"mobility": [["x", 1]]}, InvalidArgument, "parameters.mobility: got"),
        ({"length": 0}, InvalidArgument, "positive integer"),
        ({"length": 2.5}, InvalidArgument, "positive integer"),
        ({"length": True}, InvalidArgument, "positive integer"),
        ({"name": "exp"}, InvalidArgument, "reserved"),
        ({"name": "A"}, InvalidArgument, "all names must differ"),
        ({"parameters": {"t": 1.0}}, InvalidArgument, "reserved"),
        ({"parameters": {"q": np.zeros((2, 2, 2))}}, InvalidArgument, r"parameters.q: got shape \(2, 2, 2\)"),
        ({"parameters": {"q": []}}, InvalidArgument, "parameters.q"),
        ({"parameters": {"q": [True, False]}}, InvalidArgument, "of bool"),
        ({"parameters": {"q": [1.0, np.nan]}}, InvalidArgument, "not finite"),
        ({"parameters": {"q": [[1, 2], [3]]}}, InvalidArgument, "parameters.q"),
        ({"parameters": {"q": "text"}}, InvalidArgument, "parameters.q"),
        ({"parameters": {"q": 1j}}, InvalidArgument, "parameters.q"),
    ],
)
def test_refusals(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"name": "v", "length": D, "parameters": PARAMETERS, **arguments}
    with pytest.raises(error, match=message):
        dense(**given)


def test_the_first_axis_of_a_position_is_checked() -> None:
    with pytest.raises(InvalidArgument, match=r"x: got shape \(5, 2\); the first axis must have length d = 6"):
        make("v @ v").energy_at(np.zeros((5, 2)))


def test_arrays_are_copied_and_cannot_be_written() -> None:
    own = np.ones(D)
    system = dense(name="v", length=D, energy="own @ v", parameters={"own": own})
    own[:] = 5
    assert system.energy_at(np.ones(D)) == D
    with pytest.raises(ValueError, match="read-only"):
        system.parameters["own"][0] = 1
