"""Learnt fixed points: gradients by complex steps, the book's algorithm, runs that stay and runs that leave."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import attractors, hebb, learn_fixed_points, pseudo_inverse, spectrum
from langevin_kit.networks._activations import ACTIVATIONS
from langevin_kit.networks._losses import Objective, cross_entropy, euler, runge_kutta, squares

TANH = ACTIVATIONS["tanh"]
SATURATING = sorted(name for name, f in ACTIVATIONS.items() if not f.is_unbounded)


def signs(p: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(p, n))


def network(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n, n)) / np.sqrt(n)
    return (W + W.T) * (1 - np.eye(n)), rng.normal(size=n)


def relaxed(x: np.ndarray, W: np.ndarray, b: np.ndarray, time: float = 60.0) -> np.ndarray:
    """Where dx/dt = −x + tanh(W x + b) has come to from each row of x."""
    system = lk.System(
        coordinates={"x": len(b)}, drift="-x + tanh(W @ x + b)", temperature=0.0, parameters={"W": W, "b": b}
    )
    steps = round(time / 0.1)
    ds = lk.simulate(system, initial=x, time_step=0.1, n_steps=steps, save_every=steps, save_positions=True, rng=0)
    return np.asarray(ds.position[-1].values.T)


@pytest.mark.parametrize("name", SATURATING)
def test_activations_are_their_formulas(name: str) -> None:
    f, a = ACTIVATIONS[name], np.linspace(-30, 30, 601)
    direct = {
        "tanh": np.tanh(a),
        "logistic": 1 / (1 + np.exp(-a)),
        "algebraic": a / np.sqrt(1 + a * a),
        "arctan": 2 / np.pi * np.arctan(np.pi / 2 * a),
    }[name]
    np.testing.assert_allclose(f.value(a), direct, rtol=1e-12, atol=1e-16)
    near = np.abs(a) < 8  # further out 1 − y² is round-off
    np.testing.assert_allclose(f.slope(f.value(a))[near], (f.value(a + 1e-30j).imag / 1e-30)[near], rtol=1e-8)
    np.testing.assert_allclose(f.integral(a + 1e-30j).imag / 1e-30, f.value(a), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", SATURATING)
@pytest.mark.parametrize("loss", ["squares", "step", "cross_entropy"])
def test_gradients_are_those_of_complex_steps(name: str, loss: str) -> None:
    """To 1e-12 of the largest component, in every free coupling and field."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, size=(4, 6))
    f = ACTIVATIONS[name]
    losses = {
        "squares": partial(squares, x, f=f, stages=euler()),
        "step": partial(squares, x, f=f, stages=runge_kutta(0.7)),
        "cross_entropy": partial(cross_entropy, x, f=f),
    }
    objective = Objective(losses[loss], 6, 0.3)
    free = rng.normal(size=21)
    stepped = [objective(free + 1e-30j * unit)[0].imag / 1e-30 for unit in np.eye(21)]
    value, gradient = objective(free)
    assert value == pytest.approx(objective(free + 0j)[0].real, rel=1e-15)
    assert np.abs(gradient - stepped).max() <= 1e-12 * np.abs(gradient).max()


@pytest.mark.claim("B12")
@pytest.mark.parametrize("about", [{}, {"time_step": 0.1}, {"loss": "cross_entropy"}])
def test_patterns_become_fixed_points(about: dict[str, Any]) -> None:
    """To tolerance, with W symmetric and without a diagonal to the last bit, and with the spectrum of one size c.

    Where W x = x atanh(c)/c, the largest eigenvalue is (1 − c²) atanh(c)/c − 1. Runs from nearby come back.
    """
    xi = signs(12, 40)
    learned = learn_fixed_points(0.9 * xi, **about)
    W, b = learned.couplings, learned.fields
    assert learned.residual.max() < 1e-6
    np.testing.assert_allclose(
        learned.residual, np.linalg.norm(0.9 * xi - np.tanh(xi * 0.9 @ W + b), axis=1), atol=1e-14
    )
    np.testing.assert_array_equal(W, W.T)
    np.testing.assert_array_equal(np.diag(W), 0)
    np.testing.assert_allclose(learned.eigenvalue, (1 - 0.81) * np.arctanh(0.9) / 0.9 - 1, atol=1e-6)
    start = 0.9 * xi + 0.1 * np.random.default_rng(1).normal(size=xi.shape)
    np.testing.assert_allclose(relaxed(start, W, b), 0.9 * xi, atol=1e-6)


@pytest.mark.claim("B12")
def test_a_fixed_point_need_not_be_stable() -> None:
    """x = 0 of W = [[0, 3], [3, 0]] is fixed with the eigenvalue 2; so are patterns of a net with too many of them."""
    W = np.array([[0.0, 3.0], [3.0, 0.0]])
    np.testing.assert_allclose(spectrum([[0, 0]], W), [[-4, 2]], atol=1e-14)
    assert squares(np.zeros((1, 2)), W, np.zeros(2), TANH, euler()).value == 0
    assert np.abs(relaxed(np.full((1, 2), 1e-6), W, np.zeros(2))).min() > 0.9
    xi = signs(40, 50, seed=1)
    learned = learn_fixed_points(0.9 * xi)
    assert learned.residual.max() < 1e-7
    assert learned.eigenvalue.min() > 0.5
    end = relaxed(0.9 * xi + 1e-3 * signs(40, 50, seed=2), learned.couplings, learned.fields)
    assert np.linalg.norm(end - 0.9 * xi, axis=1).min() > 0.1


@pytest.mark.parametrize("name", SATURATING)
def test_the_spectrum_is_that_of_the_jacobian(name: str) -> None:
    W, b = network(7)
    x = np.random.default_rng(1).normal(size=(3, 7))
    for state, found in zip(x, spectrum(x, W, b, name), strict=True):
        columns = [ACTIVATIONS[name].value(W @ (state + 1e-30j * unit) + b).imag / 1e-30 for unit in np.eye(7)]
        jacobian = np.transpose(columns) - np.eye(7)
        np.testing.assert_allclose(found, np.sort(np.linalg.eigvals(jacobian).real), atol=1e-12)


@pytest.mark.claim("B13")
def test_a_short_step_is_the_slope() -> None:
    r"""|x − x(Δt)| / |x − f(W x + b)| / Δt = 1 + Δt/2 k·J k/|k|² + O(Δt²), k = −x + f(W x + b), and the step is exact.

    To fourth order, against an integrator of eighth. A step of Euler's has the ratio 1 for every Δt.
    """
    W, b = network(8)
    x = np.random.default_rng(1).uniform(-0.9, 0.9, size=8)
    k = np.tanh(W @ x + b) - x
    assert squares(x[None], W, b, TANH, euler()).value == pytest.approx(k @ k / 2, rel=1e-14)
    bend = k @ ((1 - np.tanh(W @ x + b) ** 2) * (W @ k) - k) / (k @ k) / 2
    errors, ratios = [], []
    for dt in (0.2, 0.1, 0.01, 0.001):
        y = solve_ivp(lambda _, z: np.tanh(W @ z + b) - z, (0, dt), x, method="DOP853", rtol=1e-13, atol=1e-15).y[:, -1]
        exact = np.linalg.norm(y - x) / np.linalg.norm(k) / dt
        ratios.append(np.sqrt(squares(x[None], W, b, TANH, runge_kutta(dt)).value / (k @ k / 2)))
        errors.append(abs(ratios[-1] - exact))
        assert ratios[-1] - 1 == pytest.approx(bend * dt, abs=dt**2)
    assert errors[0] < 1e-4
    assert 12 < errors[0] / errors[1] < 20
    assert 0.8e4 < errors[1] / errors[2] < 1.2e4
    assert ratios[1:] == pytest.approx([0.9480559791308967, 0.9945821029115741, 0.9994559011857618], rel=1e-9)


def mackay(x: np.ndarray, w: np.ndarray, alpha: float) -> np.ndarray:
    """How algorithm 42.9 of the book changes w, over its η, line by line."""
    t = (x + 1) / 2
    a = x @ w
    y = 1 / (1 + np.exp(-a))
    e = t - y
    gw = x.T @ e
    gw = gw + gw.T
    return np.asarray(gw - alpha * w)


@pytest.mark.claim("B14")
def test_cross_entropy_of_spins_is_algorithm_42_9() -> None:
    """Gradients of the book's w = 2W, and a minimum where the book's steps come to rest."""
    xi = signs(15, 20)
    W, _ = network(20)
    objective = Objective(partial(cross_entropy, xi, f=TANH), 20, 4 * 0.3)
    free = np.concatenate([W[objective.above], np.zeros(20)])
    book = -2 * mackay(xi, 2 * W, 0.3)[objective.above]
    np.testing.assert_allclose(objective(free)[1][:190], book, rtol=1e-12, atol=1e-12)
    likelihood = 1 / (1 + np.exp(-2 * xi * (xi @ W)))  # of each spin, given the others, by Glauber's rule at T = 1
    assert cross_entropy(xi, W, np.zeros(20), TANH).value == pytest.approx(-np.log(likelihood).sum(), rel=1e-12)
    both = np.concatenate([xi, -xi])  # so that no fields are learnt, which the book has not
    learned = learn_fixed_points(both, loss="cross_entropy", weight_decay=4 * 0.3)
    assert np.abs(learned.fields).max() < 1e-9
    rest = mackay(both, 2 * learned.couplings, 0.3) * (1 - np.eye(20))
    assert np.abs(rest).max() < 1e-6
    assert np.abs(mackay(both, 2 * hebb(both), 0.3) * (1 - np.eye(20))).max() > 1


def share_fixed(patterns: np.ndarray, W: np.ndarray, b: Any = 0.0) -> float:
    """Of the patterns, how many are fixed points of spins at T = 0."""
    system = lk.SpinSystem(couplings=W, fields=b, temperature=0.0)
    return float((attractors(system, patterns, rng=0).sweeps == 0).mean())


@pytest.mark.claim("B14")
def test_cross_entropy_stores_what_hebb_does_not() -> None:
    """N = 100: patterns of α = 0.5 and 1.0, of which the projection on them has no more than the first."""
    for p in (50, 100):
        xi = signs(p, 100)
        learned = learn_fixed_points(xi, loss="cross_entropy", weight_decay=1e-2)
        assert share_fixed(xi, learned.couplings, learned.fields) == 1.0
        assert share_fixed(xi, hebb(xi)) < 0.1
    with pytest.raises(InvalidArgument, match="not linearly independent"):
        pseudo_inverse(signs(101, 100))


def test_three_patterns_of_any_size_are_too_many_for_symmetric_couplings() -> None:
    """x·f⁻¹(y) − y·f⁻¹(x) = b·(x − y) for all pairs: of two patterns there is such a b, of three in general not."""
    x = np.random.default_rng(0).uniform(-0.9, 0.9, size=(3, 30))
    assert learn_fixed_points(x[:2]).residual.max() < 1e-8
    assert learn_fixed_points(x).residual.min() > 1e-3
    # The condition holds again when the third is chosen by it: here with b = 0, by one size of all components.
    assert learn_fixed_points(0.7 * np.sign(x)).residual.max() < 1e-8
    assert learn_fixed_points(0.5 + 0.3 * np.sign(x), "logistic").residual.max() < 1e-8


def test_patterns_of_one_size_are_fixed_up_to_a_count() -> None:
    """(N − P + 1)(N − P + 2)/2 ≥ N: of 30 units 23 patterns are, 24 are not."""
    assert learn_fixed_points(0.9 * signs(23, 30)).residual.max() < 1e-7
    assert learn_fixed_points(0.9 * signs(24, 30)).residual.max() > 1e-2


def test_a_weight_decay_makes_weights_smaller() -> None:
    """And certain: the minimum of a convex loss has no other."""
    x = 0.8 * signs(5, 12)
    free, held = (learn_fixed_points(x, loss="cross_entropy", weight_decay=decay) for decay in (0.0, 0.1))
    assert np.abs(held.couplings).sum() < np.abs(free.couplings).sum()
    assert held.residual.min() > 1e-3 > free.residual.max()
    assert held.gradient < 1e-6
    assert learn_fixed_points(x, max_iterations=2).n_iterations == 2
    assert learn_fixed_points(x, max_iterations=2).gradient > 1e-3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"patterns": [[1.0, 0.5]]}, r"patterns: got values from 0.5 to 1; .* scale them, as in 0.9\*patterns"),
        ({"patterns": [[1.0, 0.5]], "loss": "cross_entropy"}, "weight_decay > 0"),
        ({"patterns": [[1.5, 0.5]], "loss": "cross_entropy", "weight_decay": 1.0}, "got values from 0.5 to 1.5"),
        ({"patterns": [[-0.5, 0.5]], "activation": "logistic"}, "logistic takes those between 0 and 1 alone"),
        ({"patterns": [0.5, 0.5]}, r"patterns: got shape \(2,\)"),
        ({"patterns": "none"}, "patterns: got 'none'"),
        ({"activation": "elu"}, "activation: got 'elu'; "),
        ({"loss": "square"}, "loss: got 'square'; did you mean 'squares'"),
        ({"time_step": 0}, "time_step: got 0; its limit"),
        ({"time_step": -1.0}, "time_step: got -1.0; a number ≥ 0"),
        ({"time_step": 0.1, "loss": "cross_entropy"}, "time_step: 'cross_entropy' compares"),
        ({"weight_decay": -1}, "weight_decay: got -1"),
        ({"tolerance": np.nan}, "tolerance: got nan"),
        ({"max_iterations": 0}, "max_iterations: got 0"),
    ],
)
def test_what_cannot_be_learnt_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        learn_fixed_points(**{"patterns": [[0.5, 0.5]], **given})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((np.zeros(2), np.eye(2)), r"got shapes \(2,\), \(2, 2\)"),
        ((np.zeros((1, 2)), np.eye(3)), r"got shapes \(1, 2\), \(3, 3\)"),
        ((np.zeros((1, 2)), np.eye(2), [1, 2, 3]), r"\(3,\); \(P, N\)"),
        ((np.zeros((1, 2)), [[0, 1], [2, 0]]), "couplings: W differs from its transpose"),
        ((np.zeros((1, 2)), np.eye(2), 0, "sign"), "activation: got 'sign'"),
    ],
)
def test_what_has_no_spectrum_is_refused(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        spectrum(*given)
