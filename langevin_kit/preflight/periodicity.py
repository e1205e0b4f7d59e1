"""A coordinate on a ring needs an energy, a mobility and a measure that close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.preflight.region import place
from langevin_kit.system import System

Floats = NDArray[np.float64]

CLOSED = 1e-6
"""Share of a field's range by which its values at the two ends of the ring may differ, as with a rounded period."""

_PLACES = 64
_ALONG = (np.arange(1, 9) * 0.6180339887498949) % 1.0
"""Where on the ring, beside its ends, the size of a field is taken from."""


def require_periodic(system: System, x: Floats, t: float) -> None:
    """Refuse E, K, μ, their derivatives or a drift that differ where a ring closes.

    The other coordinates are those of points x (d, n).
    """
    fields = {
        "energy": system.energy_at,
        "gradient of the energy": system.gradient,
        "mobility": system.mobility_at,
        "divergence of the mobility": system.mobility_divergence,
        "measure": system.measure_at,
        "drift": system.drift_at,
    }
    every = max(1, x.shape[1] // _PLACES)
    for a, (name, wall) in enumerate(zip(system.names, system.each_wall, strict=True)):
        if wall is None or wall.kind != "periodic":
            continue
        ring = np.concatenate([[wall.lower, wall.upper], wall.lower + wall.length * _ALONG])
        ends = np.repeat(x[:, None, ::every], len(ring), axis=1)
        ends[a] = ring[:, None]
        for field, function in fields.items():
            value = function(ends, t)
            value = value.reshape(-1, *ends.shape[1:])
            first, last = value[:, 0], value[:, 1]
            open_ = ~(np.abs(last - first) <= CLOSED * np.abs(value).max())
            if open_.any():
                component, point = np.unravel_index(int(open_.argmax()), open_.shape)
                raise InvalidArgument(
                    f"{field} is not periodic in {name!r}: {first[component, point]:.9g} at "
                    f"{place(system, ends[:, 0, point], t)}, and {last[component, point]:.9g} at {name} = "
                    f"{wall.upper:.6g}, the same place. Mend the period; the tilt of a washboard is no energy on a "
                    "ring: give it as an extra drift."
                )
