"""Held-out densities of digits: a small run gives the recorded numbers. It needs scikit-learn."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

SCENARIO = str(Path(__file__).parents[2] / "scenarios" / "digits_density.py")


@pytest.mark.slow
def test_digits_density(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One temperature, few updates: linear units are a Gaussian of scikit-learn's density, tanh units learn."""
    pytest.importorskip("sklearn", reason="the extra `test` or `data` has it")
    study, figure = runpy.run_path(SCENARIO), tmp_path / "density.png"
    found = study["main"]((0.03,), 10, 60, 200, (2,), str(figure))
    recorded = {
        "Oja(0.03)": 6.867,
        "its end(0.03)": 15.956,
        "tanh(0.03)": -5.626,
        "modern(0.08)": -6.298,
        "pca": 16.725,
        "mixture(2)": 32.682,
    }
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, abs=0.3)
    assert abs(found["same"]) < 1e-3
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "verdict: at T = " in capsys.readouterr().out


def test_linear_units_have_a_normal_density() -> None:
    """By scikit-learn's components and by the covariance T (1 − U Uᵀ)⁻¹."""
    pytest.importorskip("sklearn", reason="the extra `test` or `data` has it")
    study = runpy.run_path(SCENARIO)
    seen, held = study["images"]()
    covariance = 0.03 * np.linalg.inv(np.eye(64) - (U := study["components"](seen, 0.03, 10)) @ U.T)
    direct = -(np.einsum("ni,ij,nj->n", held, np.linalg.inv(covariance), held).mean()
               + np.linalg.slogdet(2 * np.pi * covariance)[1]) / 2  # fmt: skip
    assert study["linear"](U, 0.03, held) == pytest.approx(direct, rel=1e-10)
