"""The density in time: mass, sign, a falling F, and closed forms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from langevin_kit import Grid, System, boltzmann, cells, initial, periodic, reflecting
from langevin_kit.errors import InvalidArgument, MobilityNotPositive
from langevin_kit.estimate import free_energy_of_density
from langevin_kit.fokker_planck import evolve, operator
from langevin_kit.fokker_planck.operator import WEIGHTS

LINE = System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5)
PLANE = System(
    energy="(x**2 - 1)**2 + x*y/2 + y**2",
    mobility=[["1/(1 + x**2)", 0], [0, "1 + y**2"]],
    temperature=0.5,
    coordinates=("x", "y"),
)
MOVING = System(energy="(x**2 - 1)**2", mobility="1/2 + exp(-t)*(1 + sin(5*t)*x/(1 + x**2))", temperature=0.5)
GRIDS = {1: Grid(x=cells(-2.5, 2.5, 200)), 2: Grid(x=cells(-2.3, 2.3, 48), y=cells(-3, 3, 50))}


def discrete_law(system: System, grid: Grid) -> NDArray[np.float64]:
    q = np.exp(-system.energy_at(grid.centers) / system.temperature)
    return np.asarray(q / q.sum())


@pytest.mark.claim("C03")
@pytest.mark.parametrize("system", [LINE, PLANE])
def test_free_energy_never_rises_over_400_steps(system: System) -> None:
    grid, law = GRIDS[system.n_dim], boltzmann(system)
    start = initial.gaussian([-1.0, 0.5][: system.n_dim], 0.02)
    p = evolve(system, grid, initial=start, times=np.linspace(0.0, 4.0, 401), steps=1, method="implicit_euler")
    f = np.array([free_energy_of_density(law, grid, row)[0] for row in p.values])
    assert (np.diff(f) <= 1e-14).all()
    assert f[0] - f[-1] > 0.3
    assert (p.values > 0).all()
    np.testing.assert_allclose(p.sum(grid.names) * grid.volume, 1.0, atol=1e-12)
    # Negative control: without T ∇·K the law moves towards q/K, and F rises again on the way there from q.
    wrong = System(**{**system.to_dict(), "energy": f"({system.energy}) + 0.5*log({MOBILITIES[system.n_dim]})"})
    away = evolve(wrong, grid, initial=discrete_law(system, grid), times=np.linspace(0.0, 4.0, 11))
    rising = np.array([free_energy_of_density(law, grid, row)[0] for row in away.values])
    assert np.diff(rising).max() > 1e-4


MOBILITIES = {1: "1/(1 + x**2)", 2: "(1 + y**2)/(1 + x**2)"}


@pytest.mark.claim("C13")
def test_boltzmann_law_is_invariant_under_a_mobility_that_changes_with_time() -> None:
    grid = GRIDS[1]
    q = discrete_law(MOVING, grid)
    rows = evolve(MOVING, grid, initial=q / grid.volume, times=np.linspace(0.0, 5.0, 51), steps=4)
    np.testing.assert_allclose(rows.values * grid.volume, np.broadcast_to(q, rows.shape), rtol=0, atol=1e-12 * q.max())
    spread = [operator(MOVING, grid, t).diagonal() for t in (0.0, 0.3, 2.0)]
    assert np.abs(spread[0] / spread[1] - 1).max() > 0.1
    # Negative control: an energy that changes with time moves the law.
    pushed = System(energy="(x**2 - 1)**2 + 0.1*sin(t)*x", mobility="1/2 + exp(-t)", temperature=0.5)
    moved = evolve(pushed, grid, initial=q / grid.volume, times=[0.0, 1.0])
    assert np.abs(moved.values[-1] * grid.volume - q).max() > 1e-3 * q.max()


def l1(p: NDArray[np.float64], law: initial.Initial, grid: Grid) -> float:
    return float(np.abs(p - law.density(grid.centers)).sum() * grid.volume)


def orders(errors: list[float]) -> NDArray[np.float64]:
    return np.log2(np.array(errors[:-1]) / errors[1:])


OU = System(energy="x**2/2", temperature=1.0)
OU_START = initial.gaussian([1.2], 0.25)


def ou_law(t: float) -> initial.Initial:
    """N(m e⁻ᵗ, 1 + (s² − 1) e⁻²ᵗ)."""
    return initial.gaussian([1.2 * np.exp(-t)], 1 + (0.25 - 1) * np.exp(-2 * t))


@pytest.mark.parametrize(("method", "order"), [("implicit_euler", 1.0), ("sdirk2", 2.0)])
def test_order_in_time(method: str, order: float) -> None:
    grid = Grid(x=cells(-6.0, 6.0, 400))
    exact = evolve(OU, grid, initial=OU_START, times=[0.0, 0.5], method="eigenvectors").values[-1]
    runs = [evolve(OU, grid, initial=OU_START, times=[0.0, 0.5], steps=k, method=method) for k in (10, 20, 40)]
    errors = [float(np.abs(p.values[-1] - exact).sum() * grid.volume) for p in runs]
    assert (np.abs(orders(errors) - order) < 0.1).all()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_order_two_in_the_cell_width(weights: str) -> None:
    errors = []
    for n in (50, 100, 200, 400):
        grid = Grid(x=cells(-6.0, 6.0, n))
        p = evolve(OU, grid, initial=OU_START, times=[0.0, 0.5], weights=weights)
        assert p.attrs["method"] == "eigenvectors"
        errors.append(l1(p.values[-1], ou_law(0.5), grid))
    assert (np.abs(orders(errors) - 2) < 0.1).all()


TILTED = System(
    energy="(x**2 + 0.6*x*y + 2*y**2)/2",
    mobility=[[1.0, 0.55], [0.55, 0.5]],
    temperature=1.0,
    coordinates=("x", "y"),
)


def tilted_law(t: float) -> initial.Initial:
    """The Gaussian of dx = −S H x dt + √(2T) dW, T = 1, from N((1, −½), diag(.3, .2))."""
    stiffness = np.array([[1.0, 0.3], [0.3, 2.0]])
    decay = expm(-t * np.array([[1.0, 0.55], [0.55, 0.5]]) @ stiffness)
    rest = np.linalg.inv(stiffness)
    return initial.gaussian(decay @ [1.0, -0.5], rest + decay @ (np.diag([0.3, 0.2]) - rest) @ decay.T)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_order_two_for_a_full_tensor(weights: str) -> None:
    errors = []
    for n in (32, 64, 128):
        grid = Grid(x=cells(-6.0, 6.0, n), y=cells(-5.0, 5.0, n))
        p = evolve(TILTED, grid, initial=tilted_law(0.0), times=[0.0, 0.3], steps=25, weights=weights)
        errors.append(l1(p.values[-1], tilted_law(0.3), grid))
    assert (np.abs(orders(errors) - 2) < 0.15).all()
    assert errors[-1] < 2e-3
    # Negative control: the same tensor without what stands beside its diagonal is another process.
    straight = System(**{**TILTED.to_dict(), "mobility": [[1.0, 0.0], [0.0, 0.5]]})
    wrong = evolve(straight, grid, initial=tilted_law(0.0), times=[0.0, 0.3], steps=25)
    assert l1(wrong.values[-1], tilted_law(0.3), grid) > 0.1


def test_order_in_time_where_everything_depends_on_it() -> None:
    """dx = −k(t) K(t) x dt + √(2 K(t)) dW stays Gaussian; k = 1 + ½ sin 4t, K = 1 + ½ cos 3t."""
    system = System(energy="(1 + sin(4*t)/2)*x**2/2", mobility="1 + cos(3*t)/2", temperature=1.0)
    end = 1.0
    solved = solve_ivp(
        lambda t, y: [
            -(1 + np.sin(4 * t) / 2) * (1 + np.cos(3 * t) / 2) * y[0],
            2 * (1 + np.cos(3 * t) / 2) * (1 - (1 + np.sin(4 * t) / 2) * y[1]),
        ],
        (0.0, end),
        [1.2, 0.25],
        rtol=1e-10,
        atol=1e-12,
    ).y[:, -1]
    grid = Grid(x=cells(-7.0, 7.0, 1200))
    law = initial.gaussian([solved[0]], solved[1])
    runs = [evolve(system, grid, initial=OU_START, times=[0.0, end], steps=k).values[-1] for k in (8, 16, 32)]
    errors = [l1(p, law, grid) for p in runs]
    assert (np.abs(orders(errors) - 2) < 0.15).all()


def test_a_ring_and_reflecting_walls_have_their_closed_forms() -> None:
    """Free diffusion: cosines on a ring and between walls decay as exp(−k² t)."""
    t = 0.3
    ring = System(energy=0.0, temperature=1.0, walls={"x": periodic(0.0, 2 * np.pi)})
    box = System(energy=0.0, temperature=1.0, walls={"x": reflecting(0.0, np.pi)})
    for system, upper, k in ((ring, 2 * np.pi, 1), (box, np.pi, 1), (box, np.pi, 2)):
        grid = Grid(x=cells(0.0, upper, 256))
        x = grid.centers[0]
        p = evolve(system, grid, initial=1 + 0.5 * np.cos(k * x), times=[0.0, t])
        exact = (1 + 0.5 * np.exp(-(k**2) * t) * np.cos(k * x)) / upper
        np.testing.assert_allclose(p.values[-1], exact, rtol=2e-5)
    # Negative control: on the ring taken for a box, a sine keeps no sine.
    grid = Grid(x=cells(0.0, 2 * np.pi, 256))
    x = grid.centers[0]
    wound = evolve(ring, grid, initial=1 + 0.5 * np.sin(x), times=[0.0, t]).values[-1]
    np.testing.assert_allclose(wound, (1 + 0.5 * np.exp(-t) * np.sin(x)) / (2 * np.pi), rtol=2e-5)
    cut = System(energy=0.0, temperature=1.0, walls={"x": reflecting(0.0, 2 * np.pi)})
    assert np.abs(evolve(cut, grid, initial=1 + 0.5 * np.sin(x), times=[0.0, t]).values[-1] - wound).max() > 0.01


def test_beside_a_wall_with_a_slanted_conormal_the_order_is_one() -> None:
    """Jumps that would pass the wall are left out there; 1.19 and 1.08 were measured up to 192² cells."""
    system = System(
        energy="sin(2*x)/2 + y",
        mobility=[[1.0, 0.5], [0.5, 1.0]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": periodic(-np.pi, np.pi), "y": reflecting(0.0, 3.0)},
    )
    densities = []
    for n in (24, 48, 96):
        grid = Grid(x=cells(-np.pi, np.pi, n), y=cells(0.0, 3.0, n))
        x, y = grid.centers
        start = 1 + 0.5 * np.cos(x) * np.cos(np.pi * y / 3)
        densities.append(evolve(system, grid, initial=start, times=[0.0, 0.3], steps=40).values[-1])

    def merged(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return p.reshape(len(p) // 2, 2, -1, 2).mean(axis=(1, 3))

    changes = [float(np.abs(coarse - merged(fine)).mean()) for coarse, fine in pairwise(densities)]
    assert 0.9 < np.log2(changes[0] / changes[1]) < 1.4
    assert changes[1] < 2e-3 * float(densities[0].mean())


def test_a_point_starts_at_its_place() -> None:
    grid = Grid(x=cells(-2.5, 2.5, 100), y=cells(-3.0, 3.0, 90))
    p = evolve(PLANE, grid, initial=initial.point([-1.013, 0.4]), times=[0.0])
    centre = [(p * p[name]).sum().item() * grid.volume for name in ("x", "y")]
    np.testing.assert_allclose(centre, [-1.013, 0.4], atol=1e-12)
    with pytest.raises(InvalidArgument, match="short of 4"):
        evolve(PLANE, grid, initial=initial.point([4.0, 0.0]), times=[0.0])


def test_a_start_far_from_the_wells_is_not_left_to_eigenvectors() -> None:
    """There √q is so small that round-off would show; what is done instead agrees with closed form."""
    far, grid = initial.gaussian([9.0], 0.05), Grid(x=cells(-11.0, 11.0, 1500))
    with pytest.raises(InvalidArgument, match=r"round-off would be .* of all mass; take 'sdirk2'"):
        evolve(OU, grid, initial=far, times=[0.0, 0.5], method="eigenvectors")
    p = evolve(OU, grid, initial=far, times=[0.0, 0.5], steps=100)
    assert p.attrs["method"] == "sdirk2"
    law = initial.gaussian([9 * np.exp(-0.5)], 1 + (0.05 - 1) * np.exp(-1.0))
    assert l1(p.values[-1], law, grid) < 1e-3


@pytest.mark.parametrize("steps", [1, 5])
def test_a_step_that_is_too_long_for_the_second_order_keeps_the_sign(steps: int) -> None:
    grid = Grid(x=cells(-6.0, 6.0, 300))
    p = evolve(OU, grid, initial=initial.point([1.0]), times=[0.0, 1.0], steps=steps, method="sdirk2")
    assert p.values.min() >= 0
    np.testing.assert_allclose(p.values.sum(axis=1) * grid.volume, 1.0, atol=1e-12)


def test_refusals() -> None:
    grid = GRIDS[1]
    with pytest.raises(InvalidArgument, match="T > 0"):
        operator(System(energy="x**2", temperature=0.0), grid)
    with pytest.raises(InvalidArgument, match=r"got axes \('y',\); the coordinates are \('x',\)"):
        operator(LINE, Grid(y=cells(-1, 1, 4)))
    with pytest.raises(MobilityNotPositive, match="'x' is -"):
        operator(System(energy="x**2", mobility="1 - x**2", temperature=1.0), grid)
    for times in ([0.0, 0.0], [1.0, 0.5], [[0.0]], []):
        with pytest.raises(InvalidArgument, match="increasing"):
            evolve(LINE, grid, initial=initial.gaussian([0.0], 0.1), times=times)
    with pytest.raises(InvalidArgument, match="shape"):
        evolve(LINE, grid, initial=np.ones(3), times=[0.0, 1.0])
    with pytest.raises(InvalidArgument, match="steps"):
        evolve(LINE, grid, initial=np.ones(200), times=[0.0, 1.0], steps=0)
    with pytest.raises(InvalidArgument, match="method: got 'sdirk'; did you mean 'sdirk2'"):
        evolve(LINE, grid, initial=np.ones(200), times=[0.0, 1.0], method="sdirk")
    with pytest.raises(InvalidArgument, match="the grid is no line"):
        evolve(PLANE, GRIDS[2], initial=np.ones((48, 50)), times=[0.0, 1.0], method="eigenvectors")
    with pytest.raises(InvalidArgument, match="depends on time"):
        evolve(MOVING, grid, initial=np.ones(200), times=[0.0, 1.0], method="eigenvectors")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drift": ["y", "-x"]}, "an extra drift"),
        ({"walls": {"x": periodic(-3.0, 2.0)}}, "its ring goes from -3 to 2, and all of it is needed"),
        ({"walls": {"y": reflecting(-1.0)}}, "beyond its walls at -1 and inf"),
    ],
)
def test_what_the_fluxes_would_leave_out_is_refused(change: dict[str, object], words: str) -> None:
    system = System(energy="x**2 + y**2", temperature=1.0, coordinates=("x", "y"), **change)  # type: ignore[arg-type]
    grid = Grid(x=cells(-2, 2, 8), y=cells(-2, 2, 8))
    with pytest.raises(InvalidArgument, match=words):
        operator(system, grid)
