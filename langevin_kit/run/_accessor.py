"""`ds.langevin`: estimates from a run in memory or from a store, through the same functions as in the run."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import xarray as xr

from langevin_kit.errors import InvalidArgument, InvalidStore, did_you_mean
from langevin_kit.estimate import (
    Measured,
    Monotone,
    Verdict,
    autocorrelation_time,
    dissipation_rate,
    falls,
    kl_by,
    laws,
    mean_first_passage,
    overlaps,
    verdict,
    wall_flux,
)
from langevin_kit.observables import ESTIMATES, VARIABLES, attributes
from langevin_kit.run._estimates import estimate
from langevin_kit.run._system import is_system_of, system_of
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
        self._system: System | None = None

    def with_system(self, system: System) -> Langevin:
        """The same estimates for a system that cannot be rebuilt from a store, such as one of Python functions.

        Raises
        ------
        InvalidArgument
            If it is not the system of this run.

        Examples
        --------
        >>> import langevin_kit as lk
        >>> system = lk.System(energy=lambda x: x * x / 2, temperature=1.0)
        >>> start = lk.initial.point([0.5])
        >>> ds = lk.simulate(system, initial=start, n_particles=20_000, time_step=0.01, n_steps=100, rng=1)
        >>> ds.langevin.with_system(system).verdict().state
        'not relaxed'
        """
        if not is_system_of(system, self._ds.attrs):
            raise InvalidArgument("system: this is not the system of this run; give the one it was made with.")
        known = Langevin(self._ds)
        known._system = system
        return known

    @property
    def system(self) -> System:
        """The system, rebuilt from the run's attributes."""
        return system_of(self._ds.attrs) if self._system is None else self._system

    @property
    def grid(self) -> Grid:
        """The cells of the histogram."""
        if "histogram" not in self._ds:
            raise InvalidStore(f"this run has no histogram (boltzmann: {self._ds.attrs.get('boltzmann', 'unknown')}).")
        axes = {name: self._ds[name] for name in self.system.names}
        return Grid(**{name: cells(a.attrs["lower"], a.attrs["upper"], a.size) for name, a in axes.items()})

    def kl_divergence(self, method: str | None = None) -> xr.Dataset:
        """KL(p‖q) for each time: value, standard error and detection floor.

        Parameters
        ----------
        method : str, optional
            "binned", "exponential_family" or "gaussian"; "auto" takes the sharpest that holds, and the attribute
            ``reason`` says which and why. If left out, the estimate that the run itself stores.

        Returns
        -------
        Dataset
            With a method also the ends of a 95 % interval, the degrees of freedom m, and the method at each time;
            without one the limit above which KL is NaN.

        Notes
        -----
        No unbiased estimate has a smaller standard error than √(Var_p[ln p/q]/N), which near q is √(2 KL/N).

        Examples
        --------
        >>> import langevin_kit as lk
        >>> ds = lk.simulate(lk.System(energy="x**2/2", temperature=1.0), initial=lk.initial.gaussian([2.0], 1.0),
        ...                  n_particles=20_000, time_step=0.01, n_steps=300, save_every=100, rng=1)
        >>> found = ds.langevin.kl_divergence("auto")
        >>> bool(found.kl_divergence_low[1] < 2 * 0.99**200 < found.kl_divergence_high[1])  # ½ ⟨x⟩², here of the scheme
        True
        """
        if method is None:
            return self._estimates("kl_divergence")
        ds, run = self._ds, json.loads(self._ds.attrs["run"])
        has_cells = "histogram" in ds and self.system.n_dim <= 2
        measured = Measured(
            run["n_particles"],
            self.grid if has_cells else None,
            ds["histogram"].values if has_cells else None,
            *(ds[name].values if name in ds else None for name in ("mean", "covariance")),
        )
        self._require_whole()
        values, reason = kl_by(method, laws(self.system, ds.time.values, np.array(run["start"])), measured)
        variables = {
            name: ("time", value, attributes({**VARIABLES, **ESTIMATES}[name], self.system.names, self.system.units))
            for name, value in values.items()
        }
        return xr.Dataset(variables, {"time": ds.time}, {"reason": reason})

    def free_energy(self) -> xr.Dataset:
        """F for each time in both forms, T KL − T ln Z and ⟨E⟩ − T H, with standard errors and their difference."""
        ds = self._estimates("free_energy")
        difference = ds.free_energy - ds.free_energy_from_entropy
        about = {"long_name": "difference of the two forms of F", "units": ds.free_energy.attrs["units"]}
        return ds.assign(free_energy_difference=difference.assign_attrs(about))

    def dissipation(self, intervals: int | None = None) -> xr.Dataset:
        """−dF/dt for each time, from the ensemble alone; in one or two coordinates without walls.

        It is a lower bound that grows with the number of `intervals` of its splines along each axis (10 on a line, 5 in
        the plane), and needs neither a density nor ln Z nor differences. Of an energy that depends on time ⟨∂E/∂t⟩ is
        not in it.

        Examples
        --------
        >>> import langevin_kit as lk
        >>> ds = lk.simulate(lk.System(energy="x**2/2", temperature=1.0), initial=lk.initial.gaussian([2.0], 1.0),
        ...                  n_particles=20_000, time_step=0.01, n_steps=300, save_every=100, rng=1)
        >>> found = ds.langevin.dissipation().isel(time=1)
        >>> bool(abs(found.dissipation - 4 * 0.99**200) < 4 * found.dissipation_stderr)  # ⟨x⟩², here of the scheme
        True
        """
        ds, run = self._ds, json.loads(self._ds.attrs["run"])
        self._require_whole()
        law = laws(self.system, ds.time.values, np.array(run["start"]))
        found = dissipation_rate(law, self.grid, ds["histogram"].values, intervals)
        values = {"dissipation": found.value, "dissipation_stderr": found.stderr}
        about = {name: attributes(ESTIMATES[name], self.system.names, self.system.units) for name in values}
        if self.system.units.get("time", "1") != "1":
            for attrs in about.values():
                attrs["units"] = f"{attrs['units']}/{self.system.units['time']}"
        return xr.Dataset({name: ("time", value, about[name]) for name, value in values.items()}, {"time": ds.time})

    def first_passage(self) -> xr.Dataset:
        """Mean first-passage time of a run with absorbing walls, as far as the run went.

        Returns
        -------
        Dataset
            ``first_passage_time`` (time,): the mean of min(τ, t) with its standard error, where τ is the time at which
            a particle was absorbed. Once none survives it is the mean of τ; before, it is less. Between two saved times
            passages count as uniform. And ``survival`` (time,), which is the law of τ: P(τ > t).

        Raises
        ------
        InvalidArgument
            For a run without absorbing walls, or times that do not begin at its start.

        Examples
        --------
        >>> import langevin_kit as lk
        >>> system = lk.System(energy=0.0, temperature=1.0, walls={"x": lk.absorbing(0.0, 1.0)})
        >>> ds = lk.simulate(system, initial=lk.initial.point([0.5]), n_particles=20_000, time_step=0.001, n_steps=1500,
        ...                  rng=1)
        >>> last = ds.langevin.first_passage().isel(time=-1)
        >>> float(last.survival), bool(abs(last.first_passage_time - 0.125) < 4 * last.first_passage_time_stderr)
        (0.0, True)
        """
        ds, n = self._absorbing()
        found = mean_first_passage(ds.time.values, n - ds.n_absorbed.sum("wall").values, n)
        values = {"first_passage_time": found.value, "first_passage_time_stderr": found.stderr}
        return ds[["survival", "survival_stderr"]].assign(
            {k: ("time", v, attributes(ESTIMATES[k], self.system.names, self.system.units)) for k, v in values.items()}
        )

    def boundary_flux(self) -> xr.Dataset:
        """Probability per time that each absorbing wall takes, between every two saved times.

        Returns
        -------
        Dataset
            ``boundary_flux`` (time, wall) and its standard error, at the middle of each interval.

        Raises
        ------
        InvalidArgument
            As `first_passage`.

        Examples
        --------
        >>> import langevin_kit as lk
        >>> system = lk.System(energy=0.0, temperature=1.0, walls={"x": lk.absorbing(0.0, 1.0)})
        >>> ds = lk.simulate(system, initial=lk.initial.point([0.5]), n_particles=20_000, time_step=0.001, n_steps=300,
        ...                  save_every=100, rng=1)
        >>> flux = ds.langevin.boundary_flux()
        >>> bool((0.1 * flux.boundary_flux.sum() - (1 - ds.survival[-1])).round(12) == 0)
        True
        """
        ds, n = self._absorbing()
        found = wall_flux(ds.time.values, ds.n_absorbed.values, n)
        values = {"boundary_flux": found.value, "boundary_flux_stderr": found.stderr}
        middle = 0.5 * (ds.time.values[1:] + ds.time.values[:-1])
        about = {name: {"long_name": ESTIMATES[name].long_name} for name in values}
        return xr.Dataset(
            {name: (("time", "wall"), value, about[name]) for name, value in values.items()},
            {"time": ("time", middle, ds.time.attrs), "wall": ds.wall},
        )

    def _absorbing(self) -> tuple[xr.Dataset, int]:
        """The run from its start, and its number of particles."""
        ds = self._ds
        if "n_absorbed" not in ds:
            raise InvalidArgument("this run has no absorbing walls, as in walls={'x': absorbing(0, 1)}.")
        if int(ds.step[0]):
            raise InvalidArgument("the saved times of the run are needed, from t = 0 on.")
        self._require_whole()
        return ds, json.loads(ds.attrs["run"])["n_particles"]

    def entropy(self) -> xr.Dataset:
        """H for each time, from an estimator that does not use q."""
        return self._estimates("entropy")

    def autocorrelation_time(self, name: str) -> xr.Dataset:
        r"""Integrated autocorrelation time of an observable of kind `autocorrelation`, for a run from equilibrium.

        .. math:: τ = Δ\left(\tfrac12 + \sum_{k=1}^{W} ρ(k)\right), \qquad n_{\mathrm{eff}} = mΔ/2τ

        Δ is the time between two saved ones, m their number; Sokal's window W closes at WΔ ≥ 5τ.

        Parameters
        ----------
        name : str
            The observable's name.

        Returns
        -------
        Dataset
            ``autocorrelation_time`` τ and its standard error, ``effective_sample_size``: independent samples that one
            particle's path over the run is worth, and ``window``. All but it are NaN where the run is too short for the
            window, and that is 0.

        Raises
        ------
        InvalidArgument
            For a variable that is no autocorrelation, or times that are not the run's first ones at equal distances.

        Examples
        --------
        >>> import langevin_kit as lk
        >>> ds = lk.simulate(lk.System(energy="x**2/2", temperature=1.0), initial=lk.initial.gaussian([0.0], 1.0),
        ...                  n_particles=20_000, time_step=0.05, n_steps=200, save_every=2, rng=1,
        ...                  observables={"c": lk.observables.autocorrelation("x")})
        >>> round(float(ds.langevin.autocorrelation_time("c").autocorrelation_time), 1)
        1.0
        """
        ds = self._ds
        known = [str(v) for v, array in ds.data_vars.items() if array.attrs.get("observable") == "autocorrelation"]
        if name not in known:
            raise InvalidArgument(f"name: {name!r} is no autocorrelation of this run{did_you_mean(name, known)}.")
        steps = np.diff(ds.step.values)
        if len(steps) == 0 or int(ds.step[0]) or (steps != steps[0]).any():
            raise InvalidArgument("autocorrelation_time: the saved times of the run are needed, all from t = 0 on.")
        run = json.loads(ds.attrs["run"])
        spacing = run["time_step"] * int(steps[0])
        found = autocorrelation_time(ds[name].values, spacing, run["n_particles"])
        unit = self.system.units.get("time", "1")
        about = f"integrated autocorrelation time of {name}"
        values = {
            "autocorrelation_time": (found.time, about, unit),
            "autocorrelation_time_stderr": (found.stderr, f"standard error of the {about}", unit),
            "effective_sample_size": (
                ds.sizes["time"] * spacing / (2 * found.time),
                f"independent samples of {name} that the path of one particle is worth",
                "1",
            ),
            "window": (found.window, "lags that were summed", "1"),
        }
        return xr.Dataset({k: ((), v, {"long_name": text, "units": u}) for k, (v, text, u) in values.items()})

    @property
    def has_patterns(self) -> bool:
        """Whether this is a network that knows its patterns, whose run has kept positions."""
        if self._system is None and "functions" in json.loads(self._ds.attrs["system"]):
            return False
        shape = np.shape(self.system.parameters.get("patterns", 0.0))
        return len(shape) == 2 and shape[1] <= self.system.n_dim and "position" in self._ds

    def overlap(self) -> xr.Dataset:
        """Overlaps m = ξ·x/|ξ|² with the patterns of a network, from the positions that its run has kept.

        Patterns are the parameter ``patterns`` of the system. Of particles that began at patterns in turn the overlap
        is that with the own one; of others that with the pattern which is nearest at the last time.

        Returns
        -------
        Dataset
            ``overlap`` and ``overlap_stderr``, (time,), over the particles kept; ``overlap_of_particle``, (time,
            particle); and ``pattern_of_particle``, its number.

        Raises
        ------
        InvalidStore
            If the system has no patterns, or the run has kept no positions.
        InvalidArgument
            If particles were selected, so that their own patterns are not known.

        Examples
        --------
        >>> import langevin_kit as lk
        >>> xi = np.array([[1, -1, 1, 1], [1, 1, -1, 1]])
        >>> spins = lk.SpinSystem(couplings=lk.networks.hebb(xi), temperature=0.0, parameters={"patterns": xi})
        >>> ds = lk.simulate(spins, initial=lk.initial.patterns(xi), n_particles=2, time_step=1.0, n_steps=1,
        ...                  save_positions=True)
        >>> ds.langevin.overlap().overlap.values
        array([1., 1.])
        """
        if not self.has_patterns:
            raise InvalidStore("overlap: a network whose system has a parameter `patterns`, and stored positions, are "
                               "needed: give both to `simulate`, or `save_positions` in the scenario.")  # fmt: skip
        ds, xi = self._ds, np.asarray(self.system.parameters["patterns"])
        run, n = json.loads(ds.attrs["run"]), ds.sizes["particle"]
        in_turn = isinstance(run["initial"], dict) and run["initial"]["kind"] == "patterns"
        all_of_them = overlaps(ds.position.values, xi)
        own = self._numbers() % len(xi) if in_turn else all_of_them[-1].argmax(axis=0)
        each = all_of_them[:, own, np.arange(n)]
        stderr = each.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full(len(each), np.nan)
        about = "overlap with the own pattern" if in_turn else "overlap with the nearest pattern"
        return xr.Dataset(
            {
                "overlap": ("time", each.mean(axis=1), {"long_name": about, "units": "1"}),
                "overlap_stderr": ("time", stderr, {"long_name": f"standard error of the {about}", "units": "1"}),
                "overlap_of_particle": (("time", "particle"), each, {"long_name": f"{about}, each", "units": "1"}),
                "pattern_of_particle": ("particle", own, {"long_name": "number of the pattern", "units": "1"}),
            },
            {"time": ds.time},
        )

    def _numbers(self) -> np.ndarray:
        """The number in the run of each particle whose positions are here: of replayed ones they are a coordinate."""
        ds, n_kept = self._ds, json.loads(self._ds.attrs["run"])["save_positions"]
        if "particle" in ds.coords:
            return np.asarray(ds.particle.values)
        if ds.sizes["particle"] != n_kept:
            raise InvalidArgument(
                f"particle: got {ds.sizes['particle']} of the {n_kept} that the run has kept, and not which; take the "
                "overlap of all, and then ds.isel(particle=...)."
            )
        return np.arange(n_kept)

    def learning(self) -> xr.Dataset:
        """How the system was learnt before the run: the history of `learn.recall_and_learn`.

        Raises
        ------
        InvalidStore
            If it was not.
        """
        if "learning" not in self._ds.attrs:
            raise InvalidStore("learning: this run's system was given, not learnt: its scenario has no table [learn].")
        return xr.Dataset.from_dict(json.loads(self._ds.attrs["learning"]))

    def free_energy_falls(self, alarm: float = 1e-3) -> Monotone:
        """Test that F never rises from one saved time to the next; a falling F is refused with probability `alarm`."""
        ds = self._estimates("free_energy")
        return falls(ds.free_energy_from_entropy.values, ds.free_energy_from_entropy_stderr.values, alarm)

    def verdict(self) -> Verdict:
        """Whether the last saved time is relaxed; "cannot tell" for a run without a Boltzmann law."""
        if "kl_divergence" not in self._ds:
            return Verdict("cannot tell", self._why_none())
        end = Langevin(self._ds.isel(time=slice(-1, None)))
        end._system = self._system
        last = end._estimates("").isel(time=0)
        kl, floor = float(last.kl_divergence), float(last.kl_divergence_floor)
        if "kl_divergence_limit" not in last:
            found = verdict(kl, floor, np.inf)
            return replace(found, reason=f"{found.reason} Only mean and covariance were compared.")
        outside = float(self._ds.n_outside[-1]) / float(self._ds.histogram[-1].sum())
        resolution = float(last.free_energy_from_entropy_stderr + 0 * last.free_energy_from_entropy)
        limit = float(last.kl_divergence_limit)
        return verdict(kl, floor, limit, outside, resolution / self.system.temperature)

    def _require_whole(self) -> None:
        """Refuse saved times at which particles were lost."""
        count = self._ds.n_nonfinite.values if "n_nonfinite" in self._ds else np.zeros(0)
        lost = np.flatnonzero(count)
        if len(lost):
            raise InvalidArgument(
                f"particles were lost by saved time {lost[0]}: take ds.isel(time=slice(0, {lost[0]})).langevin instead."
            )

    def _why_none(self) -> str:
        """Why this run has no estimates."""
        why = str(self._ds.attrs.get("boltzmann", "none: this is no run"))
        only = "of so many coordinates a run measures the variances, and KL needs the covariance."
        return why.removeprefix("none: ") if why.startswith("none: ") else only

    def _estimates(self, prefix: str) -> xr.Dataset:
        ds, system = self._ds, self.system
        run = json.loads(ds.attrs["run"])
        law = laws(system, ds.time.values, np.array(run["start"]))
        read = ("energy", "log_measure", "n_nonfinite", "histogram", "n_outside", "mean", "covariance")
        needed = [name for name in read if name in ds]
        grid = self.grid if "histogram" in ds or system.n_dim <= 2 else None
        values, long_names = estimate(law, grid, run["n_particles"], {name: ds[name].values for name in needed})
        if not values:
            raise InvalidStore(f"this run has no {prefix or 'estimates'}: {self._why_none()}")
        variables = {
            name: ("time", value, attributes(VARIABLES[name], system.names, system.units))
            for name, value in values.items()
            if name.startswith(prefix)
        }
        for name in long_names.keys() & variables.keys():
            variables[name][2]["long_name"] = long_names[name]
        return xr.Dataset(variables, {"time": ds.time})
