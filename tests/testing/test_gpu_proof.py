"""The proof's dry run holds, and a device that is wrong fails it.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cuda_tools import require_compiler

from langevin_kit.testing.gpu_proof import CHECKS, Check, Proof, _rates, prove
from langevin_kit.testing.gpu_proof.__main__ import main
from langevin_kit.testing.ptxvm import Executor

require_compiler()


class Wrong(Executor):
    """A device that takes one number for another in its kernels."""

    def __init__(self, right: str, wrong: str) -> None:
        super().__init__()
        self._numbers = right, wrong

    def load(self, text: str) -> Callable[..., None]:
        assert self._numbers[0] in text
        return super().load(text.replace(*self._numbers))


def test_the_dry_run_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "proof.json"
    monkeypatch.setattr(sys, "argv", ["gpu_proof", "--dry", "--out", str(out)])
    assert main() == 0
    found = json.loads(out.read_text())
    assert found["holds"]
    assert found["dry"]
    assert found["device"]["name"] == "executor of PTX on the CPU"
    assert len(found["sources"]) == 64
    assert {check["name"].split(":")[0] for check in found["checks"]} == {"philox", "normals", "paths", "spins", "law"}
    assert all(check["holds"] for check in found["checks"])


def test_a_wrong_device_is_found() -> None:
    """A multiplier of Philox that is off by one."""
    told: list[Check] = []
    found = prove(Proof(Wrong("-845247145", "-845247143"), 1, True), CHECKS[:1], told.append)
    assert not found["holds"]
    assert [check.holds for check in told] == [False, False]


def test_what_raises_does_not_hold() -> None:
    found = prove(Proof(Wrong("ret", "rat"), 1, True), CHECKS[:1], lambda _: None)
    assert not found["holds"]
    assert "rat is not known" in found["checks"][0]["found"]["error"]


def test_networks_that_recall_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones, on the executor: each has a rate, and its products take a share of a step."""
    for name, value in {"VISIBLE": 13, "HIDDEN": 5, "RECALLED": 40, "WARM": 1, "REPEATS": 2}.items():
        monkeypatch.setattr(_rates, name, value)
    found = list(_rates.recall(Proof(Executor(), 1, True)))
    assert [check.name for check in found] == [
        f"rate: recall, {n} layer{s}, float32" for n, s in (("one", ""), ("two", "s"))
    ]
    for check in found:
        assert check.found["rate"] > 0
        assert 0 < check.found["share of products"] < 1


@pytest.mark.gpu
def test_the_whole_proof_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu_proof", "--out", str(tmp_path / "proof.json")])
    assert main() == 0
