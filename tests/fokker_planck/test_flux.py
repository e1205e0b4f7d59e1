"""The flux of probability and the rate at which F falls."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate import free_energy_of_density
from langevin_kit.fokker_planck import dissipation, evolve, flux

LINE = lk.System(energy="(x**2 - 1)**2", mobility="1 + 0.6*tanh(2*x)", temperature=0.5)
START = lk.initial.gaussian([-1.0], 0.04)
PLANE = lk.System(
    energy="x**2/2 + x*y/4 + y**2",
    mobility=[["1 + sin(y)**2/2", "0.4"], ["0.4", "0.8"]],
    temperature=0.5,
    coordinates=("x", "y"),
)


def solution(system: lk.System, n: int, times: list[float]) -> xr.DataArray:
    axes = {"x": lk.cells(-3.0, 3.0, n), "y": lk.cells(-2.5, 2.5, n)}
    grid = lk.Grid(**{name: axes[name] for name in system.names})
    start = lk.initial.gaussian([-0.5] * system.n_dim, 0.08)
    return evolve(system, grid, initial=start, times=times, steps=40)


def residual(system: lk.System, n: int) -> float:
    """The largest |∂_t p + ∇·(f p)| over the largest |∂_t p|, by central differences in time and place."""
    p = solution(system, n, [0.0, 0.199, 0.2, 0.201])
    rate = (p[3] - p[1]).values / 0.002
    j = flux(system, p.isel(time=[2]))[0]
    divergence = sum(j.sel(component=name).differentiate(name).values for name in map(str, system.names))
    inner = tuple(slice(2, -2) for _ in system.names)
    return float(np.abs((rate + divergence)[inner]).max() / np.abs(rate).max())


@pytest.mark.claim("C04")
@pytest.mark.parametrize("system", [LINE, PLANE])
def test_probability_is_conserved_locally(system: lk.System) -> None:
    sizes = (150, 300) if system is LINE else (60, 120)
    coarse, fine = (residual(system, n) for n in sizes)
    assert fine < 0.02
    assert np.log2(coarse / fine) > 1.8
    # On a line the flux is the rate at which mass passes: J(x) = −∫ ∂_t p.
    if system is LINE:
        p = solution(LINE, 300, [0.0, 0.199, 0.2, 0.201])
        passed = -np.cumsum((p[3] - p[1]).values / 0.002) * 0.02
        at_edges = 0.5 * (passed + np.append(0.0, passed[:-1]))
        np.testing.assert_allclose(flux(LINE, p.isel(time=[2]))[0, 0], at_edges, atol=1e-3 * np.abs(passed).max())


@pytest.mark.claim("C04")
def test_the_flux_of_an_ensemble_is_that_of_its_density() -> None:
    """From the histogram of 4e6 particles in 60 cells: within five standard errors of smoothed counts, at most."""
    grid = lk.Grid(x=lk.cells(-3.0, 3.0, 60))
    n = 4_000_000
    ds = lk.simulate(LINE, initial=START, n_particles=n, time_step=5e-4, n_steps=400, save_every=400, rng=0,
                     histogram=grid, dtype="float32", check=False)  # fmt: skip
    own = ds.histogram / (n * grid.volume)
    p = evolve(LINE, lk.Grid(x=lk.cells(-3.0, 3.0, 60)), initial=START, times=[0.0, 0.2])
    of_ensemble, of_density = flux(LINE, own)[-1, 0], flux(LINE, p)[-1, 0]
    # A difference of two neighbouring counts over twice the width, times T K ≤ 0.8.
    stderr = 0.8 * np.sqrt(2 * p[-1] * 0.1 / n) / (2 * 0.1**2)
    assert (np.abs(of_ensemble - of_density) < 5 * stderr + 2e-3 * np.abs(of_density).max()).all()
    assert float(np.abs(of_density).max()) > 20 * float(stderr.max())


@pytest.mark.claim("C07")
@pytest.mark.parametrize("system", [LINE, PLANE])
def test_the_rate_of_f_by_formula_and_by_difference(system: lk.System) -> None:
    """A central difference of F over 2 Δt has an error of second order; at Δt = 2e-3 they agree to three digits."""
    law = lk.boltzmann(system)
    errors = []
    for dt in (0.004, 0.002):
        p = solution(system, 300 if system is LINE else 80, [0.0, 0.3 - dt, 0.3, 0.3 + dt])
        axes = {name: lk.cells(*((-3.0, 3.0) if name == "x" else (-2.5, 2.5)), p.sizes[name]) for name in p.dims[1:]}
        f = [free_energy_of_density(law, lk.Grid(**axes), row)[0] for row in p.values]
        by_difference, by_formula = (f[3] - f[1]) / (2 * dt), -float(dissipation(system, p)[2])
        errors.append(abs(by_difference / by_formula - 1))
    assert by_formula < -0.05
    assert errors[1] < 1e-3
    if system is LINE:
        assert 1.7 < np.log2(errors[0] / errors[1]) < 2.3
    # Negative control: the mobility enters; with twice of it F falls twice as fast.
    double = lk.System(**{**system.to_dict(), "mobility": [[f"2*({k})" for k in row] for row in system.mobility]
                          if system is PLANE else f"2*({system.mobility})"})  # fmt: skip
    assert float(dissipation(double, p)[2]) == pytest.approx(2 * float(dissipation(system, p)[2]))


def test_at_rest_nothing_flows() -> None:
    grid = lk.Grid(x=lk.cells(-np.pi, np.pi, 64))
    ring = lk.System(energy="cos(x)", temperature=0.5, walls={"x": lk.periodic(-np.pi, np.pi)})
    q = np.exp(-np.cos(grid.centers[0]) / 0.5)
    p = evolve(ring, grid, initial=q, times=[0.0])
    assert np.abs(flux(ring, p)).max() < 1e-13
    assert abs(float(dissipation(ring, p)[0])) < 1e-25
    # A bump goes round the ring's ends as it goes elsewhere.
    still = lk.System(energy=0.0, temperature=1.0, walls=ring.walls)
    shapes = [1 + np.cos(grid.centers[0] - a) / 2 for a in (0.0, np.pi)]
    bump = [evolve(still, grid, initial=shape, times=[0.0]) for shape in shapes]
    np.testing.assert_allclose(
        flux(still, bump[0]).values[0, 0], np.roll(flux(still, bump[1]).values[0, 0], 32), atol=1e-12
    )


def test_unknown_weights_are_refused() -> None:
    p = evolve(LINE, lk.Grid(x=lk.cells(-3.0, 3.0, 60)), initial=START, times=[0.0])
    for rate in (flux, dissipation):
        with pytest.raises(InvalidArgument, match="weights: got 'square'; did you mean 'square_root'"):
            rate(LINE, p, weights="square")
