r"""First-passage times from the fraction of an ensemble that survives.

.. math:: ⟨\min(τ, t)⟩ = \int_0^t S(s)\,ds, \qquad J_k = \frac{1}{N} \frac{dn_k}{dt}

S(t) = P(τ > t) is the survival, n_k the number of particles that the wall k has taken, τ the first-passage time. Within
an interval between two saved times the passages count as uniform: for intervals h this is off by h²(S'(t) − S'(0))/12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimated:
    """Values with their standard errors."""

    value: Floats
    stderr: Floats


def mean_first_passage(times: Floats, living: NDArray[np.integer], n: int) -> Estimated:
    """⟨min(τ, t)⟩ at each time, from how many of n particles live.

    Parameters
    ----------
    times, living : (k,)
        From the start on, at which all live.

    Examples
    --------
    >>> found = mean_first_passage(np.array([0.0, 1.0, 2.0]), np.array([4, 2, 0]), 4)
    >>> found.value.tolist()  # two passages at about ½, two at about 3/2
    [0.0, 0.75, 1.0]
    """
    taken, h = -np.diff(living) / n, np.diff(times)
    middle = 0.5 * (times[1:] + times[:-1])
    late = living / n
    first = np.concatenate([[0.0], np.cumsum(taken * middle)]) + late * times
    second = np.concatenate([[0.0], np.cumsum(taken * (middle**2 + h**2 / 12))]) + late * times**2
    spread = np.maximum(second - first**2, 0.0)
    return Estimated(first, np.sqrt(spread / (n - 1)) if n > 1 else np.full(len(times), np.nan))


def wall_flux(times: Floats, absorbed: NDArray[np.integer], n: int) -> Estimated:
    """Probability per time that walls take between two times (k − 1, walls), from counts (k, walls) of n particles.

    Examples
    --------
    >>> wall_flux(np.array([0.0, 0.5]), np.array([[0, 0], [1, 3]]), 8).value.tolist()
    [[0.25, 0.75]]
    """
    share, h = np.diff(absorbed, axis=0) / n, np.diff(times)[:, None]
    stderr = np.sqrt(share * (1 - share) / (n - 1)) if n > 1 else np.full(share.shape, np.nan)
    return Estimated(share / h, stderr / h)
