r"""How a function F of the state passes small noise on, from its exact slope along a direction alone.

Of states with the mean x + T y and the covariance T Σ, to first order in T,

.. math:: \frac{Cov(F, x)}{T} = F' Σ, \qquad \frac{⟨F⟩ - F(x)}{T} = F' y + \tfrac12 F''^{ab} Σ_{ab}

F''[Σ] is Σ_c of the slope, along the unit vector c, of F' times column c of Σ: a complex step of what is exact already,
so that nothing cancels (Squire & Trapp, SIAM Rev. 40, 110 (1998)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Along = Callable[[Any, Any], Any]
"""F' v, (m, ...), from complex places x and directions v, both (d, ...)."""

STEP = 1e-30
"""Of the complex step: nothing cancels, so it may be tiny."""


def linear_noise(along: Along, x: Floats, covariance: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """F' Σ (m, d, ...), and F' y + ½ F''[Σ] (m, ...), at x (d, ...) with Σ (d, d, ...) and y (d, ...).

    Examples
    --------
    >>> x, covariance, shift = np.array([3.0]), np.array([[0.5]]), np.array([0.25])
    >>> linear_noise(lambda x, v: 2 * x * v, x, covariance, shift)  # of x²
    (array([[3.]]), array([2.]))
    """
    d = len(x)
    places = np.repeat(x[:, None].astype(np.complex128), d + 1, axis=1)
    places[range(d), range(d)] += 1j * STEP
    found = along(places, np.concatenate([covariance, shift[:, None]], axis=1))
    return found[:, :d].real, found[:, d].real + 0.5 * found[:, :d].imag.sum(axis=1) / STEP
