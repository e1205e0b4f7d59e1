"""`langevin run`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from langevin_kit.cli._devices import backend_of
from langevin_kit.cli.outputs import FIGURES, beside, kept, refuse_figure, refuse_folder
from langevin_kit.errors import BoundaryLeak, InvalidArgument, NonFinite, StoreExists, StoreLocked, UnboundedLearning
from langevin_kit.progress import Bar, Progress, Silent

if TYPE_CHECKING:
    import xarray as xr

    from langevin_kit.scenario import Scenario

FAILED = 1
"""Exit code of a run that failed after it had started."""


def run(
    scenario: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    overwrite: bool = False,
    resume: bool = False,
    particles: int | None = None,
    seed: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    backend: str | None = None,
    threads: int | None = None,
    quiet: bool = False,
) -> int:
    """Run a scenario, store it, draw it and say whether it has relaxed. A network with [learn] first learns.

    Parameters
    ----------
    scenario
        A scenario file (TOML).
    output
        The Zarr store to write; the scenario's name with .zarr in this folder if left out. The figure lies beside it.
    overwrite
        Replace a store and a figure that exist.
    resume
        Go on with the store, if it exists and its run is this one; begin it otherwise.
    particles
        Number of particles, instead of the scenario's.
    seed
        Seed, instead of the scenario's.
    backend
        cpu, cuda or cuda_reproducible, instead of the scenario's.
    threads
        Worker threads of the CPU; all cores if left out. Results do not depend on it.
    quiet
        Show no progress bar.
    """
    from langevin_kit.scenario import load
    from langevin_kit.store import refuse_existing

    read = load(scenario)
    store = Path(f"{scenario.stem}.zarr") if output is None else output
    if not store.name:
        raise InvalidArgument(f"output: got {str(store)!r}; the path of a new folder is needed, as in run.zarr.")
    figure = beside(store)
    if figure == store or store.suffix.lower() in FIGURES:
        raise InvalidArgument(f"output: got {store}, which is the figure's name; give the store's, as in run.zarr.")
    refuse_folder(store.parent)
    if not (resume and store.exists()):
        refuse_existing(store, overwrite=overwrite)
    refuse_figure(figure, overwrite=overwrite or resume)
    device = backend_of(backend or read.arguments["backend"], threads)
    own: dict[str, Any] = {"n_particles": particles, "rng": seed, "backend": device}
    if particles is not None and particles < read.arguments["save_positions"]:
        own["save_positions"] = True
    arguments: dict[str, Any] = {**read.arguments, **{k: v for k, v in own.items() if v is not None}}
    arguments |= {"store": store, "overwrite": overwrite, "resume": resume}
    return carry_out(lambda meter: _go(read, arguments, meter), store, figure, quiet=quiet)


def _go(read: Scenario, arguments: dict[str, Any], meter: Progress) -> xr.Dataset:
    """Learn, if the scenario has something to learn, and run."""
    from langevin_kit.run import simulate
    from langevin_kit.system import System

    system = read.system
    if read.learning is not None:
        from langevin_kit.learn import recall_and_learn

        learned = recall_and_learn(system, **{**read.learning, "rng": arguments["rng"]}, progress=meter)
        assert isinstance(learned.system, System)
        system = learned.system
        arguments["attrs"] |= {"learning": json.dumps(learned.history.to_dict())}
    return simulate(system, **arguments, progress=meter)


def carry_out(go: Callable[[Progress], xr.Dataset], store: Path, figure: Path, *, quiet: bool) -> int:
    """Do a run, draw it, and print what it found; or say what it has left."""
    meter = Stopwatch(Bar() if sys.stderr.isatty() and not quiet else Silent())
    before = time.perf_counter()
    try:
        ds = go(meter)
        seconds = time.perf_counter() - before
        from langevin_kit.plot import overview

        overview(ds, figure)
    except (StoreExists, StoreLocked):  # another run took the name after it was looked at: nothing was written
        raise
    except (NonFinite, BoundaryLeak, UnboundedLearning, OSError) as error:
        print(f"langevin: {error}\n{kept(store)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(kept(store, goes_on=True)) from interrupt
    from langevin_kit.cli.summary import summary

    print(summary(ds, (store, figure), seconds, meter.rate))
    return 0


class Stopwatch:
    """A meter that also counts steps against time, from the end of the first on: compiling is then over."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self._first: float | None = None
        self._steps = self._seconds = 0.0

    @property
    def rate(self) -> float:
        """Time steps of the whole ensemble per second; 0 if unknown."""
        return self._steps / self._seconds if self._seconds else 0.0

    def start(self, total: int, description: str) -> None:
        """Show the start, and count from it: learning and the run each have theirs."""
        self._first, self._steps, self._seconds = None, 0.0, 0.0
        self._inner.start(total, description)

    def advance(self, steps: float) -> None:
        """Show the steps, and count them."""
        now = time.perf_counter()
        if self._first is not None:
            self._steps, self._seconds = self._steps + steps, now - self._first
        elif steps > 0:
            self._first = now
        self._inner.advance(steps)

    def stop(self) -> None:
        """Show the end."""
        self._inner.stop()
