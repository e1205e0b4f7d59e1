"""What the panels read from a run."""

from __future__ import annotations

import json
import textwrap
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.estimate.quadratic import gaussian_law
from langevin_kit.run import Langevin
from langevin_kit.system import Grid, System

Floats = NDArray[np.float64]


WIDTH, LINES = 95, 3
"""Characters a line, and lines, that the caption has for a reason; the Dataset has all of it."""

SEED_DIGITS = 16
"""Digits of the seed that the caption has room for; the Dataset has them all."""


class View:
    """A Dataset with its system, its cells if it has any, and labels."""

    def __init__(self, ds: xr.Dataset, system: System | None = None) -> None:
        self.ds = ds
        self._langevin = Langevin(ds) if system is None else Langevin(ds).with_system(system)
        self.system: System = self._langevin.system
        self.times: Floats = ds["time"].values
        self.has_law = "kl_divergence" in ds
        self.has_axes = self.system.n_dim == 2 and not self.system.facts.is_diagonal
        self.has_map = self.system.n_dim == 2 and bool({"histogram", "position"} & set(ds.data_vars))

    @cached_property
    def grid(self) -> Grid | None:
        """The histogram's cells."""
        grid: Grid | None = self._langevin.grid if "histogram" in self.ds else None
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
        with np.errstate(all="ignore"):
            energy = self.system.effective_energy_at(x, float(self.times[row]))
            q: Floats = np.nan_to_num(np.exp(-energy / self.temperature - log_z))
        return q

    def variance(self) -> Floats:
        """Variance of each coordinate, (time, d)."""
        if "variance" in self.ds:
            return np.asarray(self.ds["variance"].values)
        return np.asarray(np.diagonal(self.ds["covariance"].values, axis1=1, axis2=2))

    def law_variance(self) -> Floats:
        """Variance of each coordinate under a Boltzmann law that is Gaussian and at rest, (d,); empty without one."""
        facts = self.system.facts
        if not self.has_law or not facts.is_quadratic or facts.energy_depends_on_time or self.system.walls:
            return np.empty(0)
        _, covariance = gaussian_law(self.system)
        return np.asarray(np.diagonal(covariance))

    def observables(self) -> list[str]:
        """Names of the user's observables."""
        return [str(name) for name, variable in self.ds.data_vars.items() if "observable" in variable.attrs]

    @property
    def has_energy(self) -> bool:
        """Whether the mean energy is more than one number."""
        return bool(np.ptp(self.ds["energy"].values) > 0 or self.ds["energy_stderr"].values.any())

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
        """Why there is neither KL nor an equilibrium free energy: the run's own words; empty where there are."""
        if self.has_law:
            return ""
        reason = str(self.ds.attrs["boltzmann"]).removeprefix("none: ")
        return textwrap.fill(f"boltzmann: none — {reason}", width=WIDTH, max_lines=LINES, placeholder=" …")


def spread(n: int, count: int, first: int = 0) -> list[int]:
    """At most `count` rows of n: `first`, then ever wider apart up to the last, as a decay asks for."""
    if n <= first + 1:
        return [n - 1]
    steps = np.geomspace(1, n - first, count).round().astype(int)
    return [first + int(k) - 1 for k in np.unique(steps)]
