"""What bounds a coordinate: nothing, a period, reflecting or absorbing walls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean

KINDS = ("periodic", "reflecting", "absorbing")
SIDES = ("lower", "upper")


@dataclass(frozen=True)
class Wall:
    """The walls of one coordinate.

    Attributes
    ----------
    kind : str
        "periodic": `lower` and `upper` are the same place. "reflecting": particles turn back along the co-normal K n,
        so that no flux passes; "absorbing": particles end there. Of walls one of the two may be infinite.
    lower, upper : float
    reflects : str
        "lower" or "upper": the one of two absorbing walls that reflects instead. Empty if none does.
    """

    kind: Literal["periodic", "reflecting", "absorbing"]
    lower: float
    upper: float
    reflects: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidArgument(f"walls: got kind {self.kind!r}{did_you_mean(str(self.kind), KINDS)}.")
        finite = [np.isfinite(self.lower), np.isfinite(self.upper)]
        if not self.lower < self.upper or not (all(finite) if self.kind == "periodic" else any(finite)):
            need = "finite lower < upper" if self.kind == "periodic" else "lower < upper, one of them finite,"
            raise InvalidArgument(f"walls: got {self.kind} bounds {self.lower}, {self.upper}; {need} are needed.")
        if self.reflects and not (self.kind == "absorbing" and self.reflects in SIDES and all(finite)):
            raise InvalidArgument(
                f"walls: got reflects = {self.reflects!r}; 'lower' or 'upper' of two finite absorbing walls is needed."
            )

    @property
    def length(self) -> float:
        """The distance of the two bounds."""
        return self.upper - self.lower

    def inside(self, dtype: str) -> tuple[float, float]:
        """The lowest and the highest number of a dtype between the walls, where a vector's components are mirrored.

        They are never on a wall itself: where K vanishes there, ∇E may be infinite, and K ∇E, whose limit is 0, would
        be 0·∞; E may be ∞ − ∞. An ulp beside it both are finite, and rounding moves a particle as far. Beside a wall
        at 0 it is the least normal number, since 1/x of smaller ones overflows.
        """
        R = np.dtype(dtype).type
        tiny, lower, upper = np.finfo(R).tiny, R(self.lower), R(self.upper)
        lowest = np.nextafter(lower, upper) if np.isfinite(lower) else lower
        highest = np.nextafter(upper, lower) if np.isfinite(upper) else upper
        lowest, highest = (tiny if 0 < lowest < tiny else lowest), (-tiny if -tiny < highest < 0 else highest)
        return float(lowest), float(highest)

    def sides(self, kind: str) -> tuple[str, ...]:
        """Which of "lower" and "upper" are finite and of a kind."""
        kinds = {side: "reflecting" if side == self.reflects else self.kind for side in SIDES}
        return tuple(side for side in SIDES if kinds[side] == kind and np.isfinite(getattr(self, side)))

    @property
    def shape(self) -> tuple[Any, ...]:
        """All that compiled code must know of it before it runs."""
        return self.kind, self.sides("absorbing"), self.reflects

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with None for an infinite bound."""
        bounds = {"lower": self.lower, "upper": self.upper}
        plain = {name: value if np.isfinite(value) else None for name, value in bounds.items()}
        return {"kind": self.kind, **plain, **({"reflects": self.reflects} if self.reflects else {})}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Wall:
        """From plain data."""
        lower, upper = data["lower"], data["upper"]
        bounds = _bounds(-np.inf if lower is None else lower, np.inf if upper is None else upper)
        return cls(data["kind"], *bounds, data.get("reflects") or "")


def periodic(lower: float, upper: float) -> Wall:
    """Make a coordinate periodic; runs keep how often each particle went round.

    Examples
    --------
    >>> periodic(0.0, 1.0).length
    1.0
    """
    return Wall("periodic", *_bounds(lower, upper))


def reflecting(lower: float = -np.inf, upper: float = np.inf) -> Wall:
    """Give a coordinate one or two reflecting walls.

    Examples
    --------
    >>> reflecting(0.0).upper
    inf
    """
    return Wall("reflecting", *_bounds(lower, upper))


def absorbing(lower: float = -np.inf, upper: float = np.inf, *, reflects: str = "") -> Wall:
    """Give a coordinate one or two absorbing walls; or one, and a reflecting one.

    A particle that meets one stays there and is no longer counted among the living, over which all averages and
    histograms of a run go; the run records how many there are (`survival`) and how many each wall has taken
    (`n_absorbed`). There is no Boltzmann law.

    Parameters
    ----------
    lower, upper : float
    reflects : str, optional
        "lower" or "upper": the wall that reflects.

    Notes
    -----
    A step meets a wall if it ends beyond it, or else with the probability exp(−2 d₀ d₁/(2T Sᵃᵃ Δt)) that a Brownian
    bridge does, where d₀ and d₁ are the distances of the step's two ends: first-passage times are then right to first
    order in Δt (Gobet, Stoch. Proc. Appl. 87, 167 (2000)). The other coordinates stay where that step led.

    Examples
    --------
    >>> absorbing(0.0, 1.0, reflects="lower").sides("absorbing")
    ('upper',)
    """
    return Wall("absorbing", *_bounds(lower, upper), reflects)


def _bounds(lower: Any, upper: Any) -> tuple[float, float]:
    try:
        return float(lower), float(upper)
    except (TypeError, ValueError):
        raise InvalidArgument(f"walls: got bounds {lower!r}, {upper!r}; two numbers are needed.") from None
