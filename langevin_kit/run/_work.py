"""A run at work: pieces of steps, saved times, commits; and what is left of it, however it ends."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langevin_kit.backends import Backend, Ensemble
from langevin_kit.errors import BoundaryLeak, NonFinite, StoreMismatch
from langevin_kit.preflight import arguments
from langevin_kit.progress import Progress, Watched
from langevin_kit.run._guard import Guard
from langevin_kit.run._job import Job, config_of, digest
from langevin_kit.run._memory import Memory, Sink
from langevin_kit.run._open import open_store
from langevin_kit.run._recorder import Recorder
from langevin_kit.store import (
    COMPLETE,
    Store,
    create_store,
    read_attrs,
    read_state,
    require_room,
)

if TYPE_CHECKING:
    import xarray as xr

    from langevin_kit.store import Reopened

PIECE_SECONDS = 10.0
"""A run with a store moves no longer than about this before it could commit, however far apart its saved times are."""

FIRST_PIECE = 2**20
"""Particle-steps of the first piece, from which the speed is known."""


def work(
    job: Job, device: Backend, path: Path | None, *, overwrite: bool, resume: bool, progress: Progress | bool | None
) -> xr.Dataset:
    """Do a run, or the rest of it."""
    attrs = job.attrs(device.name)
    ensemble = device.ensemble(job.program, job.state)  # what cannot be compiled is refused before anything is replaced
    if path is None:
        arguments.require_memory_for(job.state.nbytes + job.saved_bytes)
        return _in_memory(job, ensemble, attrs, progress)
    taken = None
    if resume and path.exists():
        from langevin_kit.store import reopen_store

        _require_same(path, attrs)
        taken = reopen_store(path, digest(config_of(attrs)), job.save_every)
        if taken is None:
            return open_store(path)
        store = taken.store
    else:
        require_room(path, job.saved_bytes + 3 * job.state.nbytes)
        kept = job.state if job.initial == "array" else None
        store = create_store(path, attrs, digest(config_of(attrs)), overwrite=overwrite, start=kept)
    _into_store(job, ensemble, attrs, store, taken, progress)
    return open_store(path)


def _in_memory(job: Job, ensemble: Ensemble, attrs: dict[str, str], progress: Progress | bool | None) -> xr.Dataset:
    memory = Memory()
    recorder = Recorder(job, attrs, memory)
    guard = Guard(job.paths, "error.run", job.initial == "array" and (not job.n_kept or job.position_bits is not None))
    try:
        _evolve(ensemble, recorder, guard, job, memory, 0, 0, progress)
    except (NonFinite, BoundaryLeak) as error:
        recorder.flush()
        error.run = memory.dataset()
        raise
    recorder.flush()
    return memory.dataset()


def _into_store(
    job: Job,
    ensemble: Ensemble,
    attrs: dict[str, str],
    store: Store,
    taken: Reopened | None,
    progress: Progress | bool | None,
) -> None:
    row, step = (0, 0) if taken is None else (taken.rows, taken.step)
    ended = ""
    try:
        if taken is not None and taken.state is not None:
            read_state(taken.state, ensemble.state)
        recorder = Recorder(job, attrs, store, row)
        guard = Guard(job.paths, repr(str(store.path)), needs_initial=False)
        try:
            _evolve(ensemble, recorder, guard, job, store, row, step, progress)
        finally:
            if not store.failed:
                recorder.flush()
        ended = COMPLETE
    except (NonFinite, BoundaryLeak) as error:
        ended = str(error)
        raise
    finally:
        store.close(ended)


def _evolve(
    ensemble: Ensemble,
    recorder: Recorder,
    guard: Guard,
    job: Job,
    sink: Sink,
    row: int,
    step: int,
    progress: Progress | bool | None,
) -> None:
    pieces = Pieces(job.n_particles) if isinstance(sink, Store) else None
    with Watched(progress, job.n_steps - step, "evolving") as meter, ensemble:

        def report(steps: float) -> None:
            sink.beat()
            meter.advance(steps)

        while row < len(job.steps):
            target = int(job.steps[row])
            n = target - step if pieces is None else min(target - step, pieces.steps)
            before = time.monotonic()
            ensemble.advance(step, n, report)
            if pieces is not None:
                pieces.took(n, time.monotonic() - before)
            step += n
            if step == target:
                measurement = ensemble.measure(step)
                values = recorder.record(measurement)
                guard.require_whole(measurement, ensemble, step, float(values["energy"]))
                row += 1
            if sink.is_due():
                recorder.flush()
                sink.commit(step, lambda: ensemble.state)


class Pieces:
    """How many steps to move at once, from how long it took before."""

    def __init__(self, n_particles: int) -> None:
        self.steps = max(1, FIRST_PIECE // n_particles)

    def took(self, steps: int, seconds: float) -> None:
        """Learn from a piece; the first of a run also compiles, so that the next may be twice as long at most."""
        if steps:
            self.steps = min(max(1, int(steps * PIECE_SECONDS / max(seconds, 1e-9))), 2 * self.steps)


def _require_same(path: Path, attrs: dict[str, str]) -> None:
    """Refuse to go on with a run of something else, and say of what."""
    theirs, ours = config_of(read_attrs(path)), config_of(attrs)
    different = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    if different:
        shown = "; ".join(
            f"{name}: {_short(theirs.get(name))} there, {_short(ours.get(name))} here" for name in different
        )
        raise StoreMismatch(f"{path} holds another run ({shown}). Choose another output, or run what it holds.")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
