r"""Stochastic Heun: the trapezoidal rule in Stratonovich's calculus, with drift b − K ∇E + ½ T ∇·K.

.. math:: y = x + f(x) Δt + \sqrt{2TΔt}\,σ(x) z, \qquad
          x' = x + \tfrac{1}{2}(f(x) + f(y)) Δt + \sqrt{TΔt/2}\,(σ(x) + σ(y)) z

Of weak order 2 where S is constant. Rümelin 1982; Kloeden & Platen 1992, section 15.1.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> Any:
    """Two evaluations; at T = 0 Heun's method."""
    here = s.at(s.x)
    y = s.x + s.dt * here.stratonovich + s.amplitude * here.noise(s.z)
    there = s.at(y, later=1.0)
    drift, noise = here.stratonovich + there.stratonovich, here.noise(s.z) + there.noise(s.z)
    return s.x + (0.5 * s.dt) * drift + (0.5 * s.amplitude) * noise


SCHEME = Scheme(
    "heun",
    step,
    calculus="stratonovich",
    strong_order=1.0,
    weak_order=1.0,
    evaluations=2,
    source="Rümelin 1982; Kloeden & Platen 1992, section 15.1",
    needs=("own noise", "no reflecting walls"),
    use="constant S: weak order 2; a small error at a large step",
)
