"""A neural ODE of a spiral: a small run gives the recorded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

STUDY = runpy.run_path(str(Path(__file__).parents[2] / "scenarios" / "neural_ode_spiral.py"))


def test_neural_ode_spiral(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Forty paths, four epochs: far from having learnt."""
    figure = tmp_path / "spiral.png"
    found = STUDY["main"](40, 4, str(figure))
    recorded = {}
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-5)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "verdict: Dormand–Prince" in capsys.readouterr().out
