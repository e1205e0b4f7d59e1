"""dF/dt place by place, for mobilities of any sign."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import MobilityNotPositive, MobilityWarning


@pytest.mark.claim("C10")
def test_f_falls_though_it_rises_at_some_places() -> None:
    """S = x² − 0.2 is negative near 0. Against the closed form of a Gaussian p, to second order in the cells."""
    mean, variance = 0.8, 0.3
    system = lk.System(energy="x**4/4", mobility="x**2 - 0.2", temperature=0.7)
    # Φ' = α (x − m) + x³ with α = −T/s², so Φ'² S is a polynomial of degree eight under a Gaussian.
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    x = mean + variance**0.5 * nodes
    slope = -0.7 / variance * (x - mean) + x**3
    exact = -float(weights @ (slope**2 * (x**2 - 0.2)) / weights.sum())
    errors = []
    for n in (200, 400):
        grid = lk.Grid(x=lk.cells(-4, 6, n))
        p = np.exp(-((grid.centers[0] - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        density = lk.fokker_planck.evolve(
            lk.System(energy=0.0, temperature=0.7), grid, initial=lk.initial.gaussian([mean], variance), times=[0.0]
        ).copy(data=p[None])
        with pytest.warns(MobilityWarning, match=r"eigenvalue -0\.19.* on the grid.*No particles can follow it"):
            found = lk.fokker_planck.free_energy_rate(system, density)
        errors.append(float(found.rate[0]) - exact)
    assert exact < 0
    assert abs(errors[1]) < 1e-3 * abs(exact)
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    rising = found.integrand[0] > 0
    assert 0.02 < float(found.share_rising[0]) < 0.5
    assert (abs(grid.centers[0][rising.values]) < 0.2**0.5).all()
    with pytest.raises(MobilityNotPositive, match="must not be negative where particles may go"):
        lk.simulate(system, initial=lk.initial.point([0.0]), n_particles=10, time_step=1e-3, n_steps=1)


def test_of_a_positive_tensor_it_is_the_dissipation_of_the_grid() -> None:
    """To second order, with an antisymmetric part that takes no part and a ring; no warning."""
    system = lk.System(
        energy="cos(x) + y**2/2",
        mobility=[["1.5 + sin(x)", 0.8], [-0.4, 1]],
        temperature=0.8,
        coordinates=("x", "y"),
        walls={"x": lk.periodic(0.0, 2 * np.pi)},
    )
    apart = []
    for n in (40, 80):
        grid = lk.Grid(x=lk.cells(0, 2 * np.pi, n), y=lk.cells(-5, 5, n))
        law = lk.initial.gaussian([2.0, 0.5], [[0.5, 0.1], [0.1, 0.4]])
        p = lk.fokker_planck.evolve(system, grid, initial=law, times=[0.3])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rate = float(lk.fokker_planck.free_energy_rate(system, p).rate[0])
        apart.append(rate + float(lk.fokker_planck.dissipation(system, p)[0]))
    assert abs(apart[1]) < 0.02 * abs(rate)
    assert apart[0] / apart[1] > 2.5
