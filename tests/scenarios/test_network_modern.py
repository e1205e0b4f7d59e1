"""How much dense memories hold: a small run gives the recorded numbers, and the lines are what they say."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from langevin_kit import networks

STUDY = runpy.run_path(str(Path(__file__).parents[2] / "scenarios" / "modern_hopfield.py"))


def test_modern_hopfield(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Six dimensions, and 1280 spins of each size."""
    figure = tmp_path / "modern_hopfield.png"
    found = STUDY["main"](6, (0.5, 2.0), (0.1, 0.3, 0.5, 0.7, 0.9), 16, 1280, str(figure))
    recorded = {
        "T=0(0.5) at once": 0.43424900549087947,
        "T=0(0.5) after": 0.31085850742391613,
        "T=0(2) after": 0.6676742058794818,
        "T=1/β(0.5) at once": 0.39542323078853014,
        "T=1/β(2) after": 0.4177843511564447,
        "slope(2)": 1.0520533110140375,
        "slope(3)": 2.1420972866918864,
        "slope(4)": 3.1327788263632628,
    }
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-6)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "slope of ln P" in capsys.readouterr().out


def test_the_line_of_a_pattern_is_the_mean_of_the_others() -> None:
    """⟨(1 − p)/p⟩ = (P − 1)(cosh β/e^β)^d at a pattern: within 4.4 standard errors, and ln of it over d is α − α₁."""
    d, P, beta = 6, 40, 0.5
    others = np.random.default_rng(0).choice([-1.0, 1.0], size=(4000, P - 1, d))
    lost = np.exp(beta * (others.sum(axis=2) - d)).sum(axis=1)
    exact = (P - 1) * (np.cosh(beta) / np.exp(beta)) ** d
    assert abs(lost.mean() - exact) < 4.4 * lost.std() / np.sqrt(len(lost))
    assert np.log(exact / (P - 1)) / d == pytest.approx(-STUDY["of_pattern"](beta), rel=1e-12)


def test_the_line_of_the_channel_is_shannons() -> None:
    """C = β − ⟨ln cosh(β + √β z)⟩: 0.4859 bits at β = 1, never above ½ ln(1 + β), ln 2 and α₁."""
    z, weight = np.polynomial.hermite_e.hermegauss(150)
    for beta in (0.2, 1.0, 3.0):
        mean = weight @ np.log(np.cosh(beta + np.sqrt(beta) * z)) / weight.sum()
        C = STUDY["of_channel"](beta)
        assert pytest.approx(beta - mean, abs=1e-7) == C
        assert min(np.log1p(beta) / 2, np.log(2), STUDY["of_pattern"](beta)) > C
    assert STUDY["of_channel"](1.0) / np.log(2) == pytest.approx(0.4859, abs=1e-4)


def test_what_noise_hides_is_told_apart_up_to_the_capacity() -> None:
    """β = 1: below C the weight of the own pattern grows with d, above it falls, by more than 4.4 standard errors."""

    def told(d: int, alpha: float) -> tuple[float, float]:
        rng, found = np.random.default_rng(d), []
        for _ in range(40):
            xi = rng.choice([-1.0, 1.0], size=(round(np.exp(alpha * d)), d))
            x = xi[:20] + rng.normal(size=xi[:20].shape)
            found.append(np.diagonal(networks.modern(xi, 1.0).responsibilities(x.T)).mean())
        return float(np.mean(found)), float(np.std(found) / np.sqrt(40))

    C = STUDY["of_channel"](1.0)
    for shift, sign in ((-0.1, 1), (0.1, -1)):
        (few, error), (many, other) = told(8, C + shift), told(20, C + shift)
        assert sign * (many - few) > 4.4 * np.hypot(error, other)


def test_signal_over_noise_has_exact_moments() -> None:
    """For n = 2 the noise is 4ξh with ⟨h²⟩ = N − 1, so that P = (N − 1)/z²; for n = 4 by all states of 10 spins."""
    z = 2.3263478740408408
    assert STUDY["of_noise"](2, 100) == pytest.approx(99 / z**2, rel=1e-12)
    s = 1.0 - 2.0 * (np.arange(2**10)[:, None] >> np.arange(10) & 1)
    noise = (s.sum(axis=1) ** 4 - (s.sum(axis=1) - 2 * s[:, 0]) ** 4) ** 2
    assert STUDY["of_noise"](4, 10) == pytest.approx((10**4 - 8**4) ** 2 / noise.mean() / z**2, rel=1e-12)
