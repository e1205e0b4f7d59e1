r"""Strang's splitting: half a step of the drift by RK4, a step of noise of weak order 2, half a step of the drift.

With g = √(2T) σ and :math:`j = Δt (z^2 - 1)/2` the noise, where each coordinate has one of its own, is

.. math:: x' = x + \tfrac{1}{2}(g(x + jg) - g(x - jg))
          + \tfrac{1}{2}\sqrt{Δt}(g(x + \sqrt{Δt/2}\,g) + g(x - \sqrt{Δt/2}\,g)) z

Abdulle, Vilmart & Zygalakis, SIAM J. Sci. Comput. 35, A1792 (2013), the derivative-free Milstein–Talay method.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme

_ROOT_HALF = 0.5**0.5


def _drift(s: Any, x: Any, later: float) -> Any:
    """Half a step of RK4 from a time."""
    half = 0.5 * s.dt
    first = s.at(x, later).drift
    second = s.at(x + (0.5 * half) * first, later + 0.25).drift
    third = s.at(x + (0.5 * half) * second, later + 0.25).drift
    fourth = s.at(x + half * third, later + 0.5).drift
    return x + (1 / 6 * half) * (first + fourth + 2.0 * (second + third))


def _noise(s: Any, x: Any) -> Any:
    def deviation(x: Any) -> Any:
        return s.at(x, 0.5).deviation

    one = deviation(x)
    bend = (0.5 * s.dt * s.root_temperature) * one
    turned = bend * (s.z * s.z) - bend
    wide = (_ROOT_HALF * s.amplitude) * one
    slope = deviation(x + turned) - deviation(x - turned)
    mean = deviation(x + wide) + deviation(x - wide)
    return x + (0.5 * s.root_temperature) * slope + (0.5 * s.amplitude) * (mean * s.z)


def step(s: Any) -> Any:
    """Eight evaluations of the drift and five of the noise; at T = 0 two half steps of RK4."""
    x = _drift(s, s.x, 0.0)
    return _drift(s, x if s.is_cold else _noise(s, x), 0.5)


SCHEME = Scheme(
    "strang",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=2.0,
    evaluations=13,
    source="Abdulle, Vilmart & Zygalakis, SIAM J. Sci. Comput. 35, A1792 (2013)",
    needs=("own noise", "no reflecting walls"),
    use="transients where the drift is steep",
)
