"""Where spins end: against the map of all states, and the sweeps of runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import attractors, hebb, lyapunov
from langevin_kit.system.spins import UPDATES


def states(n: int) -> np.ndarray:
    """All of them, (2^n, n)."""
    return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)


def couplings(kind: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of any size, or small integers, with which many fields are 0."""
    rng = np.random.default_rng(seed)
    W, b = (rng.normal(size=(n, n)), rng.normal(size=n)) if kind == "any" else (rng.integers(-1, 2, (n, n)), 0.0)
    return np.triu(W) + np.triu(W, 1).T, np.broadcast_to(b, n)


def after_a_sweep(update: str, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The number of the state that follows each of all states."""
    n = len(W)
    x = states(n)
    for group in [[i] for i in range(n)] if update == "sequential" else [list(range(n))]:
        h = x @ W[:, group] + b[group]
        x[:, group] = np.where(np.abs(h) > 1e-12, np.sign(h), x[:, group])
    return np.asarray((x < 0) @ (1 << np.arange(n)))


def ends(following: np.ndarray) -> list[tuple[int, frozenset[int]]]:
    """Of each state, the sweeps until its attractor, and the states of this, by walking."""
    found = []
    for start in range(len(following)):
        walk = [start]
        while following[walk[-1]] not in walk:
            walk.append(int(following[walk[-1]]))
        first = walk.index(int(following[walk[-1]]))
        found.append((first, frozenset(walk[first:])))
    return found


@pytest.mark.claim("B06")
@pytest.mark.parametrize("update", ["sequential", "synchronous"])
def test_attractors_are_those_of_the_map_of_all_states(update: str) -> None:
    """Every start of N ≤ 10 spins: its attractor, its sweeps, and how many starts share it; no period above 2."""
    cycles = zeros = 0
    for kind, n, seed in product(("any", "integers"), (1, 3, 8, 10), range(3)):
        W, b = couplings(kind, n, seed)
        if update == "sequential":
            W = W + np.diag(np.abs(np.diag(W)) - np.diag(W))
        zeros += int((states(n) @ W + b == 0).sum())
        truth = ends(after_a_sweep(update, W, b))
        found = attractors(lk.SpinSystem(couplings=W, fields=b, temperature=0.0, update=update), states(n))
        numbers = (found.states < 0) @ (1 << np.arange(n))
        assert [frozenset(numbers[a].tolist()) for a in found.reached] == [end for _, end in truth]
        assert found.sweeps.tolist() == [sweeps for sweeps, _ in truth]
        assert found.period.tolist() == [len(set(pair)) for pair in numbers.tolist()]
        assert found.counts.tolist() == np.bincount(found.reached).tolist()
        assert (np.diff(found.counts) <= 0).all()
        assert len({end for _, end in truth}) == len(found.counts) == found.n_fixed_points + found.n_cycles
        cycles += found.n_cycles
    assert zeros > 1000
    assert (cycles > 50) == (update == "synchronous")


def test_random_updates_end_in_all_states_whose_fields_turn_no_spin() -> None:
    for kind, seed in product(("any", "integers"), range(3)):
        W, b = couplings(kind, 10, seed)
        W = W + np.diag(np.abs(np.diag(W)) - np.diag(W))
        x = states(10)
        fixed = x[(x * (x @ W + b) >= 0).all(axis=1)]
        found = attractors(lk.SpinSystem(couplings=W, fields=b, temperature=0.0), x, rng=seed)
        assert sorted(found.states[:, 0].tolist()) == sorted(fixed.tolist())
        assert (found.states[:, 0] == found.states[:, 1]).all()
        assert found.counts.sum() == 2**10


@pytest.mark.parametrize("update", UPDATES)
def test_a_run_with_the_same_seed_ends_there(update: str) -> None:
    """Spin for spin, in the sweep that is said and not one earlier; 16-bit couplings and others."""
    rng = np.random.default_rng(0)
    W = hebb(rng.choice([-1.0, 1.0], size=(40, 200)))
    starts = rng.choice([-1.0, 1.0], size=(150, 200))
    for made in (W, np.where(W > 0, W, np.pi * W)):
        system = lk.SpinSystem(couplings=made, temperature=0.0, update=update)
        found = attractors(system, starts, rng=7)
        ds = lk.simulate(
            system,
            initial=starts,
            time_step=1,
            n_steps=int(found.sweeps.max()),
            save_every=1,
            save_positions=True,
            rng=7,
        )
        x = ds.position.values
        for start, (sweeps, end) in enumerate(zip(found.sweeps, found.states[found.reached], strict=True)):
            is_there = (x[:, :, start, None] == end.T).all(axis=1).any(axis=1)
            assert is_there[sweeps:].all()
            assert not is_there[:sweeps].any()
        assert found.n_unfinished == 0
        other = attractors(system, starts, rng=8)
        assert np.array_equal(other.sweeps, found.sweeps) == (update != "random")


def test_what_does_not_end_is_said_to_be_unfinished() -> None:
    """A spin against itself turns for ever one at a time; a start that needs more sweeps than it gets has no end."""
    against = lk.SpinSystem(couplings=[[-1.0]], temperature=0.0, update="sequential")
    found = attractors(against, [[1]])
    assert (found.n_unfinished, found.reached[0], found.sweeps[0], len(found.counts)) == (1, -1, 1000, 0)
    assert attractors(replace(against, update="synchronous"), [[1]]).n_cycles == 1
    W, b = couplings("any", 10, 0)
    system = lk.SpinSystem(couplings=W, fields=b, temperature=0.0, update="synchronous")
    whole = attractors(system, states(10))
    for most in (1, 2, 3):
        fewer = attractors(system, states(10), max_sweeps=most)
        is_fixed = whole.period[whole.reached] == 1
        reached = whole.sweeps <= np.where(is_fixed, most, most - 1)  # a cycle is seen one sweep later
        np.testing.assert_array_equal(fewer.reached >= 0, reached)
        assert fewer.n_unfinished == (~reached).sum() > 0


def test_the_function_of_two_states_is_its_formula() -> None:
    W, b = couplings("any", 6, 1)
    system = lk.SpinSystem(couplings=W, fields=b, temperature=1.0)
    now, last = np.random.default_rng(0).choice([-1.0, 1.0], size=(2, 4, 5, 6))
    direct = -np.einsum("...i,ij,...j->...", now, W, last) - (now + last) @ b
    np.testing.assert_allclose(lyapunov(system, now, last), direct, atol=1e-12)
    x = states(6)
    np.testing.assert_allclose(lyapunov(system, x, x), 2 * system.energy_at(x.T), atol=1e-12)


def test_what_has_no_attractors_is_refused() -> None:
    cold = lk.SpinSystem(couplings=np.eye(3), temperature=0.0)
    refused: list[tuple[Any, ...]] = [
        (replace(cold, temperature=0.1), np.ones((1, 3)), 9, r"system: got T = 0.1; spins rest only at T = 0"),
        (lk.System(energy="x**2", temperature=0.0), np.ones((1, 3)), 9, "system: got System; a SpinSystem"),
        (cold, np.ones(3), 9, r"starts: got shape \(3,\); \(R, 3\) is needed"),
        (cold, np.ones((0, 3)), 9, r"starts: got shape \(0, 3\)"),
        (cold, np.ones((1, 2)), 9, r"starts: got shape \(1, 2\); spins \(..., 3\)"),
        (cold, np.zeros((1, 3)), 9, "starts: got shape .1, 3.; spins"),
        (cold, "up", 9, "starts: spins"),
        (cold, np.ones((1, 3)), 0, "max_sweeps: got 0"),
        (cold, np.ones((1, 3)), True, "max_sweeps: got True"),
        (cold, np.ones((1, 3)), 2**31 + 1, "max_sweeps: the noise would repeat"),
    ]
    for system, starts, most, said in refused:
        with pytest.raises(InvalidArgument, match=said):
            attractors(system, starts, max_sweeps=most)
    with pytest.raises(InvalidArgument, match="last: got shape"):
        lyapunov(cold, [1, 1, 1], [1, 0, 1])
