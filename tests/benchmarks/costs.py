"""What a step does not show: compiling, starting, memory, and the second thread. Each in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
TURNS = 7


def markdown(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A titled table."""
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return f"\n{title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def in_process(code: str, *words: str, **environment: str) -> str:
    """The last line that the code prints in a fresh interpreter; `START` in its environment is when it was started.

    Byte code is kept as it is by default: these variables may forbid it where a benchmark is run.
    """
    paths = os.pathsep.join([str(HERE), *(path for path in sys.path if path)])
    environment = {"PYTHONDONTWRITEBYTECODE": "", **environment}
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"PYTHONPATH": paths, "START": repr(time.monotonic()), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        return lines[-1]
    return f"failed: {(done.stderr.splitlines() or ['no reason'])[-1]:.120}"


_COMPILE = """
import sys, time
from contestants import ours
import langevin_kit.codegen, langevin_kit.system
before = time.perf_counter()
call, _ = ours(*sys.argv[1:])
call()
print(f"{time.perf_counter() - before:.2f}")
"""


def compile_times(names: Sequence[str], dtypes: Sequence[str]) -> str:
    """Seconds from a model's text to the end of its first call: with an empty cache, and with what that left."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bytecode = {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        in_process(_COMPILE, names[0], dtypes[0], LANGEVIN_CACHE_DIR=f"{folder}/first", **bytecode)
        for name in names:
            for dtype in dtypes:
                place = {"LANGEVIN_CACHE_DIR": f"{folder}/{name}-{dtype}", **bytecode}
                rows.append([name, dtype, *(in_process(_COMPILE, name, dtype, **place) for _ in range(2))])
    title = "Seconds of a new model, to the end of its first call"
    return markdown(title, ("model", "dtype", "compiled", "cached"), rows)


_SCENARIO = """
title = "A start"
[system]
energy = "(x**2 - 1)**2"
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
"""

# The meter hears of the first steps when they are done; the first row, of no steps, it hears of with 0.
_FIRST_STEP = """
import json, os, sys, time
import langevin_kit.cli, langevin_kit.cli._run as command
def advance(self, steps):
    if steps > 0:
        took = time.monotonic() - float(os.environ["START"])
        found = [name for name in ("sympy", "pandas", "xarray", "zarr", "matplotlib", "scipy") if name in sys.modules]
        print(json.dumps([took, found]), flush=True)
        os._exit(0)
command.Stopwatch.advance = advance
langevin_kit.cli.main(["run", "start.toml", "-o", "start.zarr", "--overwrite", "--quiet"])
"""
_IMPORTS = "import os, time, numba, pydantic, cyclopts, rich\nprint(time.monotonic() - float(os.environ['START']))"
_STARTS = (
    "langevin run, first step done",
    "import numba, pydantic, cyclopts, rich",
    "langevin --help",
    "a bare cyclopts app's --help",
)
_HELP = "import sys; sys.argv[:] = ['langevin', '--help']\nfrom langevin_kit.cli import main\nmain()\n"
_BARE_HELP = """
from cyclopts import App
app = App(name="bare", help="An app.")
@app.command
def run(file: str, *, quiet: bool = False) -> None:
    "Run it."
app(["--help"], exit_on_error=False, result_action="return_value")
"""
_STAMP = "import os, time\nprint(time.monotonic() - float(os.environ['START']))"


def start_times() -> str:
    """Seconds from the interpreter's start: to the first steps of `langevin run`, and of `langevin --help`."""
    taken: dict[str, list[float]] = {}
    loaded: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "start.toml").write_text(_SCENARIO)
        move = f"import os\nos.chdir({folder!r})\n"
        cached = {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        sources = (move + _FIRST_STEP, _IMPORTS, _HELP + _STAMP, _BARE_HELP + _STAMP)
        for turn in range(TURNS + 1):
            answers = [in_process(code, **cached) for code in sources]
            failed = [answer for answer in answers if answer.startswith("failed")]
            if failed:
                return f"\nStart: {failed[0]}"
            if turn > 0:  # the first turn filled the caches
                seconds, loaded = json.loads(answers[0])
                for what, value in zip(_STARTS, (seconds, *map(float, answers[1:])), strict=True):
                    taken.setdefault(what, []).append(value)
    rows = [[what, f"{min(t):.3f}", f"{median(t):.3f}"] for what, t in taken.items()]
    (ours, imports, help_, bare) = taken.values()
    notes = [
        f"first step / imports: {median(a / b for a, b in zip(ours, imports, strict=True)):.2f} over {TURNS} turns",
        f"--help / bare --help: {median(a / b for a, b in zip(help_, bare, strict=True)):.2f}",
        f"loaded at the first step: {', '.join(loaded) or 'none'} of sympy, pandas, xarray, zarr, matplotlib, scipy",
    ]
    table = markdown("Seconds of a start, everything cached", ("what", "fastest", "median"), rows)
    return "\n".join([table, "", *notes])


_MEMORY = """
import resource, sys
import langevin_kit as lk
system = lk.System(energy="(x**2 - 1)**2", temperature=0.5)
initial = lk.initial.gaussian(mean=[-1.0], covariance=0.04)
n, dtype = int(sys.argv[1]), sys.argv[2]
lk.simulate(system, initial=initial, n_particles=n, time_step=1e-3, n_steps=2, save_every=2, rng=0, dtype=dtype)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def memory(dtypes: Sequence[str], few: int = 1_000_000, many: int = 50_000_000) -> str:
    """Growth of the peak of resident memory over the growth of the state, in one dimension."""
    rows = []
    for dtype in dtypes:
        kilobytes = [in_process(_MEMORY, str(n), dtype) for n in (few, many)]
        if any(text.startswith("failed") for text in kilobytes):
            rows.append([dtype, *kilobytes, ""])
            continue
        small, large = (1024 * int(text) for text in kilobytes)
        ratio = (large - small) / ((many - few) * int(dtype[-2:]) // 8)
        rows.append([dtype, f"{small / 1e6:.0f}", f"{large / 1e6:.0f}", f"{ratio:.2f}"])
    head = ("dtype", f"{few:,} particles", f"{many:,} particles", "growth / growth of the state")
    return markdown("Peak resident memory in MB, one dimension", head, rows)


_THREADS = """
import json, sys, time
import numpy as np
import langevin_kit as lk
from langevin_kit.backends import Program
from langevin_kit.observables import plan
from langevin_kit.schemes import scheme_from
from models import MODELS
name, dtype, *threads = sys.argv[1:]
model = MODELS[name]
system = model.system()
program = Program(system, scheme_from("euler_maruyama"), plan(system, {}, None), dtype, model.time_step,
                  (np.uint32(1), np.uint32(2)))
n, steps = 2**23 // model.n_dim, 100 if model.n_dim < 64 else 4
start = np.tile(np.array(model.start, dtype)[:, None], (1, n))
pools = [lk.CPU(threads=int(t)).ensemble(program, start.copy()) for t in threads]
for pool in pools:
    pool.advance(0, steps, lambda done: None)
    pool.measure(steps)
ratios = []
for turn in range(1, 6):
    taken = []
    for pool in pools:
        before = time.perf_counter()
        pool.advance(turn * steps, steps, lambda done: None)
        pool.measure((turn + 1) * steps)
        taken.append(time.perf_counter() - before)
    ratios.append(taken[0] / taken[1])
print(json.dumps(ratios))
"""


def thread_scaling(names: Sequence[str], dtypes: Sequence[str], threads: Sequence[int]) -> str:
    """How much faster more threads are, measurement of the ensemble included."""
    rows = []
    for name in names:
        for dtype in dtypes:
            answer = in_process(_THREADS, name, dtype, *map(str, threads))
            if answer.startswith("failed"):
                rows.append([name, dtype, answer])
            else:
                ratios = sorted(json.loads(answer))
                rows.append([name, dtype, f"{ratios[0]:.2f}–**{median(ratios):.2f}**–{ratios[-1]:.2f}"])
    title = f"Time with {threads[0]} over time with {threads[1]} threads, five turns"
    return markdown(title, ("model", "dtype", "minimum–median–maximum"), rows)
