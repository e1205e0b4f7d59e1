"""`resume`: go on with a run from its store alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import Backend, backend_from
from langevin_kit.codegen import ieee_arithmetic
from langevin_kit.errors import InvalidStore, StoreCorrupt, StoreMismatch
from langevin_kit.observables import observables_from_dict
from langevin_kit.progress import Progress
from langevin_kit.random import philox_key, seed_from_record
from langevin_kit.run._job import OWN, Job
from langevin_kit.run._paths import State
from langevin_kit.run._start import initial_state
from langevin_kit.run._system import is_system_of, system_of
from langevin_kit.run._work import work
from langevin_kit.schemes import scheme_of_record
from langevin_kit.store import START, read_attrs
from langevin_kit.system import System, grid_from_dict
from langevin_kit.system.initial import from_dict

if TYPE_CHECKING:
    import xarray as xr


@ieee_arithmetic()
def resume(
    store: str | Path,
    *,
    system: System | None = None,
    backend: str | Backend | None = None,
    progress: Progress | bool | None = None,
) -> xr.Dataset:
    """Go on with a run that was cut short, from its last checkpoint; the bits are those of a run that was not.

    All that was committed is verified first. From the first damaged chunk on the run is computed again, so that a
    finished run whose files were damaged is mended too.

    Parameters
    ----------
    store : path
        That `simulate` or `langevin run` wrote.
    system : System, optional
        The run's system, if the store cannot hold it: one of Python functions.
    backend : str or Backend, optional
        With its options; the one that the run was begun on if left out. The CPU and `CUDA(reproducible=True)` keep the
        bits, with any options.
    progress : bool or Progress, optional
        True shows a bar.

    Returns
    -------
    Dataset
        As from `simulate`.

    Raises
    ------
    InvalidStore
        If there is no store of this package, or its run failed and would fail again.
    StoreMismatch
        If the system is another, or this version has other kernels, so that the bits would not be those of one run.
    StoreLocked
        If another process writes the store.
    StoreCorrupt
        If what is needed to go on is damaged.

    Examples
    --------
    >>> import tempfile
    >>> import langevin_kit as lk
    >>> path = tempfile.mkdtemp() + "/run.zarr"
    >>> ds = lk.simulate(lk.System(energy="x**2/2", temperature=1.0), initial=lk.initial.point([1.0]),
    ...                  n_particles=1000, time_step=0.01, n_steps=100, rng=0, store=path)
    >>> bool((lk.resume(path).energy == ds.energy).all())  # there was nothing left to do
    True
    """
    path = Path(store)
    attrs = read_attrs(path)
    try:
        record = json.loads(attrs["run"])
        job, begun_on = _job(path, attrs, record, system), record["backend"]
    except KeyError as error:
        raise InvalidStore(f"{path} lacks the attribute or entry {error}: it holds no run.") from error
    return work(job, backend_from(backend or begun_on), path, overwrite=False, resume=True, progress=progress)


def _job(path: Path, attrs: dict[str, Any], run: dict[str, Any], system: System | None) -> Job:
    if system is None:
        system = system_of(attrs)
    elif not is_system_of(system, attrs):
        raise StoreMismatch(f"system: this is not the system of {path}; give the one it was begun with.")
    if run["observables"] is None:
        raise InvalidStore(f"{path}: its observables are of a kind of your own; go on by simulate(..., resume=True).")
    dtype, n, seed = run["dtype"], run["n_particles"], seed_from_record(run)
    start_of: Callable[[int], State]
    scheme = scheme_of_record(run)
    rows = scheme.rows(system)
    if run["initial"] == "array":
        start = stored_start(path, rows, n, dtype)
        state, start_of = np.array(start), partial(column, start)
    else:
        law, key = from_dict(run["initial"]), philox_key(seed)
        state = initial_state(system, rows, law, n, dtype, key)
        start_of = partial(initial_state, system, rows, law, 1, dtype, key)
    grid = run["histogram"]
    return Job(
        system=system,
        scheme=scheme,
        dtype=dtype,
        time_step=run["time_step"],
        n_steps=run["n_steps"],
        save_every=run["save_every"],
        observables=observables_from_dict(run["observables"]),
        histogram=None if grid is None else grid_from_dict(grid),
        n_kept=run["save_positions"],
        position_bits=run.get("position_bits"),
        seed=seed,
        initial=run["initial"],
        state=state,
        start_of=start_of,
        suggested_time_step=run.get("suggested_time_step", np.inf),
        about={name: value for name, value in attrs.items() if name not in OWN} | {"title": attrs["title"]},
    )


def stored_start(path: Path, rows: int, n: int, dtype: str) -> NDArray[np.floating]:
    """The state at step 0 that a run from an array has kept, as it lies on the disk."""
    try:
        return np.memmap(path / START, dtype, "r", shape=(rows, n))
    except (OSError, ValueError) as error:
        raise StoreCorrupt(f"{path / START}, where the particles started, cannot be read ({error}).") from error


def column(start: NDArray[np.floating], particle: int) -> State:
    """The state of one particle."""
    return np.array(start[:, particle : particle + 1])
