"""Absorbing walls on a grid: mean first-passage times, exit probabilities and what leaves, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson
from scipy.sparse.linalg import spsolve

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.fokker_planck import boundary_flux, dissipation, evolve, exit_probability, first_passage_time, flux
from langevin_kit.fokker_planck.operator import edges, operator

Floats = NDArray[np.float64]

WELL = lk.System(
    energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5, walls={"x": lk.absorbing(-0.5, 1.25)}
)
OPEN = lk.System(energy="x**2", mobility="1 + x**2/4", temperature=0.5, walls={"x": lk.absorbing(upper=1.0)})


def quadrature(system: lk.System, lower: float, x: Floats) -> tuple[Floats, Floats]:
    """τ and the probability of the upper wall, of (q K T u′)′ = −q or 0; no flux below if there is no lower wall."""
    (upper,), s = system.upper, np.linspace(lower, system.upper[0], 20001)
    q = np.exp(-system.energy_at(s[None]) / system.temperature)
    resistance = 1 / (q * system.mobility_at(s[None])[0, 0] * system.temperature)
    mass = cumulative_simpson(q, x=s, initial=0)
    way, weighted = (cumulative_simpson(f, x=s, initial=0) for f in (resistance, mass * resistance))
    assert s[-1] == upper
    c = weighted[-1] / way[-1] if np.isfinite(system.lower[0]) else 0.0
    tau = c * way - weighted if c else weighted[-1] - weighted
    return np.interp(x, s, tau), np.interp(x, s, way / way[-1])


def order(errors: list[float]) -> Floats:
    return np.log2(np.array(errors[:-1]) / errors[1:])


@pytest.mark.parametrize("weights", ["scharfetter_gummel", "square_root"])
@pytest.mark.parametrize(("system", "lower"), [(WELL, -0.5), (OPEN, -4.0)])
def test_mean_first_passage_time_is_of_second_order(system: lk.System, lower: float, weights: str) -> None:
    errors, ends = [], []
    for n in (64, 128, 256):
        grid = lk.Grid(x=lk.cells(lower, system.upper[0], n))
        tau = first_passage_time(system, grid, weights=weights)
        exact, above = quadrature(system, lower, tau.x.values)
        errors.append(float(np.abs(tau - exact).max() / exact.max()))
        found = exit_probability(system, grid, weights=weights)
        np.testing.assert_allclose(found.sum("wall"), 1.0, rtol=1e-9)
        if system is WELL:
            ends.append(float(np.abs(found.sel(wall="x upper") - above).max()))
    assert errors[-1] < 3e-4
    assert (order(errors) > 1.9).all(), errors
    assert not ends or (order(ends) > 1.9).all(), ends


def test_a_wall_at_the_next_midpoint_is_of_first_order() -> None:
    """The control: absorbing half a cell late."""
    errors = []
    for n in (64, 128, 256):
        grid = lk.Grid(x=lk.cells(-0.5, 1.25, n))
        h = grid.volume
        ring = lk.System(energy=WELL.energy, mobility=WELL.mobility, temperature=0.5)
        conductance = edges(ring, grid).conductance
        late = operator(ring, grid) - sparse.diags_array([conductance[0], *[0.0] * (n - 2), conductance[-1]])
        assert conductance[0] == pytest.approx(0.5 * WELL.mobility_at([[-0.5 + h]])[0, 0, 0] / h**2, rel=1e-3)
        exact, _ = quadrature(WELL, -0.5, grid.axes["x"].centers)
        errors.append(float(np.abs(spsolve(late.T.tocsc(), -np.ones(n)) - exact).max() / exact.max()))
    assert errors[-1] > 2e-3
    assert (np.abs(order(errors) - 1) < 0.15).all(), errors


@pytest.mark.parametrize("mobility", [[[1, 0.5], [0.5, 1]], [[1, 1.9], [1.9, 4]], [[4, 1.9], [1.9, 1]]])
def test_jumps_that_meet_a_wall_aslant(mobility: list[list[float]]) -> None:
    """E = x between two walls, y round a ring: τ = (x − (eˣ − 1)/(e − 1))/K₁₁, whatever K₁₂."""
    system = lk.System(
        energy="x",
        mobility=mobility,
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": lk.absorbing(0.0, 1.0), "y": lk.periodic(0.0, 1.0)},
    )
    errors = []
    for n in (16, 32):
        tau = first_passage_time(system, lk.Grid(x=lk.cells(0, 1, n), y=lk.cells(0, 1, n)))
        exact = (tau.x - np.expm1(tau.x) / np.expm1(1.0)) / mobility[0][0]
        errors.append(float(np.abs(tau - exact).max() / exact.max()))
    assert errors[0] < 0.02
    assert order(errors)[0] > 1.9


@pytest.mark.parametrize("method", ["eigenvectors", "sdirk2"])
def test_free_diffusion_between_two_walls(method: str) -> None:
    """From the middle of (0, 1) the survival is 4/π Σ (−1)ᵏ exp(−(2k + 1)² π² T t)/(2k + 1)."""
    system = lk.System(energy=0.0, temperature=0.5, walls={"x": lk.absorbing(0.0, 1.0)})
    times = np.array([0.0, 0.05, 0.2, 0.6])
    density = evolve(
        system, lk.Grid(x=lk.cells(0, 1, 401)), initial=lk.initial.point([0.5]), times=times, steps=60, method=method
    )
    k = 2 * np.arange(40) + 1
    exact = (
        4 / np.pi * (np.sin(k * np.pi / 2) / k * np.exp(-np.multiply.outer(0.5 * times, (k * np.pi) ** 2))).sum(axis=1)
    )
    survival = density.sum("x") / 401
    np.testing.assert_allclose(survival[1:], exact[1:], rtol=3e-4)
    assert (density >= 0).all()
    rate = boundary_flux(system, density)
    np.testing.assert_allclose(rate.sel(wall="x lower"), rate.sel(wall="x upper"), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(rate[-1].sum() / survival[-1], 0.5 * np.pi**2, rtol=1e-4)
    ends = flux(system, density)[-1, 0]
    np.testing.assert_allclose([-ends[0], ends[-1]], rate[-1], rtol=1e-3)


def test_one_of_two_walls_may_reflect() -> None:
    """τ(x) = (1 − x²)/2T of free diffusion from a reflecting wall at 0 to an absorbing one at 1."""
    system = lk.System(energy=0.0, temperature=0.5, walls={"x": lk.absorbing(0.0, 1.0, reflects="lower")})
    tau = first_passage_time(system, lk.Grid(x=lk.cells(0.0, 1.0, 100)))
    np.testing.assert_allclose(tau, 1 - tau.x**2, atol=1e-4)


def test_what_leaves_is_what_is_missing() -> None:
    times = np.linspace(0, 1, 201)
    density = evolve(WELL, lk.Grid(x=lk.cells(-0.5, 1.25, 140)), initial=lk.initial.gaussian([0.3], 0.01), times=times)
    left = density.sum("x").values * 1.75 / 140
    taken = cumulative_simpson(boundary_flux(WELL, density).sum("wall").values, x=times, initial=0)
    np.testing.assert_allclose(taken, 1 - left, atol=1e-6)


def test_wrong_uses_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"let it end at the absorbing walls, -0\.5 and 1\.25"):
        operator(WELL, lk.Grid(x=lk.cells(-0.5, 1.2, 64)))
    still = lk.System(energy=0.0, mobility="x", temperature=1.0, walls={"x": lk.absorbing(0.0)})
    with pytest.raises(InvalidArgument, match="no jump leads to an absorbing wall"):
        first_passage_time(still, lk.Grid(x=lk.cells(0, 1, 16)))
    with pytest.raises(InvalidArgument, match="no absorbing walls"):
        first_passage_time(lk.System(energy="x**2", temperature=1.0), lk.Grid(x=lk.cells(-3, 3, 16)))
    moving = lk.System(energy="(x - t)**2", temperature=1.0, walls={"x": lk.absorbing(-1.0, 1.0)})
    with pytest.raises(InvalidArgument, match="depends on time"):
        first_passage_time(moving, lk.Grid(x=lk.cells(-1, 1, 16)))
    steep = lk.System(energy="-log(1 - x)", temperature=1.0, walls={"x": lk.absorbing(0.0, 1.0)})
    with pytest.raises(InvalidArgument, match="not finite at an absorbing wall"):
        operator(steep, lk.Grid(x=lk.cells(0, 1, 16)))
    density = evolve(WELL, lk.Grid(x=lk.cells(-0.5, 1.25, 16)), initial=lk.initial.point([0.3]), times=[0.0, 0.1])
    with pytest.raises(InvalidArgument, match="mass leaves"):
        dissipation(WELL, density)
    turned = lk.System(
        energy="x**2 + y**2", mobility=[[1, 0.5], [-0.5, 1]], temperature=1.0, coordinates=("x", "y"),
        walls={"x": lk.absorbing(-1.0, 1.0)},
    )  # fmt: skip
    with pytest.raises(InvalidArgument, match="antisymmetric"):
        operator(turned, lk.Grid(x=lk.cells(-1, 1, 8), y=lk.cells(-3, 3, 8)))
