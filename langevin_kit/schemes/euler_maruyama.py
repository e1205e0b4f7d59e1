r"""Euler–Maruyama: :math:`x' = x + f\,Δt + \sqrt{2TΔt}\,σ z` with the Itô drift f and σσᵀ = S.

Maruyama 1955; Kloeden & Platen 1992, sections 10.2 and 14.1.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> Any:
    """One evaluation; at T = 0 the explicit Euler step."""
    here = s.at(s.x)
    return s.x + s.dt * here.drift + s.amplitude * here.noise(s.z)


SCHEME = Scheme(
    "euler_maruyama",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=1.0,
    evaluations=1,
    source="Kloeden & Platen 1992, sections 10.2 and 14.1",
    use="everything, at small steps; the reference",
    bridged=True,
)
