r"""A mobility that is the covariance of the ensemble itself, K{p} = C.

.. math:: dx = \left[-C ∇E + T \frac{d + 1}{N}\, (x - \bar x)\right] dt + \sqrt{2T}\, dW, \qquad dW ~ N(0, C\, dt),
          \qquad C = \frac1N \sum_p (x_p - \bar x)(x_p - \bar x)^T

The second term is what ∇·K is of N particles that share one K: with it the law of all N is the product of their
Boltzmann laws, for every N > d + 1; without it N = 6 particles have half the variance. The motion is the same in all
linear coordinates. Garbuno-Inigo, Nüsken & Reich, SIAM J. Appl. Dyn. Syst. 19, 1633 (2020), equation (3.1).

Mean, covariance and (d + 1)/N are run-time arguments of the step, behind the parameters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ENSEMBLE = "ensemble covariance"
"""What a system's mobility says."""


def least_particles(d: int) -> int:
    """Fewer stay for ever in a plane through them, and have another law."""
    return d + 2


def n_values(d: int) -> int:
    """How many numbers the step needs: mean, the lower triangle of C, and (d + 1)/N."""
    return d + d * (d + 1) // 2 + 1


def values(mean: Floats, covariance: Floats, n: int) -> Floats:
    """These numbers, for N = n particles.

    Parameters
    ----------
    mean : (d,)
    covariance : (d, d)
        C, with the divisor N.
    """
    d = len(mean)
    return np.concatenate([mean, covariance[np.tril_indices(d)], [(d + 1) / n]])
