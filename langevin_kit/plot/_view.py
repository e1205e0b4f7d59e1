"""What the panels read from a run."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.run import Langevin
from langevin_kit.system import Grid, System

Floats = NDArray[np.float64]


SEED_DIGITS = 16
"""Digits of the seed that the caption has room for; the Dataset has them all."""


class View:
    """A Dataset with its system, its cells if it has any, and labels."""

    def __init__(self, ds: xr.Dataset) -> None:
        self.ds = ds
        self.system: System = Langevin(ds).system
        self.times: Floats = ds["time"].values
        self.has_law = "kl_divergence" in ds
        self.has_map = self.system.n_dim == 2 and bool({"histogram", "position"} & set(ds.data_vars))

    @cached_property
    def grid(self) -> Grid | None:
        """The histogram's cells."""
        grid: Grid | None = Langevin(self.ds).grid if "histogram" in self.ds else None
        return grid

    @property
    def temperature(self) -> float:
        """T."""
        return self.system.temperature

    def unit(self, name: str) -> str:
        """A unit's label with a space before it; nothing in reduced units."""
        unit = self.system.units.get(name, "1")
        return "" if unit == "1" else f" {unit}"

    def label(self, name: str, text: str = "") -> str:
        """The label of an axis that shows `name`."""
        unit = self.unit(name).strip()
        return f"{text or name} [{unit}]" if unit else text or name

    def label_density(self) -> str:
        """The label of p, per unit of each coordinate."""
        names = self.system.names
        units = " ".join(unit for unit in (self.unit(name).strip() for name in names) if unit)
        text = f"density p({', '.join(names)}, t)"
        return f"{text} [1/({units})]" if " " in units else f"{text} [1/{units}]" if units else text

    def at(self, row: int) -> str:
        """A saved time in words."""
        return f"t = {self.times[row]:.4g}{self.unit('time')}"

    def counts(self, row: int) -> NDArray[np.int64]:
        """The histogram at one time."""
        counts: NDArray[np.int64] = self.ds["histogram"].isel(time=row).values
        return counts

    def energy(self, x: Floats, row: int) -> Floats:
        """E at points (d, ...), NaN where it has no finite value."""
        with np.errstate(all="ignore"):
            energy = self.system.energy_at(x, float(self.times[row]))
        return np.where(np.isfinite(energy), energy, np.nan)

    def law(self, x: Floats, row: int) -> Floats:
        """The Boltzmann law at points (d, ...), with the run's own ln Z."""
        log_z = float(self.ds["log_partition_function"][row])
        q: Floats = np.nan_to_num(np.exp(-self.energy(x, row) / self.temperature - log_z))
        return q

    def deviation(self) -> Floats:
        """Standard deviation of each coordinate, (time, d)."""
        deviation: Floats = np.sqrt(np.diagonal(self.ds["covariance"].values, axis1=1, axis2=2))
        return deviation

    def caption(self) -> str:
        """How the run was made, in one line."""
        run: dict[str, Any] = json.loads(self.ds.attrs["run"])
        parts = (
            f"{run['n_particles']:,} particles",
            f"T = {self.temperature:g}{self.unit('energy')}",
            f"Δt = {run['time_step']:g}{self.unit('time')}",
            run["scheme"],
            run["dtype"],
            f"seed {run['seed']}" if len(run["seed"]) <= SEED_DIGITS else f"seed {run['seed'][:SEED_DIGITS]}…",
        )
        return "  ·  ".join(parts)

    def why_no_law(self) -> str:
        """Why there is neither KL nor an equilibrium free energy."""
        if self.temperature == 0:
            return "No Boltzmann law at T = 0: the ensemble ends in the minima of E."
        return (
            "No Boltzmann law, since exp(−E/T) could not be normalised:\nno KL(p‖q), and no free energy of equilibrium."
        )


def spread(n: int, count: int, first: int = 0) -> list[int]:
    """At most `count` rows of n: `first`, then ever wider apart up to the last, as a decay asks for."""
    if n <= first + 1:
        return [n - 1]
    steps = np.geomspace(1, n - first, count).round().astype(int)
    return [first + int(k) - 1 for k in np.unique(steps)]
