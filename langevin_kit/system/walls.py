"""What bounds a coordinate: nothing, a period, or reflecting walls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean

KINDS = ("periodic", "reflecting")


@dataclass(frozen=True)
class Wall:
    """The walls of one coordinate.

    Attributes
    ----------
    kind : str
        "periodic": `lower` and `upper` are the same place. "reflecting": particles turn back along the co-normal K n,
        so that no flux passes; one of the two may be infinite.
    lower, upper : float
    """

    kind: Literal["periodic", "reflecting"]
    lower: float
    upper: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidArgument(f"walls: got kind {self.kind!r}{did_you_mean(str(self.kind), KINDS)}.")
        finite = [np.isfinite(self.lower), np.isfinite(self.upper)]
        if not self.lower < self.upper or not (all(finite) if self.kind == "periodic" else any(finite)):
            need = "finite lower < upper" if self.kind == "periodic" else "lower < upper, one of them finite,"
            raise InvalidArgument(f"walls: got {self.kind} bounds {self.lower}, {self.upper}; {need} are needed.")

    @property
    def length(self) -> float:
        """The distance of the two bounds."""
        return self.upper - self.lower

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with None for an infinite bound."""
        bounds = {"lower": self.lower, "upper": self.upper}
        return {"kind": self.kind, **{name: value if np.isfinite(value) else None for name, value in bounds.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Wall:
        """From plain data."""
        lower, upper = data["lower"], data["upper"]
        return cls(data["kind"], *_bounds(-np.inf if lower is None else lower, np.inf if upper is None else upper))


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


def _bounds(lower: Any, upper: Any) -> tuple[float, float]:
    try:
        return float(lower), float(upper)
    except (TypeError, ValueError):
        raise InvalidArgument(f"walls: got bounds {lower!r}, {upper!r}; two numbers are needed.") from None
