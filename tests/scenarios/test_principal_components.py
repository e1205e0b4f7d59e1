"""Principal components under noise: a small run gives the recorded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

STUDY = runpy.run_path(str(Path(__file__).parents[2] / "scenarios" / "principal_components.py"))


def test_principal_components(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two temperatures, one seed, 300 updates: not at the fixed point yet."""
    figure = tmp_path / "components.png"
    found = STUDY["main"]((0.02, 0.2), 1, 300, 300, str(figure))
    recorded = {
        "oja(0.02)": 0.4470540643790899,
        "oja(0.2)": 0.023009309927970567,
        "likelihood(0.02)": 0.36258072519713624,
        "likelihood(0.2)": 0.009680724768796889,
        "fails below": 0.02,
    }
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-6)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "verdict: persistent chains" in capsys.readouterr().out
