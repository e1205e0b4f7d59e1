"""Whether fixed points of a continuous network are stable."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._activations import Activation, activation_of
from langevin_kit.system.arguments import array

Floats = NDArray[np.float64]

ASYMMETRY = 1e-12
"""Of the largest coupling, up to which W counts as symmetric."""


def spectrum(states: Any, couplings: Any, fields: Any = 0.0, activation: str | Activation = "tanh") -> Floats:
    r"""Eigenvalues of −1 + diag(f'(W x + b)) W, the Jacobian of dx/dt = −x + f(W x + b), at some states x.

    They are real, being those of :math:`-1 + D^{1/2} W D^{1/2}` with D = diag(f'). A fixed point is stable if all are
    negative: perturbations die out as :math:`e^{λ t}`.

    Parameters
    ----------
    states : (P, N)
        Of fixed points; of other states it says how perturbations grow at first.
    couplings : (N, N)
        W, symmetric.
    fields : number or (N,)
        b.
    activation : str or Activation
        f, as that of `continuous`.

    Returns
    -------
    (P, N)
        λ of each state, the largest last.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    x = 0 is fixed and not stable:

    >>> spectrum([[0, 0]], [[0, 3], [3, 0]])
    array([[-4.,  2.]])
    """
    f = activation_of(activation)
    x, W, b = array("states", states), array("couplings", couplings), np.asarray(array("fields", fields))
    if np.ndim(x) != 2 or np.shape(W) != 2 * np.shape(x)[1:] or b.ndim > 1 or b.size not in (1, len(W)):
        raise InvalidArgument(
            f"states, couplings, fields: got shapes {np.shape(x)}, {np.shape(W)}, {b.shape}; (P, N), (N, N), and (N,) "
            "or a number are needed."
        )
    require_symmetric(W)
    root = np.sqrt(f.slope(f.value(x @ W + b)))
    return np.array([np.linalg.eigvalsh(d[:, None] * W * d) - 1 for d in root])


def require_symmetric(W: Floats) -> None:
    """Refuse couplings that differ from their transpose."""
    if np.abs(W - W.T).max() > ASYMMETRY * np.abs(W).max():
        raise InvalidArgument(
            "couplings: W differs from its transpose; only a symmetric one has an energy, and real eigenvalues."
        )
