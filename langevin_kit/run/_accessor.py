"""`ds.langevin`: estimates from a run in memory or from a store, through the same functions as in the run."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from langevin_kit.errors import InvalidStore
from langevin_kit.estimate import Monotone, Verdict, falls, laws, relaxation, verdict
from langevin_kit.observables import attributes
from langevin_kit.system import Grid, System, cells


@xr.register_dataset_accessor("langevin")  # type: ignore[no-untyped-call]
class Langevin:
    """Estimates of a run.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> ds = lk.simulate(lk.System(energy="x**2/2", temperature=1.0), initial=lk.initial.point([0.5]),
    ...                  n_particles=20_000, time_step=0.01, n_steps=1000, save_every=500, rng=1)
    >>> sorted(ds.langevin.kl_divergence().data_vars)[:2]
    ['kl_divergence', 'kl_divergence_floor']
    >>> ds.langevin.verdict().state
    'relaxed'
    """

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = ds.expand_dims("time") if "time" in ds.coords and "time" not in ds.dims else ds

    @property
    def system(self) -> System:
        """The system, rebuilt from the run's attributes."""
        if "system" not in self._ds.attrs:
            raise InvalidStore("this Dataset has no attribute `system`: it was not made by langevin_kit.simulate.")
        return System(**json.loads(self._ds.attrs["system"]))

    @property
    def grid(self) -> Grid:
        """The cells of the histogram."""
        if "histogram" not in self._ds:
            raise InvalidStore(f"this run has no histogram (boltzmann: {self._ds.attrs.get('boltzmann', 'unknown')}).")
        axes = {name: self._ds[name] for name in self.system.coordinates}
        return Grid(**{name: cells(a.attrs["lower"], a.attrs["upper"], a.size) for name, a in axes.items()})

    def kl_divergence(self) -> xr.Dataset:
        """KL(p‖q) for each time: value, standard error, detection floor, and the limit above which it is NaN."""
        return self._estimates("kl_divergence")

    def free_energy(self) -> xr.Dataset:
        """F for each time in both forms, T KL − T ln Z and ⟨E⟩ − T H, with standard errors and their difference."""
        ds = self._estimates("free_energy")
        difference = ds.free_energy - ds.free_energy_from_entropy
        about = {"long_name": "difference of the two forms of F", "units": ds.free_energy.attrs["units"]}
        return ds.assign(free_energy_difference=difference.assign_attrs(about))

    def entropy(self) -> xr.Dataset:
        """H for each time, from an estimator that does not use q."""
        return self._estimates("entropy")

    def free_energy_falls(self, alarm: float = 1e-3) -> Monotone:
        """Test that F never rises from one saved time to the next; a falling F is refused with probability `alarm`."""
        ds = self._estimates("free_energy")
        return falls(ds.free_energy_from_entropy.values, ds.free_energy_from_entropy_stderr.values, alarm)

    def verdict(self) -> Verdict:
        """Whether the last saved time is relaxed; "cannot tell" for a run without a Boltzmann law."""
        if "kl_divergence" not in self._ds:
            return Verdict("cannot tell", self._ds.attrs.get("boltzmann", "this is no run").removeprefix("none: "))
        last = Langevin(self._ds.isel(time=slice(-1, None)))._estimates("").isel(time=0)
        outside = float(self._ds.n_outside[-1]) / float(self._ds.histogram[-1].sum())
        kl, floor, limit = (float(last[f"kl_divergence{part}"]) for part in ("", "_floor", "_limit"))
        resolution = float(last.free_energy_from_entropy_stderr + 0 * last.free_energy_from_entropy)
        return verdict(kl, floor, limit, outside, resolution / self.system.temperature)

    def _estimates(self, prefix: str) -> xr.Dataset:
        ds, system = self._ds, self.system
        law = laws(system, ds.time.values, np.array(json.loads(ds.attrs["run"])["start"]))
        values = relaxation(law, self.grid, ds.histogram.values, ds.energy.values, ds.n_outside.values)
        variables = {
            name: ("time", value, attributes(name, system.coordinates, system.units))
            for name, value in values.items()
            if name.startswith(prefix)
        }
        return xr.Dataset(variables, {"time": ds.time})
