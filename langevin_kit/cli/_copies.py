"""`langevin replay` and `langevin export`."""

from __future__ import annotations

import sys
from pathlib import Path


def replay(store: Path, particle: int, /, *, first: int = 0, steps: int | None = None, every: int = 1) -> None:
    """Print the path of one particle of a run, bit for bit, as comma-separated values.

    Parameters
    ----------
    store
        A store that `langevin run` wrote.
    particle
        Its number, from 0.
    first
        The step at which the path begins.
    steps
        Its length in steps; up to the run's end if left out.
    every
        Steps between the lines.
    """
    import csv

    from langevin_kit.run import replay as replayed

    path = replayed(store, particle, first=first, n_steps=steps, save_every=every)
    lines = csv.writer(sys.stdout, lineterminator="\n")
    names = [str(name) for name in path.component.values]
    lines.writerow(["step", "time", *names])
    for step, time, x in zip(path.step.values, path.time.values, path.position.values[:, :, 0], strict=True):
        lines.writerow([int(step), float(time), *map(str, x)])


def export(store: Path, output: Path, /, *, overwrite: bool = False) -> None:
    """Copy a run into one file: NetCDF (.nc), or a zip file that Zarr and xarray read (.zip).

    Parameters
    ----------
    store
        A store that `langevin run` wrote.
    output
        The file to write.
    overwrite
        Replace a file that exists.
    """
    from langevin_kit.store import export_store

    export_store(store, output, overwrite=overwrite)
    print(output)
