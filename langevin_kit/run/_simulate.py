"""`simulate`: from a system and its ensemble to a Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import PLACES, Backend, backend_from
from langevin_kit.codegen import ieee_arithmetic
from langevin_kit.errors import InvalidArgument
from langevin_kit.observables import Observable, plan
from langevin_kit.preflight import arguments, require_continuous, sample_times
from langevin_kit.preflight import check as preflight_check
from langevin_kit.progress import Progress
from langevin_kit.random import RNG, philox_key, seed_sequence
from langevin_kit.run._job import OWN, Job
from langevin_kit.run._start import count_particles, initial_state
from langevin_kit.run._work import work
from langevin_kit.schemes import Scheme, scheme_for
from langevin_kit.store import refuse_existing
from langevin_kit.system import Grid, System
from langevin_kit.system.ensemble import least_particles
from langevin_kit.system.initial import Initial

if TYPE_CHECKING:
    import xarray as xr


COUNTED = 2**24
"""Up to which float32 counts one by one."""

LONGEST_NAME = 200
"""Bytes of a store's name: file systems take 255, and a new store is first made under a longer one."""


@ieee_arithmetic()
def simulate(
    system: System,
    *,
    initial: Initial | NDArray[Any],
    time_step: float,
    n_steps: int,
    n_particles: int | None = None,
    save_every: int | None = None,
    observables: Mapping[str, str | float | Observable] | None = None,
    histogram: Grid | None = None,
    save_positions: bool | int = False,
    position_bits: int | None = None,
    rng: RNG = None,
    scheme: str | Mapping[str, Any] | Scheme = "euler_maruyama",
    dtype: str | None = None,
    backend: str | Backend = "cpu",
    store: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    check: bool = True,
    progress: Progress | bool | None = None,
    title: str = "",
    attrs: Mapping[str, str] | None = None,
) -> xr.Dataset:
    r"""Evolve an ensemble and reduce it while it moves.

    Each particle obeys, in the Itô sense with k_B = 1,

    .. math:: dx^a = [b^a - K^{ab}∂_b E + T μ^{-1} ∂_b(μ K^{ab})]\,dt + \sqrt{2T}\,dW^a, \qquad dW \sim N(0, S dt),

    with S the symmetric part of K. The same seed gives the same bits for any number of threads and any block size. At
    T = 0 no random number is drawn and each step of the default scheme is the explicit Euler step of dx = (b − K∇E) dt.

    Parameters
    ----------
    system : System
    initial : distribution or (n, d) array
        Where particles start: `initial.gaussian`, `initial.point`, `initial.uniform`, or positions.
    time_step : float
    n_steps : int
    n_particles : int, optional
        Needed unless `initial` is an array.
    save_every : int, optional
        Steps between saved times, a divisor of `n_steps`; a hundredth of them if left out and divisible.
    observables : mapping of str to str or observable, optional
        Name → expression, whose ensemble mean and standard error are stored as `name` and `name_stderr`; or one of
        `langevin_kit.observables`: `mean_square_displacement`, `autocorrelation`, `maximum`, `minimum`.
    histogram : Grid, optional
        Cells of the fine histogram; chosen from the Boltzmann law and the initial ensemble if left out: with absorbing
        walls, from the law between reflecting ones. Without such a law and without this argument there is no histogram.
    save_positions : bool or int
        True stores all positions at each saved time, a number those of the first so many particles.
    position_bits : int, optional
        Store positions in float32, rounded to so many bits of the mantissa (23 are all) and compressed: with 10 bits,
        an error of 5e-4 of the value, they take half as much. The run itself, and what it goes on from, is not rounded.
    rng : int, SeedSequence, Generator or None
        The seed (SPEC 7).
    scheme : str, mapping or Scheme
        A name in `langevin_kit.schemes.SCHEMES`; or "auto", or ``{"name": "auto", "need": need}``, which takes the best
        for a need: "paths", "transients" (of averages) or "averages" (over the stationary law). The run's attributes
        say which one it took. A mapping holds options too, such as ``{"name": "dormand_prince", "rtol": 1e-8}``.
    dtype : "float64" or "float32", optional
        Type of the positions: the backend's if left out, float64 on the CPU. Reductions are always float64.
    backend : str or Backend
    store : path, optional
        Zarr store to write. It must not exist, unless `overwrite` or `resume`.
    resume : bool
        Go on with the store's run, if there is one: it must be this one.
    check : bool
        Run `check` first: finite derivatives, a mobility that is not negative, a stable time step.
    progress : bool or Progress, optional
        True shows a bar.
    title : str
    attrs : mapping of str to str, optional
        Attributes to store beside the run's own.

    Returns
    -------
    Dataset
        Dims ``time``, ``component``, ``particle`` and one of the histogram's for each coordinate; see
        `langevin_kit.observables.VARIABLES`.

    Raises
    ------
    InvalidArgument, MobilityNotPositive, MobilityJumps, StepTooLarge, StoreExists, BackendUnavailable
        Before anything is written.
    StoreMismatch, StoreLocked, StoreCorrupt
        If the store is that of another run, another process writes it, or what is needed to go on is damaged.
    StoreWriteFailed
        If the disk is full: what was committed is kept, and `langevin_kit.resume` goes on with it.
    NonFinite, BoundaryLeak
        If particles leave the finite numbers, or a step crosses the whole domain between reflecting walls. What was
        saved before is in the store or, without one, in the exception's attribute `run`.

    Notes
    -----
    With absorbing walls, averages, extremes and the histogram go over the particles that live, of which ``survival`` is
    the share and ``n_absorbed`` what each wall has taken; positions of the others are where they ended.

    The histogram is exact counting; F, H and KL come from it, with standard errors and a detection floor. With more
    than two coordinates they come from mean and covariance, if the Boltzmann law is Gaussian (a quadratic energy): then
    they are those of the Gaussian with the ensemble's moments, and KL and F are lower bounds.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system = lk.System(energy="x**2/2", mobility="1 + x**2/(1 + x**2)", temperature=1.0)
    >>> ds = lk.simulate(system, initial=lk.initial.point([1.0]), n_particles=10_000, time_step=0.01, n_steps=1000,
    ...                  save_every=100, rng=0)
    >>> bool(abs(ds.energy[-1] - 0.5) < 5 * ds.energy_stderr[-1])
    True
    """
    if not isinstance(system, System):
        raise InvalidArgument(f"system: got {type(system).__name__}; give a System.")
    scheme, device = scheme_for(scheme, system), backend_from(backend)
    dtype, time_step, n_steps, save_every = (
        arguments.canonical_dtype(dtype or ("float64" if system.facts.is_spins else device.dtype)),
        *(arguments.canonical_number(value) for value in (time_step, n_steps, save_every)),
    )
    arguments.require_time_step(time_step)
    of_group = scheme.group(len(scheme.drawn(system)), dtype) if system.temperature else (1, 0)
    if system.facts.is_spins:
        of_group = 1, -(-system.n_dim // 2)  # a call serves two attempts, whose spins are drawn at T = 0 as well
    arguments.require_steps(n_steps, *of_group)
    if scheme.loop == "halving":
        arguments.require_steps(n_steps)  # a step is one call in the streams that divide its noise
    if system.facts.is_spins and (dtype != "float64" or time_step != 1):
        raise InvalidArgument(
            f"dtype, time_step: got {dtype} and {time_step:g}; spins take float64, in which fields are exact, and a "
            "time step of 1, a sweep."
        )
    if scheme.counts and dtype == "float32" and n_steps > COUNTED:
        raise InvalidArgument(
            f"n_steps: got {n_steps}; {scheme.name!r} counts steps, and float32 counts to {COUNTED}. Take float64."
        )
    save_every = arguments.saving_interval(save_every, n_steps)
    n = count_particles(initial, n_particles, system.n_dim)
    if system.facts.has_ensemble_mobility and n < least_particles(system.n_dim):
        raise InvalidArgument(
            f"n_particles: got {n}; a mobility that is the covariance of the ensemble needs "
            f"{least_particles(system.n_dim)} or more in {system.n_dim} coordinates: fewer stay in a plane."
        )
    n_kept, bits = arguments.kept_positions(save_positions, n), arguments.position_bits(position_bits)
    rows = scheme.rows(system)
    kept = arguments.memory_of(n_kept, system.n_dim, dtype if bits is None else "float32")
    checkpoint = 0 if store is None else arguments.memory_of(n, rows, dtype)
    arguments.require_memory(n, rows, dtype, PLACES * kept + checkpoint)
    if not (isinstance(progress, bool | None) or hasattr(progress, "advance")):
        raise InvalidArgument(f"progress: got {progress!r}; True, False, or an object like langevin_kit.progress.Bar.")
    path = None if store is None else _output(store, overwrite, resume)
    _check_texts(title, attrs or {})
    plan(system, observables, histogram)  # refused before the work that the final plan, with its cells, needs
    seed = seed_sequence(rng)
    key = philox_key(seed)
    state = initial_state(system, rows, initial, n, dtype, key)
    suggested = np.inf
    if check and not system.facts.is_spins:
        end = n_steps * np.float64(time_step)
        checked = sample_times(end) if system.facts.depends_on_time else (0.0,)
        limited = None if scheme.is_stable else time_step
        found = preflight_check(system, time_step=limited, positions=state[: system.n_dim], times=checked)
        require_continuous(scheme, system, found.jump)
        suggested = found.time_step
    job = Job(
        system=system,
        scheme=scheme,
        dtype=dtype,
        time_step=float(time_step),
        n_steps=n_steps,
        save_every=save_every,
        observables=dict(observables or {}),
        histogram=histogram,
        n_kept=n_kept,
        position_bits=bits,
        seed=seed,
        initial="array" if isinstance(initial, np.ndarray) else initial.to_dict(),
        state=state,
        start_of=partial(initial_state, system, rows, initial, 1, dtype, key),
        suggested_time_step=suggested,
        about={**(attrs or {}), "title": title},
    )
    return work(job, device, path, overwrite=overwrite, resume=resume, progress=progress)


def _check_texts(title: str, attrs: Mapping[str, str]) -> None:
    if not isinstance(attrs, Mapping):
        raise InvalidArgument(f"attrs: got {type(attrs).__name__}; a mapping of names to texts is needed.")
    if not all(isinstance(text, str) for text in (title, *attrs, *attrs.values())):
        raise InvalidArgument("title, attrs: text is needed, for the names of attrs as well.")
    taken = sorted({*OWN, "", "coordinates", "_FillValue"} & set(attrs))
    if taken:
        raise InvalidArgument(f"attrs: {', '.join(taken)}: the run sets these itself; choose other names.")


def _output(store: str | Path, overwrite: bool, resume: bool) -> Path:
    if not isinstance(store, str | Path) or not Path(store).name:
        raise InvalidArgument(f"store: got {store!r}; the path of a new folder is needed, as in 'run.zarr'.")
    if "\0" in str(store) or len(Path(store).name.encode()) > LONGEST_NAME:
        raise InvalidArgument(f"store: got {str(store)[:40]!r}…; a name of up to {LONGEST_NAME} bytes is needed.")
    if not (isinstance(overwrite, bool) and isinstance(resume, bool)):
        raise InvalidArgument(f"overwrite, resume: got {overwrite!r}, {resume!r}; True or False is needed.")
    if overwrite and resume:
        raise InvalidArgument("overwrite, resume: to replace a run and to go on with it exclude each other; give one.")
    path = Path(store)
    if not (resume and path.exists()):
        refuse_existing(path, overwrite=overwrite)
    return path
