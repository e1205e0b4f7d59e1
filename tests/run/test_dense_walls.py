"""Runs of a vector within walls: what is checked before, what is kept, and what goes wrong by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meters import Steps

import langevin_kit as lk
from langevin_kit.cli.summary import equation
from langevin_kit.errors import BoundaryLeak, InvalidArgument, LangevinKitError, NonFinite, NotNormalizable

W = np.random.default_rng(1).normal(size=(5, 5)) / 4
SYSTEM = lk.System(
    coordinates={"y": 5},
    energy="y @ atanh(y) + sum(log(1 - y**2))/2 - y @ (W @ y)",
    mobility="1 - y**2",
    temperature=0.3,
    parameters={"W": W},
    walls={"y": lk.reflecting(-1.0, 1.0)},
)
START = np.random.default_rng(2).uniform(-1, 1, (300, 5))
RUN: dict[str, Any] = {
    "initial": START,
    "time_step": 0.01,
    "n_steps": 60,
    "save_every": 10,
    "rng": 3,
    "save_positions": True,
}


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_a_start_on_a_wall_is_next_to_it(dtype: str) -> None:
    """Also what float32 rounds onto a wall; energies and paths from there are finite."""
    start = START.copy()
    start[:10] = np.sign(start[:10])
    start[10:20] = 1 - 1e-12
    ds = lk.simulate(SYSTEM, **{**RUN, "initial": start, "dtype": dtype})
    lowest, highest = SYSTEM.walls["y"].inside(dtype)
    first = ds.position.values[0]
    assert set(np.unique(first[:, :10])) == {lowest, highest}
    if dtype == "float32":
        assert (first[:, 10:20] == highest).all()
    np.testing.assert_allclose(first, start.T, rtol=0, atol=1e-7)
    assert np.isfinite(ds.energy).all()
    assert (np.abs(ds.position.values) < 1).all()


def test_a_start_beyond_a_wall_is_refused() -> None:
    start = START.copy()
    start[7, 2] = 1.01
    with pytest.raises(InvalidArgument, match=r"particle 7 starts at y\[2\] = 1.01, beyond the walls at -1 and 1"):
        lk.simulate(SYSTEM, **{**RUN, "initial": start})
    with pytest.raises(InvalidArgument, match=r"1 of 300 particles start beyond the walls \[-1, 1\] of 'y\[2\]'"):
        lk.check(SYSTEM, positions=start.T)
    narrow = lk.System(coordinates={"y": 2}, temperature=1.0, walls={"y": lk.reflecting(1.0, 1.0 + 1e-9)})
    at = np.full((3, 2), 1 + 5e-10)
    with pytest.raises(InvalidArgument, match=r"numbers of float32 do not tell 1\.0 and 1\.000000001 apart"):
        lk.simulate(narrow, initial=at, time_step=1e-22, n_steps=1, dtype="float32", check=False)


def test_a_step_beyond_the_width_is_an_error_with_the_step_that_would_do() -> None:
    pushed = lk.System(
        coordinates={"y": 5},
        drift="a",
        temperature=0.3,
        parameters={"a": [0, 0, 300, 0, 0]},
        walls={"y": lk.reflecting(-1.0, 1.0)},
    )
    near = np.tile([0, 0, 0.5, 0, 0], (300, 1))
    with pytest.raises(BoundaryLeak, match=r"lost at a wall in step 1 .* step led to y\[2\] = .* 2 apart") as caught:
        lk.simulate(pushed, **{**RUN, "initial": near, "check": False})
    assert "Use a time_step of 0.005 or less" in str(caught.value)
    lk.simulate(pushed, **{**RUN, "time_step": 0.004, "initial": np.zeros((300, 5)), "check": False})


def test_a_path_is_replayed_and_a_run_resumed(tmp_path: Path, eager: None) -> None:
    """With the bits of the whole; with one wall less particles leave."""
    whole = lk.simulate(SYSTEM, **RUN)
    for k in (0, 123):
        path = lk.replay(whole, k)
        np.testing.assert_array_equal(path.position.values[::10, :, 0], whole.position.values[:, :, k])
    threads = lk.simulate(SYSTEM, **RUN, backend=lk.CPU(threads=2, block_size=512))
    np.testing.assert_array_equal(threads.position, whole.position)
    with pytest.raises(KeyboardInterrupt):
        lk.simulate(SYSTEM, **RUN, store=tmp_path / "run.zarr", progress=Steps(25))
    assert lk.open(tmp_path / "run.zarr").sizes["time"] < whole.sizes["time"]
    lk.resume(tmp_path / "run.zarr")
    stored = lk.open(tmp_path / "run.zarr")
    np.testing.assert_array_equal(stored.position, whole.position)
    assert dict(stored.langevin.system.walls) == dict(SYSTEM.walls)
    assert "y of 5 components" in equation(SYSTEM.to_dict())
    wide = lk.System(**{**SYSTEM.to_dict(), "walls": {"y": lk.reflecting(-1.0)}})
    with pytest.raises(NonFinite):
        lk.simulate(wide, **RUN, check=False)


def test_check_looks_within_the_walls() -> None:
    """Its time step does not go to 0 with the mobility; without walls it is the mobility that is refused."""
    report = lk.check(SYSTEM, positions=np.sign(START.T), time_step=0.01)
    assert "more than two coordinates and walls" in report.no_law
    assert 1e-3 <= report.time_step <= 0.02
    assert all(map(np.isfinite, report.rates.values()))
    assert 0 < report.mobility_range[0] < 1e-2
    open_system = lk.System(**{**SYSTEM.to_dict(), "walls": {}})
    with pytest.raises(LangevinKitError):
        lk.check(open_system, positions=2 * START.T)
    wrong = lk.System(**{**SYSTEM.to_dict(), "energy": "y @ y", "mobility": "1 - 2*y**2"})
    with pytest.raises(LangevinKitError, match="mobility of 'y"):
        lk.check(wrong, positions=START.T)


def test_no_gaussian_law_is_claimed_within_walls() -> None:
    """A quadratic energy between walls has no Gaussian law: one component has its Z by quadrature, five have none."""
    one, five = (
        lk.System(coordinates={"y": d}, energy="y @ y/2", temperature=0.5, walls={"y": lk.reflecting(-1.0, 1.0)})
        for d in (1, 5)
    )
    law = lk.boltzmann(one)
    assert law.gaussian is None
    exact = np.sqrt(np.pi) * 0.8427007929497149  # ∫ exp(−y²) from −1 to 1: √π erf 1
    assert law.log_z == pytest.approx(np.log(exact), abs=1e-12)
    with pytest.raises(NotNormalizable, match="walls"):
        lk.boltzmann(five)
    ds = lk.simulate(five, **RUN)
    assert "kl_divergence" not in ds
    assert "free_energy" not in ds
    with pytest.raises(NotNormalizable, match="walls"):
        ds.langevin.kl_divergence(method="gaussian")
    free = lk.System(coordinates={"y": 5}, energy="y @ y/2", temperature=0.5)
    assert lk.boltzmann(free).gaussian is not None  # the control
    assert "kl_divergence" in lk.simulate(free, **RUN)
