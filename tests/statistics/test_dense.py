"""Ensembles of dense systems against laws that are known exactly.

A sample covariance of N independent particles has the variance (Σᵢⱼ² + Σᵢᵢ Σⱼⱼ)/N where they are Gaussian. Scores
beyond 5 are called wrong: with 65 means and covariances a false alarm has the probability 4e-5.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

from langevin_kit.codegen.dense import stepper
from langevin_kit.schemes import scheme_from
from langevin_kit.system.dense import DenseDerived, dense

D, N = 10, 20_000
LIMIT = 5.0
RNG = np.random.default_rng(0)
B = RNG.normal(size=(D, D)) / np.sqrt(D)
A = B @ B.T + np.eye(D)
C = RNG.normal(size=(D, D)) / np.sqrt(D)
K = C @ C.T / 2 + np.eye(D) / 2 + C - C.T
S = (K + K.T) / 2


def run(
    system: DenseDerived, x: NDArray[np.floating], n_steps: int, dt: float, T: float, seed: int = 1
) -> NDArray[np.float64]:
    x = x.copy()
    module = stepper(system, scheme_from("euler_maruyama"), str(x.dtype))
    arguments = (system.flat_parameters(), dt, T, np.uint32(seed), np.uint32(0))
    module.advance(x, 0, x.shape[1], 256, 0, n_steps, *arguments)
    return x.astype(np.float64)


def worst_score(x: NDArray[np.float64], mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    """The largest score of any mean or covariance."""
    n = x.shape[1]
    variance = covariance.diagonal()
    of_mean = (x.mean(axis=1) - mean) / np.sqrt(variance / n)
    error = np.cov(x) - covariance
    of_covariance = error / np.sqrt((covariance**2 + np.outer(variance, variance)) / n)
    return float(max(np.abs(of_mean).max(), np.abs(of_covariance).max()))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_ornstein_uhlenbeck_has_the_covariance_of_the_scheme(dtype: str) -> None:
    """x' = M x + √(2TΔt) L z with M = 1 − Δt K A is Gaussian with Σ = M Σ Mᵀ + 2TΔt S, exactly, at any Δt."""
    T, dt = 0.7, 0.1
    system = dense(name="x", length=D, energy="x @ A @ x / 2", mobility=K, parameters={"A": A})
    x = run(system, np.zeros((D, N), dtype), 400, dt, T)
    M = np.eye(D) - dt * K @ A
    assert np.abs(np.linalg.eigvals(M)).max() ** 400 < 1e-10
    stationary = solve_discrete_lyapunov(M, 2 * T * dt * S)
    assert worst_score(x, np.zeros(D), stationary) < LIMIT
    # What must be rejected: the law as Δt → 0, and a mobility without its antisymmetric part.
    continuous = solve_continuous_lyapunov(-K @ A, -2 * T * S)
    np.testing.assert_allclose(continuous, T * np.linalg.inv(A), atol=1e-12)
    assert worst_score(x, np.zeros(D), continuous) > 2 * LIMIT
    symmetric = np.eye(D) - dt * S @ A
    assert worst_score(x, np.zeros(D), solve_discrete_lyapunov(symmetric, 2 * T * dt * S)) > 2 * LIMIT


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gaussian_mixture_stays_what_it_is(dtype: str) -> None:
    """E = ½x² − log Σ_k exp(m_k·x + log w_k − ½m_k²) at T = 1 is the mixture of N(m_k, 1) with weights w_k.

    At Δt = 2e-3 the scheme's own error of a variance, Δt/2, is 0.1 of its standard error 0.01.
    """
    k, d, dt = 4, 7, 2e-3
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    means = 1.2 * RNG.normal(size=(k, d))
    system = dense(
        name="x",
        length=d,
        energy="x @ x / 2 - logsumexp(m @ x + h)",
        parameters={"m": means, "h": np.log(weights) - (means**2).sum(1) / 2},
    )
    draw = np.random.default_rng(5)
    start = means[draw.choice(k, N, p=weights)].T + draw.normal(size=(d, N))
    mean = weights @ means
    covariance = np.eye(d) + (weights * (means - mean).T) @ (means - mean)
    assert worst_score(start, mean, covariance) < LIMIT
    x = run(system, start.astype(dtype), 1000, dt, 1.0)
    # The particles have moved far; their law has not.
    assert np.mean((x - start) ** 2) > 1.0
    assert worst_score(x, mean, covariance) < LIMIT
    assert worst_score(run(system, start.astype(dtype), 1000, dt, 1.2), mean, covariance) > 2 * LIMIT


def test_a_diagonal_mobility_needs_its_divergence() -> None:
    """E = ½v², K = 1/(1 + v²): the law is N(0, T) whatever K is; with the same K as plain drift and noise it is q/K."""
    T, dt = 0.5, 2e-3
    system = dense(name="v", length=8, energy="v @ v / 2", mobility="1/(1 + v**2)")
    start = np.sqrt(T) * np.random.default_rng(6).normal(size=(8, N))
    assert worst_score(run(system, start, 1000, dt, T), np.zeros(8), T * np.eye(8)) < LIMIT
    # −K∇E' with E' = E + T log(1/K) is −K∇E − T∇·K: the divergence is taken away again, and the law becomes q/K.
    without = dense(
        name="v", length=8, energy="v @ v / 2 + s*sum(log(1/(1 + v**2)))", mobility="1/(1 + v**2)", parameters={"s": T}
    )
    assert worst_score(run(without, start, 1000, dt, T), np.zeros(8), T * np.eye(8)) > 2 * LIMIT
