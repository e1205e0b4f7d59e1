"""Every study of what networks remember runs small, by its name, and gives the recorded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from langevin_kit import networks

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def small(name: str, folder: Path, *arguments: int) -> tuple[dict[str, Any], dict[str, float]]:
    """The names of a study, and what it found; it has drawn its figure."""
    study = runpy.run_path(str(SCENARIOS / f"{name}.py"))
    figure = folder / f"{name}.png"
    found = study["main"](*arguments, str(figure))
    assert figure.read_bytes().startswith(b"\x89PNG")
    return study, found


def check(found: dict[str, float], recorded: dict[str, float]) -> None:
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-6, abs=1e-9)


def test_capacity(tmp_path: Path) -> None:
    """Small: the pseudo-inverse holds the most, Hebb's rule the least, and no rule more than Gardner's bound."""
    study, found = small("capacity", tmp_path, 100, 2)
    recorded = {
        "m, Hebb": 0.9920833333333334,
        "chance, Hebb": 0.3974912989841406,
        "m, pseudo-inverse": 0.9881666666666666,
        "chance, pseudo-inverse": 0.5280004639030826,
        "Hebb, T = 0, m₀ = 0.8": 0.155,
        "Hebb, T = 0, m₀ = 1": 0.175,
        "Hebb, T = 0.1, m₀ = 1": 0.14,
        "Hebb, T = 0.2, m₀ = 1": 0.13,
        "Hebb, T = 0.3, m₀ = 1": 0.1,
        "Hebb, T = 0.4, m₀ = 1": 0.065,
        "Hebb, T = 0.5, m₀ = 1": 0.045,
        "Storkey, T = 0, m₀ = 0.8": 0.36,
        "Storkey, T = 0, m₀ = 1": 0.495,
        "Storkey, T = 0.1, m₀ = 1": 0.36,
        "Storkey, T = 0.2, m₀ = 1": 0.345,
        "Storkey, T = 0.3, m₀ = 1": 0.3,
        "Storkey, T = 0.4, m₀ = 1": 0.18,
        "Storkey, T = 0.5, m₀ = 1": 0.10500000000000001,
        "pseudo-inverse, T = 0, m₀ = 0.8": 0.485,
        "pseudo-inverse, T = 0, m₀ = 1": 0.97,
        "pseudo-inverse, T = 0.1, m₀ = 1": 0.625,
        "pseudo-inverse, T = 0.2, m₀ = 1": 0.42,
        "pseudo-inverse, T = 0.3, m₀ = 1": 0.27,
        "pseudo-inverse, T = 0.4, m₀ = 1": 0.17,
        "pseudo-inverse, T = 0.5, m₀ = 1": 0.085,
        "least overlap, pseudo-inverse": 1.0,
        "nearest to Gardner's bound": 0.9199999999999924,
    }
    check(found, recorded)
    assert found["least overlap, pseudo-inverse"] == 1
    assert found["nearest to Gardner's bound"] < 1
    assert min(found[f"chance, {name}"] for name in ("Hebb", "pseudo-inverse")) > study["ALARM"]
    for start in ("T = 0, m₀ = 1", "T = 0.1, m₀ = 1", "T = 0.2, m₀ = 1"):
        hebb, storkey, pseudo_inverse = (found[f"{name}, {start}"] for name in ("Hebb", "Storkey", "pseudo-inverse"))
        assert hebb < storkey < pseudo_inverse
    # Few patterns are as good as orthogonal, so that the pseudo-inverse is Hebb's rule; many are not.
    few, many = ((study["projected"](a, 0.3), networks.replica_symmetric(a, 0.3).m) for a in (1e-9, 0.1))
    assert few[0] == pytest.approx(few[1], abs=1e-6)
    assert many[0] - many[1] > 0.01


def test_basins(tmp_path: Path) -> None:
    """Small: basins shrink with the load, and one step of all spins is that of the theory."""
    study, found = small("basins", tmp_path, 100, 3, 3)
    recorded = {
        "Hebb: one step": 0.06749553069713703,
        "Hebb: m₁ from 0.2": 0.34310000000000007,
        "Hebb: m₁ from 0.5": 0.7546333333333333,
        "Hebb: m₁ from 0.8": 0.9406333333333332,
        "pseudo-inverse: one step": -0.9148504722538309,
        "pseudo-inverse: m₁ from 0.2": 0.31320000000000003,
        "pseudo-inverse: m₁ from 0.5": 0.7558666666666666,
        "pseudo-inverse: m₁ from 0.8": 0.9858666666666667,
        "with its diagonal: one step": -0.6841847563421902,
        "with its diagonal: m₁ from 0.2": 0.3486,
        "with its diagonal: m₁ from 0.5": 0.7984666666666665,
        "with its diagonal: m₁ from 0.8": 0.9902333333333334,
        "Hebb: from, α = 0.03333": 0.0,
        "Hebb: from, α = 0.1": 0.3315696649029983,
        "Hebb: from, α = 0.1667": 0.7333333333333334,
        "Storkey: from, α = 0.1": 0.29563492063492064,
        "Storkey: from, α = 0.3": 0.6049382716049383,
        "Storkey: from, α = 0.5": 0.851851851851852,
        "pseudo-inverse: from, α = 0.1667": 0.3518518518518519,
        "pseudo-inverse: from, α = 0.5": 0.7414021164021164,
        "pseudo-inverse: from, α = 0.8333": 1.0,
        "with its diagonal: from, α = 0.1667": 0.34722222222222227,
        "with its diagonal: from, α = 0.5": 0.888888888888889,
        "with its diagonal: from, α = 0.8333": 1.0,
    }
    check(found, recorded)
    assert all(value < study["SEEN"] for name, value in found.items() if name.endswith("one step"))
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], size=(20, 100))
    wrong = study["one_step"]("with its diagonal", np.array([0.2, 0.5]), patterns)
    assert wrong[1] - found["pseudo-inverse: m₁ from 0.5"] > 0.02


def test_pattern_statistics(tmp_path: Path) -> None:
    """Small: with a bias, or in families, Hebb's rule fails where the covariance rule and the pseudo-inverse do not."""
    study, found = small("pattern_statistics", tmp_path, 200, 2)
    recorded = {
        "Hebb, a = 0.4": 0.08595639833721726,
        "Hebb, a = 0.6": 0.021244476082902575,
        "Hebb, a = 0.8": 0.0036855857779724025,
        "Storkey, a = 0.4": 0.9999999999999986,
        "Storkey, a = 0.6": 0.8945794245450189,
        "Storkey, a = 0.8": 0.33650592026967924,
        "covariance, a = 0.4": 0.9999999999999986,
        "covariance, a = 0.6": 1.0000000000000018,
        "covariance, a = 0.8": 0.9886284722222247,
        "covariance, no field, a = 0.4": 0.9116056224667874,
        "covariance, no field, a = 0.6": 0.7764771749829533,
        "covariance, no field, a = 0.8": 0.7388967678928372,
        "Hebb, c = 0.3": 0.8469425578194119,
        "Hebb, c = 0.5": 0.2630938708203584,
        "Hebb, c = 0.7": 0.19803899253950877,
        "Storkey, c = 0.3": 0.9999999999999996,
        "Storkey, c = 0.5": 0.9999999999999984,
        "Storkey, c = 0.7": 0.40710509569382725,
        "kept": 0.9772569444444469,
        "lost": 0.21126221387686414,
        "all up": 1.0,
        "ancestors": 0.96,
    }
    check(found, recorded)
    assert found["kept"] > study["KEPT"]
    assert found["lost"] < study["LOST"]


def test_mixtures(tmp_path: Path) -> None:
    """Small: three sizes carried to N = ∞ agree with T₃, and none of them does by itself."""
    study, found = small("mixtures", tmp_path, 800, 1000, 800, 40)
    recorded = {
        "off, mixed": 0.03660785914642317,
        "spread, mixed": 0.2931249999999952,
        "off, one": 0.031505533487878545,
        "others, one": 0.035156250000000014,
        "T3": 0.4503927894535458,
        "T3_stderr": 0.00721189264935778,
        "z": -1.3036037669080975,
        "T3(200)": 0.3131452847810266,
        "T3(400)": 0.3820759753647803,
        "T3(800)": 0.41615681880205974,
    }
    check(found, recorded)
    theory = networks.mixture_temperature(3)
    assert abs(found["z"]) < study["SEEN"]
    assert abs(found["T3"] - theory) < 0.02 < abs(found["T3(800)"] - theory)
    near = study["NEAR"]
    exact = np.array([networks.symmetric_mixture(3, t).among for t in near])
    assert study["crossing"](exact, np.full(len(near), 0.01))[0] == pytest.approx(theory, abs=1e-4)
