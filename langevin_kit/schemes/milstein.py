r"""Milstein: Euler–Maruyama and :math:`\tfrac{1}{2} T Δt\, ∂_a S^{aa} (z_a^2 - 1)`.

Of strong order 1 where noise commutes, which is seen where each coordinate has a noise of its own that depends on no
other. Its weak order is that of Euler–Maruyama. Milstein 1975; Kloeden & Platen 1992, section 10.3.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> Any:
    """One evaluation: σ ∂σ is half of ∂S."""
    here = s.at(s.x)
    bend = (0.5 * s.temperature * s.dt) * here.divergence
    return s.x + s.dt * here.drift + s.amplitude * here.noise(s.z) + (bend * (s.z * s.z) - bend)


SCHEME = Scheme(
    "milstein",
    step,
    calculus="ito",
    strong_order=1.0,
    weak_order=1.0,
    evaluations=1,
    source="Kloeden & Platen 1992, section 10.3",
    needs=("own noise",),
    use="paths",
    bridged=True,
)
