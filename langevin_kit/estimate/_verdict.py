"""Relaxed, not relaxed, or cannot tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOLERANCE = 0.01
"""KL, in nats, below which an ensemble may be called relaxed."""


LEAST_LIMIT = 0.5 * float(np.log(16))
"""½ ln B of 16 bins: with fewer nothing is said."""

OUTSIDE = 0.01
"""Share of the particles beyond the histogram's range above which nothing is said."""


@dataclass(frozen=True)
class Verdict:
    """The state of an ensemble against the Boltzmann law.

    Attributes
    ----------
    state : str
        "relaxed", "not relaxed" or "cannot tell".
    reason : str
        One sentence with the figures.
    """

    state: str
    reason: str

    def __str__(self) -> str:
        return f"{self.state} — {self.reason}"


def verdict(kl: float, floor: float, limit: float, outside: float = 0.0, independent_stderr: float = 0.0) -> Verdict:
    """Judge one time from its KL (NaN where bins do not resolve it, as above `limit` = ½ ln B) and its detection floor.

    `outside` is the share of the particles beyond the range of the histogram, `independent_stderr` the uncertainty of
    (F − F_eq)/T from an entropy that does not use q: NaN, or a large one, says that the cells resolve too little.

    Examples
    --------
    >>> verdict(kl=2e-6, floor=3e-5, limit=2.4).state
    'relaxed'
    >>> verdict(kl=0.2, floor=3e-5, limit=2.4).state
    'not relaxed'
    """
    if outside > OUTSIDE:
        return Verdict("cannot tell", f"{outside:.2g} of the particles lie beyond the histogram's range: widen it.")
    if limit < LEAST_LIMIT or (np.isnan(kl) and floor > limit):
        return Verdict("cannot tell", "too few particles, or too wide cells, for bins that resolve the Boltzmann law.")
    if np.isnan(kl):
        return Verdict(
            "not relaxed",
            f"the bins do not resolve KL: it is above {limit:.3g}, or particles are where q has next to none.",
        )
    if kl > max(floor, TOLERANCE):
        return Verdict("not relaxed", f"KL = {kl:.3g} is above {_threshold(floor)}.")
    if floor > TOLERANCE:
        factor = np.ceil(floor / TOLERANCE)
        return Verdict(
            "cannot tell",
            f"the detection floor {floor:.2g} is above {TOLERANCE}: take {factor:.0f} times as many particles.",
        )
    if not independent_stderr < 5 * TOLERANCE:
        return Verdict("cannot tell", "the histogram's cells do not resolve the ensemble well enough: take finer ones.")
    if kl <= floor:
        return Verdict("relaxed", f"KL = {kl:.2g} cannot be told from 0 (detection floor {floor:.2g}).")
    return Verdict(
        "cannot tell",
        f"KL = {kl:.2g} is above its detection floor {floor:.2g} but below {TOLERANCE}: the last of the relaxation, or "
        "the bias of the time step. Run longer, or with half the time step.",
    )


def _threshold(floor: float) -> str:
    return f"its detection floor {floor:.2g}" if floor > TOLERANCE else f"the {TOLERANCE} that counts as relaxed"
