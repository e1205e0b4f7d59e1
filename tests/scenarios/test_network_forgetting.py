"""The scenarios of networks that forget, small, with the recorded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_forgetting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Small: networks of 200 spins recall a few more of the last patterns than infinite ones, in the same order."""
    study = runpy.run_path(str(SCENARIOS / "forgetting.py"))
    main, networks = study["main"], study["networks"]
    main.__globals__["STRENGTHS"] = main.__globals__["HELD"] = (3.0, 4.108)
    main.__globals__["SHOWN"] = {3.0: "k", 4.108: "C0"}
    figure = tmp_path / "forgetting.png"
    found = main(200, 3, str(figure))
    recorded = {
        "capacity(3.0)": 0.06166666666666667,
        "capacity(3.0), n/4": 0.09333333333333334,
        "capacity(4.108)": 0.07,
        "capacity(4.108), n/4": 0.08000000000000002,
        "bounded(1.8)": 0.045000000000000005,
        "bounded(2.2)": 0.05833333333333333,
        "bounded(2.82)": 0.06,
        "bounded(5.0)": 0.045000000000000005,
        "hebb": 0.001666666666666667,
        "hebb, overlap": 0.4323333333333333,
        "m(ε = 3.0)": 0.9866666666666667,
        "z(ε = 3.0)": -0.7423651971423169,
        "m(ε = 4.108)": 0.9986666666666667,
        "z(ε = 4.108)": -0.8256605656658477,
        "m(ε/A = 1.8)": 0.9866666666666667,
        "z(ε/A = 1.8)": -1.0826762195824984,
        "m(ε/A = 2.2)": 0.9925,
        "z(ε/A = 2.2)": -0.6783218018218125,
    }
    assert found == pytest.approx(recorded, rel=1e-6)
    for strength in (3.0, 4.108):
        capacity = networks.palimpsest_capacity(strength)
        assert capacity < found[f"capacity({strength})"] < found[f"capacity({strength}), n/4"] < 4 * capacity
    for ratio in study["RATIOS"]:
        capacity = networks.bounded_capacity(ratio, 1.0)
        assert capacity < found[f"bounded({ratio})"] < 3 * capacity
    assert found["capacity(4.108)"] > found["capacity(3.0)"] > 0.02 > found["hebb"]
    assert max(abs(z) for name, z in found.items() if name.startswith("z")) < study["SEEN"]
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.endswith("overlaps are those of the theory: |z| < 5 at 4 strengths\n")


def test_the_forgetting_study_sees_another_theory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One of strengths a fifth smaller."""
    study = runpy.run_path(str(SCENARIOS / "forgetting.py"))
    main, networks = study["main"], study["networks"]
    other = {"palimpsest_overlap": lambda age, strength: networks.palimpsest_overlap(age, 0.8 * strength)}
    few = {"STRENGTHS": (3.0,), "HELD": (3.0,), "SHOWN": {3.0: "k"}, "RATIOS": {5.0: "k"}, "HELD_WITHIN": ()}
    main.__globals__.update(few, networks=SimpleNamespace(**vars(networks) | other))
    assert abs(main(200, 3, str(tmp_path / "other.png"))["z(ε = 3.0)"]) > study["SEEN"]
    assert "overlaps are not those of the theory" in capsys.readouterr().out


def test_unlearning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Small: 120 spins, two loads, of which Hebb's rule keeps one."""
    study = runpy.run_path(str(SCENARIOS / "unlearning.py"))
    main = study["main"]
    main.__globals__["LOADS"] = {0.1: "C0", 0.3: "C1"}
    figure = tmp_path / "unlearning.png"
    found = main(120, 2, str(figure))
    recorded = {
        "recalled(0.1) at first": 1.0,
        "recalled(0.1) at best": 1.0,
        "recalled(0.1) at last": 0.0,
        "far(0.1) at first": 0.9583333333333333,
        "far(0.1) at best": 1.0,
        "stability(0.1) at first": 0.4152600352561965,
        "stability(0.1) at best": 1.1997507252424042,
        "dose(0.1)": 0.049999999999999996,
        "lost(0.1)": 0.15,
        "recalled(0.3) at first": 0.08333333333333333,
        "recalled(0.3) at best": 1.0,
        "recalled(0.3) at last": 0.0,
        "far(0.3) at first": 0.0,
        "far(0.3) at best": 0.6944444444444444,
        "stability(0.3) at first": -1.7422256153865558,
        "stability(0.3) at best": 0.5622400016862523,
        "dose(0.3)": 0.24999999999999997,
        "lost(0.3)": 0.39999999999999997,
    }
    assert found == pytest.approx(recorded, rel=1e-6)
    assert found["recalled(0.3) at first"] < 0.1 < 0.99 < found["recalled(0.3) at best"]
    assert found["stability(0.3) at first"] < 0 < found["stability(0.3) at best"]
    assert found["lost(0.1)"] < found["lost(0.3)"]
    assert figure.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert printed.endswith("verdict: all patterns are recalled at best, and all are lost at last\n")
