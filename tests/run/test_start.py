"""What a run loads before its first step when its system was met before, and how much memory its ensemble takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import langevin_kit as lk

SCENARIO = """
title = "A start"
[system]
energy = "(x**2 - 1.0625)**2"
mobility = "1/(1 + x**2)"
temperature = 0.5
[initial]
kind = "point"
position = [-1.0]
[run]
n_particles = 256
time_step = 1e-3
n_steps = 10
seed = 0
[observables]
barrier = "x > 0.0625"
"""

FIRST_STEP = """
import json, os, sys
import langevin_kit.cli, langevin_kit.cli._run as command
def advance(self, steps):
    if steps > 0:
        print(json.dumps(sorted(sys.modules)), flush=True)
        os._exit(0)
command.Stopwatch.advance = advance
sys.exit(langevin_kit.cli.main(["run", "start.toml", "-o", "start.zarr", "--overwrite", "--quiet"]))
"""

AFTER_THE_RUN = {"pandas", "xarray", "zarr", "matplotlib", "scipy.special", "scipy.stats"}
"""Estimates, Datasets, stores and figures need these."""

TO_DERIVE_AND_COMPILE = {"sympy", "pydantic.main", "tomllib", "numba.np.arrayobj", "scipy.linalg", "numpy.ma"}
"""Reading, checking, deriving and compiling need these: once for each scenario."""

MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
import langevin_kit as lk
n, copies = map(int, sys.argv[1:])
system = lk.System(energy="x**2/2", temperature=1.0)
kept = [np.ones(n) for _ in range(copies)]
start = lk.initial.gaussian([0.0], 1.0)
lk.simulate(system, initial=start, n_particles=n, time_step=0.01, n_steps=2, save_every=1, rng=0)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
FEW, MANY = 100_000, 4_000_000


def last_line(code: str, *words: str, folder: Path, **environment: str) -> str:
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_what_is_loaded_at_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "start.toml").write_text(SCENARIO)
    cache = str(tmp_path / "cache")
    new, met = (set(json.loads(last_line(FIRST_STEP, folder=tmp_path, LANGEVIN_CACHE_DIR=cache))) for _ in range(2))
    assert not AFTER_THE_RUN & new
    assert new >= TO_DERIVE_AND_COMPILE  # or the names here are out of date, and what follows could not fail
    assert not (AFTER_THE_RUN | TO_DERIVE_AND_COMPILE) & met


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of one process alone is read from /proc")
def test_memory_of_an_ensemble(tmp_path: Path) -> None:
    system = lk.System(energy="x**2/2", temperature=1.0)
    start = lk.initial.gaussian([0.0], 1.0)
    lk.simulate(system, initial=start, n_particles=256, time_step=0.01, n_steps=2, save_every=1, rng=0)  # compiles
    few, many, copied = (
        int(last_line(MEMORY, str(n), str(copies), folder=tmp_path)) * 1024
        for n, copies in ((FEW, 0), (MANY, 0), (MANY, 12))  # what is imported after the steps hides a few copies
    )
    state = 8 * (MANY - FEW)
    assert many - few <= 3 * state
    assert copied - few > 3 * state
