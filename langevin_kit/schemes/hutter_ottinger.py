r"""Hütter–Öttinger: the noise at both ends, so that no derivative of K is taken.

.. math:: y = x + f(x) Δt + \sqrt{2TΔt}\,σ(x) z, \qquad
          x' = x + \tfrac{1}{2}(f(x) + f(y)) Δt + \sqrt{TΔt/2}\,(1 + S(y) S(x)^{-1})\,σ(x) z

with the force f = b − K ∇E alone: the mean of the noise is T ∇·S Δt. Hütter & Öttinger 1998.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> Any:
    """Two evaluations; at T = 0 Heun's method."""
    here = s.at(s.x)
    noise = here.noise(s.z)
    there = s.at(s.x + s.dt * here.force + s.amplitude * noise, later=1.0)
    late = there.mobility(here.without_root(s.z))
    return s.x + (0.5 * s.dt) * (here.force + there.force) + (0.5 * s.amplitude) * (noise + late)


SCHEME = Scheme(
    "hutter_ottinger",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=1.0,
    evaluations=2,
    source="Hütter & Öttinger, J. Chem. Soc. Faraday Trans. 94, 1403 (1998)",
    needs=("symmetric K", "definite S", "no reflecting walls"),
    use="mobilities whose divergence is not known, or full tensors",
)
