r"""The noise of weak order 2 without derivatives, where each coordinate has one of its own.

With g = √(2T) σ and :math:`j = Δt (z^2 - 1)/2` it moves a particle by

.. math:: \tfrac{1}{2}(g(x + jg) - g(x - jg))
          + \tfrac{1}{2}\sqrt{Δt}(g(x + \sqrt{Δt/2}\,g) + g(x - \sqrt{Δt/2}\,g)) z

Abdulle, Vilmart & Zygalakis, SIAM J. Sci. Comput. 35, A1792 (2013), the derivative-free Milstein–Talay method.
"""

from __future__ import annotations

from typing import Any

_ROOT_HALF = 0.5**0.5


def added(start: Any, s: Any, x: Any, later: float = 0.0) -> Any:
    """What the noise at x adds to a vector, by five evaluations of σ."""

    def deviation(x: Any) -> Any:
        return s.at(x, later).deviation

    one = deviation(x)
    bend = (0.5 * s.dt * s.root_temperature) * one
    turned = bend * (s.z * s.z) - bend
    wide = (_ROOT_HALF * s.amplitude) * one
    slope = deviation(x + turned) - deviation(x - turned)
    mean = deviation(x + wide) + deviation(x - wide)
    return start + (0.5 * s.root_temperature) * slope + (0.5 * s.amplitude) * (mean * s.z)
