"""Cells and boxes of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import Cells, Grid, cells
from langevin_kit.system.grid import hull


@pytest.mark.parametrize(
    ("lower", "upper", "n"), [(-3.0, 3.0, 7), (0.0, 1.0, 1), (1e8, 1e8 + 1, 256), (-1e-9, 1e-9, 3)]
)
def test_cells(lower: float, upper: float, n: int) -> None:
    axis = cells(lower, upper, n)
    assert (axis.edges[0], axis.edges[-1], len(axis.edges), len(axis.centers)) == (lower, upper, n + 1, n)
    scale = max(abs(lower), abs(upper))
    np.testing.assert_allclose(np.diff(axis.edges), axis.width, atol=4e-16 * scale)
    np.testing.assert_allclose(axis.centers - axis.edges[:-1], axis.width / 2, atol=4e-16 * scale)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cells(1, 0, 3), "lower < upper"),
        (lambda: cells(0, 0, 3), "lower < upper"),
        (lambda: cells(0, math.inf, 3), "finite"),
        (lambda: cells(math.nan, 1, 3), "finite"),
        (lambda: cells(0, 1, 0), "got 0 cells"),
        (lambda: cells(0, 1, -4), "got -4 cells"),
        (lambda: cells(0, 1, 2**20 + 1), "got 1048577 cells"),
        (lambda: cells(0, 1, 2.7), "cells"),  # type: ignore[arg-type]
        (lambda: cells(0, 1, math.nan), "cells"),  # type: ignore[arg-type]
        (lambda: cells("a", 1, 3), "cells"),  # type: ignore[arg-type]
        (lambda: cells(-1e308, 1e308, 4), "cells"),
        (lambda: cells(1.0, 1.0 + 4e-16, 100), "cells"),
        (lambda: Grid(), "give each coordinate its cells"),
        (lambda: Grid(x=(0, 1, 2)), "give each coordinate its cells"),  # type: ignore[arg-type]
        (lambda: Grid(x=cells(0, 1, 2)).check(("y",), "histogram"), r"histogram: got axes \('x',\)"),
        (lambda: Grid(x=cells(0, 1, 2), y=cells(0, 1, 2)).check(("y", "x"), "histogram"), "in this order"),
    ],
)
def test_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        make()


def test_grid() -> None:
    grid = Grid(x=cells(-3, 3, 6), y=cells(0, 1, 4))
    assert (grid.names, grid.shape, grid.volume) == (("x", "y"), (6, 4), 0.25)
    assert grid.centers.shape == (2, 6, 4)
    np.testing.assert_array_equal(grid.centers[0, :, 2], grid.axes["x"].centers)
    np.testing.assert_array_equal(grid.centers[1, 3], grid.axes["y"].centers)
    np.testing.assert_array_equal([grid.lower, grid.upper, grid.width], [[-3, 0], [3, 1], [1, 0.25]])
    assert grid.to_dict() == {"x": [-3.0, 3.0, 6], "y": [0.0, 1.0, 4]}
    grid.check(("x", "y"), "histogram")
    assert eval(repr(grid), {"Grid": Grid, "cells": cells}).axes == grid.axes


def test_hull() -> None:
    grid = hull(("x", "y"), np.array([-1.0, 0.0]), np.array([1.0, 2.0]), 8)
    assert grid.axes == {"x": Cells(-1.0, 1.0, 8), "y": Cells(0.0, 2.0, 8)}
