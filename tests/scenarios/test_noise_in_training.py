"""Noise in training: a small run gives the recorded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

STUDY = runpy.run_path(str(Path(__file__).parents[2] / "scenarios" / "noise_in_training.py"))


def test_noise_in_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two sets, one temperature, 40 epochs: too short for noise to help, long enough for the slope."""
    figure = tmp_path / "noise_in_training.png"
    found = STUDY["main"](2, [("1 + h**2", 0.3)], (0, 10, 40), 40, str(figure))
    recorded = {
        "loss(1, 0)": 0.4928971530763609,
        "loss(1 + h**2, 0.3)": 0.5674292148544567,
        "loss: best possible": 0.3665456801225721,
        "loss: others, end": -0.00909808967244198,
        "error(1, 0)": 0.2195,
        "error: best possible": 0.126,
        "formula(1, 0)": 0.2807586095622478,
        "paths(1, 0)": 0.2778071004833836,
        "formula(1 + h**2, 0)": 0.4500103045669296,
        "formula(1 + h**2, 0.3)": 0.03187080283201922,
        "paths(1 + h**2, 0.3)": 0.02937119957201471,
        "½ tr(0)": 0.423779063834985,
        "½ tr(0.3)": 0.13360461394227702,
    }
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-4)
    # Three slopes within 3 standard errors, and what must be seen: a formula without a part.
    own = "1 + h**2, 0.3"
    assert all(abs(found[f"off({K}, {T:g})"]) < STUDY["SEEN"] for K, T in STUDY["CHECKED"])
    assert min(abs(found[f"{name}({own})"]) for name in ("no ½ tr", "no ½ f''", "no ∇·K")) > 10
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "verdict: at T = 1e-07 paths are within 3 standard errors of the formula;" in capsys.readouterr().out
