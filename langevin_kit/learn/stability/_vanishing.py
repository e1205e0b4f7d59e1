"""How much of an adjoint is left at least, by the slow eigenvalues of its propagator."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import schur

from langevin_kit.errors import InvalidArgument
from langevin_kit.learn.stability._stiffness import square
from langevin_kit.system.arguments import above_zero, array


class VanishingBound(NamedTuple):
    """What `vanishing_bound` found.

    Attributes
    ----------
    gain : float
        |a P|/|a|.
    bound : float
        Which the gain is no less than.
    n_kept : int
        Eigenvalues of P that count.
    """

    gain: float
    bound: float
    n_kept: int


def vanishing_bound(propagator: Any, slope: Any, least: float) -> VanishingBound:
    r"""By how much a propagator P shortens an adjoint a at most, from its eigenvalues of modulus μ or more.

    .. math:: P = Q \begin{pmatrix} R_L & \cdot \\ 0 & R_V \end{pmatrix} Q^†, \quad e = \frac{a Q}{|a|}: \qquad
              \frac{|a P|}{|a|} = |e R| ≥ |e_L R_L|

    with a unitary Q, complex in general, and on the diagonal of the upper triangle R_L the eigenvalues that count.

    Parameters
    ----------
    propagator : (d, d)
        P = ∂x(T)/∂x(t), such as one of `AdjointPropagator.matrices`, or exp(∫ J dt).
    slope : (d,)
        a = ∂L/∂x(T).
    least : float
        μ > 0. For a heavy ball take exp(−r(T − t)) with r ≥ γ/2. Then half of the eigenvalues or more count of the
        source's exp(∫ J dt), since each pair has the product exp(−γ(T − t)); of the time-ordered P so they do where
        f = −∇V, and in general one or more, since the product of all is exp(−nγ(T − t)).

    Returns
    -------
    VanishingBound

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> vanishing_bound(np.diag([0.5, 1e-3]), [1.0, 1.0], 0.1).n_kept
    1
    """
    P, a, mu = square("propagator", propagator), np.asarray(array("slope", slope)), above_zero("least", least)
    size = float(np.linalg.norm(a))
    if P.ndim != 2 or a.shape != P.shape[:1] or not size:
        raise InvalidArgument(
            f"propagator, slope: got shapes {P.shape} and {a.shape}; (d, d) and (d,), not zero, are needed."
        )
    counts: Any = lambda value: abs(value) >= mu  # noqa: E731  (of one complex number, which stubs do not know)
    R, Q, n_kept = schur(P.astype(np.complex128), output="complex", sort=counts)
    e = a @ Q / size
    return VanishingBound(
        float(np.linalg.norm(e @ R)), float(np.linalg.norm(e[:n_kept] @ R[:n_kept, :n_kept])), int(n_kept)
    )
