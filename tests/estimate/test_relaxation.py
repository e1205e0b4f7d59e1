"""F, H and KL: both forms of F, their errors, the floor, the limit, and the verdict."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from langevin_kit import Grid, System, boltzmann, cells
from langevin_kit.estimate import falls, free_energy_of_density, relaxation, verdict
from langevin_kit.estimate.binned import equal_mass_bins, kl_divergence, kl_floor, kl_limit

LINE = System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5)
PLANE = System(
    energy="(x**2 - 1)**2 + x*y/2 + y**2",
    mobility=[["1/(1 + x**2)", 0], [0, 1]],
    temperature=0.5,
    coordinates=("x", "y"),
)
HARMONIC = System(energy="x**2/2", temperature=1.0)


@pytest.mark.claim("C02")
@pytest.mark.parametrize(
    ("system", "grid"),
    [(LINE, Grid(x=cells(-2.5, 2.5, 400))), (PLANE, Grid(x=cells(-2.5, 2.5, 80), y=cells(-4, 4, 90)))],
)
def test_both_forms_of_f_agree_on_a_grid(system: System, grid: Grid) -> None:
    """F = T KL − T ln Z = ⟨E⟩ − T H for any density of mass one, to 1e-15 of the largest term."""
    law = boltzmann(system)
    rng = np.random.default_rng(0)
    for _ in range(5):
        p = rng.random(grid.shape) ** 4
        p /= p.sum() * grid.volume
        from_energy, from_kl = free_energy_of_density(law, grid, p)
        scale = (p * (np.abs(system.energy_at(grid.centers)) + np.abs(np.log(p)))).sum() * grid.volume
        assert abs(from_energy - from_kl) < 1e-15 * scale
        half_off, _ = free_energy_of_density(law, grid, 0.5 * p)  # mass one is what makes them equal
        assert abs(half_off - free_energy_of_density(law, grid, 0.5 * p)[1]) > 1e-3


def gaussian_ensemble(mean: float, sigma: float, n: int, seed: int) -> tuple[NDArray[np.int64], float]:
    """Histogram and mean energy of N(mean, σ²) samples in the harmonic well."""
    x = np.random.default_rng(seed).normal(mean, sigma, n)
    return np.histogram(x, GRID.edges[0])[0], float((x**2 / 2).mean())


GRID = Grid(x=cells(-7.0, 7.0, 1024))


def exact_kl(mean: float, sigma: float) -> float:
    return 0.5 * (sigma**2 + mean**2 - 1) - np.log(sigma)


@pytest.mark.claim("C02")
def test_both_forms_of_f_agree_on_ensembles_within_their_error() -> None:
    """200 ensembles at three distances from q: the z-scores of KL and of the second F have mean 0 and variance 1.

    Bounds are 5 standard errors of 200 z-scores, or half a unit of bias; the false-alarm rate is below 1e-4.
    """
    law = boltzmann(HARMONIC)
    n = 50_000
    for mean, sigma in [(0.0, 1.0), (0.3, 0.9), (1.0, 0.6)]:
        rows = [gaussian_ensemble(mean, sigma, n, seed) for seed in range(200)]
        histogram, energy = np.array([h for h, _ in rows]), np.array([e for _, e in rows])
        got = relaxation([law] * 200, GRID, histogram, energy)
        exact_f = exact_kl(mean, sigma) - law.log_z
        z_kl = (got["kl_divergence"] - exact_kl(mean, sigma)) / got["kl_divergence_stderr"]
        z_f = (got["free_energy_from_entropy"] - exact_f) / got["free_energy_from_entropy_stderr"]
        assert abs(z_kl.mean()) < 0.5
        assert abs(z_f.mean()) < 0.8
        assert 0.75 < z_kl.std() < 1.25
        assert z_f.std() < 1.25
        error = np.hypot(got["free_energy_stderr"], got["free_energy_from_entropy_stderr"])
        z = (got["free_energy"] - got["free_energy_from_entropy"]) / error
        assert (np.abs(z) < 5).all()
        entropy = 0.5 * np.log(2 * np.pi * np.e) + np.log(sigma)
        assert (np.abs(got["entropy"] - entropy) < 6 * got["entropy_stderr"]).all()


def test_miller_madow_removes_the_bias_at_equilibrium() -> None:
    """χ² with B − 1 degrees: mean 0 after the correction, (B − 1)/2N before it; alarms at the stated rate."""
    law, n, repeats = boltzmann(HARMONIC), 5_000, 2_000
    bins = equal_mass_bins(law.cell_mass(GRID), n)
    counts = np.random.default_rng(1).multinomial(n, law.cell_mass(GRID).ravel(), size=repeats)
    kl = kl_divergence(bins, counts).value
    b = len(bins.mass)
    assert 128 <= b < 140
    stderr = np.sqrt((b - 1) / 2) / n
    assert abs(kl.mean()) < 5 * stderr / np.sqrt(repeats) + 0.05 * (b - 1) / (2 * n)
    assert kl.mean() + (b - 1) / (2 * n) > 50 * stderr / np.sqrt(repeats)
    assert kl.std() == pytest.approx(stderr, rel=0.1)
    alarms = (kl > kl_floor(bins, n)).sum()
    assert alarms <= stats.binom.isf(1e-4, repeats, 2e-3)


def test_bins_hold_equal_mass_and_finer_tails() -> None:
    for law, grid, per_axis in [
        (boltzmann(LINE), Grid(x=cells(-2.3, 2.3, 4096)), 128),
        (boltzmann(PLANE), Grid(x=cells(-2.3, 2.3, 512), y=cells(-3, 3, 512)), 32),
    ]:
        n = 10**6
        bins = equal_mass_bins(law.cell_mass(grid), n)
        bulk = per_axis ** len(grid.shape)
        assert bins.mass.sum() == pytest.approx(1.0, abs=1e-12)
        assert bulk < len(bins.mass) < 2 * bulk
        assert bins.mass.max() < 2.5 / bulk
        assert (bins.mass * n > 5).all()  # whole cells: a few bins hold less than the 20 that were aimed at
        assert (np.bincount(bins.parent) >= 1).all()
        assert bins.parent.max() + 1 < 0.7 * len(bins.mass)
        few = equal_mass_bins(law.cell_mass(grid), 400)
        assert 4 <= len(few.mass) <= 25
    alone = equal_mass_bins(np.ones(1), 100)
    assert kl_floor(alone, 100) == np.inf
    assert verdict(float(kl_divergence(alone, np.array([[100]])).value[0]), np.inf, 0.0).state != "relaxed"


@pytest.mark.parametrize(("variance", "hidden"), [(0.2, False), (1.0, False), (1.3, True), (2.0, True)])
def test_an_ensemble_broader_than_q_is_not_given_a_small_kl(variance: float, hidden: bool) -> None:
    """Much of it lies where q has next to nothing: KL is right, up to 2.9, or NaN; and F says how far it is."""
    law = boltzmann(LINE)
    x = np.random.default_rng(0).normal(0.0, np.sqrt(variance), 200_000)
    grid = Grid(x=cells(-8.0, 8.0, 4096))
    energy = float(LINE.energy_at(x[None]).mean())
    got = relaxation([law], grid, np.histogram(x, grid.edges[0])[0][None], np.array([energy]))
    exact = (3 * variance**2 - 2 * variance + 1) / 0.5 - 0.5 * np.log(2 * np.pi * np.e * variance) + law.log_z
    second = got["free_energy_from_entropy"][0] / 0.5 + law.log_z
    assert abs(second - exact) < 5 * got["free_energy_from_entropy_stderr"][0] / 0.5
    assert np.isnan(got["kl_divergence"][0]) == hidden
    if not hidden:
        assert abs(got["kl_divergence"][0] - exact) < 5 * got["kl_divergence_stderr"][0]


def test_a_point_has_no_entropy_and_four_cells_are_enough_to_run() -> None:
    law = boltzmann(HARMONIC)
    histogram = np.zeros((1, *GRID.shape), np.int64)
    histogram[0, 500] = 1000
    got = relaxation([law], GRID, histogram, np.array([0.1]))
    assert np.isnan(got["entropy"][0])
    assert np.isnan(got["free_energy_from_entropy"][0])
    coarse = Grid(x=cells(-2.0, 2.0, 4))
    got = relaxation([law], coarse, np.array([[160, 340, 340, 160]]), np.array([0.5]))
    assert np.isfinite(got["kl_divergence"][0])


@pytest.mark.parametrize(("mean", "finite"), [(1.0, True), (1.9, True), (2.6, False), (5.0, False)])
def test_kl_above_its_limit_is_nan_and_not_a_wrong_number(mean: float, finite: bool) -> None:
    histogram, energy = gaussian_ensemble(mean, 0.5, 100_000, 4)
    got = relaxation([boltzmann(HARMONIC)], GRID, histogram[None], np.array([energy]))
    assert np.isfinite(got["kl_divergence"][0]) == finite
    assert np.isfinite(got["free_energy"][0]) == finite
    bins = equal_mass_bins(boltzmann(HARMONIC).cell_mass(GRID), 100_000, count=histogram)
    assert got["kl_divergence_limit"][0] == pytest.approx(0.5 * np.log(len(bins.mass)))
    f = exact_kl(mean, 0.5) - boltzmann(HARMONIC).log_z
    assert got["free_energy_from_entropy"][0] == pytest.approx(f, abs=6 * got["free_energy_from_entropy_stderr"][0])
    if finite:
        assert got["kl_divergence"][0] == pytest.approx(exact_kl(mean, 0.5), rel=0.02)


def test_particles_where_q_is_too_small_for_a_float_have_no_kl() -> None:
    """30 standard deviations out along both axes q is 1e-390, and the bins there are halved to 1e-308."""
    line = np.exp(-(np.linspace(-30, 30, 128) ** 2) / 2)
    q, count = np.multiply.outer(line, line) / line.sum() ** 2, np.zeros((1, 128, 128), np.int64)
    count[0, :3, :3], count[0, 64, 64] = 20_000, 1_000
    bins = equal_mass_bins(q, int(count.sum()), count=count[0])
    assert bins.mass.min() < np.finfo(float).tiny
    assert np.isnan(kl_divergence(bins, count).value)


def test_a_temperature_one_percent_off_is_seen() -> None:
    """Negative control: KL = ½(s² − 1) − ln s = 2.5e-5 at s² = 1.01 needs 1e7 particles to stand above the floor."""
    law, n = boltzmann(HARMONIC), 10_000_000
    rng = np.random.default_rng(2)
    bins = equal_mass_bins(law.cell_mass(GRID), n)
    for sigma, seen in [(1.0, False), (np.sqrt(1.01), True)]:
        mass = np.diff(stats.norm.cdf(GRID.edges[0] / sigma))
        kl = kl_divergence(bins, rng.multinomial(n, mass / mass.sum())[None]).value[0]
        assert (kl > kl_floor(bins, n)) == seen


def test_verdict_has_three_values() -> None:
    cases = [
        ({"kl": 1e-6, "floor": 3e-5, "limit": 2.4}, "relaxed"),
        ({"kl": -1e-5, "floor": 3e-5, "limit": 2.4}, "relaxed"),
        ({"kl": 0.02, "floor": 3e-5, "limit": 2.4}, "not relaxed"),
        ({"kl": np.nan, "floor": 3e-5, "limit": 2.4}, "not relaxed"),
        ({"kl": 1e-4, "floor": 3e-5, "limit": 2.4}, "cannot tell"),
        ({"kl": 0.02, "floor": 0.05, "limit": 2.0}, "cannot tell"),
        ({"kl": 0.2, "floor": 0.05, "limit": 2.0}, "not relaxed"),
    ]
    for arguments, state in cases:
        assert verdict(**arguments).state == state, arguments
    assert "5 times as many particles" in verdict(kl=0.02, floor=0.05, limit=2.0).reason
    assert "half the time step" in verdict(kl=1e-4, floor=3e-5, limit=2.4).reason
    assert kl_limit(equal_mass_bins(np.full(2**16, 2.0**-16), 10**6)) == pytest.approx(0.5 * np.log(144))


def test_monotone_has_the_stated_false_alarm_rate() -> None:
    """The worst falling sequence is a constant one; at rate 0.05 and 1000 repeats, 1e-4 quantile of the binomial."""
    rng = np.random.default_rng(5)
    alarms = sum(not falls(rng.normal(0.0, 0.1, 20), np.full(20, 0.1), alarm=0.05).holds for _ in range(1000))
    assert alarms <= stats.binom.isf(1e-4, 1000, 0.05)
    rising = np.linspace(1.0, 0.0, 20)
    rising[12] += 1.0
    result = falls(rising, np.full(20, 0.1))
    assert not result.holds
    assert result.largest_z > result.threshold
    assert falls(np.array([np.nan, 2.0, 1.0]), np.array([np.nan, 0.1, 0.1])).holds


def test_a_time_is_estimated_alike_in_any_company() -> None:
    """To the last bit, so that a run that was cut short and gone on with has the estimates of one that was not."""
    rng = np.random.default_rng(5)
    ensembles = [(rng.uniform(-2, 2), 10 ** rng.uniform(-2, 0.4), int(10 ** rng.uniform(1.5, 5))) for _ in range(24)]
    made = [gaussian_ensemble(*ensemble, seed=i) for i, ensemble in enumerate(ensembles + 6 * [(0.0, 1.0, 100_000)])]
    histogram, energy = np.array([count for count, _ in made]), np.array([energy for _, energy in made])
    histogram[5] = 0
    law, lost = [boltzmann(HARMONIC)] * len(made), rng.integers(0, 3, len(made))
    together = relaxation(law, GRID, histogram, energy, lost)
    assert np.isnan(together["kl_divergence"][5])
    assert np.isfinite(together["entropy"]).sum() > 15
    for step in (1, 7):
        parts = [slice(first, first + step) for first in range(0, len(made), step)]
        alone = [relaxation(law[p], GRID, histogram[p], energy[p], lost[p]) for p in parts]
        for name, value in together.items():
            np.testing.assert_array_equal(np.concatenate([part[name] for part in alone]), value, err_msg=name)
