"""Euler steps of length τ of τ dx/dt = −x + sign(W x + b) are synchronous updates of spins."""

from __future__ import annotations

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.networks import hebb

N, SWEEPS = 20, 12
STARTS = np.random.default_rng(1).choice([-1.0, 1.0], size=(300, N))


def euler(W: np.ndarray, b: np.ndarray, time_constant: float) -> np.ndarray:
    system = lk.System(
        coordinates={"x": N},
        drift="(-x + sign(W @ x + b))/tau",
        temperature=0.0,
        parameters={"W": W, "b": b, "tau": time_constant},
    )
    ds = lk.simulate(
        system, initial=STARTS, time_step=time_constant, n_steps=SWEEPS, save_every=1, save_positions=True, rng=0
    )
    return np.asarray(ds.position.values)


def synchronous(W: np.ndarray, b: np.ndarray) -> np.ndarray:
    system = lk.SpinSystem(couplings=W, fields=b, temperature=0.0, update="synchronous")
    ds = lk.simulate(system, initial=STARTS, time_step=1, n_steps=SWEEPS, save_every=1, save_positions=True, rng=0)
    return np.asarray(ds.position.values)


def hebbian(patterns: int) -> tuple[np.ndarray, np.ndarray]:
    """N h is a sum of as many odd numbers as there are patterns, so of an odd number of them no field is 0."""
    return hebb(np.random.default_rng(0).choice([-1.0, 1.0], size=(patterns, N))), np.zeros(N)


@pytest.mark.claim("B08")
@pytest.mark.parametrize("time_constant", [1.0, 0.25, 0.1, 8.0])
def test_a_step_of_length_tau_is_a_synchronous_update(time_constant: float) -> None:
    """Bit for bit, where τ·(1/τ) is 1 in float64; with fields of any size too."""
    rng = np.random.default_rng(2)
    W = rng.normal(size=(N, N))
    for couplings, b in (hebbian(5), (W + W.T, rng.normal(size=N))):
        spins = synchronous(couplings, b)
        np.testing.assert_array_equal(euler(couplings, b, time_constant), spins)
        assert (spins[-1] != spins[0]).mean() > 0.2


def test_other_time_constants_are_off_by_a_rounding() -> None:
    """49·(1/49) is not 1: states are 1 or −1 to 2⁻⁵², and their signs those of the spins."""
    W, b = hebbian(5)
    x, spins = euler(W, b, 49.0), synchronous(W, b)
    np.testing.assert_array_equal(np.sign(x), spins)
    assert 0 < np.abs(x - spins).max() <= 2.0**-52


def test_a_field_of_zero_makes_a_step_end_at_zero() -> None:
    """And a spin keep its sign: of an even number of patterns the two differ, and at first nowhere else."""
    W, b = hebbian(4)
    W = np.rint(N * W)  # whole numbers, so that sums are exact and a field that is 0 is seen to be
    zero = STARTS @ W == 0
    x, spins = euler(W, b, 1.0)[1].T, synchronous(W, b)[1].T
    assert zero.sum() > 100
    np.testing.assert_array_equal(x[zero], 0)
    np.testing.assert_array_equal(spins[zero], STARTS[zero])
    np.testing.assert_array_equal(x[~zero], spins[~zero])
