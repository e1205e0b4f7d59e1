"""Schemes that are exact for linear equations: Ornstein–Uhlenbeck at any step, BAOAB in its positions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad_vec
from scipy.linalg import expm, solve_discrete_lyapunov

import langevin_kit as lk
from langevin_kit.codegen import stepper
from langevin_kit.errors import InvalidArgument
from langevin_kit.schemes import scheme_from

TURNING = lk.System(
    energy="x**2 + 0.5*x*y + y**2 - x",
    mobility=[[1.0, 0.8], [-0.8, 0.5]],
    drift=["0.3*y", "1"],
    temperature=0.7,
    coordinates=("x", "y"),
)
OSCILLATOR = lk.System(energy="2*q**2 + p**2/6", mobility=[[0, -1], [1, 0.5]], temperature=0.5, coordinates=("q", "p"))


def linear_map(system: lk.System, name: str, dt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A, c and B of one step x' = A x + c + B z of the generated code."""
    made, d = scheme_from(name), system.n_dim
    one = stepper(system, made, "float64").step
    own = made.values(system, dt)
    amplitude = np.sqrt(2 * system.temperature * dt)

    def step(x: Any, z: Any) -> np.ndarray:
        return np.array(one(0.0, *x, *own, dt, system.temperature, amplitude, *z[[*made.drawn(system)]]))

    zero, unit = np.zeros(d), np.eye(d)
    c = step(zero, zero)
    A = np.stack([step(e, zero) - c for e in unit], axis=1)
    return A, c, np.stack([step(zero, e) - c for e in unit], axis=1)


@pytest.mark.parametrize("dt", [0.01, 1.7])
def test_the_ornstein_uhlenbeck_step_is_the_law_of_the_equation(dt: float) -> None:
    """Its matrices against quadrature of the variation of constants, to 1e-12."""
    A, c, B = linear_map(TURNING, "ornstein_uhlenbeck", dt)
    K, H = np.array([[1.0, 0.8], [-0.8, 0.5]]), np.array([[2.0, 0.5], [0.5, 2.0]])
    M = -K @ H + np.array([[0, 0.3], [0, 0]])
    force = K @ [1.0, 0.0] + [0.0, 1.0]
    np.testing.assert_allclose(A, expm(M * dt), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(c, quad_vec(lambda s: expm(M * s) @ force, 0, dt, epsabs=1e-14)[0], rtol=1e-12)
    noise = 2 * 0.7 * np.diag([1.0, 0.5])
    exact = quad_vec(lambda s: expm(M * s) @ noise @ expm(M.T * s), 0, dt, epsabs=1e-15)[0]
    np.testing.assert_allclose(B @ B.T, exact, rtol=1e-12)
    cold = lk.simulate(
        replace(TURNING, temperature=0.0),
        initial=lk.initial.point([1.0, -2.0]),
        n_particles=1,
        time_step=dt,
        n_steps=3,
        save_every=3,
        save_positions=True,
        scheme="ornstein_uhlenbeck",
    )
    x = np.array([1.0, -2.0])
    for _ in range(3):
        x = A @ x + c
    np.testing.assert_allclose(cold.position[-1, :, 0], x, rtol=1e-13)


def test_noise_that_reaches_a_coordinate_only_through_another() -> None:
    """Of the oscillator, whose position has no noise of its own: exact at any step."""
    A, _, B = linear_map(OSCILLATOR, "ornstein_uhlenbeck", 0.8)
    law = solve_discrete_lyapunov(A, B @ B.T)
    np.testing.assert_allclose(law, np.diag([0.125, 1.5]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dt", [0.1, 0.8])
def test_baoab_has_the_exact_law_of_positions_of_an_oscillator(dt: float) -> None:
    """⟨q²⟩ = T/k to 1e-12 at any step, ⟨p²⟩ = mT(1 − k Δt²/4m); Euler–Maruyama's ⟨q²⟩ is off by O(Δt)."""
    A, c, B = linear_map(OSCILLATOR, "baoab", dt)
    law = solve_discrete_lyapunov(A, B @ B.T)
    np.testing.assert_allclose(law, np.diag([0.125, 1.5 * (1 - 4 / 3 * dt**2 / 4)]), rtol=1e-12, atol=1e-14)
    assert (c == 0).all()
    A, _, B = linear_map(OSCILLATOR, "euler_maruyama", 0.1)
    assert abs(solve_discrete_lyapunov(A, B @ B.T)[0, 0] / 0.125 - 1) > 0.3


def test_baoab_without_noise_is_velocity_verlet() -> None:
    """Without friction too: the energy stays within O(Δt²), and the step is reversed by a turned momentum."""
    free = replace(OSCILLATOR, energy="cos(q) + p**2/6", mobility=[[0, -1], [1, 0]], temperature=0.0)
    about: dict[str, Any] = {"time_step": 0.05, "n_steps": 2000, "scheme": "baoab", "save_positions": True}
    there = lk.simulate(free, initial=np.array([[2.0, 1.0]]), **about)
    assert float(np.ptp(there.energy.values)) < 2e-4
    q, p = there.position[-1, :, 0].values
    back = lk.simulate(free, initial=np.array([[q, -p]]), **about)
    np.testing.assert_allclose(back.position[-1, :, 0], [2.0, -1.0], atol=1e-9)


@pytest.mark.parametrize(
    ("scheme", "system", "said"),
    [
        ("ornstein_uhlenbeck", replace(TURNING, energy="x**4"), "E must be quadratic"),
        ("ornstein_uhlenbeck", replace(TURNING, drift=["sin(t)", "0"]), "none may depend on time"),
        ("ornstein_uhlenbeck", replace(TURNING, walls={"x": lk.periodic(-1, 1)}), "no coordinate may have walls"),
        ("baoab", TURNING, r"E = V\(q\) \+ Σ p²/2m"),
        ("baoab", replace(OSCILLATOR, energy="q*p + p**2/2"), r"E = V\(q\) \+ Σ p²/2m"),
        ("baoab", replace(OSCILLATOR, energy="q**2 + p**4"), r"E = V\(q\) \+ Σ p²/2m"),
        ("baoab", replace(OSCILLATOR, energy="q**2 + p + p**2"), r"E = V\(q\) \+ Σ p²/2m"),
        ("baoab", replace(OSCILLATOR, mobility=[[0, -1], [1, "1 + p**2"]]), r"E = V\(q\) \+ Σ p²/2m"),
    ],
)
def test_what_they_cannot_do_is_refused(scheme: str, system: lk.System, said: str) -> None:
    with pytest.raises(InvalidArgument, match=f"scheme: got '{scheme}'; .*{said}"):
        lk.simulate(
            system, initial=lk.initial.point([0.0, 0.0]), n_particles=1, time_step=0.1, n_steps=1, scheme=scheme
        )
