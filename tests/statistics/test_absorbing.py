"""First passages of an ensemble against quadrature and against the grid; looking at the ends of steps alone is seen.

The control takes the bridge out of the generated step and changes nothing else. Seeds are fixed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson
from scipy.stats import chi2, norm

import langevin_kit as lk
from langevin_kit import cache
from langevin_kit.codegen.pointwise import stepper_source
from langevin_kit.schemes import scheme_from

Floats = NDArray[np.float64]

WELL = lk.System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=1.0, walls={"x": lk.absorbing(-0.5, 0.5)})
"""Between the wells of a double well, with a mobility that depends on position."""
LAST = 1.6
"""Time at which one of 10⁶ particles is left."""


def exact_mean(lower: float, upper: float, start: float) -> float:
    """τ(x) of (q K T τ′)′ = −q, τ = 0 at both ends: by quadrature."""
    x = np.linspace(lower, upper, 4001)
    q = np.exp(-((x**2 - 1) ** 2))
    resistance = (1 + x**2) / q
    mass = cumulative_simpson(q, x=x, initial=0)
    all_way, weighted = (cumulative_simpson(f, x=x, initial=0) for f in (resistance, mass * resistance))
    return float(np.interp(start, x, weighted[-1] / all_way[-1] * all_way - weighted))


def passages(scheme: str, time_step: float, n: int, *, ends_alone: bool = False) -> Floats:
    """First-passage times of n particles that start at 0, `LAST` of those that are left."""
    source = stepper_source(WELL, scheme_from(scheme), "float64")
    assert source.count("u0 < exp(") == 1
    module = cache.load(source.replace("u0 < exp(", "R(1.0) < exp(") if ends_alone else source)
    state = np.zeros((2, n))
    steps, key = round(LAST / time_step), (np.uint32(3), np.uint32(4))
    module.advance(state, 0, n, 256, 0, steps, WELL.values, time_step, WELL.temperature, *key)
    return np.where(state[1] > 0, state[1], LAST)


@pytest.fixture(scope="module")
def fine() -> tuple[Floats, Floats]:
    """At Δt = 10⁻³: those of the module, and those of the control."""
    return passages("euler_maruyama", 1e-3, 200_000), passages("euler_maruyama", 1e-3, 200_000, ends_alone=True)


@pytest.mark.claim("C09")
def test_the_mean_first_passage_time(fine: tuple[Floats, Floats]) -> None:
    """Within 1 %, and four standard errors (false alarm 6·10⁻⁵); the ends of steps alone are 9 % late."""
    exact = exact_mean(-0.5, 0.5, 0.0)
    ours, theirs = (tau.mean() / exact - 1 for tau in fine)
    stderr = fine[0].std() / np.sqrt(len(fine[0])) / exact
    assert stderr < 0.002
    assert abs(ours) < min(0.01, 4 * stderr)
    assert 0.08 < theirs < 0.11


@pytest.mark.parametrize("scheme", ["euler_maruyama", "milstein"])
def test_the_bias_is_of_first_order(scheme: str) -> None:
    """1 % at Δt = 0.02, a fifth of the mean; ends alone are off by √Δt: 44 % there."""
    exact = exact_mean(-0.5, 0.5, 0.0)
    bias = [passages(scheme, dt, 100_000).mean() / exact - 1 for dt in (2e-2, 5e-3)]
    assert abs(bias[0]) < 0.016
    assert abs(bias[1]) < 0.008
    if scheme == "euler_maruyama":
        wrong = [passages(scheme, dt, 100_000, ends_alone=True).mean() / exact - 1 for dt in (2e-2, 5e-3)]
        assert wrong[0] > 0.4
        assert np.log2(wrong[0] / wrong[1]) / 2 == pytest.approx(0.5, abs=0.1)


def test_the_law_of_first_passages_is_that_of_the_grid(fine: tuple[Floats, Floats]) -> None:
    """Pearson's χ² over 24 intervals of nearly equal mass of the grid's survival; false alarm 10⁻³."""
    grid = lk.Grid(x=lk.cells(-0.5, 0.5, 501))
    times = np.linspace(0, LAST, 1601)
    density = lk.fokker_planck.evolve(WELL, grid, initial=lk.initial.point([0.0]), times=times)
    survival = density.sum("x").values * grid.volume
    inner = np.unique(np.searchsorted(-survival, -np.linspace(1, 0, 25)[1:-1]))
    edges, mass = times[inner], -np.diff(np.r_[1.0, survival[inner], 0.0])
    p = []
    for tau in fine:
        seen = np.histogram(tau, np.r_[0.0, edges, np.inf])[0]
        p.append(chi2.sf(((seen - len(tau) * mass) ** 2 / (len(tau) * mass)).sum(), len(mass) - 1))
    assert p[0] > 1e-3
    assert p[1] < 1e-30


@pytest.mark.claim("C09")
def test_the_flux_into_each_wall_is_that_of_the_grid() -> None:
    """Of a tensor K(x, y): sixteen z-scores, none beyond what one of 1000 runs has; another temperature is seen."""
    system = lk.System(
        energy="x/2 + cos(2*pi*y)/2",
        mobility=[["1 + x**2/2", "0.4*sin(2*pi*y)"], ["0.4*sin(2*pi*y)", "1"]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": lk.absorbing(-0.5, 0.7), "y": lk.periodic(0.0, 1.0)},
    )
    start = lk.initial.gaussian([0.05, 0.5], 0.0025)
    ds = lk.simulate(
        system, initial=start, n_particles=100_000, time_step=5e-4, n_steps=400, save_every=50, rng=5, check=False,
    )  # fmt: skip
    grid = lk.Grid(x=lk.cells(-0.5, 0.7, 96), y=lk.cells(0.0, 1.0, 48))

    def z_scores(solved: lk.System) -> Floats:
        density = lk.fokker_planck.evolve(solved, grid, initial=start, times=np.linspace(0, 0.2, 81), steps=4)
        flux = lk.fokker_planck.boundary_flux(solved, density)
        taken = cumulative_simpson(flux.values, x=flux.time.values, axis=0, initial=0)[::10]
        seen = ds.langevin.boundary_flux()
        expected = np.diff(taken, axis=0) / 0.025
        sigma = np.sqrt(np.maximum(expected, 1e-9) * 0.025 / 100_000) / 0.025
        return np.asarray(((seen.boundary_flux - expected) / sigma).values)[expected > 1e-2]

    z = z_scores(system)
    assert z.size >= 14
    assert np.abs(z).max() < norm.isf(0.5e-3 / z.size), z
    assert np.abs(z_scores(replace(system, temperature=1.1))).max() > 8


def test_a_run_is_held_against_the_grid() -> None:
    """The density of the living and their number, also at half the time step; another temperature or slope is seen."""
    start = lk.initial.gaussian([0.05], 0.0025)
    ds = lk.simulate(
        WELL,
        initial=start,
        n_particles=50_000,
        time_step=2e-3,
        n_steps=200,
        save_every=20,
        rng=11,
        histogram=lk.Grid(x=lk.cells(-0.5, 0.5, 128)),
    )
    found = lk.verify(ds, halve=True)
    assert found.halved is not None
    assert found.comparison.verdict.state == "consistent"
    assert (found.comparison.table.sel(test="survival").error < 0.02).all()
    for change, sees in (({"temperature": 1.1}, "survival"), ({"energy": "(x**2 - 1)**2 + x"}, "chi2_coarse")):
        other = replace(WELL, **change)
        density = lk.fokker_planck.evolve(other, ds.langevin.grid, initial=start, times=ds.time)
        against = lk.fokker_planck.compare(ds, density)
        assert against.verdict.state == "inconsistent"
        assert float(against.table.p_adjusted.sel(test=sees).min()) < 1e-6


def test_a_density_without_mass_is_no_alarm() -> None:
    """All were taken long before: there is nothing to hold a density against, and the survival is 0 on both sides."""
    start = lk.initial.gaussian([0.05], 0.0025)
    ds = lk.simulate(
        WELL, initial=start, n_particles=500, time_step=5e-3, n_steps=800, save_every=400, rng=1,
        histogram=lk.Grid(x=lk.cells(-0.5, 0.5, 32)), check=False,
    )  # fmt: skip
    assert ds.survival.values.tolist() == [1.0, 0.0, 0.0]
    assert lk.verify(ds, halve=False).comparison.verdict.state == "consistent"
