r"""Dormand–Prince 5(4) at T = 0: each particle takes steps of its own, and ends each time step of the run exactly.

.. math:: k_i = f\Bigl(t + c_i h,\; x + h \sum_{j<i} a_{ij} k_j\Bigr), \qquad x' = x + h \sum_j a_{7j} k_j, \qquad
          ε^2 = \frac{1}{d} \sum_a \left(
          \frac{h \sum_i e_i k_i^a}{\text{atol} + \text{rtol} \max(|x^a|, |x'^a|)}\right)^2

A step is taken where ε ≤ 1, with the result of order 5, and tried again where it is not; then h is multiplied by
0.9 ε^{−1/5}, within 0.2 and 10, and by 1 at most after a step that was refused. The next step is given k₇, so that one
costs six evaluations. The run's own time step is the first h that is tried, and the longest. h is kept in the state, so
that no saved time, thread or restart decides a bit. Dormand & Prince 1980; Hairer, Nørsett & Wanner 1993, sections
II.4 and II.5.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes._scheme import Scheme

STAGES = (
    (1 / 5, (1 / 5,)),
    (3 / 10, (3 / 40, 9 / 40)),
    (4 / 5, (44 / 45, -56 / 15, 32 / 9)),
    (8 / 9, (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729)),
    (1.0, (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656)),
    (1.0, (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)),
)
"""cᵢ and the row aᵢ of each stage but the first; the last row is the step."""
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""e: by how much the weights of order 5 are above those of order 4."""


def _mean(weights: tuple[float, ...], slopes: list[Any]) -> Any:
    first, *more = (weight * slope for weight, slope in zip(weights, slopes, strict=True) if weight)
    for term in more:
        first = first + term
    return first


def step(s: Any) -> Any:
    """Where a step ends, the force there, and ε² of the step."""
    relative, absolute = s.constant(0), s.constant(1)
    slopes = [s.slope]
    for node, weights in STAGES:
        y = s.x + s.dt * _mean(weights, slopes)
        slopes.append(s.at(y, later=node).force)
    scale = absolute * s.ones + relative * s.x.size().or_larger(y.size())
    return y, slopes[-1], (1 / s.d) * (s.dt * _mean(ERROR, slopes) / scale).square()


SCHEME = Scheme(
    "dormand_prince",
    step,
    calculus="none",
    strong_order=5.0,
    weak_order=5.0,
    evaluations=6,
    source="Dormand & Prince, J. Comput. Appl. Math. 6, 19 (1980); Hairer, Nørsett & Wanner 1993, section II.4",
    needs=("T = 0", "no reflecting walls"),
    use="T = 0, to a tolerance: `rtol`, `atol`",
    counts="evaluations",
    options={"rtol": 1e-6, "atol": 1e-9},
    loop="controlled",
    most=10_000,
    why_lost="10000 steps within one were not enough, or not of a length that the dtype can hold;",
    is_stable=True,
)
