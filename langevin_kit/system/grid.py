"""Uniform cells on an axis, and boxes of them."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument

MAX_CELLS = 2**24
"""Most cells of a grid: 128 MiB of counts."""


@dataclass(frozen=True)
class Cells:
    """`n` cells of equal width between `lower` and `upper`."""

    lower: float
    upper: float
    n: int

    def __post_init__(self) -> None:
        if not (np.isfinite(self.upper - self.lower) and self.lower < self.upper):
            raise InvalidArgument(f"cells: got bounds {self.lower}, {self.upper}; finite lower < upper are needed.")
        if not 1 <= self.n <= 2**20:
            raise InvalidArgument(f"cells: got {self.n} cells; 1 to {2**20} are allowed.")
        if not (np.diff(self.edges) > 0).all():
            raise InvalidArgument(
                f"cells: {self.n} cells between {self.lower} and {self.upper} have no width in float64; take fewer."
            )

    @property
    def width(self) -> float:
        """Width of one cell."""
        return (self.upper - self.lower) / self.n

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """The n + 1 edges."""
        return np.linspace(self.lower, self.upper, self.n + 1)

    @cached_property
    def centers(self) -> NDArray[np.float64]:
        """The n midpoints."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])


def cells(lower: float, upper: float, n: int) -> Cells:
    """Make `n` cells of equal width between `lower` and `upper`.

    Examples
    --------
    >>> cells(-1.0, 1.0, 4).centers
    array([-0.75, -0.25,  0.25,  0.75])
    """
    try:
        low, high, count = float(lower), float(upper), operator.index(n)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgument(
            f"cells: got {lower!r}, {upper!r}, {n!r}; two numbers and an integer are needed."
        ) from None
    return Cells(low, high, count)


class Grid:
    """A box of cells, one axis a coordinate, in the coordinates' order.

    Examples
    --------
    >>> grid = Grid(x=cells(-3, 3, 60), y=cells(-2, 2, 40))
    >>> grid.shape, round(grid.volume, 12)
    ((60, 40), 0.01)
    """

    def __init__(self, **axes: Cells) -> None:
        if not axes or not all(isinstance(axis, Cells) for axis in axes.values()):
            raise InvalidArgument(f"Grid: got {axes}; give each coordinate its cells, as in Grid(x=cells(-3, 3, 256)).")
        total = math.prod(axis.n for axis in axes.values())
        if total > MAX_CELLS:
            raise InvalidArgument(f"Grid: got {total} cells in all; at most {MAX_CELLS} are allowed.")
        self.axes = axes

    def __repr__(self) -> str:
        return f"Grid({', '.join(f'{k}=cells({a.lower:g}, {a.upper:g}, {a.n})' for k, a in self.axes.items())})"

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates' names."""
        return tuple(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of cells of each axis."""
        return tuple(axis.n for axis in self.axes.values())

    @property
    def lower(self) -> NDArray[np.float64]:
        """Lower bounds (d,)."""
        return np.array([axis.lower for axis in self.axes.values()])

    @property
    def upper(self) -> NDArray[np.float64]:
        """Upper bounds (d,)."""
        return np.array([axis.upper for axis in self.axes.values()])

    @property
    def width(self) -> NDArray[np.float64]:
        """Cell widths (d,)."""
        return np.array([axis.width for axis in self.axes.values()])

    @property
    def volume(self) -> float:
        """Volume of one cell."""
        return float(np.prod(self.width))

    @property
    def edges(self) -> list[NDArray[np.float64]]:
        """The edges of each axis."""
        return [axis.edges for axis in self.axes.values()]

    @cached_property
    def centers(self) -> NDArray[np.float64]:
        """Midpoints of all cells, shape (d, *shape)."""
        return np.stack(np.meshgrid(*(axis.centers for axis in self.axes.values()), indexing="ij"))

    def check(self, names: tuple[str, ...], field: str) -> None:
        """Refuse a grid whose axes are not `names` in this order."""
        if self.names != names:
            raise InvalidArgument(f"{field}: got axes {self.names}; the coordinates are {names}, in this order.")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: [axis.lower, axis.upper, axis.n] for name, axis in self.axes.items()}


def grid_from_dict(axes: Mapping[str, Any]) -> Grid:
    """The grid that `Grid.to_dict` wrote down.

    Examples
    --------
    >>> grid_from_dict({"x": [-1.0, 1.0, 4]}).to_dict()
    {'x': [-1.0, 1.0, 4]}
    """
    return Grid(**{name: cells(*axis) for name, axis in axes.items()})


def hull(names: tuple[str, ...], lower: NDArray[np.float64], upper: NDArray[np.float64], n: int) -> Grid:
    """A grid with `n` cells an axis between two corners."""
    return Grid(**{name: cells(a, b, n) for name, a, b in zip(names, lower, upper, strict=True)})
