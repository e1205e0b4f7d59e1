r"""BAOAB: kick, drift, exact friction and noise, drift, kick, for the underdamped equation.

With H = V(q) + Σ pᵢ²/2mᵢ, K = [[0, −1], [1, γ]] and c = e^{−γΔt/m}:

.. math:: p ← p - \tfrac{Δt}{2} ∇V(q), \quad q ← q + \tfrac{Δt}{2} \tfrac{p}{m}, \quad
          p ← c p + \sqrt{(1 - c^2)\, m T}\, z, \quad q ← q + \tfrac{Δt}{2} \tfrac{p}{m}, \quad
          p ← p - \tfrac{Δt}{2} ∇V(q)

Averages over positions are of order 2 with a small constant, and exact for a quadratic V. Leimkuhler & Matthews 2013.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme


def _kick(s: Any, q: Any, later: float) -> Any:
    """Half a step of −∇V(q), which is the force on a momentum at rest."""
    return (0.5 * s.dt) * s.at(q, later).force.momenta()


def _drift(s: Any, p: Any) -> Any:
    """Half a step of p/m, which is the force on a position."""
    return (0.5 * s.dt) * s.at(p).force.positions()


def step(s: Any) -> Any:
    """Two evaluations of ∇V; at T = 0 the friction is exact and the rest is velocity Verlet."""
    q, p = s.x.positions(), s.x.momenta()
    p = p + _kick(s, q, 0.0)
    q = q + _drift(s, p)
    inverse_mass = s.at(s.ones.momenta()).force.positions().as_momenta()
    friction = s.at(q, later=0.5).friction.momenta() * inverse_mass
    half = ((0.5 * s.dt) * friction).tanh()
    # With h = tanh(γΔt/2m): c = (1 − h)/(1 + h), and 1 − c² = 4h/(1 + h)², without cancellation.
    whole = s.ones.momenta() + half
    p = p * ((s.ones.momenta() - half) / whole)
    p = p + (4.0 * s.temperature * half / inverse_mass).root() / whole * s.z.momenta()
    q = q + _drift(s, p)
    return q + (p + _kick(s, q, 1.0))


SCHEME = Scheme(
    "baoab",
    step,
    calculus="ito",
    strong_order=1.0,
    weak_order=2.0,
    evaluations=2,
    source="Leimkuhler & Matthews, Appl. Math. Res. Express 2013, 34 (2013)",
    needs=("underdamped", "no reflecting walls"),
    use="positions and momenta, H = V(q) + p²/2m",
)
