"""Relaxed, not relaxed, or cannot tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOLERANCE = 0.01
"""KL, in nats, below which an ensemble may be called relaxed."""


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


def verdict(kl: float, floor: float, limit: float) -> Verdict:
    """Judge one time from its KL (NaN where bins do not resolve it, as above `limit` = ½ ln B) and its detection floor.

    Examples
    --------
    >>> verdict(kl=2e-6, floor=3e-5, limit=2.4).state
    'relaxed'
    >>> verdict(kl=0.2, floor=3e-5, limit=2.4).state
    'not relaxed'
    """
    if np.isnan(kl):
        return Verdict(
            "not relaxed",
            f"the bins do not resolve KL: it is above {limit:.3g}, or particles are where q has next to none.",
        )
    if kl > max(floor, TOLERANCE):
        return Verdict("not relaxed", f"KL = {kl:.3g} is above {max(floor, TOLERANCE):.3g}.")
    if floor > TOLERANCE:
        factor = np.ceil(floor / TOLERANCE)
        return Verdict(
            "cannot tell",
            f"the detection floor {floor:.2g} is above {TOLERANCE}: take {factor:.0f} times as many particles.",
        )
    if kl <= floor:
        return Verdict("relaxed", f"KL = {kl:.2g} cannot be told from 0 (detection floor {floor:.2g}).")
    return Verdict(
        "cannot tell",
        f"KL = {kl:.2g} is above its detection floor {floor:.2g} but below {TOLERANCE}: the last of the relaxation, or "
        "the bias of the time step. Run longer, or with half the time step.",
    )
