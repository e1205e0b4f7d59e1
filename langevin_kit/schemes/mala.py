r"""MALA: an Euler–Maruyama step that is accepted or refused, so that the Boltzmann law is exact at any time step.

.. math:: r = \frac{\det σ(x)}{\det σ(y)} \exp\left(\frac{E(x) - E(y)}{T} + \frac{|z|^2 - |w|^2}{2}\right),
          \qquad w = \frac{σ(y)^{-1}(x - y - f(y) Δt)}{\sqrt{2TΔt}}

A particle moves if r is above a uniform number, of 32 bits, and else stays where it is. Roberts & Tweedie 1996; where
the mobility depends on position, Roberts & Stramer 2002.
"""

from __future__ import annotations

import math
from typing import Any

from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> Any:
    """Two evaluations; at T = 0 the explicit Euler step, which always goes."""
    here = s.at(s.x)
    y = s.x + s.dt * here.drift + s.amplitude * here.noise(s.z)
    if s.is_cold:
        return y
    there = s.at(y)
    back = there.whitened(s.x - (y + s.dt * there.drift))
    gained = 0.5 * (s.z.square() - (1.0 / (s.amplitude * s.amplitude)) * back.square())
    ratio = (1.0 / s.temperature) * (here.energy - there.energy) + gained
    accepted = s.greater(here.volume * ratio.exp(), there.volume * s.uniform)
    s.count(accepted)
    return s.either(accepted, y, s.x)


SCHEME = Scheme(
    "mala",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=1.0,
    evaluations=2,
    source="Roberts & Stramer, Methodol. Comput. Appl. Probab. 4, 337 (2002)",
    needs=("symmetric K", "definite S", "no extra drift", "no reflecting walls"),
    use="the Boltzmann law, exactly; no paths",
    uniforms=1,
    reads_energy=True,
    counts="accepted",
    average_order=math.inf,
    takes_jumps=True,
    is_stable=True,
)
