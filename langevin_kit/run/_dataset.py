"""What a run's arrays mean: dims, long names, units, and the coordinates that they lie along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.observables import CELLS, VARIABLES, Plan, Variable, attributes

if TYPE_CHECKING:
    import xarray as xr

About = dict[str, tuple[tuple[str, ...], dict[str, Any]]]
"""Name of a variable → its dims and its attributes."""


def describe(plan: Plan, names: Iterable[str], long_names: Mapping[str, str]) -> About:
    """Dims and attributes of variables; `long_names` say what those mean that do not mean what they usually do."""
    axes = () if plan.histogram is None else plan.histogram.names
    known = {**VARIABLES, **plan.variables}
    return {
        name: (
            _dims(known[name], axes),
            _attributes(name, plan, known[name]) | ({"long_name": long_names[name]} if name in long_names else {}),
        )
        for name in names
    }


def coordinates(plan: Plan, times: NDArray[np.float64], attrs: Mapping[str, Any], *, covariance: bool) -> xr.Dataset:
    """A Dataset of coordinates alone, with the attributes of the whole."""
    import xarray as xr

    system, units = plan.system, plan.system.units
    # Strings of variable length: those of fixed length have no Zarr v3 specification.
    components = np.array(system.names, dtype=object)
    found: dict[str, Any] = {
        "time": ("time", times, {"long_name": "time", "units": units.get("time", "1")}),
        "component": ("component", components, {"long_name": "coordinate"}),
    }
    if covariance:
        found["component_"] = ("component_", components, {"long_name": "second coordinate"})
    if system.absorbers:
        walls = np.array([f"{system.names[a]} {side}" for a, side in system.absorbers], dtype=object)
        found["wall"] = ("wall", walls, {"long_name": "absorbing wall"})
    for name, axis in ({} if plan.histogram is None else plan.histogram.axes).items():
        about = {"long_name": f"{name}, midpoint of the cell", "units": units.get(name, "1")}
        found[name] = (name, axis.centers, {**about, "lower": axis.lower, "upper": axis.upper})
    return xr.Dataset(None, found, attrs)


def _attributes(name: str, plan: Plan, about: Variable) -> dict[str, str]:
    """Meaning and unit; for an observable its kind too, so that the accessor knows what it may do with it."""
    kind = {"observable": plan.observables[name].kind} if name in plan.observables else {}
    return attributes(about, plan.system.names, plan.system.units) | kind


def _dims(about: Variable, axes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(d for dim in about.dims for d in (axes if dim == CELLS else (dim,)))
