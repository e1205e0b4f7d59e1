"""A mobility that is the ensemble's covariance: its law at any N, its relaxation, bits, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuda_runs import assert_same, on_device
from cuda_tools import require_compiler

import langevin_kit as lk
from langevin_kit.backends import _collective
from langevin_kit.errors import InvalidArgument
from langevin_kit.system import ensemble

STEEP = lk.System(energy="x**2/2 + 25*y**2/2", mobility="ensemble covariance", temperature=1.0, coordinates=("x", "y"))
TWO = lk.System(
    energy="(x**2 - 1)**2 + y**2 + x*y", mobility="ensemble covariance", temperature=0.5, coordinates=("x", "y")
)


def variances(n: int, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """⟨x²⟩ and 25 ⟨y²⟩ over time, with the standard error from 20 batches."""
    ds = lk.simulate(
        STEEP,
        initial=lk.initial.gaussian([0.0, 0.0], [[1.0, 0.0], [0.0, 0.04]]),
        n_particles=n,
        time_step=5e-3,
        n_steps=n_steps,
        save_every=50,
        observables={"a": "x**2", "b": "25*y**2"},
        histogram=lk.Grid(x=lk.cells(-1, 1, 4), y=lk.cells(-1, 1, 4)),
        rng=1,
        check=False,
    )
    rows = np.stack([ds.a.values[1:], ds.b.values[1:]]).reshape(2, 20, -1).mean(axis=2)
    return rows.mean(axis=1), rows.std(axis=1, ddof=1) / 20**0.5


@pytest.mark.claim("C11")
def test_six_particles_have_the_law_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """⟨x²⟩ = 1 within 4.5 s.e. in both directions, though one is 25 times steeper; without the term in N it is half."""
    mean, error = variances(6, 40_000)
    assert (np.abs(mean - 1) < 4.5 * error + 0.02).all()
    assert (error < 0.06).all()
    monkeypatch.setattr(_collective, "values", lambda m, c, n: [*ensemble.values(m, c, n)[:-1], 0.0])
    mean, error = variances(6, 40_000)
    assert (np.abs(mean - 0.4906) < 4.5 * error + 0.02).all()


def test_many_particles_relax_as_the_mean_field_does() -> None:
    """Of E = a x²/2 the variance c obeys ċ = 2(T c − a c²): within 4.5 s.e. and 0.3 % for Δt = 1e-3."""
    system = lk.System(energy="3*x**2/2", mobility="ensemble covariance", temperature=0.8)
    n, c0 = 200_000, 2.0
    ds = lk.simulate(
        system,
        initial=lk.initial.gaussian([1.0], c0),
        n_particles=n,
        time_step=1e-3,
        n_steps=1000,
        save_every=100,
        rng=0,
    )
    t = ds.time.values
    c = 0.8 / 3 / (1 + (0.8 / (3 * c0) - 1) * np.exp(-2 * 0.8 * t))
    z = (ds.covariance.values[:, 0, 0] - c) / (c * np.sqrt(2 / n))
    assert (np.abs(z) < 4.5 + 3e-3 / np.sqrt(2 / n)).all()
    # Control: a mobility that stays as it was at the start.
    fixed = 0.8 / 3 + (c0 - 0.8 / 3) * np.exp(-2 * 3 * c0 * t)
    assert np.abs(fixed / c - 1)[1:].min() > 0.05


def small(**given: Any) -> Any:
    about: dict[str, Any] = {
        "initial": lk.initial.uniform([-1.0, -1.0], [1.0, 1.0]),
        "n_particles": 700,
        "time_step": 1e-2,
        "n_steps": 12,
        "save_every": 4,
        "rng": 7,
        "save_positions": True,
    }
    return lk.simulate(TWO, **{**about, **given})


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_bits_do_not_depend_on_threads_saves_or_a_restart(dtype: str, tmp_path: Path, eager: None) -> None:
    whole = small(dtype=dtype)
    path = tmp_path / "run.zarr"
    others = [
        small(dtype=dtype, backend=lk.CPU(threads=1, block_size=512)),
        small(dtype=dtype, save_every=1).isel(time=slice(None, None, 4)),
        small(dtype=dtype, store=path, n_steps=8),
    ]
    for other in others[:2]:
        np.testing.assert_array_equal(other.position, whole.position)
    np.testing.assert_array_equal(others[2].position, whole.position[:3])
    # Control: one particle that starts elsewhere moves all others.
    start = whole.position[0].values.T.copy()
    start[0] += 1e-3
    moved = small(dtype=dtype, initial=start).position[-1]
    assert (moved[:, 1:] != whole.position[-1, :, 1:]).any(axis=0).mean() > 0.9


def test_cuda_has_the_bits_of_the_cpu() -> None:
    require_compiler()
    about: dict[str, Any] = {"dtype": "float32", "n_steps": 6, "save_every": 3}
    expected = small(**about)
    assert_same(small(**about, backend=on_device()), expected)
    assert_same(small(**about, backend=on_device(block_size=256 * 64)), expected)


def test_what_needs_a_mobility_of_its_own_is_refused() -> None:
    ds = small()
    with pytest.raises(InvalidArgument, match="no particle has a path alone"):
        lk.replay(ds, 3)
    with pytest.raises(InvalidArgument, match="takes 'euler_maruyama' alone"):
        small(scheme="heun")
    with pytest.raises(InvalidArgument, match=r"n_particles: got 3; .* needs 4 or more in 2 coordinates"):
        small(n_particles=3)
    with pytest.raises(InvalidArgument, match="which a system does not know by itself"):
        TWO.mobility_at(np.zeros((2, 1)))
    with pytest.raises(InvalidArgument, match="is not linear in p"):
        lk.verify(ds)
    with pytest.raises(InvalidArgument, match="give `positions`"):
        lk.check(TWO)
    frozen = TWO.frozen(ds.position[0])
    np.testing.assert_allclose(frozen.mobility_at(np.zeros((2, 1)))[..., 0], np.cov(ds.position[0], bias=True))
    again = lk.System(**TWO.to_dict())
    assert again.mobility == "ensemble covariance"
