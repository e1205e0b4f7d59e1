"""Many saves and many particles: the peak memory of processes of their own, as the system counts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak of one process alone is read from /proc"
)

RUN = """
import re, sys
from pathlib import Path
import langevin_kit as lk
n, saves = map(int, sys.argv[1:])
system = lk.System(energy="(x**2 - 1)**2", temperature=0.5)
own = {"right": "x > 0", "msd": lk.observables.mean_square_displacement()}
grid = lk.Grid(x=lk.cells(-3, 3, 512))
ds = lk.simulate(system, initial=lk.initial.point([-1.0]), n_particles=n, time_step=1e-3, n_steps=saves, save_every=1,
                 rng=0, dtype="float32", check=False, observables=own, store="run.zarr", histogram=grid)
assert ds.sizes["time"] == saves + 1
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def peak(folder: Path, n: int, saves: int) -> float:
    """MB."""
    folder.mkdir()
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(n), str(saves)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout) / 1e3


def test_memory_does_not_grow_with_saves(tmp_path: Path) -> None:
    """Of the rows nothing stays but the blocks that are not full."""
    few, many = peak(tmp_path / "few", 500, 1500), peak(tmp_path / "many", 500, 7500)
    assert many - few < 12  # the histograms of 6000 saves alone are 25 MB


@pytest.mark.slow
def test_memory_is_flat_over_ten_thousand_saves(tmp_path: Path) -> None:
    peak(tmp_path / "first", 500, 10)  # compiles, which takes memory too
    assert peak(tmp_path / "many", 500, 20_000) - peak(tmp_path / "few", 500, 10_000) < 12


@pytest.mark.slow
def test_a_hundred_million_particles(tmp_path: Path) -> None:
    """State, starting points for displacements, and the copy that a checkpoint is written from: 3 × 0.4 GB."""
    assert peak(tmp_path / "large", 100_000_000, 3) < 3000
