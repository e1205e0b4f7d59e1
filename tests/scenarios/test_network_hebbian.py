"""Hebbian learning under noise: a small run gives the recorded numbers, and slow synapses have the law of replicas."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

STUDY = runpy.run_path(str(Path(__file__).parents[2] / "scenarios" / "hebbian_under_noise.py"))


def test_hebbian_under_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two temperatures, one load, three rules, one seed; a second run takes all cells from the folder."""
    figure, store = tmp_path / "hebbian.png", str(tmp_path / "sweep")
    about = ((0.05, 0.4), (0.0625,), 1, 20, 3, (1.0, 4.0), 500, str(figure), store)
    found = STUDY["main"](*about)
    recorded = {
        "synapses(1)": 1.2910616031656563,
        "synapses(4)": 1.2564017338445765,
        "synapses": 1.2119371479482555,
        "surprise": 0.5924828067117738,
        "overlap": 0.76953125,
        "capacity(hebb, 0.4)": 0.0625,
    }
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-6)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "verdict: the slowest synapses" in capsys.readouterr().out
    STUDY["recalled"].__globals__["taught"] = None  # no cell is computed again
    assert STUDY["main"](*about) == found


def test_slow_synapses_by_enumeration() -> None:
    """Two spins, n replicas: Z is 2 cosh(w/T) to the nth power, by quadrature over w."""
    node, weight = np.polynomial.legendre.leggauss(400)
    w, (T, kappa) = 12 * node, (0.7, 1.3)
    for n in (1, 2, 3):
        q = weight * np.exp(-kappa * w**2 / (2 * T / n)) * np.cosh(w / T) ** n
        assert STUDY["slow_synapses"](T, kappa, n, spins=2) == pytest.approx(q @ w**2 / q.sum(), rel=1e-10)


def test_fast_spins_and_slow_synapses_have_it() -> None:
    """τ = 64: within 4.4 s.e.; the law without spins, ⟨w²⟩ = T_w/κ, is off by more than 10."""
    exact = STUDY["slow_synapses"](1.0, 1.0, 3)
    value, error = STUDY["synapses"](64.0, 1.0, 1 / 3, 1.0, 1000)
    assert abs(value - exact) < 4.4 * error
    assert abs(value - 1 / 3) > 10 * error
    assert STUDY["capacity"](np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.95, 0.85])) == pytest.approx(0.25)
