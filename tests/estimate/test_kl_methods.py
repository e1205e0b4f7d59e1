"""KL by several methods: unbiased, as sharp as the law allows, with intervals that cover; each on multinomial counts.

q = N(0, 1) on 1024 cells. A shift, p = N(a, 1), has Var_p[ln p/q] = 2 KL at any distance; a wider p has more, a
narrower one less.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chndtr
from scipy.stats import binom

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate import Measured, binned, exponential, gaussian, kl_by, relaxation
from langevin_kit.estimate._boltzmann import integrate_cells
from langevin_kit.estimate.interval import NORMAL, kl_interval

Floats = NDArray[np.float64]

LAW = lk.boltzmann(lk.System(energy="x**2/2", temperature=1.0))
GRID = lk.Grid(x=lk.cells(-6.5, 6.5, 1024))
MASS = LAW.cell_mass(GRID)
PHI = exponential.polynomials(GRID, MASS)
REPEATS = 1000


def law_at(kl: float, kind: str) -> tuple[float, float, float]:
    """Mean and variance of a Gaussian p with that KL from q, and Var_p[ln p/q]."""
    if kind == "shift":
        return float(np.sqrt(2 * kl)), 1.0, 2 * kl
    ends = (1.0, 5.0) if kind == "wide" else (1e-3, 1.0)
    s = float(brentq(lambda v: 0.5 * (v - 1 - np.log(v)) - kl, *ends)) if kl else 1.0
    return 0.0, s, 0.5 * (s - 1) ** 2


@cache
def counts(n: int, kl: float, kind: str, repeats: int = REPEATS) -> NDArray[np.int64]:
    mean, variance, _ = law_at(kl, kind)
    mass = integrate_cells(lk.initial.gaussian([mean], variance).density, GRID.edges, 8)
    return np.random.default_rng([n, repeats]).multinomial(n, mass / mass.sum(), size=repeats)


def estimates(method: str, n: int, kl: float, kind: str, repeats: int = REPEATS) -> tuple[Floats, Floats, Floats]:
    """Values, standard errors and m over repeated ensembles."""
    if method == "gaussian":
        mean, variance, _ = law_at(kl, kind)
        rng = np.random.default_rng([n, 3])
        means = mean + np.sqrt(variance / n) * rng.standard_normal(repeats)
        covariances = variance * rng.chisquare(n - 1, repeats) / (n - 1)
        pairs = [
            gaussian.kl_divergence(n, np.array([m]), np.array([[c]]), np.zeros(1), np.eye(1))
            for m, c in zip(means, covariances, strict=True)
        ]
        value, stderr = np.array(pairs).T
        return value, stderr, np.full(repeats, 2.0)
    histogram = counts(n, kl, kind, repeats)
    if method == "binned":
        each = [binned.equal_mass_bins(MASS, n, count=count) for count in histogram]
        rows = [binned.kl_divergence(bins, count[None]) for bins, count in zip(each, histogram, strict=True)]
        value, stderr = np.array([(row.value[0], row.stderr[0]) for row in rows]).T
        return value, stderr, np.array([len(bins.mass) - 1.0 for bins in each])
    found = exponential.kl_divergence(PHI, MASS, histogram)
    return found.value, found.stderr, np.full(repeats, float(len(PHI)))


def slow_unless(quick: bool, *case: Any) -> Any:
    return pytest.param(*case, marks=() if quick else pytest.mark.slow)


CASES = [(n, kl, kind) for n in (10**5, 10**6) for kl in (1e-1, 1e-3, 1e-5) for kind in ("shift", "wide")]


@pytest.mark.parametrize("method", ["exponential_family", "gaussian", "binned"])
@pytest.mark.parametrize(
    ("n", "kl", "kind"), [slow_unless(case[0] == 10**6 and case[1] != 1e-3, *case) for case in CASES]
)
def test_unbiased_and_as_sharp_as_the_floor(method: str, n: int, kl: float, kind: str) -> None:
    """One standard deviation at most 1.1 times √(Var_p[ln p/q]/N + m/2N²); near q, Var = 2 KL."""
    value, stderr, dof = estimates(method, n, kl, kind)
    _, _, variance = law_at(kl, kind)
    m = float(dof.mean())
    floor = np.sqrt(variance / n + m / (2 * n**2))
    deviation = value.std(ddof=1)
    assert deviation < 1.1 * floor
    if kind == "shift" or kl <= 1e-3:
        assert deviation < 1.1 * np.sqrt(2 * kl / n + m / (2 * n**2))
    # Bins lose what is narrower than they are, a tenth of the standard error here after the extrapolation in width.
    allowed = 0.2 * deviation if method == "binned" else 0.0
    assert abs(value.mean() - kl) < 4 * deviation / np.sqrt(REPEATS) + allowed
    assert 0.9 < stderr.mean() / deviation < 1.12


FAR = [(10**6, 0.1), (10**6, 0.03), (10**5, 0.2)]
NEAR = [(10**5, 1e-4), (10**6, 1e-6), (10**6, 1e-5)]
ENDS = [FAR[0], FAR[2], NEAR[0], NEAR[1]]
"""The others lie between."""


@pytest.mark.parametrize("method", ["exponential_family", "gaussian", "binned"])
@pytest.mark.parametrize(
    ("n", "kl", "kind"),
    [
        slow_unless(case in ENDS and kind == "shift", *case, kind)
        for case in FAR + NEAR
        for kind in ("shift", "wide", "narrow")
    ],
)
def test_intervals_cover(method: str, n: int, kl: float, kind: str) -> None:
    """95 % intervals over 4000 repeats cover 93.8 to 96.2 %: far from q the normal ones, near it those of χ²."""
    value, stderr, m = estimates(method, n, kl, kind, 4000)
    assert np.isfinite(value).all()
    assert n * kl >= NORMAL * m.max() or (n, kl) in NEAR
    low, high = kl_interval(value, stderr, m, n)
    assert abs(np.mean((low <= kl) & (kl <= high)) - 0.95) < 0.012
    # Negative control: without the m/2N² of the standard error, near q the normal interval is too short.
    if n * kl < 10:
        half = 1.96 * np.sqrt(np.maximum(stderr**2 - m / (2 * n**2), 0.0))
        assert np.mean(np.abs(value - kl) <= half) < 0.9


def test_what_a_run_stores_covers_two_humps_and_the_plane() -> None:
    """Bounds are those that a coverage of 95 % leaves once in 10⁴ tests."""
    humps = 0.5 * sum(integrate_cells(lk.initial.gaussian([m], 0.5).density, GRID.edges, 8) for m in (-1.1, 1.1))
    plane = lk.Grid(x=lk.cells(-8, 8, 192), y=lk.cells(-8, 8, 192))
    law = lk.boltzmann(lk.System(energy="x**2/2 + y**2/2", temperature=1.0, coordinates=("x", "y")))
    wide = integrate_cells(lk.initial.gaussian([0.0, 0.0], [2.0, 2.0]).density, plane.edges, 8)
    for q, grid, p, repeats in ((LAW, GRID, humps, 2000), (law, plane, wide, 400)):
        n, mass, p = 10**6, q.cell_mass(grid), p / p.sum()
        kl = float((p * np.log(p / mass)).sum())
        histogram = np.random.default_rng(0).multinomial(n, p.ravel(), size=repeats).reshape(repeats, *grid.shape)
        energy = histogram.reshape(repeats, -1) @ q.system.energy_at(grid.centers).ravel() / n
        stored = relaxation([q] * repeats, grid, histogram, energy)
        error = np.abs(stored["kl_divergence"] - kl)
        covered = int((error <= 1.96 * stored["kl_divergence_stderr"]).sum())
        assert binom.ppf(5e-5, repeats, 0.95) <= covered <= binom.isf(5e-5, repeats, 0.95)


WELL = lk.boltzmann(lk.System(energy="(x**2 - 1)**2", temperature=0.5))
WELL_GRID = lk.Grid(x=lk.cells(-2.6, 2.6, 1024))
WELL_MASS = WELL.cell_mass(WELL_GRID)
X = WELL_GRID.centers[0]
SHAPES = {
    "tilted": WELL_MASS * np.exp(0.8 * X),
    "hotter": WELL_MASS**0.7,
    "colder": WELL_MASS**1.5,
    "rippled": WELL_MASS * (1 + 0.6 * np.sin(12 * X)),
    "one_well": WELL_MASS * np.where(X < 0, 1.8, 0.2),
    "start": integrate_cells(lk.initial.gaussian([-1.0], 0.04).density, WELL_GRID.edges, 8),
}
"""Laws p beside a double well's q; one has a jump."""


@pytest.mark.parametrize(
    ("shape", "n"),
    [
        slow_unless(n == 10**5 and shape in ("tilted", "rippled", "start"), shape, n)
        for shape in SHAPES
        for n in (10**5, 10**6)
    ],
)
def test_intervals_of_bins_cover_beside_a_double_well(shape: str, n: int) -> None:
    """Over 4000 repeats; the jump biases bins by most of a standard deviation at 10⁵, and is in their error."""
    p = SHAPES[shape] / SHAPES[shape].sum()
    kl = float((p[p > 0] * np.log(p[p > 0] / WELL_MASS[p > 0])).sum())
    histogram = np.random.default_rng(3).multinomial(n, p, size=4000)
    each = [binned.equal_mass_bins(WELL_MASS, n, count=count) for count in histogram]
    rows = [binned.kl_divergence(bins, count[None]) for bins, count in zip(each, histogram, strict=True)]
    value, stderr = np.array([(row.value[0], row.stderr[0]) for row in rows]).T
    low, high = kl_interval(value, stderr, np.array([len(bins.mass) - 1.0 for bins in each]), n)
    assert abs(np.mean((low <= kl) & (kl <= high)) - 0.95) < 0.012
    assert (abs(value.mean() - kl) > 0.5 * value.std()) == (shape == "one_well" and n == 10**5)


def test_edges_of_an_ensemble_are_in_the_stored_error() -> None:
    """Of a box, p is 0 beyond its ends: bins lose 46 standard deviations, and the form of F without q says how much."""
    box = np.where(np.abs(X + 0.9) < 0.35, 1.0, 0.0)
    p, n = box / box.sum(), 10**6
    held = p > 0
    kl = float((p[held] * np.log(p[held] / WELL_MASS[held])).sum())
    histogram = np.random.default_rng(3).multinomial(n, p, size=100)
    stored = relaxation([WELL] * 100, WELL_GRID, histogram, histogram @ WELL.system.energy_at(WELL_GRID.centers) / n)
    error = np.abs(stored["kl_divergence"] - kl)
    assert error.mean() > 0.01
    assert (error < 1.96 * stored["kl_divergence_stderr"]).all()


def test_bins_follow_the_ensemble_into_the_tails_of_q() -> None:
    """Negative control: bins made of q alone lose 3 % of KL there, and their intervals do not cover it."""
    n, kl = 10**5, 0.2
    value, _, dof = estimates("binned", n, kl, "wide", 1000)
    alone = binned.equal_mass_bins(MASS, n)
    found = binned.kl_divergence(alone, counts(n, kl, "wide", 1000))
    assert kl - found.value.mean() > 0.02 * kl > 10 * abs(value.mean() - kl) / 2
    low, high = kl_interval(found.value, found.stderr, len(alone.mass) - 1, n)
    assert np.mean((low <= kl) & (kl <= high)) < 0.9
    # Where p = q there are no more bins than those of q, so the floor is the same.
    assert (estimates("binned", n, 1e-5, "shift")[2] == len(alone.mass) - 1).all()
    assert (dof > len(alone.mass) - 1).all()


def test_interval_ends_are_the_noncentralities_that_they_should_be() -> None:
    n, m = 10**6, 7
    kl = np.array([-2e-6, 0.0, 3e-6, 1e-4])
    low, high = kl_interval(kl, np.sqrt(2 * np.maximum(kl, 0.0) / n + m / (2 * n**2)), m, n)
    np.testing.assert_allclose(
        [chndtr(2 * n * k + m, m, 2 * n * h) for k, h in zip(kl[1:], high[1:], strict=True)], 0.025
    )
    np.testing.assert_allclose(chndtr(2 * n * kl[3] + m, m, 2 * n * low[3]), 0.975)
    assert low[:3].tolist() == [0.0, 0.0, 0.0]
    assert (high[1:] > low[1:]).all()
    assert np.isnan(kl_interval(np.array([np.nan]), np.zeros(1), m, n)).all()


def test_the_family_holds_its_members() -> None:
    """KL of tilted laws q exp(θ·φ), known from quadrature, in one and two coordinates."""
    plane = lk.Grid(x=lk.cells(-6, 6, 96), y=lk.cells(-6, 6, 96))
    law = lk.boltzmann(lk.System(energy="x**2/2 + x*y/3 + y**2", temperature=1.0, coordinates=("x", "y")))
    for grid, mass in ((GRID, MASS), (plane, law.cell_mass(plane))):
        phi = exponential.polynomials(grid, mass)
        np.testing.assert_allclose((phi * mass.ravel()) @ phi.T, np.eye(len(phi)), atol=1e-9)
        np.testing.assert_allclose(phi @ mass.ravel(), 0.0, atol=1e-9)
        theta = np.zeros(len(phi))
        theta[:3] = 0.2, -0.1, 0.05
        p = mass.ravel() * np.exp(theta @ phi)
        p /= p.sum()
        exact = float((p * np.log(p / mass.ravel())).sum())
        n = 10**6
        count = np.random.default_rng(0).multinomial(n, p, size=60).reshape(60, *grid.shape)
        found = exponential.kl_divergence(phi, mass, count)
        z = (found.value.mean() - exact) / (found.value.std() / np.sqrt(60))
        assert abs(z) < 4
        assert exact > 0.01


def test_it_is_a_lower_bound_and_auto_sees_where_that_is_too_low() -> None:
    """p = q (1 + ½ sin 9x) has next to nothing in polynomials of the fourth degree; bins see all of it."""
    n = 10**6
    p = MASS * (1 + 0.5 * np.sin(9 * GRID.centers[0]))
    p /= p.sum()
    exact = float((p * np.log(p / MASS)).sum())
    count = np.random.default_rng(0).multinomial(n, p)[None]
    measured = Measured(n, GRID, count)
    family, bins, auto = (kl_by(m, [LAW], measured)[0] for m in ("exponential_family", "binned", "auto"))
    assert family["kl_divergence"][0] < 1e-3 * exact
    assert bins["kl_divergence"][0] == pytest.approx(exact, rel=0.03)
    assert auto["method"][0] == "binned"
    near = Measured(n, GRID, counts(n, 1e-5, "shift")[:3])
    chosen, reason = kl_by("auto", [LAW] * 3, near)
    assert chosen["method"].tolist() == ["exponential_family"] * 3
    assert reason.startswith("the exponential family at 3 of 3 times")
    assert chosen["degrees_of_freedom"].tolist() == [4] * 3


def test_far_from_q_auto_says_that_it_does_not_know() -> None:
    """All particles in a few cells: bins cannot hold so large a KL, and a lower bound is no answer."""
    count = np.zeros((1, 1024), np.int64)
    count[0, 697:704] = 20, 100, 230, 300, 230, 100, 20
    values, _ = kl_by("exponential_family", [LAW], Measured(1000, GRID, count))
    p, q = count[0, 697:704] / 1000, MASS[697:704]
    assert 0 < values["kl_divergence"][0] < p @ np.log(p / q)
    found = kl_by("auto", [LAW], Measured(1000, GRID, count))[0]
    assert found["method"].tolist() == ["binned"]
    assert np.isnan(found["kl_divergence"]).all()


def test_stored_and_in_run_data_give_the_same_numbers(tmp_path: object) -> None:
    system = lk.System(energy="(x**2 - 1)**2", temperature=0.5)
    given = {"initial": lk.initial.gaussian([-1.0], 0.04), "n_particles": 20_000, "time_step": 0.005, "n_steps": 200}
    own = lk.simulate(system, **given, save_every=50, rng=0)  # type: ignore[arg-type]
    stored = lk.simulate(system, **given, save_every=50, rng=0, store=f"{tmp_path}/run.zarr")  # type: ignore[arg-type]
    for method in ("binned", "exponential_family", "auto"):
        a, b = own.langevin.kl_divergence(method), lk.open(f"{tmp_path}/run.zarr").langevin.kl_divergence(method)
        for name in a.data_vars:
            np.testing.assert_array_equal(a[name], b[name])
        assert a.attrs == b.attrs
    np.testing.assert_array_equal(stored.kl_divergence, own.kl_divergence)


def test_more_coordinates_and_refusals() -> None:
    system = lk.System(energy="x**2 + y**2 + z**2", temperature=1.0, coordinates=("x", "y", "z"))
    ds = lk.simulate(system, initial=lk.initial.point([0.0] * 3), n_particles=1000, time_step=0.01, n_steps=100, rng=0)
    found = ds.langevin.kl_divergence("auto")
    assert set(found.method.values) == {"gaussian"}
    assert int(found.degrees_of_freedom[0]) == 9
    np.testing.assert_array_equal(found.kl_divergence, ds.kl_divergence)
    with pytest.raises(InvalidArgument, match="'binned' needs a histogram"):
        ds.langevin.kl_divergence("binned")
    with pytest.raises(InvalidArgument, match="method: got 'bins'; did you mean 'binned'"):
        ds.langevin.kl_divergence("bins")
    with pytest.raises(InvalidArgument, match="needs the covariance, and a quadratic energy"):
        kl_by("gaussian", [LAW], Measured(10, GRID, counts(10**5, 1e-5, "shift")[:1]))
