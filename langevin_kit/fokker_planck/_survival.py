"""How many of an ensemble live, against what absorbing walls leave of a density's mass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUND_OFF = 1e-9
"""Of the density's mass."""


def loses(density: xr.DataArray) -> bool:
    """Whether mass leaves."""
    return bool((_left(density) < 1 - _ROUND_OFF).any())


def survival_tests(
    shares: Sequence[Floats | None], density: xr.DataArray, other: xr.DataArray | None, n: int
) -> Iterator[tuple[float, ...]]:
    """Of each time from the second on: z, no degrees of freedom, p, the discretisation error, and p that allows for it.

    Parameters
    ----------
    shares : sequence of three (time,) or None
        What lives of n particles: of the run, and of those at the whole and half the time step, if the latter is known.
    other : DataArray, optional
        The density on cells of half or twice the width.
    """
    from scipy.special import erfc

    run, whole, halved = shares
    left = _left(density)
    error = np.zeros_like(left) if whole is None or halved is None else 2.0 * (whole - halved)
    if other is not None:
        error -= (_left(other) - left) * (1 / 3 if other.size < density.size else -4 / 3)
    assert run is not None
    for living, mass, off in list(zip(run, left, np.abs(error), strict=True))[1:]:
        spread = np.sqrt(max(mass * (1 - mass), 1 / n) / n)
        z, within = (max(0.0, abs(living - mass) - e) / spread for e in (0.0, off))
        p, p_within = (float(erfc(x / np.sqrt(2))) for x in (z, within))
        yield float(z), np.nan, p, float(off), p_within


def _left(density: xr.DataArray) -> Floats:
    """The share of the first time's mass that there is at each time."""
    mass = density.values.reshape(density.sizes["time"], -1).sum(axis=1)
    return np.asarray(mass / mass[0])
