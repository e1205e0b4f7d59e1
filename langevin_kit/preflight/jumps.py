"""Where a mobility jumps: ∇·K is then a delta, which most schemes never see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import MobilityJumps
from langevin_kit.preflight.region import place
from langevin_kit.schemes import SCHEMES, Scheme, able
from langevin_kit.system import System

Floats = NDArray[np.float64]

LINES, PARTS = 256, 16
"""Straight lines between points of the region, and pieces of each, in which a jump is looked for."""

HALVINGS = 60
LEAST = 1e-3
"""A change of K over next to no distance that is a jump, as a share of the greatest |K|."""


@dataclass(frozen=True)
class Jump:
    """A place at which K jumps, in words, and an entry of K on both sides."""

    where: str
    before: float
    after: float

    def __str__(self) -> str:
        return f"at {self.where}, from {self.before:.6g} to {self.after:.6g}"


def find_jump(system: System, x: Floats, t: float) -> Jump | None:
    """The largest jump of K on lines between points (d, n): of each line the piece that changes most is halved away."""
    if not system.facts.may_jump or x.shape[1] < 2:
        return None
    order = np.argsort(x[0]) if len(x) == 1 else np.random.default_rng(0).permutation(x.shape[1])
    ends = x[:, order[np.linspace(0, x.shape[1] - 1, min(LINES, x.shape[1]) + 1).astype(int)]]
    share = np.linspace(0, 1, PARTS + 1)[:, None]
    points = ends[:, None, :-1] + share * (ends[:, None, 1:] - ends[:, None, :-1])
    K = _entries(system, points, t)
    change = np.abs(np.diff(K, axis=1)).max(axis=0)
    piece = change.argmax(axis=0)
    line = np.arange(points.shape[2])
    low, high = points[:, piece, line], points[:, piece + 1, line]
    at_low, at_high = K[:, piece, line], K[:, piece + 1, line]
    for _ in range(HALVINGS):
        middle = low + (high - low) / 2
        at_middle = _entries(system, middle, t)
        first = np.abs(at_middle - at_low).max(axis=0) > np.abs(at_high - at_middle).max(axis=0)
        known = np.isfinite(at_middle).all(axis=0)  # not at a user's 0/0
        low, at_low = (np.where(~first & known, there, here) for there, here in ((middle, low), (at_middle, at_low)))
        high, at_high = (np.where(first & known, there, here) for there, here in ((middle, high), (at_middle, at_high)))
    left = np.abs(at_high - at_low)
    entry, worst = np.unravel_index(int(left.argmax()), left.shape)
    if not left[entry, worst] > LEAST * np.abs(K).max():
        return None
    at = np.where(np.abs(high[:, worst]) < 1e-12 * np.ptp(x, axis=1), 0.0, high[:, worst])
    return Jump(place(system, at, t), float(at_low[entry, worst]), float(at_high[entry, worst]))


def _entries(system: System, x: Floats, t: float) -> Floats:
    """K (entries, ...) at x (d, ...)."""
    K = system.mobility_at(x.reshape(len(x), -1), t)
    return np.asarray(K.reshape(-1, *x.shape[1:]))


def require_continuous(scheme: Scheme, system: System, jump: Jump | None) -> None:
    """Refuse a scheme that is wrong where K jumps.

    Raises
    ------
    MobilityJumps
        With the place, and the schemes that are right there.
    """
    if jump is None or scheme.takes_jumps or not system.temperature:
        return
    right = ", ".join(repr(name) for name in able(system) if SCHEMES[name].takes_jumps) or "none in this version"
    raise MobilityJumps(
        f"mobility: it jumps {jump}. There ∇·K is a delta, which {scheme.name!r} never meets: where K jumps from 10 to "
        "1, 'euler_maruyama' was measured to give P(v < 0) = 0.26 instead of 0.76, at every time step, and 'fixman' "
        f"0.68. Schemes that are right here: {right}."
    )
