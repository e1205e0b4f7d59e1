"""Rules that forget: against loops, by what couplings keep of an age, and by what is recalled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import bounded, hebb, palimpsest, unlearn


def patterns(p: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(p, n))


def off_diagonal(W: np.ndarray) -> np.ndarray:
    return W - np.diag(np.diag(W))


def test_rules_are_their_loops() -> None:
    xi, n = patterns(40, 11), 11
    faded, cut = np.zeros((n, n)), np.zeros((n, n))
    for x in xi:
        faded = (1 - 3.0**2 / (2 * n)) * faded + 3.0 / n * np.outer(x, x)
        cut = np.clip(cut + 1.3 / n * np.outer(x, x), -0.6 / math.sqrt(n), 0.6 / math.sqrt(n))
    np.testing.assert_allclose(palimpsest(xi, 3.0), off_diagonal(faded), atol=1e-15)
    np.testing.assert_allclose(bounded(xi, 1.3, 0.6), off_diagonal(cut), atol=1e-15)
    late = np.clip(1.3 * hebb(xi), -0.6 / math.sqrt(n), 0.6 / math.sqrt(n))
    assert np.abs(bounded(xi, 1.3, 0.6) - late).max() > 0.1  # cut once at the end is another rule
    for W in (palimpsest(xi, 3.0), bounded(xi, 1.3, 0.6)):
        np.testing.assert_array_equal(W, W.T)


def test_limits() -> None:
    """Bounds never reached, and strengths that let nothing fade: Hebb's rule. Others keep the last pattern alone."""
    xi = patterns(30, 37)
    np.testing.assert_allclose(bounded(xi, 2.0, 1e3), 2 * hebb(xi), atol=1e-14)
    np.testing.assert_allclose(palimpsest(xi, 1e-8) / 1e-8, hebb(xi), atol=1e-13)
    last = hebb(xi[-1:])
    np.testing.assert_allclose(palimpsest(xi, math.sqrt(74)), math.sqrt(74) * last, atol=1e-14)
    np.testing.assert_allclose(bounded(xi, 8.0, 0.5), 0.5 * math.sqrt(37) * last, atol=1e-14)
    assert not palimpsest(xi, 0.0).any()
    assert not bounded(xi, 1.0, 0.0).any()


def kept(W: np.ndarray, xi: np.ndarray) -> np.ndarray:
    """The mean over pairs of W_ij ξ_i ξ_j, the last pattern first."""
    n = len(W)
    return np.array([x @ W @ x for x in xi[::-1]]) / (n * (n - 1))


def test_what_a_palimpsest_keeps_of_an_age() -> None:
    """ε/N (1 − ε²/2N)^k within 5 standard deviations of a mean over N²/2 pairs of variance 1/N, and the variance."""
    n, e = 600, 4.0
    xi = patterns(400, n)
    W = palimpsest(xi, e)
    expected, noise = e / n * (1 - e * e / (2 * n)) ** np.arange(400), math.sqrt(2 / n**3)
    assert np.abs(kept(W, xi) - expected).max() < 5 * noise  # of 400: a false alarm of 2e-4
    slower = e / n * (1 - e * e / (4 * n)) ** np.arange(400)
    assert np.abs(kept(W, xi) - slower).max() > 10 * noise
    assert n * W.var() == pytest.approx(1 / (1 - e * e / (4 * n)), rel=0.02)


def lattice(strength: float, bound: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of a coupling that is a multiple of ε/N as its bound is, and its transitions under random patterns."""
    last = round(bound * math.sqrt(n) / strength)
    assert last == pytest.approx(bound * math.sqrt(n) / strength)
    places = np.arange(-last, last + 1)
    move = np.zeros((2 * last + 1, 2 * last + 1))
    for k in range(2 * last + 1):
        for step in (-1, 1):
            move[k, min(max(k + step, 0), 2 * last)] += 0.5
    return places * strength / n, move


def test_what_bounded_couplings_keep_of_an_age() -> None:
    """W_ij walks between walls: its law is uniform, and its memory of a step that of the chain, and of the series."""
    n, e, a, ages = 400, 1.0, 0.4, 200  # walls 8 steps from 0
    places, move = lattice(e, a, n)
    uniform = np.full(17, 1 / 17)
    up, down = np.append(uniform[1:], 0), np.append(0, uniform[1:])
    up[0], up[-1], down[0], down[-1] = 0, 2 / 17, 2 / 17, 0
    up[1:-1] = down[1:-1] = 1 / 17
    difference, chain = (up - down) / 2, np.empty(ages)
    for k in range(ages):
        chain[k], difference = difference @ places, difference @ move
    odd, k = np.arange(1, 400, 2)[:, None], np.arange(ages)
    width = a + e / math.sqrt(n) / 2  # of a continuum: half a place more on either side
    series = e / n * (8 / (math.pi * odd) ** 2 * np.exp(-((odd * math.pi * e / width) ** 2) * k / (8 * n))).sum(axis=0)
    np.testing.assert_allclose(series[1:], chain[1:], rtol=0.1)

    xi = patterns(400, n)
    W = bounded(xi, e, a)
    score = (kept(W, xi)[:ages] - chain) / math.sqrt(2 * (uniform @ places**2) / n**2)
    assert np.abs(score).max() < 5  # of 200: a false alarm of 1e-4
    assert (score**2).mean() == pytest.approx(1, abs=0.4)  # 4 standard deviations
    unbounded = (kept(hebb(xi), xi)[:ages] - chain) / math.sqrt(2 * (uniform @ places**2) / n**2)
    assert np.abs(unbounded).max() > 20
    assert np.unique(np.round(W * n / e)).tolist() == list(range(-8, 9))


def reference(W: np.ndarray, starts: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Unlearning by loops, in NumPy, and the states that were unlearnt."""
    W, n, found = W.copy(), len(W), []
    for s in starts.copy():
        flips = -1
        while flips:
            flips = 0
            for i in range(n):
                h = W[i] @ s
                if h * s[i] < 0 and abs(h) > 1e-12:
                    s[i] = -s[i]
                    flips += 1
        W -= strength / n * off_diagonal(np.outer(s, s))
        found.append(s)
    return W, np.array(found)


def starts(n: int, count: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    return np.array([2.0 * generator.integers(0, 2, n) - 1 for _ in range(count)])


@pytest.mark.parametrize("p", [3, 4, 12])
def test_unlearning_is_its_loop(p: int) -> None:
    """Also at an even number of patterns, where fields vanish, and with a diagonal, which stays."""
    W = hebb(patterns(p, 40), diagonal=p == 4)
    expected, states = reference(W, starts(40, 30, 5), 0.02)
    np.testing.assert_allclose(unlearn(W, 30, 0.02, rng=5), expected, atol=1e-14)
    assert (np.sign(W @ states[0]) * states[0] >= 0).all()
    assert np.abs(unlearn(W, 30, 0.02, rng=6) - expected).max() > 1e-3
    at_once = W - 0.02 / 40 * off_diagonal(
        reference(W, starts(40, 30, 5), 0.0)[1].T @ reference(W, starts(40, 30, 5), 0.0)[1]
    )
    assert p < 12 or np.abs(at_once - expected).max() > 1e-3  # many relaxations between changes are another rule


def test_unlearning_in_parts() -> None:
    """Nothing unlearnt changes nothing; and a generator goes on where it was."""
    W = hebb(patterns(8, 50))
    np.testing.assert_array_equal(unlearn(W, 0, 0.01, rng=0), W)
    np.testing.assert_allclose(unlearn(W, 5, 0.0, rng=0), W, atol=1e-16)
    made = unlearn(W, 200, 0.01, rng=1)
    np.testing.assert_array_equal(made, made.T)
    np.testing.assert_array_equal(made, unlearn(W, 200, 0.01, rng=1))
    assert not np.diag(made).any()


def recalled(W: np.ndarray, xi: np.ndarray) -> float:
    """The share of patterns that end where they start, but for 2.5 % of the spins, at T = 0."""
    system = lk.SpinSystem(couplings=W, temperature=0.0)
    ds = lk.simulate(system, initial=xi, time_step=1, n_steps=40, save_every=40, save_positions=True, rng=0)
    return float(((ds.position[-1].values.T * xi).mean(axis=1) > 0.95).mean())


@pytest.mark.slow
def test_unlearning_brings_back_what_hebb_lost_and_too_much_of_it_loses_all() -> None:
    xi = patterns(60, 200)
    W = hebb(xi)
    assert recalled(W, xi) < 0.1
    W = unlearn(W, 2000, 0.02, rng=0)
    assert recalled(W, xi) == 1.0
    assert recalled(unlearn(W, 4000, 0.02, rng=1), xi) == 0.0
    noise = starts(200, 2000, 0)  # states that did not come to rest first
    assert recalled(hebb(xi) - 0.02 / 200 * off_diagonal(noise.T @ noise), xi) < 0.1


def test_bounds_keep_the_last_patterns() -> None:
    """Of 300 with N = 400, of which Hebb's rule keeps none."""
    xi = patterns(300, 400)
    W = bounded(xi, 1.0, 0.35)
    assert recalled(W, xi[-6:]) == 1.0
    assert recalled(W, xi[:200]) == 0.0
    assert recalled(hebb(xi), xi[-6:]) == 0.0


@pytest.mark.parametrize(
    ("rule", "given", "said"),
    [
        (palimpsest, ([[1, 0]], 1.0), "patterns: got shape .* of 1 and −1"),
        (palimpsest, ([[1, -1]], 2.01), r"strength: got 2.01; at √\(2N\) = 2 all is forgotten"),
        (palimpsest, ([[1, -1]], -1.0), "strength: got -1.0; a number ≥ 0"),
        (bounded, ([[1, -1]], math.nan, 1.0), "strength: got nan; a number ≥ 0"),
        (bounded, ([[1, -1]], 1.0, -1), "bound: got -1; a number ≥ 0"),
        (unlearn, ([[0, 1], [2, 0]], 1, 0.1), "couplings: W differs from its transpose"),
        (unlearn, ([[-1, 1], [1, 0]], 1, 0.1), "couplings: W_ii < 0"),
        (unlearn, ([[0, 1], [1, 0]], -1, 0.1), "n: got -1; a whole number ≥ 0"),
        (unlearn, ([[0, 1], [1, 0]], 1.0, 0.1), "n: got 1.0; a whole number ≥ 0"),
        (unlearn, ([[0, 1], [1, 0]], 1, -0.1), "strength: got -0.1; a number ≥ 0"),
        (unlearn, ([[0, 1], [1, 0]], 1, 0.1, "seed"), "rng: got 'seed'"),
    ],
)
def test_what_cannot_be_learnt_is_refused(rule: Any, given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        rule(*given)
