"""What saving costs: beside the steps, per small row, over many saves, and in memory. Run it on an idle machine.

    python tests/benchmarks/storage.py [--large]

`--large` adds a run of 10⁸ particles, which needs 4 GB of memory and some minutes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import zarr
from costs import in_process, markdown

import langevin_kit as lk
from langevin_kit.store._files import sync
from langevin_kit.store._layout import Layout
from langevin_kit.store._rows import Rows

TURNS = 5
WELL = lk.System(energy="(x**2 - 1)**2", temperature=0.5)


def seconds(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def run(**given: Any) -> object:
    arguments: dict[str, Any] = {"initial": lk.initial.point([-1.0]), "time_step": 1e-3, "rng": 0, "dtype": "float32"}
    return lk.simulate(WELL, **{**arguments, "check": False, **given})


def plain_writes(folder: Path, rows: int, row: np.ndarray[Any, Any]) -> None:
    """The same bytes with one write a row, and on the disk at the end."""
    folder.mkdir()
    for i in range(rows):
        with (folder / str(i)).open("wb") as file:
            file.write(row)
    for file_path in folder.iterdir():
        descriptor = os.open(file_path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def overlap(folder: Path) -> str:
    """A run that stores all its positions, beside its steps alone and its bytes alone; medians of turns."""
    n, steps, rows = 2_000_000, 4000, []
    row = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    for every in (20, 50, 100):
        given, saves = {"n_particles": n, "n_steps": steps, "save_every": every}, steps // every
        run(**{**given, "n_steps": every})
        turns = []
        for _ in range(TURNS):
            compute = seconds(lambda given=given: run(**given))  # type: ignore[misc]
            disk = seconds(lambda saves=saves: plain_writes(folder / "plain", saves + 1, row))  # type: ignore[misc]
            both = seconds(lambda given=given: run(**given, store=folder / "run.zarr", save_positions=True))  # type: ignore[misc]
            turns.append((compute, disk, both, both / max(compute, disk)))
            shutil.rmtree(folder / "plain")
            shutil.rmtree(folder / "run.zarr")
        rows.append([every, *(f"{median(column):.3g}" for column in zip(*turns, strict=True))])
    head = ("steps a save", "steps alone, s", "bytes alone, s", "run, s", "run ÷ the longer")
    return markdown(f"{n:,} particles in float32, {steps} steps, all positions", head, rows)


def small_rows(folder: Path) -> str:
    """4 kB a save, from the ensemble to the disk: through the buffers of a store, and with a write of Zarr for each."""
    saves, batch = 8000, 1000
    position = np.random.default_rng(0).standard_normal((1, 5000)).astype(np.float32)
    ours, each = [], []
    for turn in range(TURNS):
        layout = Layout.of("position", saves, position[:, :1000])
        buffered = Rows(folder / f"rows{turn}", {"position": layout}, 0)

        def through_buffers(rows: Rows = buffered) -> None:
            for _ in range(saves // batch):
                rows.append({"position": np.stack([position[:, :1000].copy() for _ in range(batch)])})
            rows.flush()
            sync(rows.unsynced, folder)

        ours.append(seconds(through_buffers) / saves)
        array = zarr.create_array(folder / f"zarr{turn}", shape=(400, 1, 1000), chunks=(1, 1, 1000), dtype="f4")

        def one_by_one(array: Any = array) -> None:
            for i in range(400):
                array[i] = position[:, :1000]

        each.append(seconds(one_by_one) / 400)
    cells = [f"{1e6 * median(ours):.3g}", f"{1e6 * median(each):.3g}", f"{median(each) / median(ours):.3g}"]
    return markdown("Rows of 4 kB", ("µs a row, synced", "µs with a write each, not synced", "ratio"), [cells])


def many_saves(folder: Path) -> str:
    """10⁵ saves: the time of the first tenth after the first, and of the last."""
    saves = 100_000

    class Watch:
        def __init__(self) -> None:
            self.marks: list[tuple[float, float]] = [(0.0, time.perf_counter())]

        def start(self, total: int, description: str) -> None: ...

        def stop(self) -> None: ...

        def advance(self, steps: float) -> None:
            self.marks.append((self.marks[-1][0] + steps, time.perf_counter()))

    watch = Watch()
    run(n_particles=256, n_steps=saves, save_every=1, store=folder / "many.zarr", progress=watch)
    done, at = np.array(watch.marks).T
    tenth = np.diff(np.interp(np.linspace(0, saves, 11), done, at)) / (saves / 10)
    cells = [
        f"{1e6 * tenth[1]:.4g}",
        f"{1e6 * median(tenth):.4g}",
        f"{1e6 * tenth[-1]:.4g}",
        f"{tenth[-1] / tenth[1]:.3f}",
    ]
    return markdown("µs a save, of 10⁵", ("second tenth", "median tenth", "last tenth", "last ÷ second"), [cells])


_PEAK = """
import re, shutil, sys, tempfile
from pathlib import Path
import langevin_kit as lk
n, saves = map(int, sys.argv[1:])
folder = tempfile.mkdtemp()
lk.simulate(lk.System(energy="(x**2 - 1)**2", temperature=0.5), initial=lk.initial.point([-1.0]), n_particles=n,
            time_step=1e-3, n_steps=saves, save_every=1, rng=0, store=folder + "/run.zarr", dtype="float32",
            check=False, observables={"right": "x > 0"})
shutil.rmtree(folder)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def memory(*, large: bool) -> str:
    """Peak memory of a process, over the number of saves and of particles."""
    cases = [(1000, 1000), (1000, 10_000), *([(100_000_000, 4)] if large else [])]
    rows = []
    for n, saves in cases:
        before = time.perf_counter()
        peak = int(in_process(_PEAK, str(n), str(saves))) / 1e3
        rows.append([f"{n:,}", f"{saves:,}", f"{peak:,.0f}", f"{time.perf_counter() - before:.0f}"])
    return markdown("Peak memory of a run with a store", ("particles", "saves", "MB", "seconds of the process"), rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        for table in (overlap, small_rows, many_saves):
            print(table(Path(place)), flush=True)
    print(memory(large="--large" in sys.argv))
