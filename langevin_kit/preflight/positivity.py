"""The symmetric part of the mobility is the covariance of the noise: negative nowhere. The measure is positive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, MobilityNotPositive
from langevin_kit.preflight.region import place
from langevin_kit.system import System

Floats = NDArray[np.float64]

ROUNDING = 1e-12
"""Share of the largest eigenvalue by which another may be negative."""


def require_measure(system: System, x: Floats, *, edge: bool = False) -> None:
    """Refuse a measure that is not positive and finite at points x (d, n); at the edge of a chart it may vanish.

    Raises
    ------
    InvalidArgument
        With the place.
    """
    measure = system.measure_at(x)
    bad = ~(np.isfinite(measure) & ((measure >= 0) if edge else (measure > 0)))
    if bad.any():
        where = int(bad.argmax())
        at = place(system, x[:, where], 0.0)
        raise InvalidArgument(
            f"measure is {measure[where]:.6g} at {at}; it must be positive where particles may go. Confine them by "
            "walls, or change the measure."
        )


def eigenvalue_range(system: System, x: Floats, t: float, mobility: Floats) -> tuple[float, float]:
    """Least and greatest eigenvalue of S (d, d, n) at points x (d, n); S may be semi-definite.

    Raises
    ------
    MobilityNotPositive
        With the place of the least eigenvalue.
    """
    values = np.linalg.eigvalsh(np.moveaxis(mobility, -1, 0))
    point = int(values[:, 0].argmin())
    least, most = float(values[point, 0]), float(values.max())
    if least < -ROUNDING * max(0.0, float(values[point, -1])):
        diagonal = np.diag(mobility[:, :, point])
        own = int(diagonal.argmin())
        name = f"of {system.names[own]!r}" if diagonal[own] == least else "in its least direction"
        raise MobilityNotPositive(
            f"mobility {name} is {least:.6g} at {place(system, x[:, point], t)}; it must not be negative where "
            "particles may go. Change the mobility, or confine the particles."
        )
    return max(least, 0.0), most
