"""Default cells: over the law and the ensemble, edge to edge between walls, nowhere beyond one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from langevin_kit import System, boltzmann, periodic, reflecting
from langevin_kit.run._grid import default_grid

START = np.random.default_rng(0).uniform(0.4, 0.6, (1, 100))


@pytest.mark.parametrize("wall", [periodic(0.0, 1.0), reflecting(0.0, 1.0)])
@pytest.mark.parametrize("energy", ["0", "(x - 0.5)**2", "20*cos(2*pi*x)"])
def test_a_closed_domain_is_covered_from_end_to_end(wall: Any, energy: str) -> None:
    system = System(energy=energy, temperature=1.0, walls={"x": wall})
    grid = default_grid(system, [boltzmann(system)], START)
    assert grid is not None
    assert (grid.lower[0], grid.upper[0], grid.shape) == (0.0, 1.0, (1024,))


def test_a_narrow_law_between_far_walls_keeps_narrow_cells() -> None:
    system = System(energy="x**2/2", temperature=1.0, walls={"x": reflecting(-1e4, 1e4)})
    grid = default_grid(system, [boltzmann(system)], START)
    assert grid is not None
    assert grid.upper[0] - grid.lower[0] < 20


def test_one_wall() -> None:
    system = System(energy="x", temperature=1.0, walls={"x": reflecting(0.0)})
    grid = default_grid(system, [boltzmann(system)], START)
    assert grid is not None
    assert grid.lower[0] == 0.0
    assert 19 < grid.upper[0] < 30


def test_mixed() -> None:
    system = System(
        energy="(2 + cos(x))*y**2/2", temperature=1.0, coordinates=("x", "y"), walls={"x": periodic(0.0, 2 * np.pi)}
    )
    grid = default_grid(system, [boltzmann(system)], np.ones((2, 10)))
    assert grid is not None
    assert (grid.lower[0], grid.upper[0]) == (0.0, 2 * np.pi)
    assert grid.lower[1] == pytest.approx(-np.sqrt(40), rel=0.05)


def test_no_cells_without_a_law_or_beyond_two_coordinates() -> None:
    system = System(energy="x**2 + y**2 + z**2", temperature=1.0, coordinates=("x", "y", "z"))
    assert default_grid(system, [boltzmann(system)], np.zeros((3, 5))) is None
    assert default_grid(System(energy="0", temperature=1.0), [], START) is None
