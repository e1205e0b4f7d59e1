"""Two vectors with E = |v|²/2 + |h|²/2 − v·Uh: the law, and that of one where the other is held, in closed form.

A sample covariance of N independent particles has the variance (Σᵢⱼ² + Σᵢᵢ Σⱼⱼ)/N where they are Gaussian. Scores
beyond 5 are called wrong: with 90 means and covariances of 12 components a false alarm has the probability 5e-5 a run.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import langevin_kit as lk

N, T, DT, LIMIT = 20_000, 0.7, 0.1, 5.0
RNG = np.random.default_rng(1)
U = RNG.normal(size=(7, 5))
U *= 0.8 / np.linalg.norm(U, 2)
M = np.block([[np.zeros((7, 7)), U], [U.T, np.zeros((5, 5))]])
SYSTEM = lk.System(
    energy="v @ v/2 + h @ h/2 - v @ U @ h",
    mobility={"v": "mask", "h": 1.0},
    coordinates={"v": 7, "h": 5},
    parameters={"U": U, "mask": np.ones(7)},
    temperature=T,
)


def run(system: lk.System, start: NDArray[np.float64], dtype: str) -> NDArray[np.float64]:
    """Positions (d, N) at t = 40, when e^{−0.2 t} of the start is left in its slowest direction."""
    ds = lk.simulate(
        system, initial=start.T, n_particles=N, time_step=DT, n_steps=400, save_every=400, rng=3, dtype=dtype,
        save_positions=True,
    )  # fmt: skip
    return np.asarray(ds.position[-1], np.float64)


def worst_score(x: NDArray[np.float64], mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    """The largest score of any mean or covariance; `mean` is (d,)."""
    variance = covariance.diagonal()
    of_mean = (x.mean(axis=1) - mean) / np.sqrt(variance / N)
    of_covariance = (np.cov(x) - covariance) / np.sqrt((covariance**2 + np.outer(variance, variance)) / N)
    return float(max(np.abs(of_mean).max(), np.abs(of_covariance).max()))


def of_the_scheme(A: NDArray[np.float64]) -> NDArray[np.float64]:
    """x' = (1 − Δt A) x + √(2TΔt) z has the covariance T (A − Δt A²/2)⁻¹, which is T A⁻¹ as Δt → 0."""
    return np.asarray(T * np.linalg.inv(A - DT * A @ A / 2))


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_the_law_of_a_bipartite_gaussian(dtype: str) -> None:
    A = np.eye(12) - M
    x = run(SYSTEM, np.zeros((12, N)), dtype)
    assert worst_score(x, np.zeros(12), of_the_scheme(A)) < LIMIT
    # What must be rejected: vectors that do not see each other, and the law as Δt → 0.
    assert worst_score(x, np.zeros(12), of_the_scheme(np.eye(12))) > 2 * LIMIT
    assert worst_score(x, np.zeros(12), T * np.linalg.inv(A)) > LIMIT


def test_the_law_of_hidden_units_where_the_visible_ones_are_held() -> None:
    """P(h | v) = N(Uᵀv, T)."""
    v = RNG.normal(size=7)
    held = lk.System(**{**SYSTEM.to_dict(), "parameters": {"U": U, "mask": np.zeros(7)}})
    start = np.concatenate([np.repeat(v[:, None], N, axis=1), np.zeros((5, N))])
    x = run(held, start, "float64")
    assert (x[:7] == v[:, None]).all()
    assert worst_score(x[7:], U.T @ v, of_the_scheme(np.eye(5))) < LIMIT
    assert worst_score(x[7:], np.zeros(5), of_the_scheme(np.eye(5))) > 2 * LIMIT
    assert worst_score(run(SYSTEM, start, "float64")[7:], U.T @ v, of_the_scheme(np.eye(5))) > 2 * LIMIT
