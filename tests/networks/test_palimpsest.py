"""The palimpsest at T = 0: its equations by quadrature, its limits, numbers of Mézard, Nadal & Toulouse, networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import palimpsest, palimpsest_capacity, palimpsest_overlap, replica_symmetric
from langevin_kit.networks._palimpsest import LEAST, _end, _response

POINTS = [(0.0, 2.6), (0.02, 3.0), (0.04, 4.108), (0.0489, 4.108), (0.045, 5.0), (0.01, 10.0)]


def residual(m: float, strength_of: Callable[[Any], Any], last: float, signal: float) -> float:
    """Of m = erf(…) in any network Σ_k g(k/N) ξ ξᵀ/N of ages up to `last`, by Gauss–Legendre panels and bisection."""
    x, w = np.polynomial.legendre.leggauss(8)
    half = last / 800
    g = strength_of((np.linspace(half, last - half, 400)[:, None] + half * x).ravel())
    weight = np.tile(half * w, 400)

    def noise(c: float) -> float:
        return float(weight @ (g / (1 - g * c)) ** 2)

    def excess(c: float) -> float:
        return c - math.sqrt(2 / (math.pi * noise(c))) * math.exp(-((signal * m) ** 2) / (2 * noise(c)))

    c = optimize.brentq(excess, 0.0, 0.99 / g.max(), xtol=1e-17, rtol=1e-15)
    return m - math.erf(signal * m / math.sqrt(2 * noise(c)))


def test_the_equations_are_those_of_hebb_where_all_patterns_are_as_strong() -> None:
    """So that `residual` is held to the theory of Amit, Gutfreund & Sompolinsky before it judges another."""
    for load in (0.05, 0.12, 0.1379):
        m = replica_symmetric(load, 0.0).m
        assert abs(residual(m, np.ones_like, load, 1.0)) < 1e-14
        assert abs(residual(m - 1e-4, np.ones_like, load, 1.0)) > 1e-8


@pytest.mark.parametrize(("age", "strength"), POINTS)
def test_overlaps_solve_the_equations(age: float, strength: float) -> None:
    def g(u: Any) -> Any:
        return strength * np.exp(-(strength**2) * u / 2)

    m = palimpsest_overlap(age, strength)
    assert m > 0.9
    assert abs(residual(m, g, 80 / strength**2, g(age))) < 1e-14
    assert abs(residual(m - 1e-6, g, 80 / strength**2, g(age))) > 1e-9


@pytest.mark.parametrize("strength", [2.5, 4.108, 20.0])
def test_the_response_against_arithmetic_of_many_digits(strength: float) -> None:
    mp = pytest.importorskip("mpmath")
    with mp.workdps(120):
        for y in (0.9, 1.5, 3.0, 5.0, 8.0):
            c = mp.mpf(strength) ** 2 * mp.exp(-2 * mp.mpf(y) ** 2) / mp.pi
            w = -mp.lambertw(-mp.exp(-1 - c), -1).real
            R = 2 * c / (1 - 1 / w) ** 2
            v, noise = _response(y, strength)
            assert abs(v - mp.log(w)) < 1e-13 * mp.log(w) + 1e-16
            assert abs(noise / R - 1) < 1e-14


def test_numbers_of_mezard_nadal_and_toulouse() -> None:
    best = optimize.minimize_scalar(lambda e: -palimpsest_capacity(e), bounds=(3.0, 5.0), options={"xatol": 1e-9})
    assert best.x == pytest.approx(4.108, abs=5e-4)
    assert -best.fun == pytest.approx(0.0490, abs=5e-5)
    assert palimpsest_overlap(-best.fun, best.x) == pytest.approx(0.972, abs=5e-4)
    end = optimize.brentq(lambda e: _end(e)[1], LEAST, 2.5, xtol=1e-14)
    assert end == pytest.approx(2.464806, abs=5e-7)
    assert palimpsest_capacity(end * (1 - 1e-9)) == 0 == palimpsest_overlap(0.0, end * (1 - 1e-9))
    assert 0 < palimpsest_capacity(end * (1 + 1e-9)) < 1e-8
    assert palimpsest_overlap(0.0, end * (1 + 1e-9)) == pytest.approx(0.933, abs=5e-4)


def test_below_the_least_strength_no_solution_has_an_age() -> None:
    """On all y; just above the end one has."""
    y = np.linspace(0.02, 8, 400)

    def largest(strength: float) -> float:
        noise = np.array([_response(v, strength)[1] for v in y])
        return float(np.log(strength * special.erf(y) / (y * np.sqrt(2 * noise))).max())

    assert all(largest(e) < -1e-3 for e in (0.01, 0.1, 0.5, 1.0, 1.5, 2.0, 2.3, LEAST))
    assert largest(2.48) > 1e-3


@pytest.mark.parametrize("strength", [2.5, 3.0, 4.108, 6.0, 30.0])
def test_the_capacity_is_where_overlaps_end(strength: float) -> None:
    most = palimpsest_capacity(strength)
    y = np.linspace(0.5, 6, 3000)
    noise = np.array([_response(v, strength)[1] for v in y])
    ages = 2 / strength**2 * np.log(strength * special.erf(y) / (y * np.sqrt(2 * noise)))
    assert most == pytest.approx(ages.max(), rel=1e-5 if strength < 2.6 else 1e-6)
    assert most >= ages.max()
    assert (np.diff(np.sign(np.diff(ages))) != 0).sum() == 1  # so the largest root is the only one behind it
    assert palimpsest_overlap(most * (1 - 1e-9), strength) > 0.9
    assert palimpsest_overlap(most * (1 + 1e-9), strength) == 0
    kept = [palimpsest_overlap(u, strength) for u in np.linspace(0, most, 50)]
    assert (np.diff(kept) <= 0).all()


def test_strong_learning() -> None:
    """The last pattern is kept as by a spin in noise of variance 1; ages end at (2/ε²) ln(ε/√(2 ln ε)) as ε → ∞."""
    for e in (5.0, 6.0, 7.0):
        assert 1 - palimpsest_overlap(0.0, e) == pytest.approx(special.erfc(e / math.sqrt(2)), rel=40 * math.exp(-e))
    assert palimpsest_overlap(0.0, 4.0) < math.erf(4 / math.sqrt(2)) - 5e-7  # the response is seen
    off = [
        palimpsest_capacity(e) / (2 / e / e * math.log(e / math.sqrt(2 * math.log(e)))) - 1
        for e in (1e3, 1e30, 1e100, 1e150)
    ]
    assert (np.diff(np.abs(off)) < 0).all()
    assert abs(off[-1]) < 1e-2


def recalled(n: int, seed: int, strength: float, ages: np.ndarray) -> np.ndarray:
    """Overlaps of patterns of these ages with where they end at T = 0."""
    xi = np.random.default_rng(seed).choice([-1.0, 1.0], size=(round(16 * n / strength**2), n))
    start = xi[len(xi) - 1 - ages]
    system = lk.SpinSystem(couplings=palimpsest(xi, strength), temperature=0.0)
    ds = lk.simulate(system, initial=start, time_step=1, n_steps=40, save_every=40, save_positions=True, rng=seed)
    return np.asarray((ds.position[-1].values.T * start).mean(axis=1))


def test_networks_recall_what_the_theory_says() -> None:
    """N = 1000, ε = 3, the last 16 patterns, within 4 standard errors over networks; not what is said of ε = 2.8."""
    m = np.array([recalled(1000, seed, 3.0, np.arange(16)).mean() for seed in range(5)])
    theory = {e: np.mean([palimpsest_overlap(k / 1000, e) for k in range(16)]) for e in (3.0, 2.8)}
    stderr = m.std(ddof=1) / math.sqrt(len(m))
    assert stderr < 1e-3
    assert abs(m.mean() - theory[3.0]) < 4 * stderr
    assert abs(m.mean() - theory[2.8]) > 4 * stderr


def test_networks_forget_what_the_theory_forgets() -> None:
    """Twice the capacity back nothing is left but remanence; and none of the last patterns at ε = 1.5."""
    assert recalled(1000, 1, 5.0, np.arange(92, 100)).mean() < 0.5
    assert recalled(1000, 1, 5.0, np.arange(8)).mean() > 0.999
    assert recalled(1000, 1, 1.5, np.arange(8)).mean() < 0.7


@pytest.mark.parametrize("strength", [0.0, 1e-300, 1e-3, 10.0, 1e10, 1e155, 1e300])
def test_extreme_strengths_and_ages(strength: float) -> None:
    assert 0 <= palimpsest_capacity(strength) < 0.049
    for age in (0.0, 1e-300, 1e-20, 1.0, 1e300):
        assert 0 <= palimpsest_overlap(age, strength) <= 1


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, "much", None])
def test_what_is_no_age_or_strength_is_refused(bad: Any) -> None:
    for call in (
        lambda: palimpsest_overlap(bad, 4.0),
        lambda: palimpsest_overlap(0.0, bad),
        lambda: palimpsest_capacity(bad),
    ):
        with pytest.raises(InvalidArgument, match=r"(age|strength): got .*; a number ≥ 0 is needed\."):
            call()
