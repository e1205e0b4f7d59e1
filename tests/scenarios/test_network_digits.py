"""Digits: the scenario of them runs small, and gives the recorded numbers. It needs scikit-learn."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

SCENARIO = str(Path(__file__).parents[2] / "scenarios" / "digits.py")


def test_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With 20 hidden units: better than independent units, turned pixels are mended, and halves filled in.

    A sum that another processor rounds otherwise turns a unit sooner or later, so that numbers are not the same there.
    """
    pytest.importorskip("sklearn", reason="the extra `test` or `data` has it")
    figure = tmp_path / "digits.png"
    found = runpy.run_path(SCENARIO)["main"]("digits", 20, (200, 1000), (5,), 0.2, 200, str(figure))
    recorded = {
        "ours(200)": (-23.748, 0.3),
        "ours(1000)": (-19.192, 0.3),
        "theirs(20, 5)": (-24.787, 0.3),
        "theirs(50, 5)": (-24.813, 0.3),
        "wrong(learnt, 0, 3)": (0.163, 0.01),
        "wrong(not learnt, 0.5, 3)": (0.177, 0.01),
        "wrong(not learnt, 1, 100)": (0.260, 0.02),
        "filled": (0.162, 0.01),
        "filled by means": (0.22613, 1e-5),
        "nearest(unseen)": (3.1, 1e-9),
        "nearest(generated)": (5.49, 0.4),
    }
    assert {name: found[name] for name, (value, within) in recorded.items() if abs(found[name] - value) > within} == {}
    assert found["ours(200)"] < found["ours(1000)"]
    assert found["wrong(learnt, 0, 3)"] < 0.2
    assert found["filled"] < found["filled by means"]
    assert found["nearest(generated)"] < found["nearest(independent)"]
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "not learnt" in capsys.readouterr().out


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match=r"scikit-learn is missing.*pip install 'langevin-kit\[data\]'"):
        runpy.run_path(SCENARIO)
