"""Spins: against a reference in NumPy, exhaustively, in detailed balance; and that no run depends on how it was cut."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import attractors, lyapunov
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.system.spins import UPDATES
from langevin_kit.testing.numpy_reference import philox

SEED = 3


def hebb(n: int, p: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Patterns (p, n), and their couplings without a diagonal."""
    xi = np.random.default_rng(seed).choice([-1.0, 1.0], size=(p, n))
    W = xi.T @ xi / n
    np.fill_diagonal(W, 0.0)
    return xi, W


def states(n: int) -> np.ndarray:
    """All of them, (2^n, n)."""
    return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)


def run(system: lk.SpinSystem, start: np.ndarray, sweeps: int, **more: Any) -> Any:
    about: dict[str, Any] = {"save_every": 1, "save_positions": True, "rng": SEED, **more}
    return lk.simulate(system, initial=start, time_step=1, n_steps=sweeps, **about)


def reference(system: lk.SpinSystem, s: np.ndarray, sweep: int, flips: list[tuple[int, float]]) -> None:
    """One sweep of one replica, number 0, by plain NumPy; each flip and its change of energy are noted."""
    W, b, T, n = system.couplings, system.fields, system.temperature, len(s)
    parts = 2 if system.update == "random" else 4
    calls = -(-n // parts)
    c = np.arange(calls, dtype=np.uint64) + np.uint64(sweep * calls)
    zero = np.zeros(calls, np.uint64)
    key = tuple(map(int, philox_key(seed_sequence(SEED))))
    words = np.array(philox((zero, zero, c, zero), (key[0], key[1])))
    sites = np.arange(n)
    if system.update == "random":
        sites = (words[[0, 2]].ravel()[:n] * np.uint64(n) >> np.uint64(32)).astype(int)
        words = words[[1, 3]]
    u = (words.ravel()[:n].astype(float) + 0.5) / 2**32
    threshold = T / 2 * np.log(u / (1 - u))
    before = s.copy()
    for i, limit in zip(sites, threshold, strict=True):
        h = W[i] @ (before if system.update == "synchronous" else s) + b[i]
        h = 0.0 if abs(h) < 1e-12 else h
        if (h > limit and s[i] < 0) or (h < limit and s[i] > 0):
            s[i] = -s[i]
            flips.append((i, -2 * s[i] * h - 2 * W[i, i]))


@pytest.mark.claim("B04")
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_sweeps_are_those_of_a_reference(update: str, temperature: float) -> None:
    """Spin for spin, with fields, at an even number of patterns, where fields vanish and signs of 0 decide."""
    _, W = hebb(30, 4)
    b = np.round(np.random.default_rng(1).normal(size=30)) / 30
    system = lk.SpinSystem(couplings=W, fields=b, temperature=temperature, update=update)
    s = np.random.default_rng(2).choice([-1.0, 1.0], size=30)
    ds = run(system, s[None], 12)
    flips: list[tuple[int, float]] = []
    for sweep in range(12):
        np.testing.assert_array_equal(ds.position[sweep, :, 0], s)
        assert ds.n_flips[sweep] == len(flips)
        assert float(ds.energy[sweep]) == pytest.approx(-(s @ W @ s / 2 + b @ s), abs=1e-12)
        reference(system, s, sweep, flips)
    assert flips


def test_a_field_of_zero_keeps_the_spin() -> None:
    """Of two patterns that differ in half of the spins, fields of many spins are 0: they stay as they are for ever."""
    W = np.zeros((6, 6))
    W[0, 1] = W[1, 0] = 1 / 3
    ds = run(lk.SpinSystem(couplings=W, temperature=0.0, update="sequential"), states(6), 3)
    assert (ds.position[:, 2:] == ds.position[0, 2:]).all()
    assert (ds.position[-1, 0] == ds.position[-1, 1]).all()


@pytest.mark.claim("A04")
@pytest.mark.claim("B05")
def test_each_flip_lowers_the_energy_by_what_the_formula_says() -> None:
    """ΔE = −Δx (Wx + b) − ½ W_ii Δx² and no flip raises E at T = 0, with a diagonal that is not negative."""
    rng = np.random.default_rng(4)
    for trial in range(40):
        n = int(rng.integers(3, 12))
        W = rng.normal(size=(n, n))
        W = W + W.T
        np.fill_diagonal(W, np.abs(np.diag(W)))
        system = lk.SpinSystem(couplings=W, fields=rng.normal(size=n), temperature=0.0)
        s = rng.choice([-1.0, 1.0], size=n)
        for sweep in range(4):
            flips: list[tuple[int, float]] = []
            before = float(system.energy_at(s[:, None])[0])
            reference(system, s, sweep, flips)
            changes = [change for _, change in flips]
            assert float(system.energy_at(s[:, None])[0]) - before == pytest.approx(sum(changes), abs=1e-9), trial
            assert all(change <= 0 for change in changes)


@pytest.mark.claim("A05")
@pytest.mark.parametrize("update", ["random", "sequential"])
def test_every_start_ends_in_a_fixed_point(update: str) -> None:
    """All states of N ≤ 12 spins, several nets; a sequential sweep without a flip is the end."""
    for n, seed in product((4, 7, 10, 12), range(3)):
        W = np.random.default_rng(seed).normal(size=(n, n))
        W = (W + W.T) * (1 - np.eye(n))
        system = lk.SpinSystem(couplings=W, temperature=0.0, update=update)
        found = attractors(system, states(n), rng=SEED)
        assert (found.period == 1).all()
        assert found.counts.sum() == 2**n
        end = found.states[found.reached, 0]
        assert (end * (end @ W) >= 0).all()
        last = int(found.sweeps.max())
        ds = run(system, states(n), last + 1)
        assert (ds.position[-2:].values == end.T).all()
        assert (ds.n_flips[-1] == ds.n_flips[-2]) & (ds.n_flips[-2] > ds.n_flips[-3])
        energy = np.array([system.energy_at(x) for x in ds.position.values])
        assert (np.diff(energy, axis=0) <= 1e-9).all()


def test_all_at_once_lower_a_function_of_two_states() -> None:
    """−x_t·W x_{t−1} − b·(x_t + x_{t−1}) falls, where E itself may rise, until x_t is x_{t−2}."""
    rises = cycles = 0
    for n, seed in product((5, 9, 12), range(3)):
        rng = np.random.default_rng(seed)
        W = rng.normal(size=(n, n))
        system = lk.SpinSystem(couplings=W + W.T, fields=rng.normal(size=n), temperature=0.0, update="synchronous")
        ds = run(system, states(n), 60)
        x = ds.position.transpose("time", "particle", "component").values
        falls = np.diff(lyapunov(system, x[1:], x[:-1]), axis=0)
        moves = (x[2:] != x[:-2]).any(axis=2)
        assert (falls[moves] < 0).all()
        assert (np.abs(falls[~moves]) < 1e-12).all()
        assert not moves[-1].any()
        cycles += int((x[-1] != x[-2]).any(axis=1).sum())
        energy = np.array([system.energy_at(frame) for frame in ds.position.values])
        rises += int((np.diff(energy, axis=0) > 1e-9).sum())
    assert cycles > 100
    assert rises > 100


def law(system: lk.SpinSystem) -> np.ndarray:
    weight = np.exp(-system.energy_at(states(system.n_dim).T) / system.temperature)
    return np.asarray(weight / weight.sum())


def p_value(system: lk.SpinSystem, sweeps: int = 200, replicas: int = 40_000) -> float:
    """Of the states after some sweeps against the Boltzmann law, by χ² of independent replicas."""
    start = np.random.default_rng(5).choice([-1.0, 1.0], size=(replicas, system.n_dim))
    x = run(system, start, sweeps, save_every=sweeps).position[-1].values
    number = ((x < 0) * (1 << np.arange(system.n_dim))[:, None]).sum(axis=0)
    counts = np.bincount(number, minlength=2**system.n_dim)
    expected = replicas * law(system)
    held = expected > 5
    counts = np.append(counts[held], counts[~held].sum())
    expected = np.append(expected[held], expected[~held].sum())
    return float(stats.chisquare(counts, expected).pvalue)


@pytest.mark.parametrize("update", ["random", "sequential"])
def test_one_after_another_have_the_boltzmann_law(update: str) -> None:
    """χ² over all states of seven spins; false alarms 1e-4. All at once have another law, and so has a diagonal."""
    rng = np.random.default_rng(6)
    W = rng.normal(size=(7, 7)) / 2
    W = (W + W.T) * (1 - np.eye(7))
    system = lk.SpinSystem(couplings=W, fields=0.3 * rng.normal(size=7), temperature=1.0, update=update)
    assert p_value(system) > 1e-4
    assert p_value(replace(system, update="synchronous")) < 1e-20
    assert p_value(replace(system, couplings=W + np.eye(7))) < 1e-20
    assert p_value(replace(system, fields=0.0)) > 1e-4


def test_cold_is_the_limit_of_low_temperatures() -> None:
    """Bit for bit, where no field is 0."""
    W = np.random.default_rng(7).normal(size=(40, 40))
    start = np.random.default_rng(8).choice([-1.0, 1.0], size=(20, 40))
    for update in UPDATES:
        cold = lk.SpinSystem(couplings=W + W.T, temperature=0.0, update=update)
        a, b = (run(system, start, 15) for system in (cold, replace(cold, temperature=1e-9)))
        np.testing.assert_array_equal(a.position, b.position)


def test_bits_do_not_depend_on_threads_saves_or_restarts(tmp_path: Path) -> None:
    _, W = hebb(50, 5)
    start = np.random.default_rng(9).choice([-1.0, 1.0], size=(300, 50))
    for couplings in (W, np.where(W > 0, W, np.pi * W)):  # multiples of 1/N, and of no such unit
        system = lk.SpinSystem(couplings=couplings, temperature=0.6)
        whole = run(system, start, 24, save_every=24, backend=lk.CPU(threads=1))
        often = run(system, start, 24, save_every=2, backend=lk.CPU(threads=3))
        np.testing.assert_array_equal(whole.position[-1], often.position[-1])
        assert whole.n_flips[-1] == often.n_flips[-1]
        fewer = run(system, start[:7], 24, save_every=24)
        np.testing.assert_array_equal(fewer.position[-1], whole.position[-1, :, :7])
    path = tmp_path / "spins.zarr"
    run(system, start, 24, save_every=2, store=path)
    np.testing.assert_array_equal(lk.open(path).position[-1], often.position[-1])
    path7 = lk.replay(lk.open(path), particle=7)
    np.testing.assert_array_equal(path7.position[-1].values.ravel(), often.position[-1, :, 7])


def test_observables_and_energy_are_those_of_the_spins() -> None:
    xi, W = hebb(60, 3)
    system = lk.SpinSystem(couplings=W, temperature=0.4, parameters={"pattern": xi[0]})
    ds = run(system, np.repeat(xi[:1], 50, axis=0), 10, observables={"overlap": "pattern @ s/60"})
    x = ds.position.values
    np.testing.assert_allclose(ds.overlap, np.einsum("i,tip->t", xi[0], x) / 60 / 50, atol=1e-12)
    np.testing.assert_allclose(ds.energy, [system.energy_at(frame).mean() for frame in x], atol=1e-12)
    assert ds.attrs["boltzmann"].startswith("none: spins")
    assert float(ds.overlap[-1]) > 0.9


def test_couplings_of_any_size_are_kept() -> None:
    """To 2⁻⁵¹ of the largest field; what is a multiple of 1/N, exactly."""
    _, W = hebb(12, 4)
    uneven = np.random.default_rng(0).normal(size=(12, 12))
    for scale in (1e-200, 1e-12, 1.0, 1e12, 1e200):
        for couplings in (W * scale, (uneven + uneven.T) * scale):
            system = lk.SpinSystem(couplings=couplings, temperature=0.0)
            kept = system.parameters["couplings"] * system.parameters["unit"]
            largest = np.abs(couplings).sum(axis=1).max()
            assert np.abs(kept - couplings).max() <= 2.0**-51 * largest
            s = np.random.default_rng(1).choice([-1.0, 1.0], size=(1, 12))
            end = run(system, s, 20, scheme="auto").position[-1].values[:, 0]
            assert (end * (couplings @ end) >= -1e-13 * largest).all()
    assert lk.SpinSystem(couplings=W, temperature=0.0).parameters["unit"] == 1 / 12


def test_spins_start_with_an_overlap() -> None:
    """⟨ξ·s⟩/N = m within 4.5 standard errors, and independent of each other."""
    xi, W = hebb(40, 2)
    about: dict[str, Any] = {"n_particles": 20_000, "time_step": 1, "n_steps": 1, "save_positions": True, "rng": 0}
    for m in (-1.0, 0.0, 0.3, 1.0):
        law = lk.initial.spins(xi[0], m)
        assert lk.initial.from_dict(law.to_dict()) == law
        s = lk.simulate(lk.SpinSystem(couplings=W, temperature=1.0), initial=law, **about).position[0].values
        overlap = xi[0] @ s / 40
        assert abs(overlap.mean() - m) <= 4.5 * np.sqrt((1 - m**2) / 40 / 20_000)
        assert overlap.var() == pytest.approx((1 - m**2) / 40, rel=0.05)
    for pattern, m, said in (([0, 1], 0.5, "pattern: 1 and −1"), ([1, 1], 1.1, "overlap: got 1.1")):
        with pytest.raises(InvalidArgument, match=said):
            lk.initial.spins(pattern, m)
    with pytest.raises(InvalidArgument, match="no density"):
        lk.initial.spins(xi[0]).density(s)


def test_a_system_goes_through_pickle_and_plain_data() -> None:
    _, W = hebb(8, 2)
    system = lk.SpinSystem(couplings=W, fields=np.arange(8.0), temperature=0.5, update="sequential")
    for again in (pickle.loads(pickle.dumps(system)), replace(system), lk.SpinSystem(**system.to_dict())):
        assert again.to_dict() == system.to_dict()
    assert system.parameters["unit"] == 1 / 8


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"couplings": [[0, 1], [2, 0]]}, "couplings: W differs from its transpose by up to 1;"),
        ({"couplings": [[0, 1, 2]]}, r"couplings: got shape \(1, 3\)"),
        ({"couplings": [[0, np.nan], [np.nan, 0]]}, "couplings: holds a number that is not finite"),
        ({"couplings": np.eye(3), "fields": [1, 2]}, r"fields: got shape \(2,\)"),
        ({"couplings": np.eye(3), "update": "parallel"}, "update: got 'parallel'"),
        ({"couplings": np.eye(3), "temperature": -1}, "temperature"),
        ({"couplings": np.eye(3), "energy": "s @ s"}, "energy: got 's @ s'; couplings and fields alone"),
        ({"couplings": np.eye(3), "mobility": np.eye(3)}, "(?s)mobility: got array.*couplings and fields alone"),
        ({"couplings": np.eye(3), "coordinates": {"v": 3}}, "coordinates: got {'v': 3}; couplings and fields alone"),
        ({"couplings": np.eye(3), "parameters": {"unit": 2.0}}, "parameters: unit: spins have these names already"),
        ({"couplings": np.eye(3), "parameters": 3}, "parameters: got int"),
        ({}, "couplings: got shape"),
    ],
)
def test_what_is_no_spin_system_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        lk.SpinSystem(**{"temperature": 0.5, **given})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"initial": np.zeros((1, 3))}, "replica 0 holds other numbers than 1 and −1"),
        ({"n_steps": 2**31 + 1, "save_every": 2**31 + 1}, "n_steps: "),
        ({"dtype": "float32"}, "dtype, time_step: got float32 and 1"),
        ({"time_step": 0.1}, "got float64 and 0.1"),
        ({"scheme": "heun"}, "spins flip by Glauber's rule; leave the scheme out"),
        ({"scheme": {"name": "glauber", "halved": True}}, "spins flip by Glauber's rule; leave the scheme out"),
    ],
)
def test_what_spins_cannot_do_is_refused(more: dict[str, Any], said: str) -> None:
    about: dict[str, Any] = {"initial": np.ones((1, 3)), "time_step": 1, "n_steps": 2, **more}
    for temperature in (0.0, 0.5):
        with pytest.raises(InvalidArgument, match=said):
            lk.simulate(lk.SpinSystem(couplings=np.eye(3), temperature=temperature), **about)


def test_the_command_line_reads_a_store_of_spins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from langevin_kit.cli import main

    _, W = hebb(20, 2)
    system = lk.SpinSystem(couplings=W, temperature=0.3)
    run(system, np.ones((4, 20)), 4, store=tmp_path / "run.zarr")
    assert main(["info", str(tmp_path / "run.zarr")]) == 0
    said = capsys.readouterr().out
    assert "20 spins, random updates, T = 0.3" in said
    assert "none: spins have no density" in said
    np.testing.assert_array_equal(lk.resume(tmp_path / "run.zarr").n_flips, lk.open(tmp_path / "run.zarr").n_flips)
    with pytest.raises(InvalidArgument, match="check: spins have no equation"):
        lk.check(system)


def test_particles_do_not_flip() -> None:
    with pytest.raises(InvalidArgument, match="it is for spins, of a SpinSystem"):
        lk.simulate(
            lk.System(energy="x**2", temperature=1.0),
            initial=lk.initial.point([0.0]),
            n_particles=1,
            time_step=0.1,
            n_steps=1,
            scheme="glauber",
        )
