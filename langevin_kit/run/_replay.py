"""`replay`: the path of single particles of a run, bit for bit, without the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.codegen import ieee_arithmetic
from langevin_kit.errors import InvalidArgument, InvalidStore
from langevin_kit.observables import VARIABLES, attributes
from langevin_kit.preflight import arguments
from langevin_kit.random import philox_key, seed_from_record
from langevin_kit.run._accessor import Langevin
from langevin_kit.run._paths import Paths, State
from langevin_kit.run._resume import column, stored_start
from langevin_kit.run._start import count_particles, initial_state
from langevin_kit.schemes import scheme_of_record
from langevin_kit.store import START, open_store, provenance
from langevin_kit.system import System
from langevin_kit.system.initial import Initial, from_dict


@ieee_arithmetic()
def replay(
    run: xr.Dataset | str | Path,
    particle: int | Sequence[int],
    *,
    first: int = 0,
    n_steps: int | None = None,
    save_every: int = 1,
    initial: NDArray[Any] | None = None,
    system: System | None = None,
) -> xr.Dataset:
    """Compute the path of one particle again, or of a few.

    The noise is a pure function of seed, particle and step, so a path has the same bits as in the run, whatever was
    saved of it. The steps before `first` are computed too.

    Parameters
    ----------
    run : Dataset or path of a store
        What `simulate` returned or wrote; for a run that failed, its store, or the exception's attribute `run`.
    particle : int or sequence of int
        Numbers of particles, from 0.
    first : int
        The step at which the path that is returned begins.
    n_steps : int, optional
        Its length in steps; up to the run's end if left out.
    save_every : int
        Steps between the times that are returned; a divisor of `n_steps`.
    initial : (n, d) array, optional
        The array that the run started from. Needed if there was one and the run did not save these particles at
        step 0.
    system : System, optional
        The run's system, if it cannot be rebuilt from the Dataset: one of Python functions.

    Returns
    -------
    Dataset
        ``position`` (time, component, particle) in the run's dtype, and for periodic coordinates ``turns`` of the same
        dims: x + length·turns is continuous; with absorbing walls ``absorption_time`` (time, particle). After a
        particle was lost its position is NaN or infinite.

    Raises
    ------
    InvalidArgument
        For particles or steps that the run does not have, another system, or an array that is not the run's.
    InvalidStore
        If the Dataset lacks what a run records, or its system is of Python functions and was not given.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> ds = lk.simulate(lk.System(energy="x**2/2", temperature=1.0), initial=lk.initial.gaussian([0.0], 1.0),
    ...                  n_particles=1000, time_step=0.01, n_steps=100, rng=1, save_positions=True)
    >>> path = lk.replay(ds, 7)
    >>> bool((path.position[:, 0, 0] == ds.position[:, 0, 7]).all())
    True
    """
    ds = run if isinstance(run, xr.Dataset) else open_store(run)
    record = _record(ds)
    paths = _paths(ds, record, initial, system)
    particles = [particle] if isinstance(particle, int | np.integer) else list(particle)
    n = record["n_particles"]
    if not particles:
        raise InvalidArgument("particle: got none; give the number of one or more.")
    for k in particles:
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 0 <= k < n:
            raise InvalidArgument(f"particle: got {k!r}; the run has the particles 0 to {n - 1}.")
    if isinstance(first, bool) or not isinstance(first, int | np.integer) or not 0 <= first < record["n_steps"]:
        raise InvalidArgument(f"first: got {first!r}; the run's steps 0 to {record['n_steps'] - 1} are allowed.")
    left = record["n_steps"] - int(first)
    n_steps = left if n_steps is None else n_steps
    arguments.require_count("n_steps", n_steps)
    if n_steps > left:
        raise InvalidArgument(f"n_steps: got {n_steps}; the run has {left} steps from step {first} on.")
    save_every = arguments.saving_interval(save_every, n_steps)
    saved = [_path(paths, int(k), int(first), int(n_steps), save_every) for k in particles]
    return _dataset(ds, paths.system, particles, np.stack(saved, axis=-1), record, int(first), save_every)


def _path(paths: Paths, particle: int, first: int, n_steps: int, save_every: int) -> State:
    """States at the steps first, first + save_every, … (times, rows)."""
    state = paths.advance(paths.start(particle), particle, 0, first)
    states = [state]
    for step in range(first, first + n_steps, save_every):
        states.append(paths.advance(states[-1], particle, step, save_every))
    return np.stack(states)[:, :, 0]


def _record(ds: xr.Dataset) -> dict[str, Any]:
    if "run" not in ds.attrs:
        raise InvalidStore("this Dataset has no attribute `run`: it was not made by langevin_kit.simulate.")
    record: dict[str, Any] = json.loads(ds.attrs["run"])
    return record


def _paths(ds: xr.Dataset, record: dict[str, Any], initial: NDArray[Any] | None, system: System | None) -> Paths:
    known = Langevin(ds) if system is None else Langevin(ds).with_system(system)
    system = known.system
    if system.facts.has_ensemble_mobility:
        raise InvalidArgument(
            "replay: the mobility is the covariance of the ensemble, so no particle has a path alone. Run the ensemble "
            "again with the same seed and `save_positions`."
        )
    key = philox_key(seed_from_record(record))
    scheme = scheme_of_record(record)
    return Paths(
        system,
        scheme,
        record["dtype"],
        record["time_step"],
        key,
        _start(ds, record, initial, system, scheme.rows(system), key),
    )


def _start(
    ds: xr.Dataset,
    record: dict[str, Any],
    initial: NDArray[Any] | None,
    system: System,
    rows: int,
    key: tuple[Any, Any],
) -> Callable[[int], State]:
    """Where particles start: drawn again, or taken from the array, or from what was saved of it."""
    dtype, n = record["dtype"], record["n_particles"]
    if record["initial"] != "array":
        if initial is not None:
            raise InvalidArgument("initial: the run drew its start from its seed; leave it out.")
        law: Initial | NDArray[Any] = from_dict(record["initial"])
    elif initial is None and (Path(ds.encoding.get("source", "")) / START).is_file():
        return partial(column, stored_start(Path(ds.encoding["source"]), rows, n, dtype))
    elif initial is None:
        return partial(
            _saved,
            ds,
            0 if "position_bits" in record else record.get("save_positions", 0),
            rows,
        )
    else:
        law = initial
        count_particles(law, n, system.n_dim)
        mean = initial_state(system, rows, law, n, dtype, key)[: system.n_dim].mean(axis=1, dtype=np.float64)
        if not np.allclose(mean, record["start"], rtol=1e-9, atol=1e-12):
            raise InvalidArgument(f"initial: its mean is {mean.tolist()}, that of the run's array {record['start']}.")

    def start(particle: int) -> State:
        return initial_state(system, rows, law, 1, dtype, key, first=particle)

    return start


def _saved(ds: xr.Dataset, n_saved: int, rows: int, particle: int) -> State:
    # A part of the run's times or particles has other numbers.
    whole = "position" in ds and ds.sizes["particle"] == n_saved and ds.step.values.flat[0] == 0
    if not whole or particle >= n_saved or "time" not in ds.position.dims:
        raise InvalidArgument(
            f"initial: the run started from an array, and `run` does not hold where particle {particle} was at step 0; "
            "give that array."
        )
    x = ds.position[0, :, particle].values
    return np.concatenate([x, np.zeros(rows - len(x), x.dtype)])[:, None]


def _dataset(
    ds: xr.Dataset,
    system: System,
    particles: Sequence[int],
    states: NDArray[np.floating],
    record: dict[str, Any],
    first: int,
    save_every: int,
) -> xr.Dataset:
    """`states` (times, rows, particles) with coordinates, units and provenance."""
    d, periodic = system.n_dim, list(system.walled("periodic"))
    dims = VARIABLES["position"].dims
    steps = first + save_every * np.arange(len(states))
    about = attributes(VARIABLES["position"], system.names, system.units)
    variables: dict[str, Any] = {"position": (dims, states[:, :d], about)}
    if periodic:
        turns = np.zeros_like(states[:, :d])
        turns[:, periodic] = states[:, d : d + len(periodic)]
        variables["turns"] = (dims, turns, {"long_name": "turns round the period", "units": "1"})
    if system.absorption_row is not None:
        when = states[:, system.absorption_row]
        about = {"long_name": "time of absorption, NaN of the living", "units": system.units.get("time", "1")}
        variables["absorption_time"] = (("time", "particle"), np.where(when > 0, when, np.nan), about)
    unit = {"long_name": "time", "units": system.units.get("time", "1")}
    coordinates = {
        "time": ("time", steps * np.float64(record["time_step"]), unit),
        "step": ("time", steps, {"long_name": "time step"}),
        "component": ("component", np.array(system.names, dtype=object), {"long_name": "coordinate"}),
        "particle": ("particle", np.asarray(particles, np.int64), {"long_name": "number in the run"}),
    }
    kept = {name: ds.attrs[name] for name in ("title", "system", "run", "boltzmann") if name in ds.attrs}
    return xr.Dataset(variables, coordinates, {**provenance(), **kept})
