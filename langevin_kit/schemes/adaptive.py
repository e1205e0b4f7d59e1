r"""Adaptive Euler–Maruyama: each particle halves the step, and halves it again, where its drift is steep.

A part of length h = 2^{−l} Δt is an Euler–Maruyama step along the run's own Brownian path. It is short enough where the
drift hardly changes from its beginning x to the ends y that c = 3 standard deviations of the noise of any coordinate,
either way, would lead to:

.. math:: |f(t + h, y) - f|\, h ≤ θ\, (|f| h + c\sqrt{2Th}), \qquad y = x + f h ± c\sqrt{2Th}\,σ_a,
          \qquad |v|^2 = v·S^{-1} v

with f, S and the columns σ_a of σ at (t, x), and a tolerance θ: this has no dimension, and asks for the same parts in
any units. Where f = −κx, it is about κh ≤ θ. Else the part is halved; the next one may be twice as long where it then
begins. What is decided where a part begins knows nothing of its noise, so that this noise keeps its law, and mean
values and paths converge as with fixed steps (Fang & Giles 2020). A part that were judged by where it came to, and
taken again, would choose among noises: then Euler–Maruyama may converge to another equation (Gaines & Lyons 1997;
Foster & Jelinčič 2024, arXiv 2311.14201).

It is for paths, and for starts from far away where fixed steps explode. Averages over the law of a smooth well come out
better from as many fixed steps.

The path is Lévy's construction: the normal number z of a part gives those of its halves, (z ± b)/√2, with b a pure
function of seed, particle, step and part. So the sums are right to rounding whatever is halved, a particle that never
halves has the bits of Euler–Maruyama, and a smaller θ follows the same path.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.schemes import euler_maruyama
from langevin_kit.schemes._scheme import Scheme

REACH = 3.0
"""Standard deviations of the noise that a part is judged by."""


def fits(s: Any) -> Any:
    """One evaluation, and two a coordinate; at T = 0 one more, of where the drift alone leads."""
    here = s.at(s.x)
    moved = s.x + s.dt * here.drift
    reach = s.constant(0) * (here.whitened(s.dt * here.drift).square().root() + REACH * s.amplitude)
    deviations = [] if s.is_cold else [(REACH * s.amplitude) * here.column(a) for a in range(s.d)]
    ends = [moved] if s.is_cold else [end for n in deviations for end in (moved + n, moved - n)]
    later = 0.0 if s.is_cold else 1.0  # a place of no force has nothing to measure a change in time by
    changes = (here.whitened(s.dt * (s.at(end, later).drift - here.drift)).square().root() for end in ends)
    return s.every(s.at_most(change, reach) for change in changes)


SCHEME = Scheme(
    "adaptive",
    euler_maruyama.step,
    calculus="ito",
    strong_order=0.5,
    weak_order=1.0,
    evaluations=3,
    source="after Fang & Giles, Ann. Appl. Probab. 30, 526 (2020); Gaines & Lyons, SIAM J. Appl. Math. 57, 1455 (1997)",
    needs=("definite S",),
    use="steep drifts, paths and starts from far away: `tolerance`",
    counts="substeps",
    options={"tolerance": 0.1},
    loop="halving",
    fits=fits,
    most=20,
    why_lost="After 20 halvings the step was still too long for the drift;",
    is_stable=True,
)
