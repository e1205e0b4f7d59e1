"""How perturbations grow: stiffness with momentum, adjoints of heavy balls, what is left of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import langevin_kit as lk
from langevin_kit import learn, networks
from langevin_kit.errors import InvalidArgument

N, GAMMA, END = 3, 0.7, 2.0
PUSH = networks.mlp({"h": N}, [8], N, time=True, scale=3.0, rng=0)
BALL = networks.heavy_ball(PUSH, damping=GAMMA)
START = np.random.default_rng(1).normal(size=2 * N)
SLOPE = np.random.default_rng(2).normal(size=2 * N)
EXACT: dict[str, Any] = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-13}


def slope_of_push(h: np.ndarray, t: float) -> np.ndarray:
    """∂f/∂h by hand."""
    p = PUSH.parameters
    a = p["W1"] @ h + p["c1"] * t + p["b1"]
    return np.asarray(p["W2"] @ ((1 - np.tanh(a) ** 2)[:, None] * p["W1"]))


@cache
def path() -> Any:
    """The path of the heavy ball, as a function of time."""
    return solve_ivp(lambda t, x: BALL.force_at(x, t), (0, END), START, dense_output=True, **EXACT).sol


def adjoint_ends(sign: float = -1.0) -> np.ndarray:
    """a(0) by a_h' = sign·a_m ∂f, a_m' = −a_h + γ a_m, back from the slope at the end."""

    def right(t: float, a: np.ndarray) -> np.ndarray:
        a_h, a_m = np.split(a, 2)
        return np.concatenate([sign * a_m @ slope_of_push(path()(t)[:N], t), -a_h + GAMMA * a_m])

    return np.asarray(solve_ivp(right, (END, 0), SLOPE, **EXACT).y[:, -1])


@cache
def along(n: int) -> learn.AdjointPropagator:
    """The adjoint along n intervals of the path."""
    t = np.linspace(0, END, n + 1)
    return learn.adjoint_propagator(BALL, path()(t).T, t)


def test_jacobians_are_those_by_hand() -> None:
    x, t = np.random.default_rng(3).normal(size=(5, 2 * N)), np.linspace(0, 1, 5)
    for one, h, when in zip(learn.jacobians(BALL, x, t), x[:, :N], t, strict=True):
        by_hand = np.block([[np.zeros((N, N)), np.eye(N)], [slope_of_push(h, when), -GAMMA * np.eye(N)]])
        np.testing.assert_allclose(one, by_hand, rtol=1e-12, atol=1e-14)
    still = networks.neural_field(networks.mlp({"h": N}, [8], N, rng=0))
    np.testing.assert_array_equal(learn.jacobians(still, x[:, :N], t), learn.jacobians(still, x[:, :N]))


@pytest.mark.claim("D21")
def test_stiffness_with_momentum() -> None:
    """The roots are B's eigenvalues; S(B) = √S(A) for decaying A, γ < 2√λ; for growing A at γ = 0 only."""
    rng = np.random.default_rng(0)
    for A in rng.normal(size=(20, 4, 4)):
        for gamma in (0.0, 0.5, 10.0):
            B = np.block([[np.zeros((4, 4)), np.eye(4)], [A, -gamma * np.eye(4)]])
            roots = learn.heavy_ball_eigenvalues(A, gamma)
            expected = np.poly(B)
            np.testing.assert_allclose(np.poly(roots.ravel()).real, expected, atol=1e-11 * np.abs(expected).max())
            np.testing.assert_allclose(roots.sum(axis=-1), -gamma, atol=1e-12)
            size = np.abs(roots)
            assert learn.stiffness(B) == pytest.approx(size.max() / size.min(), rel=1e-9)
    growing, found = np.diag([0.1, 3.0, 40.0]), []
    for gamma in (0.0, 0.5, 2.0, 10.0):
        size = np.abs(learn.heavy_ball_eigenvalues(growing, gamma))
        found.append(size.max() / size.min())
    assert np.round(found).tolist() == [20, 43, 152, 1308]
    assert np.sqrt(learn.stiffness(growing)) == pytest.approx(20)
    for gamma in (0.0, 0.3, 0.999 * 2 * np.sqrt(0.1)):
        size = np.abs(learn.heavy_ball_eigenvalues(-growing, gamma))
        assert size.max() / size.min() == pytest.approx(20)
    size = np.abs(learn.heavy_ball_eigenvalues(-growing, 1.5))
    assert size.max() / size.min() > 50
    # A rate of 1e-18 beside a friction of 1 is not lost.
    assert abs(learn.heavy_ball_eigenvalues([[-1e-18]], 1.0)[0, 0] + 1e-18) < 1e-30
    assert learn.stiffness([[1.0, 0.0], [0.0, 0.0]]) == np.inf


@pytest.mark.claim("D18")
def test_propagators_are_ordered_in_time() -> None:
    """dx = (A + t B) x: to order 4 that of the equation. The exponential of ∫ J is off by 54 %."""
    A, B = np.array([[0.0, 2.0], [-1.0, 0.0]]), np.array([[1.0, 0.0], [2.0, -1.0]])
    linear = lk.System(
        drift="A @ x + t*(B @ x)", temperature=0.0, coordinates={"x": 2}, parameters={"A": A, "B": B}
    )  # fmt: skip

    def right(t: float, P: np.ndarray) -> np.ndarray:
        return np.asarray(((A + t * B) @ P.reshape(2, 2)).ravel())

    exact = solve_ivp(right, (0, 2), np.eye(2).ravel(), **EXACT).y[:, -1].reshape(2, 2)
    errors = []
    for n in (20, 40):
        found = learn.adjoint_propagator(linear, np.zeros((n + 1, 2)), np.linspace(0, 2, n + 1))
        np.testing.assert_allclose(found.integrals[0], 2 * A + 2 * B, atol=1e-12)
        np.testing.assert_allclose(found.adjoint([1.0, 2.0])[0], [1, 2] @ found.matrices[0], rtol=1e-12)
        errors.append(np.abs(found.matrices[0] - exact).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.1)
    assert errors[1] < 1e-6 * np.abs(exact).max()
    assert found.ordering_error[0] == pytest.approx(0.54, abs=0.005)
    wrong = np.linalg.norm(expm(2 * A + 2 * B) - exact) / np.linalg.norm(exact)
    assert found.ordering_error[0] == pytest.approx(wrong, rel=1e-6)
    # Where Jacobians commute the source is right.
    still = lk.System(drift="A @ x*(1 + t)", temperature=0.0, coordinates={"x": 2}, parameters={"A": A})
    assert learn.adjoint_propagator(still, np.zeros((9, 2)), np.linspace(0, 2, 9)).ordering_error.max() < 1e-12


@pytest.mark.claim("D25")
def test_the_propagator_of_a_heavy_ball() -> None:
    """Along a path of a network: to order 4 ∂x(T)/∂x(t); det P = exp(−nγ(T − t)); exp(−M) is off by 30 %."""

    def right(t: float, y: np.ndarray) -> np.ndarray:
        J = np.block([[np.zeros((N, N)), np.eye(N)], [slope_of_push(path()(t)[:N], t), -GAMMA * np.eye(N)]])
        return np.asarray((J @ y.reshape(2 * N, 2 * N)).ravel())

    exact = solve_ivp(right, (0, END), np.eye(2 * N).ravel(), **EXACT).y[:, -1].reshape(2 * N, 2 * N)
    errors = [np.abs(along(n).matrices[0] - exact).max() for n in (40, 80)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.2)
    assert errors[1] < 1e-6
    left = END - along(40).times
    np.testing.assert_allclose(np.linalg.det(along(40).matrices), np.exp(-N * GAMMA * left), rtol=1e-12)
    assert along(80).ordering_error[0] > 0.2
    assert (np.diff(along(80).ordering_error) < 0).mean() > 0.8


@pytest.mark.claim("D22")
def test_the_adjoint_of_a_heavy_ball() -> None:
    """a_h' = −a_m ∂f, a_m' = −a_h + γ a_m gives ∂L/∂h(0), ∂L/∂m(0): differences of paths and P to 1e-7."""

    def end(x: np.ndarray) -> float:
        y = solve_ivp(lambda t, y: BALL.force_at(y, t), (0, END), x, **EXACT).y[:, -1]
        return float(SLOPE @ y)

    a, step = adjoint_ends(), 1e-4
    difference = [(end(START + step * unit) - end(START - step * unit)) / (2 * step) for unit in np.eye(2 * N)]
    np.testing.assert_allclose(a, difference, atol=1e-7)
    np.testing.assert_allclose(along(160).adjoint(SLOPE)[0], a, atol=1e-7)
    # With the sign of the source.
    assert np.abs(adjoint_ends(1.0) - difference).max() > 0.1


@pytest.mark.claim("D23")
def test_the_adjoint_of_the_momentum_is_a_heavy_ball() -> None:
    """a'' − γ a' = a ∂f holds for a_m, not for a_h, as differences of order 4 show."""
    found = along(200)
    h, slopes = (
        found.times[1],
        [slope_of_push(x[:N], t) for x, t in zip(path()(found.times).T, found.times, strict=True)],
    )
    residual = []
    for a in np.split(found.adjoint(SLOPE), 2, axis=1):
        first = (a[:-4] - 8 * a[1:-3] + 8 * a[3:-1] - a[4:]) / (12 * h)
        second = (-a[:-4] + 16 * a[1:-3] - 30 * a[2:-2] + 16 * a[3:-1] - a[4:]) / (12 * h**2)
        pushed = np.stack([row @ J for row, J in zip(a, slopes, strict=True)])
        residual.append(np.abs(second - GAMMA * first - pushed[2:-2]).max())
    of_h, of_m = residual
    assert of_m < 1e-5
    assert of_h > 0.1


@pytest.mark.claim("D24")
def test_in_reversed_time_it_has_the_same_damping() -> None:
    """b(τ) = a_m(T − τ) is the heavy ball b'' + γ b' = b ∂f, as `networks.heavy_ball` makes it of f = A h."""
    A = np.random.default_rng(5).normal(size=(N, N))
    ball = networks.heavy_ball(networks.Field("A @ h", {"h": N}, {"A": A}), damping=GAMMA)
    back = networks.heavy_ball(networks.Field("b @ A", {"b": N}, {"A": A}), damping=GAMMA)
    t = np.linspace(0, END, 41)
    a_h, a_m = np.split(learn.adjoint_propagator(ball, np.zeros((41, 2 * N)), t).adjoint(SLOPE), 2, axis=1)
    # db/dτ = −da_m/dt = a_h − γ a_m.
    state = np.concatenate([a_m[-1], a_h[-1] - GAMMA * a_m[-1]])
    for k, tau in enumerate(t):
        b, speed = np.split(expm(tau * back.drift_jacobian(np.zeros(2 * N))) @ state, 2)
        np.testing.assert_allclose(b, a_m[-1 - k], atol=1e-10)
        np.testing.assert_allclose(speed, (a_h - GAMMA * a_m)[-1 - k], atol=1e-10)


@pytest.mark.claim("D26")
def test_eigenvalues_come_in_pairs() -> None:
    """Of −M = ∫ B dt, with sums (t − T)γ; det(λ − H) = +det(λ(λ + γ) − F), also for odd n, where the source has −."""
    found = along(40)
    for k in (0, 17, 38):
        left = END - found.times[k]
        pairs = learn.paired_eigenvalues(found.integrals[k])
        np.testing.assert_allclose(pairs.sum(axis=1), -GAMMA * left, atol=1e-10)
        F = found.integrals[k][N:, :N] / left
        np.testing.assert_allclose(
            np.poly(pairs.ravel()), np.poly(left * learn.heavy_ball_eigenvalues(F, GAMMA).ravel()), atol=1e-10
        )
        H = found.integrals[k] / left
        for value in (0.3, -1.2 + 0.4j):
            small = np.linalg.det(value * (value + GAMMA) * np.eye(N) - F)
            assert np.linalg.det(value * np.eye(2 * N) - H) == pytest.approx(small, rel=1e-10)
    # Negative control: eigenvalues of another matrix have no such pairs.
    sums = learn.paired_eigenvalues(np.random.default_rng(0).normal(size=(6, 6))).sum(axis=1)
    assert np.ptp(sums.real) > 0.1


@pytest.mark.claim("D27")
def test_adjoints_of_heavy_balls_do_not_vanish_faster_than_half_the_friction() -> None:
    """The gain is no less than that of the slow eigenvalues, n of 2n for γ ≤ 2a; of 200 random M, and along a path."""
    rng = np.random.default_rng(0)
    shares = []
    for A in rng.normal(size=(200, N, N)):
        minus_m = np.block([[np.zeros((N, N)), np.eye(N)], [A, -1.5 * np.eye(N)]])
        slope = rng.normal(size=2 * N)
        found = learn.vanishing_bound(expm(minus_m), slope, np.exp(-0.75) * (1 - 1e-9))
        assert found.gain == pytest.approx(np.linalg.norm(slope @ expm(minus_m)) / np.linalg.norm(slope), rel=1e-10)
        assert 0 < found.bound <= found.gain * (1 + 1e-12)
        assert found.n_kept >= N
        shares.append(found.bound / found.gain)
        # One of a pair of real eigenvalues lies below; without a real pair both lie at the limit.
        above = learn.vanishing_bound(expm(minus_m), slope, np.exp(-0.75) * (1 + 1e-9))
        assert above.n_kept <= N
    assert np.median(shares) > 0.5
    for t, P in zip(along(40).times, along(40).matrices, strict=True):
        least = np.exp(-GAMMA / 2 * (END - t)) * (1 - 1e-9)
        assert learn.vanishing_bound(P, SLOPE, least).n_kept >= 1


@pytest.mark.parametrize("T", [0.0, pytest.param(0.2, marks=pytest.mark.slow)])
def test_the_discrete_adjoint_agrees_and_learns_friction(T: float) -> None:
    """Of the generalised ball: ∂L/∂x(0) is a P at T = 0, to the steps' tolerance; ∂L/∂ω, ∂L/∂ξ are differences of L.

    At T > 0 ω moves friction and noise at once.
    """
    general = networks.heavy_ball(PUSH, damping=GAMMA, velocity="tanh", restoring=0.4, temperature=T)
    own = {"slope_h": SLOPE[:N], "slope_m": SLOPE[N:]}
    loss = learn.Loss("slope_h @ h + slope_m @ m", targets={}, parameters=own).of(general)
    solver = learn.FixedSteps(0.05, "euler") if T else learn.DormandPrince(rtol=1e-10, atol=1e-10)
    adjoint = learn.DiscreteAdjoint(solver)

    def at(**changed: float) -> learn.Gradient:
        values = {**general.parameters, **changed}
        return adjoint.gradient(
            general, START[None], [0.0, END], loss, learn=["omega", "xi"], parameters=values, rng=0
        )  # fmt: skip

    found = at()
    if not T:
        t = np.linspace(0, END, 161)
        x = solve_ivp(lambda t, y: general.force_at(y, t), (0, END), START, t_eval=t, **EXACT).y.T
        a = learn.adjoint_propagator(general, x, t).adjoint(SLOPE)[0]
        np.testing.assert_allclose(found.initial[0], a, atol=1e-6)
    for name in ("omega", "xi"):
        value, step = float(general.parameters[name]), 1e-5
        difference = (at(**{name: value + step}).loss - at(**{name: value - step}).loss) / (2 * step)
        assert abs(float(found.parameters[name])) > 1e-3
        assert float(found.parameters[name]) == pytest.approx(difference, rel=1e-5, abs=1e-6)


def test_symmetric_pushes_keep_pairs_in_time_order() -> None:
    """Of f = −∇V P is conformally symplectic: PᵀΩP = exp(−γ(T − t)) Ω, so that its eigenvalues pair by products."""
    well = networks.heavy_ball(
        networks.Field("W @ tanh(h @ W) - h", {"h": 2}, {"W": [[1.5, 0.4], [-0.3, 2.0]]}), damping=GAMMA
    )
    t = np.linspace(0, END, 41)
    x = solve_ivp(lambda t, x: well.force_at(x), (0, END), [0.3, -0.2, 0.5, 0.1], t_eval=t, **EXACT).y.T
    P = learn.adjoint_propagator(well, x, t).matrices[0]
    form = np.kron([[0, 1], [-1, 0]], np.eye(2))
    np.testing.assert_allclose(P.T @ form @ P, np.exp(-GAMMA * END) * form, atol=1e-12)
    least = np.exp(-GAMMA * END / 2) * (1 - 1e-9)
    assert learn.vanishing_bound(P, [1.0, 0.0, 0.0, 0.0], least).n_kept >= 2


def test_momentum_keeps_adjoints() -> None:
    """Of h' = −k h the adjoint is exp(−kT); of the heavy ball of the same field about exp(−γT/2)."""
    k, gamma, end = 10.0, 0.5, 2.0
    field, t = networks.Field("-k*h", {"h": 1}, {"k": k}), np.linspace(0, end, 9)
    plain = learn.adjoint_propagator(networks.neural_field(field), np.zeros((9, 1)), t)
    np.testing.assert_allclose(plain.adjoint([1.0])[:, 0], np.exp(-k * (end - t)), rtol=1e-12)
    ball = learn.adjoint_propagator(networks.heavy_ball(field, damping=gamma), np.zeros((9, 2)), t)
    turn = np.sqrt(k - gamma**2 / 4)
    left = end - t
    expected = np.exp(-gamma / 2 * left) * (np.cos(turn * left) + gamma / 2 / turn * np.sin(turn * left))
    np.testing.assert_allclose(ball.adjoint([1.0, 0.0])[:, 0], expected, atol=1e-12)
    gain = np.linalg.norm(ball.adjoint([1.0, 0.0]), axis=1)
    assert (gain > 0.3 * np.exp(-gamma / 2 * left)).all()
    assert plain.adjoint([1.0])[0, 0] < 1e-8


def test_along_paths_with_noise() -> None:
    """Of a heavy ball, whose position is smooth, the order is 2: the root mean square error of 16 paths."""
    still = networks.Field("h - h**3", {"h": 1})
    ball = networks.heavy_ball(still, damping=0.5, temperature=0.3)
    n, draw = 2048, np.random.default_rng(0)
    x = np.zeros((n + 1, 2, 16))
    x[0, 0], dt = 0.5, END / n
    for k in range(n):
        x[k + 1] = x[k] + dt * ball.force_at(x[k])
        x[k + 1, 1] += np.sqrt(2 * 0.3 * 0.5 * dt) * draw.normal(size=16)
    t, errors = dt * np.arange(n + 1), []
    exact = [learn.adjoint_propagator(ball, each, t).matrices[0] for each in np.moveaxis(x, -1, 0)]
    for every in (32, 8):
        found = [learn.adjoint_propagator(ball, p[::every], t[::every]).matrices[0] for p in np.moveaxis(x, -1, 0)]
        errors.append(np.sqrt(np.mean((np.array(found) - exact) ** 2)))
    assert 1.7 < np.log2(errors[0] / errors[1]) / 2 < 2.3
    assert errors[1] < 1e-5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: learn.stiffness([1.0, 2.0]), r"matrix: got shape \(2,\)"),
        (lambda: learn.paired_eigenvalues(np.eye(3)), "an even number of rows"),
        (lambda: learn.heavy_ball_eigenvalues(np.eye(2), -1.0), "damping: got -1.0"),
        (lambda: learn.jacobians(BALL, np.zeros((2, 5))), r"states: got shape \(2, 5\); \(R, 6\)"),
        (lambda: learn.jacobians(BALL, np.zeros((2, 6)), [0.0]), r"times: got shape \(1,\)"),
        (lambda: learn.jacobians(lk.SpinSystem(couplings=np.zeros((2, 2)), temperature=1), [[1, 1]]), "SpinSystem"),
        (lambda: learn.adjoint_propagator(BALL, np.zeros((2, 6)), [1.0, 0.0]), "two or more that increase"),
        (lambda: learn.adjoint_propagator(BALL, np.zeros((3, 6)), [0.0, 1.0]), r"states: got shape \(3, 6\)"),
        (lambda: learn.vanishing_bound(np.eye(2), [0.0, 0.0], 0.1), "not zero"),
        (lambda: along(40).adjoint([1.0]), r"slope: got shape \(1,\)"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        call()


def test_noise_that_acts_on_perturbations_and_walls_are_refused() -> None:
    noisy = lk.System(energy="v @ v/2", mobility="1 + v**2", temperature=0.1, coordinates={"v": 1})
    with pytest.raises(InvalidArgument, match="mobility: it depends on position"):
        learn.adjoint_propagator(noisy, [[0.0], [0.1]], [0.0, 0.1])
    walled = lk.System(energy="x**2", temperature=0.1, walls={"x": lk.reflecting(-1.0, 1.0)})
    with pytest.raises(InvalidArgument, match="walls or a retraction"):
        learn.adjoint_propagator(walled, [[0.0], [0.1]], [0.0, 0.1])
