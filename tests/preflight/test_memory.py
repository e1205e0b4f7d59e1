"""The least of all limits counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from langevin_kit.preflight import memory

ASK = "from langevin_kit.preflight.memory import available_memory; print(available_memory())"


@pytest.mark.skipif(sys.platform == "win32", reason="no ulimit")
def test_a_limit_of_the_process() -> None:
    shell = f"ulimit -v 4000000; exec '{sys.executable}' -c '{ASK}'"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 4_096_000_000


@pytest.mark.parametrize(
    ("groups", "limits"),
    [
        ("0::/job/step\n", {"job/memory.max": "5000", "job/step/memory.max": "max"}),
        ("0::/job/step\n", {"job/memory.max": "max", "job/step/memory.max": "5000"}),
        ("9:memory:/job\n3:cpu:/\n", {"memory/job/memory.limit_in_bytes": "5000", "memory.max": "1"}),
        ("no line\n", {}),
        ("0::/job\n", {}),
    ],
)
def test_limits_of_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: str, limits: dict[str, str]) -> None:
    """Of either version, and of the groups around the own one."""
    (tmp_path / "cgroup").write_text(groups)
    for name, text in limits.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(f"{text}\n")
    without = memory.available_memory()
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "LIMITS", tmp_path / "fs")
    assert without > 5000
    assert memory.available_memory() == 5000 if limits else memory.available_memory() > 5000


def test_a_limit_refuses_before_anything_is_drawn() -> None:
    code = (
        "import langevin_kit as lk; lk.simulate(lk.System(energy='x**2', temperature=1.0), time_step=0.01, n_steps=1, "
        "initial=lk.initial.point([0.0]), n_particles=10**9)"
    )
    shell = f'ulimit -v 4000000; exec "{sys.executable}" -c "{code}"'
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert (
        "InvalidArgument: n_particles: got 1000000000, whose positions need 8 GB; this machine has 4.1" in done.stderr
    )
