r"""Fixman's midpoint: force and mobility half a step later, under the random force of the beginning.

.. math:: y = x + \tfrac{1}{2} (f(x) Δt + \sqrt{2TΔt}\,σ(x) z), \qquad
          x' = x + f(y) Δt + \sqrt{2TΔt}\,S(y) S(x)^{-1} σ(x) z

with the force f = b − K ∇E alone: the mean of the noise is T ∇·S Δt. Fixman 1978.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> Any:
    """Two evaluations; at T = 0 the midpoint method."""
    here = s.at(s.x)
    there = s.at(s.x + (0.5 * s.dt) * here.force + (0.5 * s.amplitude) * here.noise(s.z), later=0.5)
    return s.x + s.dt * there.force + s.amplitude * there.mobility(here.without_root(s.z))


SCHEME = Scheme(
    "fixman",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=1.0,
    evaluations=2,
    source="Fixman, J. Chem. Phys. 69, 1527 (1978)",
    needs=("symmetric K", "definite S", "no reflecting walls"),
    use="mobilities whose divergence is not known, or full tensors",
)
