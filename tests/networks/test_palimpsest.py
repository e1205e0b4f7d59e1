"""Networks that learn for ever at T = 0: equations by quadrature, limits, numbers of Mézard, Nadal & Toulouse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import (
    bounded,
    bounded_capacity,
    bounded_overlap,
    palimpsest,
    palimpsest_capacity,
    palimpsest_overlap,
    replica_symmetric,
)
from langevin_kit.networks._ages import _end, _state
from langevin_kit.networks._traces import BOUNDED, PALIMPSEST, Trace

POINTS = [(0.0, 2.6), (0.02, 3.0), (0.04, 4.108), (0.0489, 4.108), (0.045, 5.0), (0.01, 10.0)]


def residual(m: float, kept: Callable[[Any], Any], last: float, signal: float, variance: float = 0.0) -> float:
    """Of m = erf(…) in a network Σ_k g(k/N) ξ ξᵀ/N of ages up to `last`, and a rest, if a variance is given.

    By Gauss & Legendre's on panels in √u, and bisection.
    """
    x, w = np.polynomial.legendre.leggauss(8)
    half = math.sqrt(last) / 400
    root = (np.linspace(half, 399 * half, 200)[:, None] + half * x).ravel()
    u, weight = root**2, 2 * root * np.tile(half * w, 200)
    g = kept(u)
    rest = variance - float(weight @ g**2) if variance else 0.0

    def noise(c: float) -> float:
        return rest + float(weight @ (g / (1 - g * c)) ** 2)

    def excess(c: float) -> float:
        return c - math.sqrt(2 / (math.pi * noise(c))) * math.exp(-((signal * m) ** 2) / (2 * noise(c)))

    grid = np.linspace(0, 0.9 / g.max(), 200)  # the least root is that of retrieval
    after = next(k for k, c in enumerate(grid) if excess(c) > 0)
    c = optimize.brentq(excess, grid[after - 1], grid[after], xtol=1e-17, rtol=1e-15)
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


def series(time: Any) -> Any:
    """What a walk between walls at ±1 keeps of a step."""
    odd = np.arange(1, 20_001, 2)
    return np.array(
        [(8 / (math.pi * odd) ** 2 * np.exp(-((math.pi * odd) ** 2) * t / 8)).sum() for t in np.ravel(time)]
    )


@pytest.mark.parametrize(("age", "strength"), [(0.0, 1.5), (0.02, 2.0), (0.04, 2.82), (0.025, 5.0)])
def test_overlaps_within_bounds_solve_the_equations(age: float, strength: float) -> None:
    def g(u: Any) -> Any:
        return strength * series(strength**2 * u)

    m, last = bounded_overlap(age, strength, 1.0), 16 / strength**2
    signal = strength * float(series(strength**2 * age)[0]) if age else strength
    assert m > 0.9
    assert abs(residual(m, g, last, signal, 1 / 3)) < 1e-13
    assert abs(residual(m - 1e-6, g, last, signal, 1 / 3)) > 1e-9
    assert abs(residual(m, g, last, signal)) > 1e-8  # without the rest
    assert m == pytest.approx(bounded_overlap(age, 0.3 * strength, 0.3), abs=1e-15)


@pytest.mark.parametrize("x", [1e-18, 1e-9, 1e-3, 0.24, 0.9, 0.999])
def test_the_noise_of_a_palimpsest_against_arithmetic_of_many_digits(x: float) -> None:
    mp = pytest.importorskip("mpmath")
    with mp.workdps(80):

        def noise(z: Any) -> Any:
            return 2 / z**2 * (z / (1 - z) + mp.log(1 - z))

        R, rise = PALIMPSEST.noise(x)
        assert abs(R / noise(mp.mpf(x)) - 1) < 1e-14
        assert abs(
            rise - x * mp.diff(noise, mp.mpf(x), h=mp.mpf(x) * mp.mpf(10) ** -30) / noise(mp.mpf(x)) / 2
        ) < 2e-15 * max(1, rise)


def test_the_trace_of_a_walk_between_walls() -> None:
    """Two series, one inverse; and quadrature that half as many panels would not better."""
    times = np.array([0.01, 0.1, 0.5, 0.999999, 1.0, 1.000001, 2.0, 10.0])
    kept = np.array([BOUNDED.kept(t) for t in times])
    np.testing.assert_allclose(kept, series(times), atol=1e-15)
    np.testing.assert_allclose([BOUNDED.time(f) for f in kept], times, rtol=1e-12)
    assert BOUNDED.kept(1e-12) == pytest.approx(1 - math.sqrt(2e-12 / math.pi), abs=1e-16)
    odd = np.arange(1, 40_001, 2.0)
    rest = 1 / 3 - 512 / math.pi**6 * (np.pi**2 / 8 - np.pi / (4 * odd) * np.tanh(np.pi * odd / 2)) @ odd**-4
    assert BOUNDED.noise(0.0)[0] == pytest.approx(1 / 3, abs=1e-15)
    assert BOUNDED._nodes[2] == pytest.approx(rest, abs=1e-14)
    for x in (0.1, 0.24, 0.9):
        up, down = (math.log(BOUNDED.noise(x * math.exp(h))[0]) for h in (1e-5, -1e-5))
        assert BOUNDED.noise(x)[1] == pytest.approx((up - down) / 4e-5, rel=1e-8)


def best(capacity: Callable[[float], float]) -> tuple[float, float]:
    found = optimize.minimize_scalar(lambda e: -capacity(e), bounds=(1.5, 6.0), options={"xatol": 1e-9})
    return float(found.x), -float(found.fun)


def end(trace: Trace) -> float:
    """The strength from which on patterns are recalled."""
    return float(optimize.brentq(lambda e: _end(trace, e)[1] - math.log(e), 1.0, 3.0, xtol=1e-14))


def test_numbers_of_mezard_nadal_and_toulouse() -> None:
    strength, most = best(palimpsest_capacity)
    assert strength == pytest.approx(4.108, abs=5e-4)
    assert most == pytest.approx(0.0490, abs=5e-5)
    assert palimpsest_overlap(most, strength) == pytest.approx(0.972, abs=5e-4)
    least = end(PALIMPSEST)
    assert least == pytest.approx(2.464806, abs=5e-7)
    assert palimpsest_capacity(least * (1 - 1e-9)) == 0 == palimpsest_overlap(0.0, least * (1 - 1e-9))
    assert 0 < palimpsest_capacity(least * (1 + 1e-9)) < 1e-8
    assert palimpsest_overlap(0.0, least * (1 + 1e-9)) == pytest.approx(0.933, abs=5e-4)


def test_numbers_of_learning_within_bounds() -> None:
    strength, most = best(lambda ratio: bounded_capacity(ratio, 1.0))
    assert strength == pytest.approx(2.819981, abs=2e-6)
    assert most == pytest.approx(0.0404733, abs=5e-8)
    least = end(BOUNDED)
    assert least == pytest.approx(1.323878, abs=5e-7)
    assert bounded_capacity(least * (1 - 1e-9), 1.0) == 0 < bounded_capacity(least * (1 + 1e-6), 1.0) < 1e-6


@pytest.mark.parametrize("strength", [1.4, 2.0, 2.5, 3.0, 4.108, 6.0, 30.0])
@pytest.mark.parametrize("trace", [PALIMPSEST, BOUNDED])
def test_the_capacity_is_where_overlaps_end(trace: Trace, strength: float) -> None:
    """The least strength on all x, of which there is one minimum."""
    ln_x = np.linspace(-12, -0.01, 20_000 if trace is PALIMPSEST else 4000)
    needed = np.array([_state(trace, x, strength)[1] for x in ln_x])
    assert (np.diff(np.sign(np.diff(needed[np.isfinite(needed)]))) != 0).sum() == 1
    place, least = _end(trace, strength)
    assert least <= needed.min() < least + 1e-5
    assert abs(place - ln_x[needed.argmin()]) < 2 * (ln_x[1] - ln_x[0])
    overlap, capacity = {
        PALIMPSEST: (palimpsest_overlap, palimpsest_capacity),
        BOUNDED: (lambda u, e: bounded_overlap(u, e, 1.0), lambda e: bounded_capacity(e, 1.0)),
    }[trace]
    most = capacity(strength)
    assert (most > 0) == (least < math.log(strength))
    assert overlap(most * (1 + 1e-9) + 1e-20, strength) == 0
    if most:
        assert overlap(most * (1 - 1e-9), strength) > 0.9
        kept = [overlap(u, strength) for u in np.linspace(0, most, 50)]
        assert (np.diff(kept) <= 0).all()


@pytest.mark.parametrize("trace", [PALIMPSEST, BOUNDED])
def test_below_the_least_strength_no_solution_has_an_age(trace: Trace) -> None:
    """On all x."""
    ln_x = np.linspace(-12, -0.001, 1000)
    for strength in (0.01, 0.05, 0.1, 0.3, 1.0, 0.999 * end(trace)):
        assert min(_state(trace, x, strength)[1] for x in ln_x) > math.log(strength)
    assert min(_state(trace, x, 1.001 * end(trace))[1] for x in ln_x) < math.log(1.001 * end(trace))


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


RULES: dict[str, tuple[Any, Any, float]] = {
    "palimpsest": (palimpsest, palimpsest_overlap, 16.0),
    # N = 1000: steps of a finite size make bounds wider by half of one.
    "bounded": (lambda xi, e: bounded(xi, e, 1.0), lambda u, e: bounded_overlap(u, e, 1 + e / 2 / 1000**0.5), 8.0),
}


def recalled(rule: str, seed: int, strength: float, ages: np.ndarray) -> np.ndarray:
    """Overlaps of patterns of these ages with where they end at T = 0, N = 1000."""
    learn, _, enough = RULES[rule]
    xi = np.random.default_rng(seed).choice([-1.0, 1.0], size=(round(enough * 1000 / strength**2), 1000))
    start = xi[len(xi) - 1 - ages]
    system = lk.SpinSystem(couplings=learn(xi, strength), temperature=0.0)
    ds = lk.simulate(system, initial=start, time_step=1, n_steps=40, save_every=40, save_positions=True, rng=seed)
    return np.asarray((ds.position[-1].values.T * start).mean(axis=1))


@pytest.mark.parametrize(
    ("rule", "strength", "other"), [("palimpsest", 3.0, 2.8), pytest.param("bounded", 2.2, 1.9, marks=pytest.mark.slow)]
)
def test_networks_recall_what_the_theory_says(rule: str, strength: float, other: float) -> None:
    """The last 16 patterns, within 4 standard errors over networks; and not what is said of another strength."""
    overlap = RULES[rule][1]
    m = np.array([recalled(rule, seed, strength, np.arange(16)).mean() for seed in range(5)])
    theory = {e: np.mean([overlap(k / 1000, e) for k in range(16)]) for e in (strength, other)}
    stderr = m.std(ddof=1) / math.sqrt(len(m))
    assert stderr < 1e-3
    assert abs(m.mean() - theory[strength]) < 4 * stderr
    assert abs(m.mean() - theory[other]) > 4 * stderr


def test_networks_forget_what_the_theory_forgets() -> None:
    """Twice the capacity back nothing is left but remanence; and none of the last patterns at ε = 1.5."""
    assert recalled("palimpsest", 1, 5.0, np.arange(92, 100)).mean() < 0.5
    assert recalled("palimpsest", 1, 5.0, np.arange(8)).mean() > 0.999
    assert recalled("palimpsest", 1, 1.5, np.arange(8)).mean() < 0.7


@pytest.mark.parametrize("strength", [0.0, 1e-300, 1e-3, 10.0, 1e10, 1e155, 1e300])
def test_extreme_strengths_and_ages(strength: float) -> None:
    assert 0 <= palimpsest_capacity(strength) < 0.049
    assert 0 <= bounded_capacity(strength, 2.0) < 0.041
    for age in (0.0, 1e-300, 1e-20, 1.0, 1e300):
        assert 0 <= palimpsest_overlap(age, strength) <= 1
        assert 0 <= bounded_overlap(age, strength, 2.0) <= 1


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, "much", None])
def test_what_is_no_age_or_strength_is_refused(bad: Any) -> None:
    for call in (
        lambda: palimpsest_overlap(bad, 4.0),
        lambda: palimpsest_overlap(0.0, bad),
        lambda: palimpsest_capacity(bad),
        lambda: bounded_overlap(bad, 1.0, 1.0),
        lambda: bounded_overlap(0.0, bad, 1.0),
        lambda: bounded_capacity(1.0, bad),
    ):
        with pytest.raises(InvalidArgument, match=r"(age|strength|bound): got .*; a number ≥ 0 is needed\."):
            call()


def test_bounds_leave_room() -> None:
    for call in (lambda: bounded_overlap(0.0, 1.0, 0.0), lambda: bounded_capacity(0.0, 0)):
        with pytest.raises(InvalidArgument, match=r"bound: got 0.*; a number > 0 is needed"):
            call()
