"""The grid operator: columns that sum to zero, no negative rate, and the Boltzmann law of the cells as null vector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse.linalg import eigsh

from langevin_kit import Grid, System, cells, initial, periodic, reflecting, zoo
from langevin_kit.errors import InvalidArgument, MobilityNotPositive
from langevin_kit.fokker_planck import evolve, operator
from langevin_kit.fokker_planck.operator import WEIGHTS

PLANE = {"energy": "(x**2 - 1)**2 + x*y/2 + y**2", "temperature": 0.5, "coordinates": ("x", "y")}
NARROW = "0.4 + 0.3*sin(x) + 0.2*y"
"""The angle of a mobility whose axes turn and are 1 : 1/50."""
LONG = [
    [f"cos({NARROW})**2 + sin({NARROW})**2/50", f"49*sin({NARROW})*cos({NARROW})/50"],
    [f"49*sin({NARROW})*cos({NARROW})/50", f"sin({NARROW})**2 + cos({NARROW})**2/50"],
]
RING = {"x": periodic(-np.pi, np.pi), "y": reflecting(-1.0, 1.5)}
CROSS = [["1 + sin(x)**2", "cos(x)/2"], ["cos(x)/2", "1 + y**2/2"]]
CASES = {
    "line": (System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5), Grid(x=cells(-2.5, 2.5, 200))),
    "diagonal": (
        System(mobility=[["1/(1 + x**2)", 0], [0, "1 + y**2"]], **PLANE),
        Grid(x=cells(-2.3, 2.3, 48), y=cells(-3, 3, 50)),
    ),
    "tensor": (System(mobility=LONG, **PLANE), Grid(x=cells(-2.3, 2.3, 48), y=cells(-3, 3, 50))),
    "walls": (
        System(energy="cos(x) + y*sin(x)", mobility=CROSS, temperature=0.7, coordinates=("x", "y"), walls=RING),
        Grid(x=cells(-np.pi, np.pi, 40), y=cells(-1.0, 1.5, 30)),
    ),
    "moving": (
        System(energy="(x - sin(t))**2*(1 + y**2)", mobility=[["2 + cos(t)", 0.5], [0.5, "1 + t*x**2"]],
               temperature=0.7, coordinates=("x", "y")),
        Grid(x=cells(-3, 3, 31), y=cells(-2, 2, 30)),
    ),
}  # fmt: skip


def turned(system: System, a: str | float) -> System:
    """The system with a [[0, 1], [−1, 0]] beside its mobility."""
    (xx, xy), (yx, yy) = system.mobility if isinstance(system.mobility, tuple) else ((system.mobility, 0), (0, 1))
    return replace(system, mobility=[[xx, f"({xy}) + ({a})"], [f"({yx}) - ({a})", yy]])


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", CASES)
def test_mass_sign_and_the_boltzmann_law(name: str, weights: str) -> None:
    system, grid = CASES[name]
    m = operator(system, grid, 0.3, weights=weights)
    rates = -m.diagonal()
    assert np.abs(m.sum(axis=0)).max() < 1e-14 * rates.max()
    off_diagonal = m.tocoo()
    assert (off_diagonal.data[off_diagonal.row != off_diagonal.col] >= 0).all()
    q = np.exp(-system.energy_at(grid.centers, 0.3) / system.temperature).ravel()
    assert np.abs(m @ q).max() < 1e-14 * (rates * q).max()
    # Detailed balance: the flux from one cell to another is that back.
    flux = (m * q).toarray()
    np.testing.assert_allclose(flux, flux.T, rtol=1e-11, atol=1e-300)


@pytest.mark.claim("C06")
@pytest.mark.parametrize(
    ("name", "circulation"),
    [
        ("line", None),
        ("diagonal", None),
        ("tensor", None),
        ("walls", None),
        ("diagonal", "2"),
        ("tensor", "1 + x**2"),
        ("walls", "y + sin(x)/2"),
    ],
)
def test_mass_to_1e_12_q_invariant_and_f_monotone(name: str, circulation: str | None) -> None:
    system, grid = CASES[name]
    system = system if circulation is None else turned(system, circulation)
    q = np.exp(-system.energy_at(grid.centers) / system.temperature)
    q /= q.sum() * grid.volume
    start = initial.gaussian([-1.0, 0.3][: system.n_dim], 0.03)
    p = evolve(system, grid, initial=start, times=np.linspace(0.0, 3.0, 151), steps=1, method="implicit_euler").values
    axes = tuple(range(1, p.ndim))
    assert np.abs(p.sum(axis=axes) * grid.volume - 1).max() < 1e-12
    assert p.min() > 0
    kl = (p * np.log(p / q)).sum(axis=axes) * grid.volume
    assert (np.diff(kl) < 1e-15).all()
    assert kl[-1] < 0.7 * kl[0]
    still = evolve(system, grid, initial=q, times=[0.0, 1.0, 50.0])
    np.testing.assert_allclose(still.values, np.broadcast_to(q, still.shape), rtol=0, atol=1e-12 * q.max())


@pytest.mark.parametrize("weights", WEIGHTS)
def test_rates_of_the_muller_brown_surface(weights: str) -> None:
    """1.5544 and 55.296 at T = 15 (theory.md, section 3): second order in the cell width."""
    system = zoo.muller_brown(temperature=15.0)
    found = []
    for n in (60, 120):
        grid = Grid(x=cells(-2.2, 1.4, n), y=cells(-1.0, 2.6, n))
        m = operator(system, grid, weights=weights)
        root = np.exp(-0.5 * (system.energy_at(grid.centers).ravel() - system.energy_at(grid.centers).min()) / 15)
        root = np.maximum(root, 1e-150)
        symmetric = (m.multiply(root[None, :] / 1.0)).tocsc()
        symmetric = symmetric.multiply(1 / root[:, None]).tocsc()
        values = eigsh(0.5 * (symmetric + symmetric.T), k=3, sigma=1e-3, which="LM", return_eigenvectors=False)
        found.append(np.sort(-values)[1:])
    coarse, fine = found
    extrapolated = fine + (fine - coarse) / 3
    np.testing.assert_allclose(extrapolated, [1.5544, 55.296], rtol=2e-3)


def test_refusals() -> None:
    grid = Grid(x=cells(-2, 2, 8), y=cells(-2, 2, 8))
    with pytest.raises(MobilityNotPositive, match="indefinite"):
        operator(System(energy=0.0, mobility=[[1, 2], [2, 1]], temperature=1.0, coordinates=("x", "y")), grid)
    with pytest.raises(InvalidArgument, match="one or two"):
        operator(System(energy=0.0, temperature=1.0, coordinates=("x", "y", "z")), grid)
    with pytest.raises(InvalidArgument, match="one or two"):
        operator(System(energy="v @ v", temperature=1.0, coordinates={"v": 2}), grid)
    with pytest.raises(InvalidArgument, match="weights: got 'gummel'"):
        operator(CASES["line"][0], CASES["line"][1], weights="gummel")
    steep = System(energy="1e5*x**2", temperature=1.0)
    with pytest.raises(InvalidArgument, match="which 'square_root' cannot hold"):
        operator(steep, Grid(x=cells(-2, 2, 8)), weights="square_root")
    assert np.isfinite(operator(steep, Grid(x=cells(-2, 2, 8))).data).all()


def test_order_two_with_a_full_tensor_and_a_circulation() -> None:
    """dx = −(S + A) H x dt + √(2T) dW stays Gaussian with the covariance C′ = −B C − C Bᵀ + 2 T S, B = (S + A) H."""
    stiffness, tensor, a = np.array([[1.0, 0.3], [0.3, 2.0]]), np.array([[1.0, 0.1], [0.1, 0.5]]), 1.5
    whole = System(
        energy="(x**2 + 0.6*x*y + 2*y**2)/2", mobility=tensor.tolist(), temperature=1.0, coordinates=("x", "y")
    )
    system = turned(whole, a)
    decay = expm(-0.3 * (tensor + a * np.array([[0, 1], [-1, 0]])) @ stiffness)
    rest = np.linalg.inv(stiffness)
    law = initial.gaussian(decay @ [1.0, -0.5], rest + decay @ (np.diag([0.3, 0.2]) - rest) @ decay.T)
    start, errors = initial.gaussian([1.0, -0.5], np.diag([0.3, 0.2])), []
    for n in (48, 96):
        grid = Grid(x=cells(-6, 6, n), y=cells(-5, 5, n))
        p = evolve(system, grid, initial=start, times=[0.0, 0.3], steps=25)
        errors.append(float(np.abs(p.values[-1] - law.density(grid.centers)).sum() * grid.volume))
    assert np.log2(errors[0] / errors[1]) > 1.85
    assert errors[1] < 6e-3
    # Negative control: the other sense of rotation ends elsewhere.
    wrong = evolve(turned(whole, -a), grid, initial=start, times=[0.0, 0.3], steps=25)
    assert np.abs(wrong.values[-1] - law.density(grid.centers)).sum() * grid.volume > 0.3


@pytest.mark.parametrize("name", ["tensor", "walls"])
def test_circulation_has_no_negative_rate_and_keeps_the_law(name: str) -> None:
    system, grid = CASES[name]
    for a in ("2", "30*sin(3*x)"):
        m = operator(turned(system, a), grid).tocoo()
        assert (m.data[m.row != m.col] >= 0).all()
        q = np.exp(-system.energy_at(grid.centers) / system.temperature).ravel()
        assert np.abs(m @ q).max() < 1e-13 * (-m.tocsc().diagonal() * q).max()
