"""Moments of increments against the equation that made them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.infer import kramers_moyal

N = 400_000


def moments(system: lk.System, tau: float, grid: lk.Grid, steps: int = 4) -> xr.Dataset:
    ds = lk.simulate(
        system,
        initial=lk.initial.uniform([-1.5] * system.n_dim, [1.5] * system.n_dim),
        n_particles=N,
        time_step=tau / steps,
        n_steps=steps,
        save_every=steps,
        rng=2,
        save_positions=True,
        check=False,
    )
    return kramers_moyal(ds.position[0], ds.position[1], tau, grid)


def test_drift_and_diffusion_of_a_full_tensor() -> None:
    """z-scores of 16 × (2 + 4) numbers against cell means; one beyond 4.5 has probability 6e-4; O(τ) is 0.1 s.e."""
    system = lk.System(
        energy="x**2/2 + x*y/4 + y**2",
        mobility=[["1 + x**2/4", "0.3"], ["0.3", "0.5"]],
        temperature=0.5,
        coordinates=("x", "y"),
    )
    grid = lk.Grid(x=lk.cells(-1.5, 1.5, 4), y=lk.cells(-1.5, 1.5, 4))
    found = moments(system, 1e-4, grid)
    assert int(found["count"].sum()) == N
    fine = lk.Grid(x=lk.cells(-1.5, 1.5, 64), y=lk.cells(-1.5, 1.5, 64)).centers

    def by_cell(values: np.ndarray) -> np.ndarray:
        return values.reshape(*values.shape[:-2], 4, 16, 4, 16).mean(axis=(-3, -1))

    drift, diffusion = by_cell(system.drift_at(fine)), by_cell(2 * 0.5 * system.mobility_at(fine))
    z = [(found.first - drift) / found.first_stderr, (found.second - diffusion) / found.second_stderr]
    assert max(float(np.abs(part).max()) for part in z) < 4.5
    # Negative control: without T ∇·K the drift is off by x/4·T.
    without = drift - by_cell(0.5 * system.mobility_divergence(fine))
    far = np.abs((moments(system, 0.05, grid).first - without)[0])
    assert float(far.max()) > 0.05


@pytest.mark.claim("C27")
def test_the_identity_of_test_functions_and_pawula() -> None:
    """d⟨g⟩/dt = ⟨M₁ g′ + M₂ g″/2⟩ for g = cos x, and M₄/τ = 3 (2TK)² τ → 0."""
    system = lk.System(energy="x**2/2", mobility="1/(1 + x**2)", temperature=0.8)
    grid = lk.Grid(x=lk.cells(-1.5, 1.5, 60))
    x = grid.centers[0]
    exact = (
        -system.drift_at(grid.centers)[0] * np.sin(x) - 0.8 * system.mobility_at(grid.centers)[0, 0] * np.cos(x)
    ).mean()
    for tau in (0.01, 0.0025):
        found = moments(system, tau, grid)
        weight = found["count"] / found["count"].sum()
        terms = [
            (-np.sin(x), found.first[0], found.first_stderr[0]),
            (-np.cos(x) / 2, found.second[0, 0], found.second_stderr[0, 0]),
        ]
        value = sum(float((weight * g * m).sum()) for g, m, _ in terms)
        stderr = np.sqrt(sum(float(((weight * g * s) ** 2).sum()) for g, _, s in terms))
        assert abs(value - exact) < 4 * stderr + 3 * tau
        expected = 3 * tau * (2 * 0.8 * system.mobility_at(grid.centers)[0, 0]) ** 2
        ratio = float((weight * found.fourth[0]).sum() / (weight * expected).sum())
        assert abs(ratio - 1) < 0.05
    # Without the second moment the identity fails by half of ⟨M₂⟩.
    assert abs(float((weight * terms[0][0] * terms[0][1]).sum()) - exact) > 0.2


def test_cells_with_few_particles_and_refusals() -> None:
    grid = lk.Grid(x=lk.cells(0, 3, 3))
    found = kramers_moyal([[0.5, 1.5, 1.6, 9.0]], [[0.6, 1.5, 1.7, 9.0]], 0.1, grid)
    assert found["count"].values.tolist() == [1, 2, 0]
    assert np.isnan(found.first[0].values[[0, 2]]).all()
    assert float(found.first[0, 1]) == pytest.approx(0.5)
    with pytest.raises(InvalidArgument, match=r"\(1, n\) are needed"):
        kramers_moyal([1.0], [2.0], 0.1, grid)
    with pytest.raises(InvalidArgument, match="interval: got 0"):
        kramers_moyal([[1.0]], [[2.0]], 0, grid)
