"""A mobility from a flux."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument

Floats = NDArray[np.float64]


def mobility_from_flux(velocity: Any, force: Any, *, symmetric: bool = False) -> Floats:
    r"""A mobility K with f = K v, for a velocity f and a force v = −∇Φ, Φ = T ln p + E.

    .. math:: K = \frac{(f·v)\,1 + f v^T - v f^T}{v^2}, \qquad
              K = \frac{f f^T}{f·v} + 1 - \frac{v v^T}{v^2} \quad\text{(symmetric)}

    The symmetric part of the first is (f·v)/v² times the identity: positive definite if and only if f·v > 0, as is the
    second, which does not exist otherwise. Neither does any K where v = 0 and f ≠ 0, as in a steady state that rotates.

    Parameters
    ----------
    velocity, force : (d, ...) arrays
        f and v.
    symmetric : bool
        Give the second.

    Returns
    -------
    (d, d, ...) array
        0 where f = v = 0, since no K is singled out there.

    Raises
    ------
    InvalidArgument
        Where there is no such K.

    Examples
    --------
    >>> k = mobility_from_flux([1.0, 2.0], [1.0, 0.0])
    >>> k @ [1.0, 0.0]
    array([1., 2.])
    """
    f, v = np.asarray(velocity, np.float64), np.asarray(force, np.float64)
    if f.ndim < 1 or f.shape != v.shape:
        raise InvalidArgument(f"velocity, force: got shapes {f.shape} and {v.shape}; equal shapes (d, ...) are needed.")
    work, square = (f * v).sum(axis=0), (v * v).sum(axis=0)
    if (lost := (square == 0) & (f != 0).any(axis=0)).any():
        raise InvalidArgument(
            f"force: it is 0 at {int(lost.sum())} places where the velocity is not; no mobility gives it."
        )
    if symmetric and (wrong := (work <= 0) & (square > 0)).any():
        raise InvalidArgument(
            f"velocity: at {int(wrong.sum())} places it does not go with the force (f·v ≤ 0); no symmetric mobility "
            "that is positive gives it; take symmetric=False."
        )
    identity = np.eye(len(f)).reshape(len(f), len(f), *[1] * (f.ndim - 1))
    outer = f[:, None] * v
    at_rest = np.where(square == 0, 1.0, square)
    if symmetric:
        moving = np.where(square == 0, 1.0, work)
        k = f[:, None] * f / moving + identity - v[:, None] * v / at_rest
    else:
        k = (work * identity + outer - outer.swapaxes(0, 1)) / at_rest
    return np.where(square == 0, 0.0, k)
