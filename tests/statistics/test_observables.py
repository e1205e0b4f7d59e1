"""Observables of runs against what Euler–Maruyama has exactly: free diffusion and the Ornstein–Uhlenbeck recursion.

z-scores with fixed seeds; a test of m of them fails with probability at most 1e-4 if the code is right (Bonferroni).
Each has a control that is off by a per cent or a few, and must be refused.
"""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import chi2, norm

import langevin_kit as lk
from langevin_kit import observables
from langevin_kit.estimate import autocorrelation_time

Floats = NDArray[np.float64]
ALARM = 1e-4
N, KAPPA, DT, EVERY = 1_000_000, 1.0, 0.05, 4
DECAY = (1 - KAPPA * DT) ** EVERY
"""ρ(k) = (1 − κΔt)ᵏ of Euler–Maruyama, from one saved time to the next."""


def within(z: Floats) -> bool:
    """Whether the largest |z| is below the quantile for so many."""
    return bool(np.abs(z).max() < norm.isf(ALARM / 2 / z.size))


@pytest.fixture(scope="module", params=["float64", "float32"])
def diffusion(request: pytest.FixtureRequest) -> xr.Dataset:
    free = lk.System(energy=0, mobility=[[2, 0], [0, 0.5]], temperature=0.3, coordinates=("x", "y"))
    own = {
        "msd": observables.mean_square_displacement(),
        "along_x": observables.mean_square_displacement("x"),
        "along_y": observables.mean_square_displacement(["y"]),
    }
    start = lk.initial.uniform([-3, -3], [3, 3])
    return lk.simulate(free, initial=start, n_particles=N, time_step=1e-2, n_steps=64, save_every=16, rng=11,
                       observables=own, dtype=request.param, save_positions=500)  # fmt: skip


def squared_displacement_z(ds: xr.Dataset, name: str, mobilities: list[float], error: float = 0.0) -> Floats:
    """z-scores of ⟨|Δx|²⟩ = Σ 2TKt with the exact standard error √(Σ 2(2TKt)²/n), with T wrong by `error`."""
    t = ds.time.values[1:, None]
    variances = 2 * 0.3 * (1 + error) * np.array(mobilities) * t
    exact = np.sqrt(2 * (variances**2).sum(axis=1) / N)
    return np.asarray((ds[name].values[1:] - variances.sum(axis=1)) / exact)


@pytest.mark.parametrize(("name", "mobilities"), [("msd", [2, 0.5]), ("along_x", [2]), ("along_y", [0.5])])
def test_free_diffusion(diffusion: xr.Dataset, name: str, mobilities: list[float]) -> None:
    assert within(squared_displacement_z(diffusion, name, mobilities))
    assert not within(squared_displacement_z(diffusion, name, mobilities, error=0.01))
    exact = np.sqrt(2 * (np.outer(2 * 0.3 * diffusion.time.values[1:], mobilities) ** 2).sum(axis=1) / N)
    np.testing.assert_allclose(diffusion[f"{name}_stderr"].values[1:], exact, rtol=0.05)
    assert (float(diffusion[name][0]), float(diffusion[f"{name}_stderr"][0])) == (0.0, 0.0)


def test_displacement_adds_over_coordinates(diffusion: xr.Dataset) -> None:
    np.testing.assert_allclose(diffusion.msd, diffusion.along_x + diffusion.along_y, rtol=1e-12)


@pytest.fixture(scope="module")
def relaxed() -> xr.Dataset:
    """The Ornstein–Uhlenbeck process from the stationary law of its scheme, variance T/κ/(1 − κΔt/2)."""
    well = lk.System(energy=f"{KAPPA}*x**2/2", temperature=0.8)
    own = {
        "c": observables.autocorrelation("x"),
        "square": observables.autocorrelation("x**2"),
        "shifted": observables.autocorrelation("1000 - 2*x"),
    }
    start = lk.initial.gaussian([0.0], VARIANCE)
    return lk.simulate(well, initial=start, n_particles=N, time_step=DT, n_steps=200, save_every=EVERY, rng=12,
                       observables=own, save_positions=40_000)  # fmt: skip


VARIANCE = 0.8 / KAPPA / (1 - KAPPA * DT / 2)


def autocorrelation_z(ds: xr.Dataset, name: str, decay: float, amplitude: float) -> Floats:
    expected = amplitude * decay ** np.arange(ds.sizes["time"])
    return np.asarray((ds[name].values - expected) / ds[f"{name}_stderr"].values)


@pytest.mark.parametrize(
    ("name", "decay", "amplitude"),
    [
        ("c", DECAY, VARIANCE),
        ("square", DECAY**2, 2 * VARIANCE**2),  # a Hermite polynomial of degree two and a constant
        ("shifted", DECAY, 4 * VARIANCE),
    ],
)
def test_autocorrelation_of_the_recursion(relaxed: xr.Dataset, name: str, decay: float, amplitude: float) -> None:
    assert within(autocorrelation_z(relaxed, name, decay, amplitude))
    # The rate of the continuous process, e^{−κt}, is not the scheme's: 3 % off, and it must be seen.
    assert not within(autocorrelation_z(relaxed, name, decay ** (-KAPPA * DT / np.log(1 - KAPPA * DT)), amplitude))
    assert not within(autocorrelation_z(relaxed, name, decay, 1.02 * amplitude))


def test_standard_error_of_an_autocorrelation_for_a_gaussian_process(relaxed: xr.Dataset) -> None:
    """Isserlis: n Var Ĉ(t) = C(0)² + C(t)²; the fourth moments that estimate it are known to about one per cent."""
    c = VARIANCE * DECAY ** np.arange(relaxed.sizes["time"])
    np.testing.assert_allclose(relaxed.c_stderr, np.sqrt((c[0] ** 2 + c**2) / N), rtol=0.03)


def test_autocorrelation_time_of_the_recursion(relaxed: xr.Dataset) -> None:
    found = relaxed.langevin.autocorrelation_time("c")
    spacing, window = DT * EVERY, int(found.window)
    exact = spacing * (0.5 + DECAY * (1 - DECAY**window) / (1 - DECAY))  # Σ ρ(k) up to the window
    z = np.array((float(found.autocorrelation_time) - exact) / float(found.autocorrelation_time_stderr))
    assert within(z)
    assert not within(z + 0.02 * exact / float(found.autocorrelation_time_stderr))
    whole = spacing * (1 + DECAY) / (1 - DECAY) / 2
    assert exact == pytest.approx(whole, rel=0.01)
    assert float(found.effective_sample_size) == pytest.approx(51 * spacing / (2 * whole), rel=0.03)


def test_standard_error_of_an_autocorrelation_time(relaxed: xr.Dataset) -> None:
    """Over disjoint parts of the ensemble τ varies as the formula says: a χ² test of the variance, both tails."""
    parts, size = 80, 500
    x = relaxed.position.values[:, 0, :].reshape(-1, parts, size)
    delta = x - x.mean(axis=2, keepdims=True)
    c = (delta * delta[:1]).sum(axis=2) / (size - 1)
    window = int(relaxed.langevin.autocorrelation_time("c").window)
    exact = autocorrelation_time(VARIANCE * DECAY ** np.arange(len(x)), DT * EVERY, size)
    assert exact.window == window
    # A fixed window, which is what the formula speaks of: Σ ρ(k) of each part.
    times = DT * EVERY * (c[: window + 1].sum(axis=0) / c[0] - 0.5)
    spread = (parts - 1) * times.var(ddof=1)
    assert chi2.cdf(spread / exact.stderr**2, parts - 1) == pytest.approx(0.5, abs=0.5 - ALARM / 2)
    assert chi2.sf(spread / (exact.stderr / 2) ** 2, parts - 1) < ALARM / 2
    assert chi2.cdf(spread / (exact.stderr * 2) ** 2, parts - 1) < ALARM / 2


def test_standard_errors_over_many_ensembles() -> None:
    """z-scores of 100 seeds are standard normal: Σz² is χ², in both tails; errors half as large again are not."""
    free = lk.System(energy=0, temperature=0.5)
    own = {"msd": observables.mean_square_displacement(), "c": observables.autocorrelation("1 + x")}
    runs = [
        lk.simulate(free, initial=lk.initial.gaussian([0.0], 0.5), n_particles=10_000, time_step=0.25, n_steps=2,
                    save_every=2, rng=seed, observables=own, check=False).isel(time=-1)
        for seed in range(100)
    ]  # fmt: skip
    for name, exact in {"msd": 2 * 0.5 * 0.5, "c": 0.5}.items():  # 2Tt, and the variance of the start
        z = np.array([float((ds[name] - exact) / ds[f"{name}_stderr"]) for ds in runs])
        assert ALARM / 2 < chi2.cdf((z**2).sum(), len(z)) < 1 - ALARM / 2
        assert chi2.cdf((z**2).sum() / 1.5**2, len(z)) < ALARM / 2
        assert chi2.sf((z**2).sum() * 1.5**2, len(z)) < ALARM / 2
