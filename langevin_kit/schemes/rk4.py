r"""The classical Runge–Kutta method of order 4, at T = 0. Kutta 1901."""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme


def step(s: Any) -> Any:
    """Four evaluations."""
    first = s.at(s.x).force
    second = s.at(s.x + (0.5 * s.dt) * first, later=0.5).force
    third = s.at(s.x + (0.5 * s.dt) * second, later=0.5).force
    fourth = s.at(s.x + s.dt * third, later=1.0).force
    return s.x + (1 / 6 * s.dt) * (first + fourth + 2.0 * (second + third))


SCHEME = Scheme(
    "rk4",
    step,
    calculus="none",
    strong_order=4.0,
    weak_order=4.0,
    evaluations=4,
    source="Kutta 1901; Hairer, Nørsett & Wanner 1993, section II.1",
    needs=("T = 0", "no reflecting walls"),
    use="T = 0",
)
