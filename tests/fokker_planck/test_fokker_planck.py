"""The grid operator: mass, positivity, q as its null vector, F falling, and its solution against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit import Grid, System, boltzmann, cells, initial, periodic, reflecting
from langevin_kit.errors import InvalidArgument, MobilityNotPositive
from langevin_kit.estimate import free_energy_of_density
from langevin_kit.fokker_planck import evolve, operator

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


@pytest.mark.parametrize("system", [LINE, PLANE])
def test_operator_keeps_mass_and_sign_and_the_boltzmann_law(system: System) -> None:
    grid = GRIDS[system.n_dim]
    m = operator(system, grid)
    scale = abs(m).max()
    assert abs(m.sum(axis=0)).max() < 1e-12 * scale
    off_diagonal = m - np.diag(m.diagonal())
    assert off_diagonal.min() >= 0
    q = discrete_law(system, grid).ravel()
    assert np.abs(m @ q).max() < 1e-14 * scale * q.max()


@pytest.mark.claim("C03")
@pytest.mark.parametrize("system", [LINE, PLANE])
def test_free_energy_never_rises_over_400_steps(system: System) -> None:
    grid, law = GRIDS[system.n_dim], boltzmann(system)
    start = initial.gaussian([-1.0, 0.5][: system.n_dim], 0.02)
    p = evolve(system, grid, initial=start, times=np.linspace(0.0, 4.0, 401), steps=1)
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


def test_solution_converges_to_the_ornstein_uhlenbeck_density() -> None:
    """N(m e⁻ᵗ, 1 + (s² − 1) e⁻²ᵗ): order 1 in the step; with Richardson over the step, order 2 in the cell width."""
    system, t = System(energy="x**2/2", temperature=1.0), 0.5
    exact = initial.gaussian([1.2 * np.exp(-t)], 1 + (0.25 - 1) * np.exp(-2 * t))

    def error(n: int, steps: tuple[int, ...]) -> float:
        grid = Grid(x=cells(-6.0, 6.0, n))
        runs = [
            evolve(system, grid, initial=initial.gaussian([1.2], 0.25), times=[0.0, t], steps=k).values[-1]
            for k in steps
        ]
        p = runs[0] if len(runs) == 1 else 2 * runs[1] - runs[0]
        return float(np.abs(p - exact.density(grid.centers)).sum() * grid.volume)

    in_time = [error(1600, (k,)) for k in (10, 20, 40)]
    assert 0.9 < np.log2(in_time[0] / in_time[1]) < 1.1
    assert 0.9 < np.log2(in_time[1] / in_time[2]) < 1.1
    in_space = [error(n, (4000, 8000)) for n in (50, 100, 200)]
    assert 1.9 < np.log2(in_space[0] / in_space[1]) < 2.1
    assert 1.9 < np.log2(in_space[1] / in_space[2]) < 2.1


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mobility": [[1, 0.5], [0.5, 1]]}, "entries beside the diagonal"),
        ({"drift": ["y", "-x"]}, "an extra drift"),
        ({"walls": {"x": periodic(-2.0, 2.0)}}, "a periodic coordinate"),
        ({"walls": {"y": reflecting(-1.0)}}, "beyond its walls at -1 and inf"),
    ],
)
def test_what_the_fluxes_would_leave_out_is_refused(change: dict[str, object], words: str) -> None:
    system = System(energy="x**2 + y**2", temperature=1.0, coordinates=("x", "y"), **change)  # type: ignore[arg-type]
    grid = Grid(x=cells(-2, 2, 8), y=cells(-2, 2, 8))
    with pytest.raises(InvalidArgument, match=words):
        operator(system, grid)
