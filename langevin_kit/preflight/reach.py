"""Whether paths reach absorbing walls at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import System

Floats = NDArray[np.float64]


def require_reached(system: System, x: Floats, t: float) -> None:
    """Refuse an absorbing wall at which noise vanishes and no drift leads out; at points x (d, n), moved to the wall.

    Where Sᵃᵃ falls linearly to zero, paths need infinite time for the last of the way (Feller, Ann. Math. 55, 468
    (1952)). Steps of any length would still carry some there, of which ln Δt decides.
    """
    if not system.temperature:
        return
    for a, side in system.absorbers:
        at = np.array(x)
        at[a] = bound = getattr(system, side)[a]
        with np.errstate(all="ignore"):
            inward = system.drift_at(at, t)[a] * (1 if side == "lower" else -1)
            is_still = (system.symmetric_mobility_at(at, t)[a, a] <= 0) & (inward >= 0)
        if is_still.all():
            raise InvalidArgument(
                f"walls: no path reaches the absorbing wall of {system.names[a]!r} at {bound:g}: the mobility vanishes "
                "there, and the drift leads away. Make it a reflecting one, or move it to where there is noise."
            )
