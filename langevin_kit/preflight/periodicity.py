"""A coordinate on a ring needs an energy and a mobility that close."""

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


def require_periodic(system: System, x: Floats, t: float) -> None:
    """Refuse E, ∇E, K or ∇·K that differ where a ring closes; the other coordinates are those of points x (d, n)."""
    fields = {
        "energy": system.energy_at,
        "gradient of the energy": system.gradient,
        "mobility": system.mobility_at,
        "divergence of the mobility": system.mobility_divergence,
    }
    every = max(1, x.shape[1] // _PLACES)
    for a, name in enumerate(system.coordinates):
        wall = system.walls.get(name)
        if wall is None or wall.kind != "periodic":
            continue
        ends = np.repeat(x[:, None, ::every], 3, axis=1)
        ends[a] = np.array([wall.lower, 0.5 * (wall.lower + wall.upper), wall.upper])[:, None]
        for field, function in fields.items():
            value = function(ends, t)
            value = value.reshape(-1, *ends.shape[1:])
            first, last = value[:, 0], value[:, 2]
            scale = max(1.0, float(np.abs(function(x, t)).max()), float(np.abs(value).max(initial=0.0)))
            open_ = ~(np.abs(last - first) <= CLOSED * scale)
            if open_.any():
                component, point = np.unravel_index(int(open_.argmax()), open_.shape)
                raise InvalidArgument(
                    f"{field} is not periodic in {name!r}: {first[component, point]:.9g} at "
                    f"{place(system, ends[:, 0, point], t)}, and {last[component, point]:.9g} at {name} = "
                    f"{wall.upper:.6g}, the same place. Mend the period; the tilt of a washboard is no energy on a "
                    "ring: give it as an extra drift."
                )
