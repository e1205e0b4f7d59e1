"""`verify`: a run against the Fokker–Planck equation of its system, with all that this needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.backends import Backend
from langevin_kit.errors import InvalidArgument, InvalidStore
from langevin_kit.fokker_planck import Comparison, compare, evolve
from langevin_kit.progress import Progress
from langevin_kit.random import seed_from_record
from langevin_kit.run._accessor import Langevin
from langevin_kit.run._simulate import simulate
from langevin_kit.schemes import scheme_of_record
from langevin_kit.store import open_store
from langevin_kit.system import Grid, System, cells
from langevin_kit.system.initial import from_dict

CELLS = {1: (1024,), 2: (128, 256)}
"""Most cells an axis of the Fokker–Planck grid at first, and where these are too coarse, by number of coordinates."""

COARSE = 0.2
"""Error λ of the grid, in degrees of freedom of the coarse χ², from which finer cells are taken."""

KEPT = 2**15
"""Particles, at most, that are followed at both time steps, to know by how much chance moves them apart."""

TIMES = 8
"""Saved times that are compared, ever wider apart."""

STEPS = 16
"""Steps of the Fokker–Planck equation between two of them, where it is not solved exactly in time."""


@dataclass(frozen=True, eq=False)
class Verification:
    """A run beside its Fokker–Planck equation.

    Attributes
    ----------
    comparison : Comparison
        Verdict and table of tests.
    density : DataArray
        The solution of the Fokker–Planck equation at the times that were compared.
    other : DataArray
        The same on cells of twice the width, with half the steps.
    halved : Dataset or None
        The run with half the time step, if that was needed.
    """

    comparison: Comparison
    density: xr.DataArray
    other: xr.DataArray
    halved: xr.Dataset | None


def verify(
    run: xr.Dataset | str | Path,
    *,
    halve: bool | None = None,
    initial: NDArray[Any] | None = None,
    system: System | None = None,
    backend: str | Backend | None = None,
    progress: Progress | bool | None = None,
    alarm: float = 1e-3,
) -> Verification:
    """Solve the Fokker–Planck equation of a run's system from the run's start, and compare.

    Parameters
    ----------
    run : Dataset or path of a store
        With a histogram in one or two coordinates.
    halve : bool, optional
        Run the ensemble twice more, with the whole and with half the time step along the same Brownian paths, to know
        the error of the time step: three times the work of the run. If left out, only where it is not consistent
        without.
    initial : (n, d) array, optional
        The array that the run started from, if there was one and it is to be run again.
    system : System, optional
        The run's system, if it cannot be rebuilt from the Dataset: one of Python functions.
    backend : str or Backend, optional
        Of each further run; the one of the run if left out.
    progress : bool or Progress, optional
    alarm : float
        Probability that a correct run is called inconsistent.

    Returns
    -------
    Verification

    Raises
    ------
    InvalidArgument, InvalidStore
        If the run has no histogram, its scheme or start cannot be halved, or a grid cannot hold its system: an extra
        drift, T = 0, more than two coordinates.

    Notes
    -----
    A run from an array starts, on the grid, from its own first histogram.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system = lk.System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5)
    >>> ds = lk.simulate(system, initial=lk.initial.gaussian([-1.0], 0.04), n_particles=20_000, time_step=0.005,
    ...                  n_steps=400, save_every=50, rng=0)
    >>> verify(ds).comparison.verdict.state
    'consistent'
    """
    ds = run if isinstance(run, xr.Dataset) else open_store(run)
    if "run" not in ds.attrs or "time" not in ds.dims:
        raise InvalidStore("this Dataset is no run of langevin_kit.simulate, or has no dim `time`.")
    known = Langevin(ds) if system is None else Langevin(ds).with_system(system)
    if known.system.n_dim > 2:
        raise InvalidArgument(
            f"this run has {known.system.n_dim} coordinates, and a Fokker–Planck grid is for one or two."
        )
    if "histogram" not in ds:
        raise InvalidStore(
            "this run has no histogram; give simulate one, as in histogram=lk.Grid(x=lk.cells(-3, 3, 256))."
        )
    record = json.loads(ds.attrs["run"])
    times = ds.time.values[_rows(ds)]
    for most in CELLS[len(known.grid.shape)]:
        density, other = (
            evolve(known.system, grid, initial=_start(ds, record, grid), times=times, steps=STEPS // wider)
            for wider, grid in ((k, _grid(known.grid, most, k)) for k in (1, 2))
        )
        found = compare(ds, density, other=other, alarm=alarm)
        coarse = found.table.sel(test="chi2_coarse")
        if bool((coarse.error < COARSE * coarse.dof).all()):
            break
    if halve is False or (halve is None and found.verdict.state != "inconsistent"):
        return Verification(found, density, other, None)
    again = partial(_again, ds, known, record, initial, backend or record["backend"], progress)
    kept = min(record["n_particles"], KEPT)
    # Both are run: the difference of a run that is not of this system would count as the error of the time step.
    whole, halved = (again(halved=finer, kept=kept) for finer in (False, True))
    found = compare(ds, density, halved=halved, whole=whole, other=other, alarm=alarm)
    return Verification(found, density, other, halved)


def _grid(histogram: Grid, most: int, wider: int) -> Grid:
    """The histogram's cells, merged to at most so many an axis, and then `wider` times as wide."""
    axes = {}
    for name, axis in histogram.axes.items():
        share = next((k for k in range(1, axis.n + 1) if axis.n % (2 * k) == 0 and axis.n // k <= most), 0)
        if not share:
            raise InvalidArgument(
                f"histogram: {axis.n} cells along {name} cannot be merged in pairs to at most {most}; take an even "
                "number."
            )
        axes[name] = cells(axis.lower, axis.upper, axis.n // share // wider)
    return Grid(**axes)


def _rows(ds: xr.Dataset) -> list[int]:
    last = ds.sizes["time"] - 1
    if last < 1 or int(ds.step[0]):
        raise InvalidArgument("verify: the run's start and a later time are needed; give the whole run.")
    return [0, *map(int, np.unique(np.geomspace(1, last, TIMES).round()))]


def _start(ds: xr.Dataset, record: dict[str, Any], grid: Grid) -> Any:
    if record["initial"] != "array":
        return from_dict(record["initial"])
    counts = ds.histogram.isel(time=0).values
    for axis, n in enumerate(grid.shape):
        counts = np.add.reduceat(counts, counts.shape[axis] // n * np.arange(n), axis=axis)
    return counts.astype(np.float64)


def _again(
    ds: xr.Dataset,
    known: Langevin,
    record: dict[str, Any],
    initial: NDArray[Any] | None,
    backend: str | Backend,
    progress: Progress | bool | None,
    *,
    halved: bool,
    kept: int,
) -> xr.Dataset:
    """The run again, on the same paths, with the whole or half the time step."""
    if record.get("halved"):
        raise InvalidArgument("verify: this run goes along halved steps already, and cannot be halved again.")
    if record["initial"] == "array" and initial is None:
        raise InvalidArgument("initial: the run started from an array; give it, or halve=False.")
    finer = 2 if halved else 1
    return simulate(
        known.system,
        initial=from_dict(record["initial"]) if initial is None else initial,
        n_particles=record["n_particles"],
        time_step=record["time_step"] / finer,
        n_steps=finer * int(ds.step[-1]),
        save_every=finer * (int(ds.step[1]) - int(ds.step[0])),
        save_positions=kept,
        histogram=known.grid,
        rng=seed_from_record(record),
        scheme=scheme_of_record(record, halved=halved),
        dtype=record["dtype"],
        backend=backend,
        progress=progress,
        check=False,
    )
