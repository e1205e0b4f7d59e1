"""Networks with Hebb's couplings under noise: the overlap by temperature and load, against replica symmetry."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

import langevin_kit as lk
from langevin_kit import networks

N, NETWORKS = 1200, 10
LOADS, TEMPERATURES = (0.02, 0.04), (0.25, 0.35, 0.45)
CHANCE = 1e-5  # of a false alarm, in each of six tests


def overlaps(load: float, seed: int) -> list[float]:
    """Of one network, at each temperature: mean over replicas and sweeps."""
    patterns = np.random.default_rng(seed).choice([-1.0, 1.0], size=(round(load * N), N))
    system = lk.SpinSystem(couplings=networks.hebb(patterns), temperature=0.0, parameters={"pattern": patterns[0] / N})
    found = []
    for temperature in TEMPERATURES:
        ds = lk.simulate(
            replace(system, temperature=temperature),
            initial=lk.initial.spins(patterns[0]),
            n_particles=4,
            time_step=1,
            n_steps=150,
            save_every=10,
            rng=seed,
            observables={"m": "pattern @ s"},
        )
        found.append(float(ds.m.sel(time=slice(50, None)).mean()))
    return found


@pytest.mark.claim("F05")
def test_the_overlap_falls_with_noise_and_load_as_the_theory_says() -> None:
    """By Student's test over networks; the theory of the next temperature is refused."""
    for load in LOADS:
        found = np.array([overlaps(load, seed) for seed in range(NETWORKS)])
        theory = np.array([networks.replica_symmetric(load, T).m for T in TEMPERATURES])
        for j, k in product(range(3), repeat=2):
            # Half a spin in N is beyond what the theory of N → ∞ can say.
            apart = max(0.0, abs(found[:, j].mean() - theory[k]) - 0.5 / N)
            score = apart / (found[:, j].std(ddof=1) / np.sqrt(NETWORKS))
            p = 2 * stats.t.sf(score, NETWORKS - 1)
            assert (p > CHANCE) == (j == k), (load, TEMPERATURES[j], TEMPERATURES[k], p)
