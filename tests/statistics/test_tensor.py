"""The noise of one step has covariance 2 T S Δt, S = σσᵀ: exactly from the factor, and from sample moments."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit import System
from langevin_kit.codegen import stepper
from langevin_kit.codegen.coefficients import coefficients
from langevin_kit.schemes import EulerMaruyama

Floats = NDArray[np.float64]

SYSTEMS = {
    "plane": System(
        energy="(x**2 - 1)**2 + y**2/2",
        mobility=[["1 + x**2/4", "sin(x) + x*y/8"], ["sin(x) + x*y/8", "1.25 + y**2/4"]],
        drift=["y", "-x + cos(3*t)"],
        temperature=0.4,
        coordinates=("x", "y"),
    ),
    "space": System(
        energy="x**2/2 + y**2 + cos(z) + z**2/2",
        mobility=[["2", "sin(t + x)", "cos(z)/2"], ["sin(t + x)", "1.5", 0], ["cos(z)/2", 0, "1 + y**2/8"]],
        temperature=0.5,
        coordinates=("x", "y", "z"),
    ),
    "rank one": System(
        energy="x**2/2 + y**2/2",
        mobility=[["(1 + sin(y)/2)**2", "(1 + sin(y)/2)*cos(x)"], ["(1 + sin(y)/2)*cos(x)", "cos(x)**2"]],
        temperature=0.5,
        coordinates=("x", "y"),
    ),
    "rank two": System(
        energy="(x**2 + y**2 + z**2)/2",
        mobility=[[1, "y", "x"], ["y", "y**2", "x*y"], ["x", "x*y", "x**2 + 1/(1 + z**2)"]],
        temperature=0.5,
        coordinates=("x", "y", "z"),
    ),
    "numbers": System(
        energy="x**2/2 + y**2/2 + z**2/2",
        mobility=[[1, 2, 0.5], [2, 4, 1], [0.5, 1, 3]],
        temperature=0.5,
        coordinates=("x", "y", "z"),
    ),
}
RANK = {"plane": 2, "space": 3, "rank one": 1, "rank two": 2, "numbers": 2}
FOURTH_CUMULANT = {"gaussian": 0.0, "gaussian_32": 0.0, "gaussian_53": 0.0, "three_point": 0.0, "rademacher": -2.0}
KEY = (np.uint32(12345), np.uint32(67890))
N = 200_000
PLACE = np.array([0.6, -0.8, 0.3])


def module_of(system: System, dtype: str, noise: str = "gaussian") -> ModuleType:
    return stepper(system, EulerMaruyama(noise), dtype)


def factor_at(system: System, x: NDArray[np.floating], t: float, dtype: str = "float64") -> Floats:
    """σ (d, d) from the module that moves particles."""
    made = coefficients(system, dtype)
    real = np.dtype(dtype).type
    values = list(module_of(system, dtype).coefficients(real(t), *x.astype(dtype)))
    sigma = np.zeros((system.n_dim,) * 2)
    for where, value in zip(reversed(made.factor), reversed(values), strict=False):
        sigma[where] = value
    return sigma


@pytest.mark.claim("C14")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_the_factor_gives_the_mobility_back_and_has_its_rank(name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    eps = np.finfo(dtype).eps
    for x in np.random.default_rng(7).normal(size=(200, system.n_dim)).astype(dtype):
        sigma = factor_at(system, x, 0.25, dtype)
        s = system.mobility_at(x, 0.25)
        scale = np.sqrt(np.outer(s.diagonal(), s.diagonal()))
        assert (np.abs(sigma @ sigma.T - s) <= 16 * eps * scale).all()
        # Round-off makes no direction of its own: columns beyond the rank are exactly zero.
        assert np.count_nonzero(sigma.any(axis=0)) == RANK[name]


def one_step(system: System, noise: str, n: int = N, time_step: float = 1e-2) -> Floats:
    """(x' − x − drift Δt)/√(2TΔt) of many particles at one place, at t = 3 Δt."""
    place = PLACE[: system.n_dim, None]
    x = np.repeat(place, n, axis=1)
    arguments = (system.values, time_step, system.temperature, *KEY)
    module_of(system, "float64", noise).advance(x, 0, n, 256, 3, 1, *arguments)
    drift = system.drift_at(place, 3 * time_step)
    return np.asarray((x - place - drift * time_step) / np.sqrt(2 * system.temperature * time_step))


def scores(eta: Floats, sigma: Floats, noise: str) -> Floats:
    """z-scores of ⟨ηη ᵀ⟩ against σσᵀ, by the exact variance of a sample moment of independent ζ.

    N Var(ηᵃηᵇ) = SᵃᵃSᵇᵇ + (Sᵃᵇ)² + κ₄ Σ_k (σᵃᵏσᵇᵏ)², with the fourth cumulant κ₄ of ζ.
    """
    s = sigma @ sigma.T
    variance = np.outer(s.diagonal(), s.diagonal()) + s**2 + FOURTH_CUMULANT[noise] * (sigma**2 @ (sigma**2).T)
    # The smallest allowance is for rounding: the square of one sign is always 1.
    return np.asarray((eta @ eta.T / eta.shape[1] - s) / np.sqrt(np.maximum(variance / eta.shape[1], 1e-24)))


CASES = [(name, "gaussian") for name in SYSTEMS] + [("space", noise) for noise in FOURTH_CUMULANT]


@pytest.mark.claim("C14")
@pytest.mark.parametrize(("name", "noise"), dict.fromkeys(CASES))
def test_sample_moments_of_a_step(name: str, noise: str) -> None:
    """Five standard errors: 60 entries give a false alarm of 3e-5."""
    system = SYSTEMS[name]
    eta = one_step(system, noise)
    sigma = factor_at(system, PLACE[: system.n_dim], 0.03)
    s = sigma @ sigma.T
    np.testing.assert_allclose(s, system.mobility_at(PLACE[: system.n_dim], 0.03), rtol=1e-14, atol=1e-15)
    assert (np.abs(eta.mean(axis=1)) < 5 * np.sqrt(s.diagonal() / N)).all()
    assert (np.abs(scores(eta, sigma, noise)) < 5).all()
    # Noise along as many directions as S has.
    assert np.linalg.matrix_rank(eta, tol=1e-9 * np.linalg.norm(eta)) == RANK[name]


@pytest.mark.parametrize("name", ["plane", "space"])
def test_sample_moments_reject_another_factor(name: str) -> None:
    """The transposed factor, S of another place, and S without what is beside its diagonal."""
    system = SYSTEMS[name]
    eta = one_step(system, "gaussian")
    place = PLACE[: system.n_dim]
    sigma = factor_at(system, place, 0.03)
    wrong = [sigma.T, factor_at(system, place + 0.1, 0.03), np.diag(np.sqrt(np.diag(sigma @ sigma.T)))]
    for other in wrong:
        assert np.abs(scores(eta, other, "gaussian")).max() > 10
