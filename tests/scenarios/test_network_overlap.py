"""Retrieval in finite networks: the two scenarios of it run small, and give the recorded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_phase_diagram(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Networks of 200 spins keep what the theory of infinite ones says they keep, and no more."""
    study = runpy.run_path(str(SCENARIOS / "phase_diagram.py"))
    figure = tmp_path / "phase_diagram.png"
    found = study["main"](200, 5, str(figure))
    recorded = {"least overlap inside": 0.9946153846153852, "mean overlap outside": 0.12475274725274729}
    assert found == pytest.approx(recorded, rel=1e-6)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "map, N = 200" in capsys.readouterr().out


def test_retrieval_overlap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both ways to move 300 spins have one overlap, within four standard errors at each of three places."""
    study = runpy.run_path(str(SCENARIOS / "retrieval_overlap.py"))
    figure = tmp_path / "retrieval_overlap.png"
    found = study["main"](300, 0.05, (100, 200), 400, (0.6, 1.0), str(figure))
    recorded = {
        "glauber(0.05, 0.2)": 0.9994444444444405,
        "glauber(0.1, 0.2)": 0.895188888888886,
        "m(0.05, 0.6 T_M, 200)": 0.9870000000000007,
        "m(0.1, 1 T_M, 100)": 0.8031000000000005,
    }
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-6)
    assert found["langevin(0.05, 0.4)"] == pytest.approx(0.9697172541161607, rel=1e-6)
    assert all(abs(found[f"difference({load}, {temperature})"]) < 4 for load, temperature, _ in study["PLACES"])
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "difference" in capsys.readouterr().out
