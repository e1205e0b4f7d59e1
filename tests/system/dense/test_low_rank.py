"""K = D + U Uᵀ: its noise has that covariance, its steps are those of the full matrix, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, MobilityNotPositive
from langevin_kit.scenario import load
from langevin_kit.system.dense import dense

RNG = np.random.default_rng(0)
D, U = RNG.uniform(0.5, 2, 6), RNG.normal(size=(6, 2))
LOW = {"diagonal": D, "factor": U}


def system(mobility: Any, **given: Any) -> lk.System:
    about: dict[str, Any] = {"energy": "v @ v/2", "temperature": 0.5, "coordinates": {"v": 6}}
    return lk.System(mobility=mobility, **{**about, **given})


@pytest.mark.parametrize("factor", [U, U[:, :1], np.zeros((6, 3)), np.repeat(U, 3, axis=1), 1e6 * U])
def test_the_noise_has_the_covariance_of_k(factor: np.ndarray) -> None:
    made = dense(name="v", length=6, energy="v @ v", mobility={"diagonal": D, "factor": factor})
    L, K = made.noise_root(), np.diag(D) + factor @ factor.T
    np.testing.assert_allclose(L @ L.T, K, rtol=1e-12, atol=1e-13 * np.abs(K).max())
    np.testing.assert_allclose(made.mobility_at(np.zeros(6)), K, rtol=1e-14)
    np.testing.assert_allclose(made.force_at(np.ones(6)), -K @ (2 * np.ones(6)), rtol=1e-12, atol=1e-6)


def test_at_t_0_paths_are_those_of_the_full_matrix() -> None:
    given: dict[str, Any] = {"initial": lk.initial.point(np.arange(6.0)), "n_particles": 1, "time_step": 0.01}
    ends = [
        lk.simulate(
            system(mobility, temperature=0.0), n_steps=100, save_every=100, save_positions=True, **given
        ).position[-1]
        for mobility in (LOW, np.diag(D) + U @ U.T)
    ]
    np.testing.assert_allclose(*ends, rtol=1e-12)


def test_one_step_spreads_as_k_does() -> None:
    """The covariance of 2·10⁵ first steps is 2TΔt K within 5 standard errors in all 21 entries."""
    n = 200_000
    ds = lk.simulate(
        system(LOW), initial=lk.initial.point(np.zeros(6)), n_particles=n, time_step=1e-3, n_steps=1, rng=0
    )
    K = np.diag(D) + U @ U.T
    found = ds.covariance[-1].values / 1e-3
    error = np.sqrt((K**2 + np.outer(np.diag(K), np.diag(K))) / n)
    assert (np.abs(found - K) < 5 * error).all()
    assert (np.abs(found - np.diag(np.diag(K))) > 5 * error).any()


def test_scalar_coordinates_take_it_written_out(tmp_path: Path) -> None:
    plane = lk.System(
        energy="x**2 + y**2",
        mobility={"diagonal": [1, "1 + x**2"], "factor": [["x"], ["y"]]},
        temperature=0.5,
        coordinates=("x", "y"),
    )
    at = np.array([[2.0], [3.0]])
    np.testing.assert_allclose(plane.mobility_at(at)[..., 0], [[5, 6], [6, 14]])
    np.testing.assert_allclose(plane.mobility_divergence(at)[:, 0], [2 * 2 + 2, 3 + 2 * 3])
    scenario = tmp_path / "run.toml"
    scenario.write_text(
        "title = 'low rank'\n[system]\nenergy = 'v @ v'\ntemperature = 0.5\ncoordinates = {v = 2}\n"
        "mobility = {diagonal = 0.5, factor = [[1.0], [2.0]]}\n"
        "[initial]\nkind = 'point'\nposition = 0.0\n[run]\nn_particles = 10\ntime_step = 0.01\nn_steps = 2\nseed = 0\n"
    )
    read = load(scenario).system
    np.testing.assert_allclose(read.mobility_at(np.zeros((2, 1)))[..., 0], [[1.5, 2], [2, 4.5]])
    again = lk.System(**read.to_dict())
    assert (again.mobility_at(np.zeros((2, 1))) == read.mobility_at(np.zeros((2, 1)))).all()


@pytest.mark.parametrize(
    ("mobility", "error", "said"),
    [
        ({"diagonal": D}, InvalidArgument, "'diagonal' and 'factor' are needed"),
        ({"diagonal": D, "factors": U}, InvalidArgument, "needed"),
        ({"diagonal": D[:3], "factor": U}, InvalidArgument, r"diagonal of shape \(3,\)"),
        ({"diagonal": D, "factor": U[:, 0]}, InvalidArgument, r"factor of shape \(6,\)"),
        ({"diagonal": 0.0, "factor": U}, MobilityNotPositive, "each entry of D must be above 0"),
        ({"diagonal": 1.0, "factor": [[np.nan]] * 6}, InvalidArgument, "not finite"),
    ],
)
def test_what_is_no_low_rank_is_refused(mobility: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        system(mobility)
