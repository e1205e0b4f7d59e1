"""Dense memories: against all states, Hebb's spins, and the Boltzmann law by enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import attractors, dense_associative, hebb

KINDS = [2, 3, 4, "exp"]


def states(n: int) -> np.ndarray:
    """All of them, (2^n, n)."""
    return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)


def numbers(x: np.ndarray) -> np.ndarray:
    """Which row of `states` each state is."""
    return np.asarray((x < 0) @ (1 << np.arange(x.shape[-1])))


def patterns(P: int, N: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(P, N))


def rises(memory: Any, n: int) -> np.ndarray:
    """What the flip of each spin of each state costs, (2^n, n), from energies of pairs of states."""
    E = memory.energy(states(n))
    return np.asarray(E[np.arange(2**n)[:, None] ^ (1 << np.arange(n))] - E[:, None])


@pytest.mark.parametrize("kind", KINDS)
def test_the_energy_is_its_formula_and_the_field_at_a_lone_pattern_is_known(kind: int | str) -> None:
    N = 9
    xi, x = patterns(7, N, 0), states(N)
    A = np.array([[sum(int(a) * int(b) for a, b in zip(s, p, strict=True)) for p in xi] for s in x[:40]])
    direct = -(np.exp(A - N) if kind == "exp" else A.astype(float) ** kind / (kind * N ** (kind - 1))).sum(axis=1)
    memory = dense_associative(xi, kind)
    np.testing.assert_array_equal(memory.overlaps(x[:40]), A)
    np.testing.assert_allclose(memory.energy(x[:40]), direct, rtol=1e-14, atol=1e-13)
    N = 2000
    alone = dense_associative(np.ones((1, N)), kind)
    turned = np.ones((2, N))
    turned[1, 0] = -1
    E = alone.energy(turned)
    field = (1 - np.exp(-2)) / 2 if kind == "exp" else 1.0
    assert (E[1] - E[0]) / 2 == pytest.approx(field, rel=2 * len(KINDS) / N)


@pytest.mark.parametrize("update", ["random", "sequential"])
@pytest.mark.parametrize("kind", KINDS)
def test_attractors_are_the_states_that_no_flip_lowers(kind: int | str, update: str) -> None:
    """Every start of N ≤ 10 spins; one sweep after another by enumeration, spin by spin, and the energy never rises."""
    ties = 0
    for P, N in ((1, 3), (5, 8), (40, 9), (12, 10)):
        memory = dense_associative(patterns(P, N, P), kind, update=update)
        cost, x = rises(memory, N), states(N)
        small = 1e-12 * np.abs(cost).max()
        found = memory.attractors(x, rng=3)
        assert sorted(numbers(found.states[:, 0])) == np.flatnonzero((cost > -small).all(axis=1)).tolist()
        assert (found.period == 1).all()
        assert (found.states[:, 0] == found.states[:, 1]).all()
        assert found.counts.tolist() == np.bincount(found.reached).tolist()
        ties += int((np.abs(cost) <= small).sum())
        at, least = x, np.full(2**N, -1)
        for sweep in range(int(found.sweeps.max()) + 1):
            assert np.array_equal(at, found.states[found.reached, 0]) == (sweep == found.sweeps.max())
            least = np.where((least < 0) & (numbers(at) == numbers(found.states[found.reached, 0])), sweep, least)
            after = memory.glauber(at, 0.0, 1, first=sweep, rng=3)
            assert (memory.energy(after) <= memory.energy(at) + 1e-12).all()
            if update == "sequential":
                by_hand = numbers(at)
                for i in range(N):
                    by_hand = np.where(cost[by_hand, i] < -small, by_hand ^ (1 << i), by_hand)
                np.testing.assert_array_equal(numbers(after), by_hand)
            at = after
        np.testing.assert_array_equal(least, found.sweeps)
        if int(found.sweeps.max()) > 1:
            fewer = memory.attractors(x, max_sweeps=int(found.sweeps.max()) - 1, rng=3)
            np.testing.assert_array_equal(fewer.reached < 0, found.sweeps == found.sweeps.max())
    assert (ties > 20) == (kind != "exp")


@pytest.mark.parametrize("update", ["random", "sequential"])
@pytest.mark.parametrize("temperature", [0.0, 0.4])
def test_the_second_power_is_hebbs_rule(update: str, temperature: float) -> None:
    """Spin for spin of a `SpinSystem` without diagonal and of the same seed; with the diagonal it is another path."""
    N, sweeps = 60, 12
    xi, starts = patterns(9, N, 1), patterns(150, N, 2)
    memory = dense_associative(xi, 2, update=update)
    equal = []
    for diagonal in (False, True):
        W = hebb(xi, diagonal=diagonal)
        system = lk.SpinSystem(couplings=W, temperature=temperature, update=update)
        ds = lk.simulate(
            system, initial=starts, time_step=1, n_steps=sweeps, save_every=1, save_positions=True, rng=7, check=False
        )
        x = ds.position.values.swapaxes(1, 2)
        equal.append([bool((memory.glauber(starts, temperature, k, rng=7) == x[k]).all()) for k in (1, sweeps)])
        np.testing.assert_allclose(
            memory.energy(starts), -(starts * (starts @ hebb(xi, diagonal=True))).sum(axis=1) / 2
        )
        if not temperature and not diagonal:
            direct, own = attractors(system, starts, rng=7), memory.attractors(starts, rng=7)
            for name in ("states", "period", "counts", "reached", "sweeps"):
                np.testing.assert_array_equal(getattr(own, name), getattr(direct, name))
    assert equal == [[True, True], [False, False]]


@pytest.mark.parametrize("kind", KINDS)
def test_states_have_the_boltzmann_law(kind: int | str) -> None:
    """χ² of 20,000 replicas over all states of 6 spins, 2·10⁻⁵ for chance; at T = 0.7 that of T = 1 is not theirs."""
    N, replicas, T = 6, 20_000, 1.0
    xi = patterns(4, N, 5)
    E = dense_associative(xi, kind).energy(states(N))

    def p_value(memory: Any, temperature: float) -> float:
        x = memory.glauber(patterns(replicas, N, 6), temperature, 40, rng=8)
        expected = np.exp(-(E - E.min()) / T)
        expected *= replicas / expected.sum()
        assert expected.min() > 5
        return float(chi2.sf(((np.bincount(numbers(x), minlength=2**N) - expected) ** 2 / expected).sum(), 2**N - 1))

    for update in ("random", "sequential"):
        assert p_value(dense_associative(xi, kind, update=update), T) > 2e-5
    assert p_value(dense_associative(xi, kind), 0.7) < 1e-8


def test_a_run_does_not_depend_on_where_it_is_cut_or_with_whom() -> None:
    memory, starts = dense_associative(patterns(70, 20, 0), 3), patterns(33, 20, 1)
    whole = memory.glauber(starts, 0.3, 9, rng=2)
    part = memory.glauber(memory.glauber(starts, 0.3, 4, rng=2), 0.3, 5, first=4, rng=2)
    np.testing.assert_array_equal(part, whole)
    np.testing.assert_array_equal(memory.glauber(starts[:5], 0.3, 9, rng=2), whole[:5])
    assert (memory.glauber(starts, 0.3, 9, rng=3) != whole).any()
    assert (memory.glauber(starts, 0.3, 0, rng=2) == starts).all()


@pytest.mark.parametrize("kind", [3, 4, "exp"])
def test_more_patterns_than_spins_are_recalled_from_corrupted_starts(kind: int | str) -> None:
    """64 spins, 100 patterns, a tenth of the spins wrong: all but few come back, while Hebb's rule loses all."""
    xi = patterns(100, 64, 3)
    wrong = np.random.default_rng(4).random(xi.shape) < 0.1
    starts = np.where(wrong, -xi, xi)
    found = dense_associative(xi, kind).attractors(starts, rng=5)
    back = (found.states[found.reached, 0] * xi).mean(axis=1)
    assert (back > 0.95).mean() > 0.85
    lost = dense_associative(xi, 2).attractors(starts, rng=5)
    assert ((lost.states[lost.reached, 0] * xi).mean(axis=1) > 0.95).mean() < 0.01


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: dense_associative([[0.5]]), r"patterns: got shape \(1, 1\)"),
        (lambda: dense_associative([[1, -1]], 1), "interaction: got 1; a degree from 2 to 20, or 'exp'"),
        (lambda: dense_associative([[1, -1]], "power"), "interaction: got 'power'"),
        (lambda: dense_associative([[1, -1]], True), "interaction: got True"),
        (lambda: dense_associative([[1, -1]], update="synchronous"), "update: got 'synchronous'"),
        (lambda: dense_associative([[1, -1]]).energy([1]), r"states: got shape \(1,\); spins \(..., 2\)"),
        (lambda: dense_associative([[1, -1]]).attractors([1, 1]), r"starts: got shape \(2,\); \(R, 2\)"),
        (lambda: dense_associative([[1, -1]]).attractors([[1, 1]], max_sweeps=0), "max_sweeps: got 0; an integer of 1"),
        (lambda: dense_associative([[1, -1]]).glauber([[1, 1]], -1.0, 1), "temperature: got -1.0"),
        (lambda: dense_associative([[1, -1]]).glauber([[1, 1]], 1.0, -1), "n_sweeps: got -1; an integer of 0"),
        (lambda: dense_associative([[1, -1]]).glauber([[1, 1]], 1.0, 2**33), "sweeps: the noise would repeat"),
    ],
)
def test_what_is_refused(make: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        make()
