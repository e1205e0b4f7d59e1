r"""Hänggi–Klimontovich: the noise of the end point, which is right where a diagonal K jumps too.

.. math:: y = x + f(x) Δt + \sqrt{2TΔt}\,σ(x) z, \qquad x' = x + f(x) Δt + \sqrt{2TΔt}\,σ(y) z

with the force f = b − K ∇E alone: the mean of the noise is T ∂ₐKᵃᵃ Δt. Of a full tensor it is not T ∇·K Δt, so that is
refused. Hänggi 1978; Klimontovich 1990.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> Any:
    """Two evaluations; at T = 0 the explicit Euler step."""
    here = s.at(s.x)
    moved = s.x + s.dt * here.force
    if s.is_cold:
        return moved
    return moved + s.amplitude * s.at(moved + s.amplitude * here.noise(s.z), later=1.0).noise(s.z)


SCHEME = Scheme(
    "hanggi_klimontovich",
    step,
    calculus="end point",
    strong_order=0.5,
    weak_order=1.0,
    evaluations=2,
    source="Hänggi, Helv. Phys. Acta 51, 183 (1978); Klimontovich, Physica A 163, 515 (1990)",
    needs=("diagonal K", "no reflecting walls"),
    use="a mobility that jumps",
    takes_jumps=True,
)
