r"""PVD-2: noise of weak order 2 before the drift, and averages over a place that is half a noise further.

.. math:: X' = X + f(Y) Δt + N(X + \tfrac{1}{4} f(Y_{-}) Δt), \qquad
          Y = X + \tfrac{1}{2}\sqrt{2TΔt}\,σ(X) z

with N the noise of Platen's scheme with the same z, and Y₋ the place before; a run's positions are Y. Averages over its
law are of order 2 in Δt, from one evaluation of the drift a step. Bronasco, Leimkuhler, Phillips & Vilmart 2025, arXiv
2501.02943, whose N evaluates σ five times; with three the error is no larger. Transients are of order 1; and so are
averages where an extra drift breaks detailed balance.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes import leimkuhler_matthews, platen
from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> tuple[Any, Any]:
    """One evaluation of the drift and four of σ; at T = 0 the explicit Euler step."""
    drift = s.at(s.x).drift
    x = s.x + s.memory + s.dt * drift
    if s.is_cold:
        return x, s.memory
    half = ((0.5 * s.amplitude) * s.at(x, later=1.0).noise(s.z)).plain()
    middle = x + (0.25 * s.dt) * drift
    return x + half, platen.with_noise(-1.0 * half, s, s.at(middle, later=1.0).deviation, middle, later=1.0)


SCHEME = Scheme(
    "pvd2",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=1.0,
    evaluations=5,
    source="Bronasco, Leimkuhler, Phillips & Vilmart 2025, arXiv 2501.02943",
    needs=("own noise", "no extra drift", "no reflecting walls"),
    use="stationary averages",
    average_order=2.0,
    begin=leimkuhler_matthews.begin,
)
