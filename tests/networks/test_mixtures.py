"""Symmetric mixtures: against enumeration of patterns, differences of the free energy, and many digits."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import mixture_temperature, replica_symmetric, symmetric_mixture

CASES = [(n, T) for n in (2, 3, 4, 5) for T in (0.1, 0.3, 0.45, 0.6, 0.9)]
OTHERS = 2
"""Patterns beside the mixture."""


def columns(p: int) -> np.ndarray:
    """What P patterns may be at a spin, (2^P, P); all equally likely."""
    return np.array(list(product((-1.0, 1.0), repeat=p)))


def free_energy(m: np.ndarray, temperature: float) -> float:
    """f(m) = m²/2 − T ⟨ln 2cosh β m·ξ⟩ of P overlaps, over all 2^P columns."""
    return float(m @ m / 2 - temperature * np.log(2 * np.cosh(columns(len(m)) @ m / temperature)).mean())


def state(n: int, temperature: float) -> np.ndarray:
    return np.array([symmetric_mixture(n, temperature).m] * n + [0.0] * OTHERS)


@pytest.mark.parametrize(("n", "temperature"), CASES)
def test_mixtures_solve_the_equations(n: int, temperature: float) -> None:
    m = state(n, temperature)
    xi = columns(len(m))
    np.testing.assert_allclose((xi.T @ np.tanh(xi @ m / temperature)) / len(xi), m, atol=1e-15)
    assert m[0] > 0.1
    assert symmetric_mixture(n, temperature).free_energy == pytest.approx(free_energy(m, temperature), abs=1e-15)
    off = 1.01 * m
    assert np.abs(xi.T @ np.tanh(xi @ off / temperature) / len(xi) - off).max() > 1e-4


def hessian(m: np.ndarray, temperature: float, h: float = 2e-3) -> np.ndarray:
    """Of the free energy, by differences of fourth order."""
    p, steps = len(m), {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}
    made = np.zeros((p, p))
    for i, j in product(range(p), repeat=2):
        for (a, u), (b, v) in product(steps.items(), repeat=2):
            made[i, j] += u * v * free_energy(m + h * (a * np.eye(p)[i] + b * np.eye(p)[j]), temperature) / h**2
    return made


@pytest.mark.parametrize(("n", "temperature"), CASES)
def test_eigenvalues_are_those_of_the_hessian(n: int, temperature: float) -> None:
    """By enumeration to the last digits, and by differences of the free energy alone."""
    m, found = state(n, temperature), symmetric_mixture(n, temperature)
    expected = np.sort([found.along] + [found.among] * (n - 1) + [found.others] * OTHERS)
    xi = columns(len(m))
    sech2 = 1 / np.cosh(xi @ m / temperature) ** 2
    exact = np.eye(len(m)) - (xi.T * sech2) @ xi / (len(xi) * temperature)
    np.testing.assert_allclose(np.linalg.eigvalsh(exact), expected, atol=1e-13)
    if temperature >= 0.3:
        np.testing.assert_allclose(np.linalg.eigvalsh(hessian(m, temperature)), expected, atol=1e-5)


def test_three_mixtures_lose_stability_at_0_46() -> None:
    """Amit, Gutfreund & Sompolinsky give 0.46; and the mixtures of five and seven patterns are colder."""
    assert mixture_temperature(3) == pytest.approx(0.46, abs=0.0005)
    assert 1 > mixture_temperature(3) > mixture_temperature(5) > mixture_temperature(7) > 0.3


@pytest.mark.parametrize("n", [3, 5, 7, 31])
def test_below_and_only_below_it_all_eigenvalues_are_positive(n: int) -> None:
    limit = mixture_temperature(n)
    assert abs(symmetric_mixture(n, limit).among) < 1e-14
    for share in (0.02, 0.2, 0.5, 0.9, 0.999999):
        found = symmetric_mixture(n, share * limit)
        assert found.along >= found.others >= found.among > 0
    for temperature in np.linspace(limit * 1.000001, 0.99, 40):
        assert symmetric_mixture(n, temperature).among < 0


@pytest.mark.parametrize("n", [2, 4, 10])
@pytest.mark.parametrize("temperature", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_even_mixtures_are_stable_nowhere(n: int, temperature: float) -> None:
    found = symmetric_mixture(n, temperature)
    assert found.along > 0 > found.among


@pytest.mark.parametrize("n", [3, 5, 7])
def test_the_temperature_in_arithmetic_of_many_digits(n: int) -> None:
    mp = pytest.importorskip("mpmath")
    with mp.workdps(40):
        z = [mp.mpf(2 * k - n) for k in range(n + 1)]
        w = [mp.binomial(n, k) / mp.mpf(2) ** n for k in range(n + 1)]

        def equations(m: Any, T: Any) -> list[Any]:
            overlap = sum(p * x * mp.tanh(m * x / T) for p, x in zip(w, z, strict=True)) / n
            among = sum(p * (n * n - x * x) * mp.sech(m * x / T) ** 2 for p, x in zip(w, z, strict=True))
            return [overlap - m, among / (n * (n - 1)) - T]

        limit = mixture_temperature(n)
        exact = mp.findroot(equations, (symmetric_mixture(n, limit).m, limit))
        assert mp.norm(mp.matrix(equations(*exact))) < 1e-35
        assert limit == pytest.approx(float(exact[1]), abs=1e-15)


def test_limits() -> None:
    """At T = 0 overlaps are ⟨|z|⟩/n; as T → 1 they vanish; no mixture is as low as a pattern."""
    assert [symmetric_mixture(n, 0.0).m for n in (2, 3, 4, 5)] == [0.5, 0.5, 0.375, 0.375]
    cold, frozen = symmetric_mixture(3, 1e-3), symmetric_mixture(3, 0.0)
    assert (cold.m, cold.among, cold.others, cold.along) == (0.5, 1.0, 1.0, 1.0)
    assert cold.free_energy == frozen.free_energy == -0.375
    assert symmetric_mixture(4, 1e-9).m == symmetric_mixture(4, 0.0).m
    assert symmetric_mixture(4, 0.0).others == -np.inf
    hot = symmetric_mixture(3, 1.25)
    assert hot.m == 0
    assert hot.among == pytest.approx(0.2, abs=1e-15)
    near = symmetric_mixture(3, 1 - 1e-4)  # to third order m² = 3 (1 − T)/(3n − 2)
    assert near.m**2 == pytest.approx(3e-4 / 7, rel=1e-3)
    for temperature in (0.0, 0.3, 0.8):
        assert symmetric_mixture(3, temperature).free_energy > replica_symmetric(0.0, temperature).free_energy


@pytest.mark.parametrize("number", [0, 1, -3, 2.5, True, "3"])
def test_what_is_no_number_of_patterns_is_refused(number: Any) -> None:
    for function in (lambda n: symmetric_mixture(n, 0.3), mixture_temperature):
        with pytest.raises(InvalidArgument, match=r"number: got .*an integer ≥ 2"):
            function(number)


def test_what_has_no_temperature_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="even mixtures are stable at no temperature"):
        mixture_temperature(4)
    with pytest.raises(InvalidArgument, match="temperature: got -1"):
        symmetric_mixture(3, -1)
