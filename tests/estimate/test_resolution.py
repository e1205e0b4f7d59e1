"""What histograms cannot resolve is NaN, has a large error, or is left undecided: never a wrong number."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit import Grid, System, boltzmann, cells
from langevin_kit.errors import NonFinite, NotNormalizable
from langevin_kit.estimate import relaxation

LINE = System(energy="x**2/2", temperature=1.0)
PLANE = System(energy="x**2/2 + y**2/2", temperature=1.0, coordinates=("x", "y"))
GRIDS = {1: Grid(x=cells(-6.3918, 6.3918, 1024)), 2: Grid(x=cells(-6.4, 6.4, 256), y=cells(-6.4, 6.4, 256))}


def estimate(system: System, x: NDArray[np.float64], grid: Grid | None = None) -> dict[str, float]:
    x = np.atleast_2d(x)
    grid = grid or GRIDS[system.n_dim]
    inside = np.clip(x.T, grid.lower + 1e-9, grid.upper - 1e-9)
    histogram = np.histogramdd(inside, grid.edges)[0].astype(np.int64)
    outside = np.array([((grid.lower > x.T) | (grid.upper < x.T)).any(axis=1).sum()])
    energy = np.array([system.energy_at(x).mean()])
    rows = relaxation([boltzmann(system)], grid, histogram[None], energy, outside)
    return {name: float(values[0]) for name, values in rows.items()}


def gaussian_entropy(sigma: float, d: int = 1) -> float:
    return float(d * (0.5 * np.log(2 * np.pi * np.e) + np.log(sigma)))


@pytest.mark.parametrize(("mean", "sigma"), [(1.598, 0.1), (0.799, 0.1), (0.3995, 0.05), (1.0, 0.3)])
def test_narrow_ensembles_on_edges_that_merging_removes(mean: float, sigma: float) -> None:
    """At these places entropies of two coarse widths agree by accident, far from the truth."""
    got = estimate(LINE, np.random.default_rng(1).normal(mean, sigma, 500_000))
    assert abs(got["entropy"] - gaussian_entropy(sigma)) < 5 * got["entropy_stderr"]
    assert got["entropy_stderr"] < 0.05
    exact = mean**2 / 2 + sigma**2 / 2 - gaussian_entropy(sigma)
    assert abs(got["free_energy_from_entropy"] - exact) < 5 * got["free_energy_from_entropy_stderr"]


def test_an_ensemble_in_a_few_cells_has_no_entropy() -> None:
    rng = np.random.default_rng(2)
    assert np.isnan(estimate(LINE, rng.normal(1.0, 0.01, 100_000))["entropy"])
    assert np.isnan(estimate(PLANE, rng.normal(1.6, 0.05, (2, 100_000)))["entropy"])


@pytest.mark.parametrize(("amplitude", "wave", "n"), [(2.0, 50.0, 100_000), (0.5, 50.0, 100_000), (2.0, 20.0, 2_000)])
def test_relaxed_ensembles_in_rugged_wells(amplitude: float, wave: float, n: int) -> None:
    system = System(energy=f"x**2/2 + {amplitude}*sin({wave}*x)", temperature=1.0)
    law = boltzmann(system)
    x = np.linspace(law.lower[0], law.upper[0], 400_001)
    q = np.exp(law.log_density(x[None]))
    sample = np.interp(np.random.default_rng(3).random(n), np.cumsum(q) / q.sum(), x)
    got = estimate(system, sample)
    exact = -float((q * law.log_density(x[None])).sum() * (x[1] - x[0]))
    assert abs(got["entropy"] - exact) < 5 * got["entropy_stderr"]
    assert abs(got["kl_divergence"]) < 5 * got["kl_divergence_stderr"]


@pytest.mark.parametrize("n", [2_000, 20_000, 200_000])
def test_empty_bins_add_no_bias(n: int) -> None:
    """Half of a normal law: KL = ln 2 exactly, with half of the bins empty; mean of 30 z-scores within 5/√30."""
    rng = np.random.default_rng(4)
    z = []
    for _ in range(30):
        got = estimate(LINE, np.abs(rng.normal(0.0, 1.0, n)))
        z.append((got["kl_divergence"] - np.log(2)) / got["kl_divergence_stderr"])
    assert abs(np.mean(z)) < 5 / np.sqrt(30)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (Grid(x=cells(1.0, 3.0, 10)), "beyond the histogram's range"),
        (Grid(x=cells(-1.0, 1.0, 64)), "beyond the histogram's range"),
        (Grid(x=cells(-3.0, 3.0, 256)), "do not resolve the ensemble"),
        (Grid(x=cells(-5.0, 5.0, 2)), "too few particles, or too wide cells"),
    ],
)
def test_a_histogram_that_is_too_small_or_too_coarse_is_no_evidence(grid: Grid, words: str) -> None:
    ds = lk.simulate(
        LINE,
        initial=lk.initial.gaussian([0.0], 1.0),
        n_particles=20_000,
        time_step=0.01,
        n_steps=10,
        rng=3,
        histogram=grid,
    )
    verdict = ds.langevin.verdict()
    assert verdict.state == "cannot tell"
    assert words in verdict.reason
    assert str(verdict).startswith("cannot tell — ")
    if words.startswith("beyond"):
        assert np.isnan(ds.free_energy_from_entropy).all()


def test_a_start_far_away_does_not_coarsen_the_cells() -> None:
    """From 1e5 the ensemble is at 3, one standard deviation wide: KL = 4.5, which two cells cannot see."""
    ds = lk.simulate(
        LINE,
        initial=lk.initial.point([1e5]),
        n_particles=20_000,
        time_step=0.01,
        n_steps=1036,
        save_every=1036,
        rng=3,
    )
    assert ds.langevin.verdict().state == "not relaxed"
    assert ds.langevin.grid.width[0] < 0.1
    assert np.isnan(ds.free_energy_from_entropy[0])


def test_an_ensemble_without_finite_particles_or_energy_is_refused(tmp_path: object) -> None:
    steep = System(energy="x**4/4", temperature=1.0)
    with pytest.raises(NonFinite, match="1000 particles were lost by step 50"):
        lk.simulate(
            steep,
            initial=lk.initial.point([10.0]),
            n_particles=1000,
            time_step=1.0,
            n_steps=100,
            save_every=50,
            check=False,
            rng=0,
        )
    half = System(energy="x - 0.5*log(x)", temperature=1.0)
    with pytest.raises(NonFinite, match="where E has no value"):
        lk.simulate(
            half, initial=lk.initial.gaussian([0.02], 1e-5), n_particles=1000, time_step=1e-5, n_steps=2000, rng=0
        )


@pytest.mark.parametrize("energy", ["(y - x**2 - 0.1)**2/2", "(x*0.31 - 0.77*y)**2/2", "(x - 0.97*y)**2/2"])
def test_a_narrow_valley_to_infinity_has_no_law(energy: str) -> None:
    with pytest.raises(NotNormalizable):
        boltzmann(System(energy=energy, temperature=1.0, coordinates=("x", "y")))


def test_tails_of_q_beyond_a_small_grid() -> None:
    law = boltzmann(System(energy="3*log(1 + x**2)", temperature=1.0))  # q ∝ (1 + x²)⁻³
    x = np.linspace(0.0, 1.0, 200_001)
    inner = 16 / (3 * np.pi) * np.trapezoid((1 + x**2) ** -3.0, x)
    mass = law.cell_mass(Grid(x=cells(-1.0, 1.0, 64)))
    edge = 16 / (3 * np.pi) * np.trapezoid((1 + (1 - x / 32) ** 2) ** -3.0, x / 32) / 2
    assert mass[0] == pytest.approx((1 - inner) / 2 + edge, rel=1e-6)
