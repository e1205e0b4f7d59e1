r"""Tamed Euler–Maruyama: no drift carries a particle further than the noise would in a few steps.

.. math:: x' = x + \min(1, c/r)\, f Δt + \sqrt{2TΔt}\,σ z, \qquad r^2 = \frac{f·S^{-1} f\, Δt}{2T}

with c = 4: r is how many standard deviations of the noise the drift goes, in any coordinates. Where the drift is steep
it does not explode, and where it is not it is Euler–Maruyama. The steps that were cut are counted: an average is as
good as they are few. After Hutzenthaler, Jentzen & Kloeden 2012, whose f/(1 + Δt|f|) cuts every step.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme

MOST = 4.0


def step(s: Any) -> Any:
    """One evaluation; at T = 0 the explicit Euler step."""
    here = s.at(s.x)
    if s.is_cold:
        return s.x + s.dt * here.drift
    moved = s.dt * here.drift
    far = here.whitened(moved).square()
    reach = (MOST * s.amplitude) * s.amplitude * MOST
    is_far = s.greater(far, reach)
    s.count(is_far)
    cut = s.either(is_far, moved * (reach / far).root(), moved)
    return s.x + cut + s.amplitude * here.noise(s.z)


SCHEME = Scheme(
    "tamed",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=1.0,
    evaluations=1,
    source="after Hutzenthaler, Jentzen & Kloeden, Ann. Appl. Probab. 22, 1611 (2012)",
    needs=("definite S",),
    use="drifts that grow faster than linearly, where Euler–Maruyama explodes",
    counts="tamed",
    is_stable=True,
)
