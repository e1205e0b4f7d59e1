"""Flows that are a choice of K: any U with a positive symmetric part, the linear flow, the heavy ball."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import MobilityNotPositive, NotNormalizable

COUPLING = np.array([[0.0, 1.0, -0.5], [1.0, 0.0, 0.7], [-0.5, 0.7, 0.0]])
LINEAR = lk.System(
    energy="-(2*x*y - x*z + 1.4*y*z)", mobility=1.0, temperature=0.0, coordinates=("x", "y", "z")
)  # −xWx
FRICTION = 0.4
BALL = lk.System(
    energy="(h**2 - 1)**2/4 + m**2/2",
    mobility=[[0, -1], [1, FRICTION]],
    temperature=0.0,
    coordinates=("h", "m"),
)


def path(system: lk.System, start: Any, time_step: float, n_steps: int, scheme: str = "euler_maruyama") -> np.ndarray:
    """Positions (time, d) of one particle."""
    ds = lk.simulate(
        system,
        initial=lk.initial.point(start),
        n_particles=1,
        time_step=time_step,
        n_steps=n_steps,
        save_every=1,
        save_positions=True,
        rng=0,
        check=False,
        scheme=scheme,
    )
    return np.asarray(ds.position.values[..., 0])


@pytest.mark.claim("A06")
def test_the_energy_falls_along_any_u_flow() -> None:
    """dE/dt = −∇E·U∇E ≤ 0 in every step, to first order in the step; an indefinite U is refused."""
    energy, start, dt, u = "(x**2 - 1)**2 + x*y/2 + y**4", [1.5, -1.2], 1e-4, [[1.0, -5.0], [3.0, 2.0]]
    given: dict[str, Any] = {"energy": energy, "temperature": 0.0, "coordinates": ("x", "y")}
    system = lk.System(mobility=u, **given)
    x = path(system, start, dt, 3000).T
    slope, fall = system.gradient(x), np.diff(system.energy_at(x)) / dt
    assert (fall <= 0).all()
    expected = -np.einsum("an,ab,bn->n", slope, np.array(u), slope)[:-1]
    np.testing.assert_allclose(fall, expected, atol=0.01 * np.abs(expected).max())
    # Negative control: the symmetric part alone goes another way down.
    symmetric = lk.System(mobility=[[1.0, -1.0], [-1.0, 2.0]], **given)
    assert np.abs(path(symmetric, start, dt, 3000).T - x).max() > 0.1
    with pytest.raises(MobilityNotPositive, match="not positive semi-definite"):
        path(lk.System(mobility=[[1.0, -5.0], [3.0, -2.0]], **given), start, dt, 1)


@pytest.mark.claim("A07")
def test_the_linear_flow_goes_down_and_has_no_law() -> None:
    """dx = +2 W x dt for E = −x W x: E falls as −4 |W x|², without end where W has no diagonal, so there is no q."""
    dt = 1e-4
    x = path(LINEAR, [0.3, -0.2, 0.1], dt, 2000).T
    np.testing.assert_allclose(LINEAR.energy_at(x), -np.einsum("an,ab,bn->n", x, COUPLING, x), atol=1e-12)
    np.testing.assert_allclose(np.diff(x) / dt, 2 * COUPLING @ x[:, :-1], rtol=1e-6, atol=1e-9)
    fall = np.diff(LINEAR.energy_at(x)) / dt
    assert (fall < 0).all()
    np.testing.assert_allclose(fall, -4 * ((COUPLING @ x[:, :-1]) ** 2).sum(axis=0), rtol=1e-3)
    warm = lk.System(energy=LINEAR.energy, temperature=0.5, coordinates=("x", "y", "z"))
    with pytest.raises(NotNormalizable, match=r"Z = .* diverges"):
        lk.boltzmann(warm)
    ds = lk.simulate(
        warm, initial=lk.initial.point([0.0] * 3), n_particles=100, time_step=1e-3, n_steps=10, save_every=10, rng=0
    )
    assert ds.attrs["boltzmann"].startswith("none")
    assert "kl_divergence" not in ds


@pytest.mark.claim("D20")
def test_the_heavy_ball_is_its_equation_of_second_order() -> None:
    """h″ + γ h′ = −V′(h), step by step to rounding: K = [[0, −1], [1, γ]] beside the energy V + m²/2."""
    dt = 1e-2
    h, m = path(BALL, [1.7, 0.5], dt, 500).T
    np.testing.assert_allclose(np.diff(h) / dt, m[:-1], atol=1e-10)
    second = np.diff(h, 2) / dt**2 + FRICTION * np.diff(h)[:-1] / dt
    np.testing.assert_allclose(second, -(h**3 - h)[:-2], atol=1e-9)
    assert np.abs(second - 0.5 * FRICTION * np.diff(h)[:-1] / dt + (h**3 - h)[:-2]).max() > 0.1


@pytest.mark.claim("D19")
def test_momentum_goes_over_into_the_heavy_ball() -> None:
    """x ← x − η V′(x) + (1 − γ√η)(x − x₋), at the times k √η: the error falls as √η."""
    end, errors = 3.0, []
    exact = path(BALL, [1.7, 0.0], end / 3000, 3000, "rk4")[-1, 0]
    for n in (128, 256, 512, 1024):
        root = end / n
        before = now = 1.7
        for _ in range(n):
            before, now = now, now - root**2 * (now**3 - now) + (1 - FRICTION * root) * (now - before)
        errors.append(abs(now - exact))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders[-1] == pytest.approx(1.0, abs=0.1)


def test_a_warm_ball_has_the_boltzmann_law() -> None:
    """Noise on the momentum alone, S = diag(0, γ): ⟨m²⟩ = T and ⟨h²⟩ by quadrature, within 4.5 standard errors."""
    T, n = 0.3, 20_000
    warm = lk.System(energy=BALL.energy, mobility=[[0, -1], [1, 2.0]], temperature=T, coordinates=("h", "m"))
    ds = lk.simulate(
        warm,
        initial=lk.initial.gaussian(mean=[0.0, 0.0], covariance=0.5),
        n_particles=n,
        time_step=2e-3,
        n_steps=6000,
        save_every=6000,
        observables={"h2": "h**2", "m2": "m**2"},
        rng=5,
    )
    h = np.linspace(-4, 4, 4001)
    q = np.exp(-((h**2 - 1) ** 2) / 4 / T)
    expected = {"h2": float((h**2 * q).sum() / q.sum()), "m2": T}
    for name, value in expected.items():
        error = float(ds[f"{name}_stderr"][-1])
        # The step's own bias is of the order of Δt.
        assert abs(float(ds[name][-1]) - value) < 4.5 * error + 2e-3 * value
    assert lk.verify(ds).comparison.verdict.state in ("consistent", "consistent within the step")
