"""Heavy balls: the equations they say, the law of the noisy ones, the limit of momentum methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument

PUSH = networks.mlp({"h": 3}, [8], 3, time=True, scale=2.0, rng=0)
X = np.random.default_rng(1).normal(size=(6, 10))
WELL = networks.Field("h - h**3", {"h": 1})


def push(h: np.ndarray, t: float) -> np.ndarray:
    p = PUSH.parameters
    return np.asarray(p["W2"] @ np.tanh(p["W1"] @ h + (p["c1"] * t + p["b1"])[:, None]) + p["b2"][:, None])


@pytest.mark.claim("D20")
def test_the_heavy_ball_is_its_equation_of_second_order() -> None:
    """h″ + γ h′ = f(h, t), step by step to rounding, of a network; and not with another γ."""
    dt, gamma = 0.01, 0.3
    ds = lk.simulate(
        networks.heavy_ball(PUSH, damping=gamma), initial=X.T, time_step=dt, n_steps=200, save_every=1,
        save_positions=True, check=False,
    )  # fmt: skip
    h, m = np.split(ds.position.values, 2, axis=1)
    np.testing.assert_allclose(np.diff(h, axis=0) / dt, m[:-1], atol=1e-12)
    second = np.diff(h, 2, axis=0) / dt**2
    f = np.stack([push(each, k * dt) for k, each in enumerate(h[:-2])])
    np.testing.assert_allclose(second + gamma * np.diff(h, axis=0)[:-1] / dt, f, atol=1e-9)
    assert np.abs(second + 0.31 * np.diff(h, axis=0)[:-1] / dt - f).max() > 1e-3


@pytest.mark.claim("D20")
def test_each_kind_has_its_equation() -> None:
    """Of momentum alone, generalised, of second order; γ stays in (0, ε) whatever ω is; signs as in the public code."""
    h, m, t = X[:3], X[3:], 0.4
    ball = networks.heavy_ball(PUSH)
    assert ball.parameters["omega"] == pytest.approx(-3)
    np.testing.assert_allclose(ball.force_at(X, t), np.concatenate([m, push(h, t) - m / (1 + np.exp(3))]), rtol=1e-12)
    general = networks.heavy_ball(PUSH, damping=1.5, largest_damping=2.0, velocity="hardtanh", restoring=0.7)
    slow = np.concatenate([np.clip(m, -1, 1), push(h, t) - 1.5 * m - 0.7 * h])
    np.testing.assert_allclose(general.force_at(X, t), slow, rtol=1e-12, atol=1e-14)
    for omega, gamma in ((-800.0, 0.0), (800.0, 2.0)):
        other = lk.System(**{**general.to_dict(), "parameters": {**general.parameters, "omega": omega}})
        np.testing.assert_allclose(other.mobility_at(X[:, 0])[3, 3], gamma, atol=1e-12)
    second = networks.heavy_ball(networks.Field("m*h", {"h": 3, "m": 3}), damping=0.0)
    np.testing.assert_array_equal(second.force_at(X), np.concatenate([m, m * h]))
    # h' = σ(−m), m' = F − γm + c h, as the code has it, with F = −f and c = ξ.
    theirs = np.concatenate([np.clip(-m, -1, 1), -push(h, t) - 1.5 * m + 0.7 * h])
    ours = general.force_at(np.concatenate([h, -m]), t)
    np.testing.assert_allclose(np.concatenate([ours[:3], -ours[3:]]), theirs, rtol=1e-12, atol=1e-14)


def test_a_warm_ball_has_the_boltzmann_law() -> None:
    """Of V + m²/2 by quadrature, at T = 0.3, within 4.4 standard errors and 0.5 % for the step; noise of 1.05 T fails.

    Three means are tried: false alarms 3e-5.
    """
    T, gamma, n = 0.3, 2.0, 100_000
    x, weight = np.polynomial.legendre.leggauss(200)
    x, weight = 3 * x, 3 * weight
    q = weight * np.exp(-((x**2 - 1) ** 2) / 4 / T)
    expected = {"h2": q @ x**2 / q.sum(), "h4": q @ x**4 / q.sum(), "m2": T}
    start = np.random.default_rng(0).normal(size=(n, 2)) * [0.9, 0.55]
    for amplitude in (1.0, 1.05):
        ball = networks.heavy_ball(WELL, damping=gamma, largest_damping=4.0, temperature=amplitude * T)
        ds = lk.simulate(
            ball, initial=start, time_step=4e-3, n_steps=4000, save_every=4000, rng=2,
            observables={"h2": "h @ h", "h4": "sum(h**4)", "m2": "m @ m"},
        )  # fmt: skip
        z = [
            (abs(float(ds[name][-1]) - value) - 5e-3 * value) / float(ds[f"{name}_stderr"][-1])
            for name, value in expected.items()
        ]
        assert (max(z) < 4.4) == (amplitude == 1), z
        assert (abs(float(ds["energy"][-1]) - T / 2) < 0.01 * T) == (amplitude == 1)


@pytest.mark.claim("D19")
def test_momentum_methods_go_over_into_heavy_balls() -> None:
    """x ← x + η f(x) + (1 − γ√η)(x − x₋), at the times k√η: off by c√η of a network too, with c to 5 %."""
    gamma, end = 0.4, 2.0
    still = networks.mlp({"h": 3}, [8], 3, scale=2.0, rng=0)
    ball, start = networks.heavy_ball(still, damping=gamma), np.concatenate([X[:3, 0], np.zeros(3)])
    x, dt = start, 1e-3
    for _ in range(round(end / dt)):  # of order 4
        k1 = ball.force_at(x)
        k2 = ball.force_at(x + dt / 2 * k1)
        k3 = ball.force_at(x + dt / 2 * k2)
        x = x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + ball.force_at(x + dt * k3))
    errors = []
    for n in (400, 800):
        root = end / n
        before = now = start[:3]
        for _ in range(n):
            f = ball.force_at(np.concatenate([now, 0 * now]))[3:]
            before, now = now, now + root**2 * f + (1 - gamma * root) * (now - before)
        errors.append((now - x[:3]) / root)
    assert np.abs(errors[1]).max() > 0.05
    np.testing.assert_allclose(*errors, rtol=0.05)


@pytest.mark.parametrize(
    ("field", "given", "message"),
    [
        (networks.Field("-x", {"x": 1, "v": 1}), {}, "field: got one of x, v"),
        (networks.Field("-m", {"m": 1}), {}, "field: got one of m"),
        (networks.Field("-h", {"h": 1, "m": 2}), {}, "position and momentum have the same"),
        (networks.Field("-xi*h", {"h": 1}, {"xi": 1.0}), {"restoring": 1.0}, r"its parameters \['xi'\]"),
        (WELL, {"damping": 1.0}, "damping: got 1.0; it must be below largest_damping, 1"),
        (WELL, {"damping": -0.1}, "damping: got -0.1"),
        (WELL, {"damping": 0.0, "temperature": 0.1}, "temperature: got 0.1 without damping"),
        (WELL, {"velocity": "tnh"}, "did you mean 'tanh'"),
    ],
)
def test_what_is_refused(field: networks.Field, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        networks.heavy_ball(field, **given)
