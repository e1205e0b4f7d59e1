"""Annealed importance sampling of binary units: ln Z against enumeration, by its own standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from langevin_kit import CPU, learn, networks
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import BipartiteSpins, bipartite_spins

PM, ZERO_ONE = (-1.0, 1.0), (0.0, 1.0)


def network(n: int, m: int, states: tuple[float, float], T: float = 0.8, scale: float = 0.5) -> BipartiteSpins:
    rng = np.random.default_rng(n)
    about = {"inputs": rng.normal(size=n), "hidden_inputs": rng.normal(size=m)}
    return bipartite_spins(scale * rng.normal(size=(n, m)), states=states, temperature=T, **about)


def some_data(n: int, states: tuple[float, float]) -> np.ndarray:
    return np.array(states)[(np.random.default_rng(1).random((50, n)) < 0.3).astype(int)]


@pytest.mark.parametrize("states", [PM, ZERO_ONE])
@pytest.mark.parametrize(("n", "m"), [(12, 8), (10, 20)])
def test_log_z_is_that_of_all_states(n: int, m: int, states: tuple[float, float]) -> None:
    """Of 20 or 30 units, from either base: z < 4.4, with an error below .1; the ln Z of T/1.1 is more than 10 off."""
    system = network(n, m, states)
    for base in (None, some_data(n, states)):
        found = learn.annealed_importance(system, base_rates=base, n_temperatures=400, n_chains=200, rng=0)
        assert abs(found.value - system.log_z) < 4.4 * found.stderr < 0.4
        assert abs(found.value - network(n, m, states, T=0.8 / 1.1).log_z) > 10 * found.stderr
        assert 20 < found.effective_chains <= 200


def test_errors_are_those_of_many_runs() -> None:
    """The spread of 60 runs is their standard error to a factor of 1.4, also of 5 temperatures; the mean Z is exact."""
    system = network(8, 5, PM)
    for n_temperatures in (5, 60):
        runs = [
            learn.annealed_importance(system, n_temperatures=n_temperatures, n_chains=400, rng=seed)
            for seed in range(60)
        ]
        ratio = np.exp([run.value - system.log_z for run in runs])
        assert abs(ratio.mean() - 1) < 4.4 * ratio.std(ddof=1) / np.sqrt(60)
        error = float(np.mean([run.stderr for run in runs]))
        assert 1 / 1.4 < ratio.std(ddof=1) / error < 1.4
    # A single step of β and no chain is plain importance sampling, whose weights spread more.
    plain = learn.annealed_importance(system, n_temperatures=1, n_chains=400, rng=0)
    assert plain.stderr > 3 * error


def test_without_couplings_every_weight_is_z() -> None:
    """B = I and U = 0: exact; and from other base rates still exact on average."""
    system = bipartite_spins(np.zeros((5, 3)), inputs=[0.3, -1, 2, 0, 0.5], temperature=0.7, states=ZERO_ONE)
    found = learn.annealed_importance(system, n_temperatures=3, n_chains=10, rng=0)
    np.testing.assert_allclose(found.log_weights, system.log_z, rtol=1e-12)
    assert found.stderr < 1e-7
    assert found.effective_chains == pytest.approx(10)


def test_results_do_not_depend_on_threads_and_little_on_the_dtype() -> None:
    system = network(12, 8, ZERO_ONE)
    about: dict[str, Any] = {"n_temperatures": 50, "n_chains": 150, "rng": 3}
    found = learn.annealed_importance(system, **about)
    other = learn.annealed_importance(system, backend=CPU(threads=1), **about)
    np.testing.assert_array_equal(found.log_weights, other.log_weights)
    single = learn.annealed_importance(system, dtype="float32", **about)
    assert abs(single.value - found.value) < 4.4 * np.hypot(single.stderr, found.stderr)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (
            {"network": networks.bipartite([[0.1]], temperature=1.0)},
            "network: got System; one of networks.bipartite_spins",
        ),
        ({"network": network(4, 3, PM, T=0.0)}, "T = 0"),
        ({"n_temperatures": 0}, "n_temperatures: got 0"),
        ({"n_chains": 1.5}, r"n_chains: got 1\.5"),
        ({"base_rates": np.zeros((3, 4))}, r"base_rates: got shape \(3, 4\); data \(N, 4\) of -1 and 1"),
        ({"base_rates": np.ones(4)}, r"base_rates: got shape \(4,\)"),
    ],
)
def test_bad_arguments_are_refused(given: dict[str, Any], match: str) -> None:
    about = {"network": network(4, 3, PM), **given}
    with pytest.raises(InvalidArgument, match=match):
        learn.annealed_importance(about.pop("network"), **about)
