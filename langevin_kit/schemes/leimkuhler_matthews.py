r"""Leimkuhler–Matthews: Euler–Maruyama with the mean of the last noise and the next, for a constant S.

.. math:: x' = x + f(x) Δt + \tfrac{1}{2} \sqrt{2TΔt}\,σ (z + z')

Averages over its law are of order 2 in Δt, where those of Euler–Maruyama are of order 1; transients are of order 1.
That rests on detailed balance: with an antisymmetric part of K or an extra drift averages are of order 1 too. The first
step's z has the variance 3, so that free diffusion has its variance 2TSt at every step. Leimkuhler & Matthews 2013; on
transients, Leimkuhler, Matthews & Tretyakov 2014.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme

ROOT_3 = 3**0.5


def step(s: Any) -> tuple[Any, Any]:
    """One evaluation; at T = 0 the explicit Euler step."""
    here = s.at(s.x)
    half = ((0.5 * s.amplitude) * here.noise(s.z)).plain()
    return s.x + s.dt * here.drift + s.memory + half, half


def begin(s: Any) -> Any:
    """Half of a noise."""
    return (0.5 * ROOT_3 * s.amplitude) * s.at(s.x).noise(s.z)


SCHEME = Scheme(
    "leimkuhler_matthews",
    step,
    calculus="ito",
    strong_order=0.5,
    weak_order=1.0,
    evaluations=1,
    source="Leimkuhler & Matthews, Appl. Math. Res. Express 2013, 34 (2013), equation (1.4)",
    needs=("constant S", "symmetric K", "no extra drift", "no reflecting walls"),
    use="stationary averages, constant S",
    average_order=2.0,
    begin=begin,
)
