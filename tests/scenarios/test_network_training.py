"""Scenarios of networks that learn run small, and give the recorded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_learned_fixed_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Small: 20 units hold 14 patterns of one size and not 17; 40 spins remember by three rules."""
    study = runpy.run_path(str(SCENARIOS / "learned_fixed_points.py"))
    figure = tmp_path / "figure.png"
    found = study["main"](20, (0.2, 0.7, 0.85), 40, (0.1, 0.5, 1.1), str(figure))
    recorded = {
        "eigenvalue(of one size, ±0.9, 0.2)": -0.6891981076,
        "eigenvalue(of one size, ±0.9, 0.7)": -0.3514903265,
        "residual(of any size up to 0.9, 0.2)": 0.0965312894,
        "eigenvalue(of any size up to 0.9, 0.2)": 0.2178408958,
        "residual(of any size up to 0.9, 0.7)": 0.1369311628,
        "eigenvalue(of any size up to 0.9, 0.7)": 4.6617580639,
        "agree": 1.0,
        "asked": 18,
        "fixed(Hebb, 0.1)": 1.0,
        "fixed(Hebb, 0.5)": 0.0,
        "fixed(projection, 0.5)": 1.0,
        "again(projection, 0.5)": 0.6,
        "fixed(cross entropy, 0.5)": 1.0,
        "again(cross entropy, 0.5)": 0.75,
        "fixed(cross entropy, 1.1)": 1.0,
        "again(cross entropy, 1.1)": 2 / 44,
    }
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-6)
    assert found["residual(of one size, ±0.9, 0.7)"] < 1e-7
    assert found["residual(of one size, ±0.9, 0.85)"] > 1e-2
    assert found["off"] < 1e-8
    assert "fixed(projection, 1.1)" not in found
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "verdict: of 18 fixed points with |λ| > 0.1, runs stay at or leave 18" in capsys.readouterr().out
