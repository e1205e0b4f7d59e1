"""Capacities of dense memories: a small run gives the recorded numbers, and the lines beside them are what they say."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, gammaln

from langevin_kit import networks

STUDY = runpy.run_path(str(Path(__file__).parents[2] / "scenarios" / "dense_associative.py"))


def test_dense_associative(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two sizes each, 8 sets of patterns."""
    figure = tmp_path / "dense_associative.png"
    found = STUDY["main"]({2: (16, 32), 3: (16, 24)}, {0.25: (8, 12, 16)}, {1.0: (4, 6, 8)}, 8, 16, 8, str(figure))
    recorded = {
        "slope(2, fixed)": 0.3937666071839694,
        "slope(2, m = 0.95)": 0.4241340706930036,
        "a(2)": 0.22070521416839864,
        "fixed(2)": 1.265720766661004,
        "slope(3, fixed)": 1.1986307242060028,
        "slope(3, m = 0.95)": 1.7351266928893394,
        "slope(3, ρ = 1/8: 0.5)": 1.6406290152381784,
        "error(3, ρ = 1/8: 0.5)": 0.509550135074559,
        "α(0.25)": 0.14293981815652818,
        "α error(0.25)": 0.02747478444660447,
        "sphere(1)": 0.5647224413773296,
        "after(1)": 0.5083300659863214,
    }
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-6)
    assert np.isnan(found["slope(2, m = 0.5)"])  # not reached
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "slope of ln P" in capsys.readouterr().out


@pytest.mark.parametrize("n", [3, 4, 5])
def test_the_transition_is_where_the_equation_loses_its_solution(n: int) -> None:
    """m = erf(m^{n−1}/√(2a)) holds at the end of the line and all along it; a little beyond it has m = 0 alone."""
    a, m = STUDY["of_replicas"](n)
    assert m == pytest.approx(erf(m ** (n - 1) / np.sqrt(2 * a)), abs=1e-6)
    loads, overlaps = (values[:-1] for values in STUDY["of_solution"](n))
    np.testing.assert_allclose(overlaps, erf(overlaps ** (n - 1) / np.sqrt(2 * loads)), atol=1e-12)
    line = np.linspace(0.01, 1, 100_000)
    for load, has_one in ((0.999 * a, True), (1.001 * a, False)):
        assert bool((erf(line ** (n - 1) / np.sqrt(2 * load)) > line).any()) == has_one
    recorded = {3: (0.2522, 0.8385), 4: (0.1979, 0.9179)}
    assert (a, m) == pytest.approx(recorded.get(n, (a, m)), abs=1e-4)


def test_the_transition_of_the_second_power_is_that_of_amit_gutfreund_and_sompolinsky() -> None:
    assert STUDY["of_replicas"](2) == pytest.approx((0.137906, 0.9674), abs=1e-4)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_noise_of_powers_has_exact_moments(n: int) -> None:
    """By all states of 10 spins; N^{n−1} v/signal² → (2n − 3)!!."""
    x = 1.0 - 2.0 * (np.arange(2**10)[:, None] >> np.arange(10) & 1)
    A = x.sum(axis=1)
    v = ((A**n - (A - 2 * x[:, 0]) ** n) ** 2).mean()
    assert STUDY["noise"](n, 10) == pytest.approx(v / (10**n - 8**n) ** 2, rel=1e-12)
    N, limit = 1000, {2: 1, 3: 3, 4: 15}[n]
    assert STUDY["noise"](n, N) * N ** (n - 1) == pytest.approx(limit, rel=10 / N)


def test_the_noise_of_exponentials_has_exact_moments() -> None:
    """(2 sinh 1)² cosh(2)^{N−1} by all states of 10 spins; ½ of patterns are fixed where it says so."""
    x = 1.0 - 2.0 * (np.arange(2**10)[:, None] >> np.arange(10) & 1)
    A = x.sum(axis=1)
    v = ((np.exp(A) - np.exp(A - 2 * x[:, 0])) ** 2).mean()
    assert v == pytest.approx((2 * np.sinh(1)) ** 2 * np.cosh(2) ** 9, rel=1e-12)
    each = v / (np.exp(10) - np.exp(8)) ** 2
    assert STUDY["of_nearer"](0.0, 10) == pytest.approx(STUDY["of_fixed"](each, 10), rel=1e-12)
    assert STUDY["of_exponential"](0.0) == pytest.approx(2 - np.log(np.cosh(2)), rel=1e-12)
    assert STUDY["rate"](1.0) == pytest.approx(np.log(2), rel=1e-15)


def test_patterns_are_fixed_up_to_where_the_variance_says() -> None:
    """How often a spin is wrong falls with N at α₁ − 0.1 and grows at α₁ + 0.1; the theorem's ½ ln 2 is half of it.

    How many of e^{αN} patterns have each overlap is Poisson's: 4.4 standard errors.
    """

    def wrong(N: int, alpha: float) -> tuple[float, float]:
        k = np.arange(N)
        share = np.exp(alpha * N + gammaln(N) - gammaln(k + 1) - gammaln(N - k) - N * np.log(2))
        up, down = np.random.default_rng(N).poisson(share, (2, 40_000, N)).astype(float)
        field = 1 + (up - down) @ np.exp(2.0 * k - 2 * (N - 1))  # in units of the pattern's
        p = (field < 0).mean()
        return float(p), float(np.sqrt(p * (1 - p) / 40_000))

    edge = STUDY["of_exponential"](0.0)
    assert edge - 0.1 > 1.5 * np.log(2) / 2
    for shift, sign in ((-0.1, -1), (0.1, 1)):
        (few, error), (many, other) = wrong(12, edge + shift), wrong(40, edge + shift)
        assert sign * (many - few) > 4.4 * np.hypot(error, other)


def test_a_start_is_lost_to_a_nearer_pattern() -> None:
    """ln P/N of having none comes to I(1 − 2ρ), twice the theorem's, by exact binomial tails."""
    for rho in (0.125, 0.25):
        nearer = [np.log(STUDY["of_nearer"](rho, N)) for N in (800, 1600)]
        assert np.diff(nearer)[0] / 800 == pytest.approx(STUDY["rate"](1 - 2 * rho), rel=0.01)
        assert STUDY["of_exponential"](rho) == STUDY["rate"](1 - 2 * rho)


@pytest.mark.parametrize("K", [1.0, 3.0])
def test_the_weight_of_the_others_on_a_sphere_is_its_integral(K: float) -> None:
    """By quadrature over the cosine; its growth with d is the line's, and more than twice the theorem's."""
    for d in (4, 7, 12):
        k = K * K * (d - 1)
        own, others = (
            quad(lambda t, e, d: (1 - t * t) ** ((d - 3) / 2) * np.exp(-e * (1 - t)), -1, 1, (e, d), epsabs=0)[0]
            for e in (0.0, k)
        )
        assert STUDY["of_sphere"](K, d) == pytest.approx(1 + own / others, rel=1e-7)
    grown = np.log(STUDY["of_sphere"](K, 300) / STUDY["of_sphere"](K, 200)) / 100
    assert grown == pytest.approx(STUDY["of_many"](K), rel=0.01)
    assert STUDY["of_many"](K) > 2 * np.log(STUDY["of_theorem"](K, 1e6)[0]) / 4


def test_the_constants_of_the_theorem_are_the_papers() -> None:
    """c ≥ 3.1546 for K = 3, d = 20, and 1.3718 for K = 1, d = 75, at p = 0.001."""
    assert STUDY["of_theorem"](3.0, 20, 1e-3)[0] == pytest.approx(3.1546, abs=1e-4)
    assert STUDY["of_theorem"](1.0, 75, 1e-3)[0] == pytest.approx(1.3718, abs=1e-4)


def test_one_update_retrieves_what_is_separated() -> None:
    """|f(ξ) − ξ| ≤ 2 (P − 1) exp(−βΔ) M, Δ the separation from the nearest; without P − 1 it does not hold."""
    rng, beta, d = np.random.default_rng(0), 1.0, 8
    ratios = []
    for P in (5, 50, 500):
        xi = rng.normal(size=(P, d))
        xi *= np.sqrt(3 * (d - 1)) / np.linalg.norm(xi, axis=1, keepdims=True)
        off = np.linalg.norm(xi.T @ networks.modern(xi, beta).responsibilities(xi.T) - xi.T, axis=0)
        products = xi @ xi.T
        apart = np.diag(products) - np.where(np.eye(P) == 1, -np.inf, products).max(axis=1)
        ratios.append(off / (2 * np.exp(-beta * apart) * np.sqrt(3 * (d - 1))))
        assert (ratios[-1] <= P - 1).all()
    assert max(r.max() for r in ratios) > 1
