"""From rows of measurements to a Dataset with coordinates, units, long names and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import Measurement
from langevin_kit.observables import CELLS, VARIABLES, Plan, Variable, attributes
from langevin_kit.store import Store
from langevin_kit.system import System

if TYPE_CHECKING:
    import xarray as xr


class Recorder:
    """Collects what is saved; positions go to the store as they come, everything else is small."""

    def __init__(
        self, plan: Plan, times: NDArray[np.float64], save_every: int, n_kept: int, dtype: str, store: Store | None
    ) -> None:
        self.plan, self.times, self.save_every, self.n_kept, self.store = plan, times, save_every, n_kept, store
        self.n_times = len(times)
        self.rows = 0
        self.values: dict[str, NDArray[Any]] = {}
        self.n_nonfinite = np.zeros(self.n_times, np.int64)
        self.n_outside = np.zeros(self.n_times, np.int64)
        shape = () if plan.histogram is None else plan.histogram.shape
        self.histogram = np.zeros((self.n_times, *shape), np.int64)
        self.position: NDArray[np.floating] | None = None
        if n_kept and store is None:
            self.position = np.full((self.n_times, plan.d, n_kept), np.nan, dtype)
        elif store is not None and n_kept:
            store.create_positions(self.n_times, plan.d, n_kept, dtype, VARIABLES["position"].dims)

    def record(self, row: int, measurement: Measurement, position: NDArray[np.floating]) -> None:
        """Keep one saved time."""
        for name, value in self.plan.finish(measurement.sums).items():
            value = np.asarray(value)
            rows = self.values.setdefault(name, np.zeros((self.n_times, *value.shape), value.dtype))
            rows[row] = value
        self.n_nonfinite[row] = len(measurement.nonfinite)
        if measurement.histogram is not None:
            self.histogram[row] = measurement.histogram
            self.n_outside[row] = measurement.n_outside
        if self.position is not None:
            self.position[row] = position[:, : self.n_kept]
        elif self.n_kept and self.store is not None:
            self.store.write_positions(row, position[:, : self.n_kept])
        self.rows = row + 1


def assemble(
    system: System,
    recorder: Recorder,
    estimates: dict[str, Any],
    attrs: dict[str, Any],
    long_names: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Build the Dataset of the rows that were recorded, and write it to the store if there is one.

    `long_names` say what the estimates mean where that is not what they usually do.
    """
    import xarray as xr

    import langevin_kit.run._accessor  # noqa: F401  (registers `ds.langevin`)

    grid, done = recorder.plan.histogram, recorder.rows
    units = system.units
    arrays: dict[str, NDArray[Any]] = {
        "step": np.arange(done) * recorder.save_every,
        **{name: rows[:done] for name, rows in recorder.values.items()},
        "n_nonfinite": recorder.n_nonfinite[:done],
        **estimates,
    }
    if grid is not None:
        arrays |= {"histogram": recorder.histogram[:done], "n_outside": recorder.n_outside[:done]}
    if recorder.position is not None:
        arrays["position"] = recorder.position[:done]
    axes = () if grid is None else grid.names
    known = {**VARIABLES, **recorder.plan.variables}
    variables = {
        name: (
            _dims(known[name], axes),
            values,
            _attributes(name, recorder.plan, known[name]) | _long_name(name, long_names),
        )
        for name, values in arrays.items()
    }
    # Strings of variable length: those of fixed length have no Zarr v3 specification.
    components = np.array(system.names, dtype=object)
    coordinates: dict[str, Any] = {
        "time": ("time", recorder.times[:done], {"long_name": "time", "units": units.get("time", "1")}),
        "component": ("component", components, {"long_name": "coordinate"}),
    }
    if "covariance" in arrays:
        coordinates["component_"] = ("component_", components, {"long_name": "second coordinate"})
    for name, axis in ({} if grid is None else grid.axes).items():
        about = {"long_name": f"{name}, midpoint of the cell", "units": units.get(name, "1")}
        coordinates[name] = (name, axis.centers, {**about, "lower": axis.lower, "upper": axis.upper})
    ds = xr.Dataset(variables, coordinates, attrs)
    if recorder.store is not None:
        position = attributes(VARIABLES["position"], system.names, units)
        recorder.store.finish(ds, position if recorder.n_kept else None)
    return ds


def _long_name(name: str, long_names: Mapping[str, str] | None) -> dict[str, str]:
    return {"long_name": long_names[name]} if long_names and name in long_names else {}


def _attributes(name: str, plan: Plan, about: Variable) -> dict[str, str]:
    """Meaning and unit; for an observable its kind too, so that the accessor knows what it may do with it."""
    kind = {"observable": plan.observables[name].kind} if name in plan.observables else {}
    return attributes(about, plan.system.names, plan.system.units) | kind


def _dims(about: Variable, axes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(d for dim in about.dims for d in (axes if dim == CELLS else (dim,)))
