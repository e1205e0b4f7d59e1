"""Jacobians of a system's drift, and how far their rates lie apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import SpinSystem, System
from langevin_kit.system.arguments import array

Floats = NDArray[np.float64]


def jacobians(system: System, states: Any, times: Any = 0.0) -> Floats:
    r"""The Jacobian ∂f/∂x of a system's drift f = b − K∇E + T ∇·K at states, exact to round-off.

    Parameters
    ----------
    system : System
    states : (R, d)
        Such as those along a path.
    times : number or (R,)
        When.

    Returns
    -------
    (R, d, d)
        Their eigenvalues λ, by ``numpy.linalg.eigvals``, say how perturbations grow: as :math:`e^{λ t}` at first.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> from langevin_kit import networks
    >>> ball = networks.heavy_ball(networks.Field("-2*h", {"h": 1}), damping=0.5)
    >>> jacobians(ball, [[0.0, 0.0]])
    array([[[ 0. ,  1. ],
            [-2. , -0.5]]])
    """
    if not isinstance(system, System) or isinstance(system, SpinSystem):
        raise InvalidArgument(f"system: got {type(system).__name__}; a System is needed.")
    x, t = np.asarray(array("states", states)), np.asarray(array("times", times))
    if x.ndim != 2 or x.shape[1] != system.n_dim or not len(x):
        raise InvalidArgument(f"states: got shape {x.shape}; (R, {system.n_dim}) is needed, R states.")
    if t.ndim and t.shape != (len(x),):
        raise InvalidArgument(f"times: got shape {t.shape}; a number or ({len(x)},) is needed.")
    return along(system.drift_jacobian, x, t if system.facts.depends_on_time else t.flat[0])


def stiffness(matrix: Any) -> Any:
    r"""The stiffness of dx/dt = A x: the largest over the smallest modulus of the eigenvalues of A.

    .. math:: S(A) = \max_i |λ_i| \,/\, \min_i |λ_i|

    Parameters
    ----------
    matrix : (..., d, d)
        A.

    Returns
    -------
    (...)
        At least 1; infinity where an eigenvalue is 0.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> float(stiffness([[-40.0, 0.0], [1.0, -0.1]]))
    400.0
    """
    A = square("matrix", matrix)
    size = np.abs(np.linalg.eigvals(A))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = size.max(axis=-1) / size.min(axis=-1)
    return np.where(size.min(axis=-1) == 0, np.inf, ratio)[()]


def along(function: Callable[[Floats, float], Floats], x: Floats, t: Any) -> Floats:
    """A function of states (d, ...) and one time, at states (R, d) and a time or (R,): (R, ...)."""
    if np.ndim(t):
        return np.stack([function(each, float(when)) for each, when in zip(x, t, strict=True)])
    return np.ascontiguousarray(np.moveaxis(function(x.T, float(t)), -1, 0))


def square(name: str, value: Any) -> Floats:
    """An array of square matrices."""
    if np.iscomplexobj(value):
        raise InvalidArgument(f"{name}: got complex numbers; real ones are needed.")
    found = np.asarray(array(name, value))
    if found.ndim < 2 or found.shape[-1] != found.shape[-2] or not found.size:
        raise InvalidArgument(f"{name}: got shape {found.shape}; square matrices, (..., d, d), are needed.")
    return found
