"""Modern Hopfield networks against the mixture of Gaussians that their law is, and runs against both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument

SEEN = 4.4  # standard errors; one false alarm in 1e5
N = 20_000

PLANE = np.array([[1.5, 0.0], [-0.5, 1.0], [-1.0, -2.0]])
SHARES = np.array([0.5, 0.2, 0.3])
BETA = 3.0


def unit(p: int, d: int, seed: int) -> np.ndarray:
    xi = np.random.default_rng(seed).normal(size=(p, d))
    return np.asarray(xi / np.linalg.norm(xi, axis=1, keepdims=True))


def grid(width: float = 6.0, n: int = 601) -> tuple[np.ndarray, float]:
    line = np.linspace(-width, width, n)
    return np.stack(np.meshgrid(line, line, indexing="ij")), (line[1] - line[0]) ** 2


@pytest.mark.parametrize("weights", [None, SHARES])
def test_the_law_is_the_mixture(weights: Any) -> None:
    """Z, q, mean, covariance, ⟨E⟩ and H by quadrature over exp(−βE) in the plane, to 1e-9: patterns differ in norm."""
    memory = networks.modern(PLANE, BETA, weights=weights)
    x, cell = grid()
    E = memory.system.energy_at(x)
    boltzmann = np.exp(-BETA * E)
    Z = boltzmann.sum() * cell
    q = boltzmann / Z
    assert memory.log_z == pytest.approx(np.log(Z), rel=1e-12)
    assert memory.free_energy == pytest.approx(-np.log(Z) / BETA, rel=1e-12)
    given = np.exp(BETA * (PLANE**2).sum(axis=1) / 2) if weights is None else SHARES
    np.testing.assert_allclose(memory.weights, given / given.sum(), rtol=1e-12)
    direct = sum(
        w * multivariate_normal(m, 1 / BETA).pdf(np.moveaxis(x, 0, -1))
        for w, m in zip(memory.weights, PLANE, strict=True)
    )
    np.testing.assert_allclose(q, direct, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(np.exp(memory.log_density(x)), direct, rtol=1e-9, atol=1e-300)
    mean = (q * x).sum(axis=(1, 2)) * cell
    np.testing.assert_allclose(memory.mean, mean, rtol=1e-9, atol=1e-12)
    about = x - mean[:, None, None]
    np.testing.assert_allclose(memory.covariance, np.einsum("aij,bij,ij->ab", about, about, q) * cell, rtol=1e-9)
    np.testing.assert_allclose((q * memory.responsibilities(x)).sum(axis=(1, 2)) * cell, memory.weights, rtol=1e-9)
    energy, entropy = memory.mean_energy(), memory.entropy()
    assert abs(energy.value - (q * E).sum() * cell) < max(1e-9, 2 * energy.stderr)
    assert abs(entropy.value + (q * memory.log_density(x)).sum() * cell) < max(1e-9, 2 * entropy.stderr)
    assert entropy.stderr < 1e-5


def test_one_pattern_is_one_gaussian() -> None:
    """H = d/2 ln(2πe/β), ⟨E⟩ = d/2β − |ξ|²/2, KL of another Gaussian in closed form, in 5 dimensions."""
    xi, beta, d = np.array([[1.0, -2.0, 0.5, 0.0, 1.0]]), 2.5, 5
    memory = networks.modern(xi, beta)
    assert memory.entropy().value == pytest.approx(d / 2 * np.log(2 * np.pi * np.e / beta), rel=1e-12)
    assert memory.mean_energy().value == pytest.approx(d / 2 / beta - (xi**2).sum() / 2, rel=1e-12)
    variance, shift = 0.9, 0.3
    x = xi.T + shift + np.sqrt(variance) * np.random.default_rng(0).normal(size=(d, N))
    found = memory.kl_divergence(x, d / 2 * np.log(2 * np.pi * np.e * variance))
    exact = d / 2 * (beta * variance - 1 - np.log(beta * variance)) + beta * d * shift**2 / 2
    assert abs(found.value - exact) < SEEN * found.stderr
    assert found.stderr < 0.02 * exact


def test_entropy_of_patterns_that_are_far_apart() -> None:
    """In 30 dimensions and beyond two directions: H = ln P + d/2 ln(2πe/β) by samples, within their error."""
    patterns = 10 * unit(8, 30, 1)
    memory = networks.modern(patterns, 4.0)
    found = memory.entropy(N, rng=2)
    assert abs(found.value - np.log(8) - 15 * np.log(2 * np.pi * np.e / 4)) < SEEN * found.stderr
    assert found.stderr < 0.05
    near = networks.modern(0.02 * patterns, 4.0).entropy(N, rng=2)
    assert near.value < found.value - 1


def score(memory: networks.ModernHopfield, x: np.ndarray) -> dict[str, float]:
    """How many standard errors the mean energy, the covariance and the occupations of states x (d, n) are off."""
    n = x.shape[1]
    E = memory.system.energy_at(x)
    exact = memory.mean_energy(10 * N, rng=11)
    about = x - memory.mean[:, None]
    products = np.einsum("an,bn->abn", about, about)
    shares = memory.responsibilities(x)
    error = np.hypot(E.std() / np.sqrt(n), exact.stderr)
    return {
        "energy": float(abs(E.mean() - exact.value) / error),
        "covariance": float(
            np.abs((products.mean(axis=2) - memory.covariance) / products.std(axis=2)).max() * np.sqrt(n)
        ),
        "occupation": float(np.abs((shares.mean(axis=1) - memory.weights) / shares.std(axis=1)).max() * np.sqrt(n)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 10])
def test_runs_keep_the_law(d: int) -> None:
    """From exact samples ⟨E⟩, covariance and occupations stay; at another T or with other weights they leave.

    The scheme's own error of a variance, Δt/2 of it, is 0.0025: a quarter of a standard error.
    """
    patterns = PLANE if d == 2 else np.vstack([1.3 * unit(5, d, 3), 2.0 * unit(1, d, 4)])
    memory = networks.modern(patterns, BETA, weights=None if d == 2 else np.arange(1.0, 7.0))
    start = memory.sample(N, rng=5)
    assert max(score(memory, start.T).values()) < SEEN

    def after(system: lk.System) -> np.ndarray:
        ds = lk.simulate(
            system, initial=start, time_step=0.005, n_steps=600, save_every=600, save_positions=True, rng=6
        )
        return np.asarray(ds.position[-1].values)

    x = after(memory.system)
    assert np.mean((x - start.T) ** 2) > 0.3
    assert max(score(memory, x).values()) < SEEN
    warm = score(memory, after(replace(memory.system, temperature=1.15 / BETA)))
    assert min(warm["energy"], warm["covariance"]) > 2 * SEEN
    other = networks.modern(patterns, BETA, weights=np.linspace(3.0, 1.0, len(patterns)) ** 2)
    assert score(memory, after(other.system))["occupation"] > 2 * SEEN


def test_a_run_from_one_well_finds_the_others() -> None:
    """Weights 0.5, 0.2, 0.3 at β = 1: from the second pattern occupations come to them in a time of 15."""
    memory = networks.modern(PLANE, 1.0, weights=SHARES)
    ds = lk.simulate(
        memory.system,
        initial=lk.initial.point(PLANE[1]),
        n_particles=5000,
        time_step=0.01,
        n_steps=1500,
        save_every=750,
        save_positions=True,
        rng=9,
    )
    assert score(memory, ds.position[0].values + 1e-9 * np.arange(5000))["occupation"] > 2 * SEEN
    assert max(score(memory, ds.position[-1].values).values()) < SEEN


def test_likelihood_is_that_of_data() -> None:
    """The mean of ln q of its own samples is −H; that of others' is below by their divergence."""
    memory = networks.modern(PLANE, BETA, weights=SHARES)
    own = memory.log_likelihood(memory.sample(N, rng=7).T)
    entropy = memory.entropy()
    assert abs(own.value + entropy.value) < SEEN * own.stderr
    other = networks.modern(PLANE, BETA, weights=SHARES[::-1])
    x, cell = grid()
    q, p = (np.exp(each.log_density(x)) for each in (memory, other))
    exact = (p * np.log(p / q)).sum() * cell
    found = memory.kl_divergence(other.sample(N, rng=8).T, other.entropy().value)
    assert abs(found.value - exact) < SEEN * found.stderr
    assert found.value > 10 * found.stderr


@pytest.mark.claim("B20")
def test_a_pattern_is_fixed_only_as_beta_grows() -> None:
    """|dx/dt| at ξ¹ falls as |ξ² − ξ¹| e^{−β(1 − q)}, q the largest overlap; stable is where βλ_max(Cov) < 1."""
    patterns = unit(5, 8, 9)
    largest = np.sort(patterns @ patterns[0])[-2]
    nearest = patterns[np.argsort(patterns @ patterns[0])[-2]]
    first = patterns[0][:, None]
    residual = {}
    for beta in (1.0, 5.0, 20.0, 30.0, 35.0):
        memory = networks.modern(patterns, beta)
        residual[beta] = float(np.linalg.norm(memory.system.force_at(first)))
        found = networks.fixed_points(memory.system, patterns)
        assert found.stable.all()
        np.testing.assert_allclose(memory.gain(found.states.T) - 1, found.eigenvalues[:, -1].real, atol=1e-9)
        assert (len(found.states) < 5) == (beta < 10)
    values = list(residual.values())
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.3 > 1e-5 > values[-1] > 0
    rate = np.log(residual[30.0] / residual[35.0]) / 5
    assert rate == pytest.approx(1 - largest, rel=1e-3)
    law = np.linalg.norm(nearest - patterns[0]) * np.exp(-35 * (1 - largest))
    assert residual[35.0] == pytest.approx(law, rel=1e-2)
    # Between two patterns there is a fixed point that is not stable, and the report says so.
    middle = (patterns[0] + nearest) / 2
    pair = networks.modern(np.stack([patterns[0], nearest]), 20.0)
    assert np.linalg.norm(pair.system.force_at(middle[:, None])) < 1e-14
    gap = np.linalg.norm(patterns[0] - nearest)
    assert pair.gain(middle) == pytest.approx(20 * gap**2 / 4, rel=1e-12)
    assert not networks.fixed_points(pair.system, [middle]).stable[0]


def test_far_apart_and_cold_nothing_overflows() -> None:
    memory = networks.modern(1e3 * unit(3, 4, 10), 1e4, weights=[1, 2, 3])
    x = memory.sample(50, rng=0).T
    assert np.isfinite(memory.log_density(x)).all()
    assert np.isfinite(memory.system.force_at(x)).all()
    np.testing.assert_allclose(memory.weights, [1 / 6, 1 / 3, 1 / 2], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([1.0, 2.0], 1.0), r"patterns: got shape \(2,\)"),
        ((PLANE, 0.0), "inverse_temperature: got 0.0; a number above 0"),
        ((PLANE, 1.0, [1.0, 2.0]), "3 positive numbers are needed"),
        ((PLANE, 1.0, [1.0, 2.0, 0.0]), "3 positive numbers are needed"),
    ],
)
def test_what_is_refused(arguments: Any, said: str) -> None:
    patterns, beta, *weights = arguments
    with pytest.raises(InvalidArgument, match=said):
        networks.modern(patterns, beta, weights=weights[0] if weights else None)
