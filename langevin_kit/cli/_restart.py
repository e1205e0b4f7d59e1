"""`langevin resume` and `langevin audit`."""

from __future__ import annotations

from pathlib import Path

from langevin_kit.cli._devices import backend_of
from langevin_kit.cli._run import carry_out
from langevin_kit.cli.outputs import beside, refuse_figure

DAMAGED = 1
"""Exit code of an audit that found something."""


def resume(store: Path, /, *, backend: str | None = None, threads: int | None = None, quiet: bool = False) -> int:
    """Go on with a run that was cut short; its bits are those of a run that was not.

    Parameters
    ----------
    store
        A store that `langevin run` wrote.
    backend
        cpu, cuda or cuda_reproducible; the one that the run was begun on if left out. cuda does not keep the bits.
    threads
        Worker threads of the CPU; all cores if left out. Results do not depend on it.
    quiet
        Show no progress bar.
    """
    from langevin_kit.run import resume as go_on

    figure = beside(store)
    refuse_figure(figure, overwrite=True)
    device = backend_of(backend, threads)
    return carry_out(lambda meter: go_on(store, backend=device, progress=meter), store, figure, quiet=quiet)


def audit(store: Path, /) -> int:
    """Compare every committed byte of a store with its check sum; name what is damaged.

    Parameters
    ----------
    store
        A store that `langevin run` wrote.
    """
    from langevin_kit.store import COMPLETE, audit_store

    found = audit_store(store)
    for fault in found.faults:
        print(f"{store}: {fault}")
    for draft in found.drafts:
        print(f"{store}: {draft} was left half written by a crash; it is in no one's way")
    ended = {"": "not ended", COMPLETE: "complete"}.get(found.ended, "failed")
    checked = f"{found.n_files} files, {found.n_bytes / 1e6:.3g} MB, {found.rows} saved times; the run is {ended}"
    if found.faults:
        print(f"{store}: {len(found.faults)} of {checked}. `langevin resume {store}` computes the damaged part again.")
        return DAMAGED
    print(f"{store}: whole: {checked}.")
    return 0
