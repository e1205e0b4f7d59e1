"""Real processes: killed, asked to end, out of disk, without permission, and two at once."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import langevin_kit as lk
from langevin_kit.errors import StoreLocked
from langevin_kit.store import audit_store
from langevin_kit.store._lock import STALE
from langevin_kit.store._record import read_record

SCENARIO = """
title = "A long run"
[system]
energy = "(x**2 - 1)**2"
temperature = 0.5
[initial]
kind = "point"
position = [-1.0]
[run]
n_particles = 20_000
time_step = 1e-3
n_steps = 2_000
save_every = 5
seed = 3
save_positions = 100
"""

EAGER = """
import sys
from langevin_kit.store import _store
_store.FIRST_COMMIT = _store.COMMIT = 0.02
_store.CHECKPOINT_SHARE = 0.0
from langevin_kit.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""The command with commits fifty times a second."""


def start(folder: Path, *words: str, code: str = EAGER, **options: object) -> subprocess.Popen[str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def wait_for_rows(store: Path, rows: int, process: subprocess.Popen[str]) -> None:
    """Until so many saved times are committed; a run that has ended before is no test of what comes next."""
    while process.poll() is None:
        record = read_record(store)
        if record is not None and record.rows >= rows:
            return
        time.sleep(0.001)
    pytest.fail(f"the run ended, with code {process.returncode}, before {rows} saved times were seen")


def fill(path: Path) -> None:
    """Write until there is no room."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"0" * 4096)


def undisturbed(folder: Path, scenario: str) -> xr.Dataset:
    """The run that nothing happened to."""
    folder.mkdir(exist_ok=True)
    (folder / "long.toml").write_text(scenario)
    assert ended(start(folder, "run", "long.toml", "--quiet"))[0] == 0
    return lk.open(folder / "long.zarr").load()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The run that nothing happened to."""
    return undisturbed(tmp_path_factory.mktemp("reference"), SCENARIO)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "long.toml").write_text(SCENARIO)
    return tmp_path


def assert_whole(store: Path, reference: xr.Dataset) -> None:
    got = lk.open(store)
    for name in reference.variables:
        if reference[name].dtype.kind in "fi":
            assert got[name].values.tobytes() == reference[name].values.tobytes(), name
    assert audit_store(store).faults == ()


def kill_until_done(here: Path, reference: xr.Dataset, kills: int) -> None:
    """Kill at a random moment after a few more rows, go on, and so on; the first call is the same as the later ones."""
    rng = np.random.default_rng(0)
    store, rows = here / "long.zarr", 0
    for _ in range(kills):
        process = start(here, "run", "long.toml", "--resume", "--quiet")
        wait_for_rows(store, rows + 1, process)
        time.sleep(rng.uniform(0, 0.8 / kills))
        process.kill()
        assert ended(process)[0] in (-signal.SIGKILL, 0)
        rows = lk.open(store).sizes.get("time", 0)
    assert rows < reference.sizes["time"]
    assert ended(start(here, "resume", "long.zarr", "--quiet")) == (0, "")
    assert_whole(store, reference)


def test_kill_and_go_on(here: Path, reference: xr.Dataset) -> None:
    kill_until_done(here, reference, 4)


@pytest.mark.slow
def test_forty_kills(here: Path) -> None:
    """Each lets some commits of about ten saved times pass: the run has 1601 of them."""
    longer = SCENARIO.replace("n_steps = 2_000", "n_steps = 8_000")
    (here / "long.toml").write_text(longer)
    kill_until_done(here, undisturbed(here / "undisturbed", longer), 40)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_run_that_is_asked_to_end(here: Path, reference: xr.Dataset, number: int, code: int) -> None:
    """It commits what it has, says how to go on, and its code is what a shell makes of the signal."""
    # Who runs the tests in the background may have had them ignore it.
    process = start(here, "run", "long.toml", "--quiet", preexec_fn=partial(signal.signal, number, signal.SIG_DFL))
    wait_for_rows(here / "long.zarr", 3, process)
    process.send_signal(number)
    got, said = ended(process)
    assert got == code
    assert said.startswith("langevin: interrupted. long.zarr keeps what was saved up to t = ")
    assert said.rstrip().endswith("Go on with `langevin resume long.zarr`.")
    assert 3 <= lk.open(here / "long.zarr").sizes["time"] < reference.sizes["time"]
    assert ended(start(here, "resume", "long.zarr", "--quiet")) == (0, "")
    assert_whole(here / "long.zarr", reference)


def test_a_full_disk(here: Path, reference: xr.Dataset) -> None:
    """A limit on the size of files stands for it: the committed part is whole, and goes on when there is room."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, resource.RLIM_INFINITY))

    code, said = ended(start(here, "run", "long.toml", "--quiet", preexec_fn=limit))
    assert code == 1
    assert "cannot be written: File too large. What was committed is kept: make room, and go on with" in said
    found = audit_store(here / "long.zarr")
    assert (found.faults, found.ended) == ((), "")
    assert ended(start(here, "resume", "long.zarr", "--quiet")) == (0, "")
    assert_whole(here / "long.zarr", reference)


def test_a_small_file_system_that_fills_up(here: Path, reference: xr.Dataset) -> None:
    """With what others write, after the run has found room enough."""
    disk = here / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        process = start(here, "run", "long.toml", "-o", "disk/long.zarr", "--quiet")
        wait_for_rows(disk / "long.zarr", 3, process)
        fill(disk / "theirs")
        code, said = ended(process)
        assert code == 1
        assert "No space left on device. What was committed is kept: make room, and go on with" in said
        (disk / "theirs").unlink()
        assert audit_store(disk / "long.zarr").faults == ()
        assert 3 <= lk.open(disk / "long.zarr").sizes["time"] < reference.sizes["time"]
        assert ended(start(here, "resume", "disk/long.zarr", "--quiet")) == (0, "")
        assert_whole(disk / "long.zarr", reference)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_folder_that_cannot_be_written_in(tmp_path: Path) -> None:
    """As a user who is not root, whom no mode stops: refused before the first step, and nothing is written."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    code = """
import os, sys
import langevin_kit as lk, langevin_kit.run, langevin_kit.store
given = dict(initial=lk.initial.point([0.0]), n_particles=10, time_step=0.01, n_steps=1, rng=0)
system = lk.System(energy="x**2", temperature=1.0)
lk.simulate(system, **given)
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    lk.simulate(system, **given, store="run.zarr")
except lk.errors.InvalidStore as error:
    sys.exit(str(error))
"""
    got, said = ended(start(locked, code=code))
    assert got == 1
    assert said.strip().endswith("run.zarr cannot be created (Permission denied). Choose another output.")
    assert list(locked.iterdir()) == []


def test_two_writers(here: Path, reference: xr.Dataset) -> None:
    """The second is told who the first is; when that has been killed, its lock counts no more."""
    process = start(here, "run", "long.toml", "--quiet")
    store = here / "long.zarr"
    wait_for_rows(store, 2, process)
    process.send_signal(signal.SIGSTOP)  # it keeps its lock
    with pytest.raises(StoreLocked, match=rf"by process {process.pid} on {socket.gethostname()}, seen \d+ s ago"):
        lk.resume(store)
    assert ended(start(here, "resume", "long.zarr", "--quiet"))[0] == 2
    assert ended(start(here, "run", "long.toml", "--overwrite", "--quiet"))[0] == 2
    process.kill()
    process.communicate()
    assert json.loads((store / "restart" / "lock").read_bytes())["pid"] == process.pid
    assert ended(start(here, "resume", "long.zarr", "--quiet")) == (0, "")
    assert_whole(store, reference)
    assert (store / "restart" / "lock").read_bytes() == b""


def test_a_lock_of_another_machine(tmp_path: Path) -> None:
    """Nothing tells whether its process lives but its heartbeat."""
    store = tmp_path / "run.zarr"
    system = lk.System(energy="x**2", temperature=1.0)
    given = {"initial": lk.initial.point([0.0]), "n_particles": 10, "time_step": 0.01, "n_steps": 4, "rng": 0}
    lk.simulate(system, **given, store=store)  # type: ignore[arg-type]
    lock = store / "restart" / "lock"
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 7}))
    with pytest.raises(StoreLocked, match="by process 7 on elsewhere"):
        lk.resume(store)
    os.utime(lock, (time.time() - STALE - 1,) * 2)
    assert lk.resume(store).sizes["time"] == 2
