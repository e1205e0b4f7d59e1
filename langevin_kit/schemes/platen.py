r"""Platen's explicit scheme of weak order 2, where each coordinate has a noise of its own.

.. math:: Υ = x + f Δt + β z, \qquad R_± = x + f Δt ± β, \qquad β = \sqrt{2TΔt}\,σ
          \\ x' = x + \tfrac{1}{2}(f(Υ) + f) Δt + \tfrac{1}{4}(β(R_+) + β(R_-) + 2β) z
          + \tfrac{1}{4}(β(R_+) - β(R_-)) (z^2 - 1)

Kloeden & Platen 1992, equation (15.1.3). The noise alone, of weak order 2 as well, serves other schemes.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> Any:
    """Four evaluations; at T = 0 Heun's method."""
    here = s.at(s.x)
    moved = s.x + s.dt * here.drift
    there = s.at(moved + s.amplitude * here.noise(s.z), later=1.0)
    x = s.x + (0.5 * s.dt) * (here.drift + there.drift)
    if s.is_cold:
        return x
    return with_noise(x, s, here.deviation, moved, later=1.0)


def with_noise(x: Any, s: Any, deviation: Any, middle: Any, later: float = 0.0) -> Any:
    """Add the noise to a vector, by the deviation and its values at R± on both sides of a middle."""
    far = s.amplitude * deviation
    above, below = s.at(middle + far, later).deviation, s.at(middle - far, later).deviation
    slope = above - below
    noise = (above + below + 2.0 * deviation) * s.z + (slope * (s.z * s.z) - slope)
    return x + (0.25 * s.amplitude) * noise


SCHEME = Scheme(
    "platen",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=2.0,
    evaluations=4,
    source="Kloeden & Platen 1992, equation (15.1.3)",
    needs=("own noise", "no reflecting walls"),
    use="transients of mean values",
)
