r"""Strang's splitting: half a step of the drift by RK4, a step of noise of weak order 2, half a step of the drift.

The noise is Platen's, with three evaluations; theirs takes five. Abdulle, Vilmart & Zygalakis, SIAM J. Sci. Comput. 35,
A1792 (2013).
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes import platen
from langevin_kit.schemes._scheme import Scheme


def _drift(s: Any, x: Any, later: float) -> Any:
    """Half a step of RK4 from a time."""
    half = 0.5 * s.dt
    first = s.at(x, later).drift
    second = s.at(x + (0.5 * half) * first, later + 0.25).drift
    third = s.at(x + (0.5 * half) * second, later + 0.25).drift
    fourth = s.at(x + half * third, later + 0.5).drift
    return x + (1 / 6 * half) * (first + fourth + 2.0 * (second + third))


def step(s: Any) -> Any:
    """Eight evaluations of the drift and three of the noise; at T = 0 two half steps of RK4."""
    x = _drift(s, s.x, 0.0)
    if not s.is_cold:
        x = platen.with_noise(x, s, s.at(x, later=0.5).deviation, x, later=0.5)
    return _drift(s, x, 0.5)


SCHEME = Scheme(
    "strang",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=2.0,
    evaluations=11,
    source="Abdulle, Vilmart & Zygalakis, SIAM J. Sci. Comput. 35, A1792 (2013)",
    needs=("own noise", "no reflecting walls"),
    use="transients where the drift is steep",
)
