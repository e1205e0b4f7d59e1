"""Where the rows of a run without a store go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_kit.run._dataset import About

if TYPE_CHECKING:
    import xarray as xr


class Sink(Protocol):
    """What takes rows: `Memory`, or a store."""

    is_laid_out: bool

    def lay_out(
        self, coordinates: xr.Dataset, rows: Mapping[str, NDArray[Any]], about: About, rounded: Collection[str] = ()
    ) -> None:
        """Make the arrays, whose rows are like these; the mantissas of some are rounded."""

    def append(self, rows: Callable[[], Mapping[str, NDArray[Any]]]) -> None:
        """Ask, now or on another thread, for the next rows of some arrays, (k, …) each, and take them.

        What they are made of the caller leaves alone until two more calls are over.
        """

    def beat(self) -> None:
        """Hear that the run goes on."""

    def is_due(self) -> bool:
        """Whether it wants a commit."""

    def commit(self, step: int, state: Callable[[], NDArray[np.floating]]) -> None:
        """Make what was appended, and the state at a step, safe."""


class Memory:
    """Arrays of all saved times, and a Dataset of those that were filled."""

    def __init__(self) -> None:
        self.is_laid_out = False
        self._arrays: dict[str, NDArray[Any]] = {}
        self._rows: dict[str, int] = {}

    def lay_out(
        self, coordinates: xr.Dataset, rows: Mapping[str, NDArray[Any]], about: About, rounded: Collection[str] = ()
    ) -> None:
        """Make the arrays."""
        n = coordinates.sizes["time"]
        self._coordinates, self._about, self.is_laid_out = coordinates, about, True
        self._arrays = {name: np.zeros((n, *row.shape), row.dtype) for name, row in rows.items()}
        self._rows = dict.fromkeys(rows, 0)

    def append(self, rows: Callable[[], Mapping[str, NDArray[Any]]]) -> None:
        """Copy the rows."""
        for name, block in rows().items():
            first = self._rows[name]
            self._rows[name] = first + len(block)
            self._arrays[name][first : first + len(block)] = block

    def beat(self) -> None:
        """Do nothing."""

    def is_due(self) -> bool:
        """Never: nothing here outlives the process."""
        return False

    def commit(self, step: int, state: Callable[[], NDArray[np.floating]]) -> None:
        """Do nothing."""

    def dataset(self) -> xr.Dataset:
        """What there is."""
        import langevin_kit.run._accessor  # noqa: F401  (registers `ds.langevin`)

        done = min(self._rows.values(), default=0)
        values = {
            name: (self._about[name][0], array[:done], self._about[name][1]) for name, array in self._arrays.items()
        }
        return self._coordinates.isel(time=slice(0, done)).assign(values)
