"""The Langevin equation of overlaps against spins: all states of few, the law of many, and what is no such equation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument

N, T = 9, 0.8
PATTERNS = np.random.default_rng(5).choice([-1.0, 1.0], size=(2, N))
FIELDS = 0.1 * np.random.default_rng(6).normal(size=N)
SEEN = 4.4  # standard errors; one false alarm in 1e5


def of_spins() -> np.ndarray:
    """Means of ξ s/N of both patterns, over all states."""
    s = 1.0 - 2.0 * (np.arange(2**N)[:, None] >> np.arange(N) & 1)
    overlaps = s @ PATTERNS.T / N
    weight = np.exp((N * (overlaps**2).sum(axis=1) / 2 + s @ FIELDS) / T)
    return np.asarray(weight @ overlaps / weight.sum())


def test_the_mean_overlap_is_that_of_the_spins() -> None:
    """By quadrature over exp(−E/T) of the equation: of m itself and of the average of ξ tanh, to 1e-12."""
    system = networks.pattern_space(PATTERNS, T, fields=FIELDS)
    m = np.stack(np.meshgrid(*[np.linspace(-6, 6, 301)] * 2, indexing="ij"))
    weight = np.exp(-(system.energy_at(m) - system.energy_at(m).min()) / system.temperature)
    weight /= weight.sum()
    np.testing.assert_allclose((weight * m).sum(axis=(1, 2)), of_spins(), rtol=1e-12)
    s = np.tanh((np.tensordot(PATTERNS.T, m, 1) + FIELDS[:, None, None]) / T)
    of_tanh = (weight * np.tensordot(PATTERNS / N, s, 1)).sum(axis=(1, 2))
    np.testing.assert_allclose(of_tanh, of_spins(), rtol=1e-12)


def overlap(system: lk.System, time_step: float) -> tuple[float, float]:
    ds = lk.simulate(
        system,
        initial=lk.initial.point([0.0, 0.0]),
        n_particles=20_000,
        time_step=time_step,
        n_steps=round(40 / time_step),
        save_every=round(40 / time_step),
        rng=3,
        observables={"overlap": networks.OVERLAP},
    )
    return float(ds.overlap[-1]), float(ds.overlap_stderr[-1])


@pytest.mark.slow
def test_a_run_has_it_too() -> None:
    """Within 4.4 standard errors; with the temperature of the spins for that of the equation it has another."""
    system = networks.pattern_space(PATTERNS, T, fields=FIELDS)
    exact = of_spins()[0]
    mean, stderr = overlap(system, 0.02)
    assert abs(mean - exact) < SEEN * stderr
    mean, stderr = overlap(replace(system, temperature=T), 0.02)
    assert abs(mean - exact) > 10 * stderr


@pytest.mark.slow
def test_few_patterns_among_many_spins_have_the_overlap_of_mean_field_theory() -> None:
    """α → 0: m = tanh(m/T), up to 1/N."""
    xi = np.random.default_rng(0).choice([-1.0, 1.0], size=(1, 2000))
    system = networks.pattern_space(xi, 0.6)
    ds = lk.simulate(
        system,
        initial=lk.initial.point([1.0]),
        n_particles=500,
        time_step=0.1,
        n_steps=200,
        save_every=200,
        rng=1,
        observables={"overlap": networks.OVERLAP},
    )
    m = networks.replica_symmetric(0.0, 0.6).m
    assert abs(float(ds.overlap[-1]) - m) < 1e-3


def test_the_slope_is_that_of_rates() -> None:
    """∇E = m − ξᵀ tanh(ξ m/T)/N, at low temperatures too, where cosh would overflow."""
    for temperature in (0.5, 1e-3):
        system = networks.pattern_space(PATTERNS, temperature)
        x = np.random.default_rng(2).normal(size=(2, 7))
        expected = x - PATTERNS @ np.tanh(PATTERNS.T @ x / temperature) / N
        np.testing.assert_allclose(system.gradient(x), expected, rtol=1e-12, atol=1e-13)
        assert np.isfinite(system.energy_at(1e3 * x)).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((PATTERNS, 0.0), "a number above 0 is needed. At 0 take SpinSystem"),
        ((PATTERNS, -1.0), "a number above 0"),
        ((PATTERNS, np.nan), "a number above 0"),
        ((PATTERNS, "warm"), "numbers are needed"),
        ((2 * PATTERNS, 1.0), "of 1 and −1 is needed"),
    ],
)
def test_what_it_refuses(arguments: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        networks.pattern_space(*arguments)
    with pytest.raises(InvalidArgument, match="one for each of 9 spins"):
        networks.pattern_space(PATTERNS, 1.0, fields=[1.0, 2.0])
