"""Mobilities that vanish at a reflecting wall: K = x (1 − x) on (0, 1) without a force, K = x on (0, ∞) in E = x.

Their operators are those of Legendre and Laguerre: eigenvalues −Tn(n + 1) and −Tn. At such a wall Sᵃᵃ = 0, ∇·K leads
away from it, and no path reaches it; Euler–Maruyama steps do, and are turned back.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, MobilityNotPositive
from langevin_kit.fokker_planck.operator import operator

Floats = NDArray[np.float64]

LEGENDRE = lk.System(energy=0.0, mobility="x*(1 - x)", temperature=1.0, walls={"x": lk.reflecting(0.0, 1.0)})
LAGUERRE = lk.System(energy="x", mobility="x", temperature=1.0, walls={"x": lk.reflecting(0.0)})


def rates(system: lk.System, end: float, n: int) -> Floats:
    """The slowest rates on n cells."""
    grid = lk.Grid(x=lk.cells(0.0, end, n))
    q = np.exp(-system.energy_at(grid.centers))
    matrix = operator(system, grid)
    np.testing.assert_allclose(matrix @ q, 0, atol=1e-11)
    symmetric = matrix.toarray() * np.sqrt(q[None] / q[:, None])
    return np.asarray(-eigvalsh((symmetric + symmetric.T) / 2)[::-1][:4])


@pytest.mark.parametrize(("system", "end", "exact"), [(LEGENDRE, 1.0, [0, 2, 6, 12]), (LAGUERRE, 40.0, [0, 1, 2, 3])])
def test_the_grid_has_the_spectrum_in_closed_form(system: lk.System, end: float, exact: list[float]) -> None:
    """To second order; exactly where E is linear."""
    coarse, fine = (np.abs(rates(system, end, n) - exact)[1:] for n in (50, 100))
    if system is LAGUERRE:
        assert (fine < 1e-6).all()
    else:
        assert (fine < 5e-3).all()
        assert (np.log2(coarse / fine) > 1.9).all(), (coarse, fine)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_an_ensemble_keeps_the_law_to_first_order_in_the_time_step(dtype: str) -> None:
    """From the uniform law: the share within 0.05 of a wall falls short by 0.75 Δt in all; none leaves the interval."""
    n, bias = 1_000_000, []
    for dt in (0.02, 0.005):
        ds = lk.simulate(
            LEGENDRE,
            initial=lk.initial.uniform([0.0], [1.0]),
            n_particles=n,
            time_step=dt,
            n_steps=round(1 / dt),
            save_every=round(1 / dt),
            rng=3,
            dtype=dtype,
            check=False,
            observables={
                "near": "(x < 0.05) + (x > 0.95)",
                "low": lk.observables.minimum("x"),
                "high": lk.observables.maximum("x"),
            },
        )
        last = ds.isel(time=-1)
        assert 0 <= float(last.low) < 1e-4 < 1 - 1e-4 < float(last.high) <= 1
        assert (last.n_nonfinite, last.histogram.sum()) == (0, n)
        assert abs(float(last["mean"][0]) - 0.5) < 4 * float(last.mean_stderr[0])
        bias.append(float(last.near) - 0.1)
    # Their standard error is 3·10⁻⁴: of the smaller one 8 %.
    assert -1.0 < bias[1] / 0.005 < -0.5
    assert 0.7 < np.log2(bias[0] / bias[1]) / 2 < 1.05


def test_what_check_says() -> None:
    found = lk.check(LEGENDRE)
    assert found.mobility_range == (0.0, 0.25)
    assert found.law is not None
    assert found.law.log_z == pytest.approx(0.0, abs=1e-12)
    assert found.limited_by.startswith("the slope of the mobility")
    with pytest.raises(MobilityNotPositive):
        lk.check(lk.System(energy="x**2", mobility="x", temperature=1.0))


@pytest.mark.parametrize(
    ("mobility", "drift", "is_reached"), [("x", 0.0, False), ("x", -2.0, True), ("0.1 + x", 0.0, True)]
)
def test_an_absorbing_wall_where_noise_vanishes_must_be_reached(mobility: str, drift: float, is_reached: bool) -> None:
    system = lk.System(
        energy="x", mobility=mobility, drift=[drift] if drift else None, temperature=1.0,
        walls={"x": lk.absorbing(0.0, 2.0)},
    )  # fmt: skip
    start = np.linspace(0.5, 1.5, 9)[None]
    if is_reached:
        assert lk.check(system, positions=start).boltzmann.startswith("none")
    else:
        with pytest.raises(InvalidArgument, match="no path reaches the absorbing wall of 'x' at 0"):
            lk.check(system, positions=start)
        ends = lk.fokker_planck.exit_probability(system, lk.Grid(x=lk.cells(0.0, 2.0, 64)))
        np.testing.assert_allclose(ends.sel(wall="x upper"), 1.0)
