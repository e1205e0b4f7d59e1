"""How an adjoint goes back along a path: the time-ordered product of what each interval does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from langevin_kit.errors import InvalidArgument
from langevin_kit.learn.stability._stiffness import along, jacobians
from langevin_kit.system import System
from langevin_kit.system.arguments import array

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AdjointPropagator:
    r"""What perturbations at some times of a path have become at its end, T.

    Attributes
    ----------
    times : (K,)
    matrices : (K, d, d)
        :math:`P(t) = ∂x(T)/∂x(t) = \mathcal{T}\exp \int_t^T J\,ds`, later times to the left.
    integrals : (K, d, d)
        :math:`\int_t^T J\,ds`.
    """

    times: Floats
    matrices: Floats
    integrals: Floats

    def adjoint(self, slope: Any) -> Floats:
        """The adjoint a(t) = a(T) P(t) of a slope a(T) = ∂L/∂x(T), a row (d,): (K, d)."""
        a = np.asarray(array("slope", slope))
        if a.shape != self.matrices.shape[1:2]:
            raise InvalidArgument(f"slope: got shape {a.shape}; {self.matrices.shape[1:2]} is needed.")
        return np.asarray(a @ self.matrices)

    @property
    def unordered(self) -> Floats:
        """The exponentials of the integrals, (K, d, d): P only where Jacobians of all times commute."""
        return np.asarray(expm(self.integrals))

    @property
    def ordering_error(self) -> Floats:
        """|exp ∫ J − P|/|P|, (K,): by how much the exponential of the integral is wrong."""
        error, size = (np.linalg.norm(each, axis=(1, 2)) for each in (self.unordered - self.matrices, self.matrices))
        return np.asarray(error / size)


def adjoint_propagator(system: System, states: Any, times: Any) -> AdjointPropagator:
    r"""∂x(T)/∂x(t) along a path of dx/dt = f(x, t), from its states at some times.

    .. math:: P(t_k) = P(t_{k+1})\, e^{Ω_k}, \qquad Ω_k = \tfrac{h}{6}(J_k + 4 J_{k+½} + J_{k+1})
              + \tfrac{h^2}{12} [J_{k+1}, J_k]

    Magnus' expansion of order 4, with the states half-way by Hermite's interpolation. Traces are integrated by
    Simpson's rule, so that of a heavy ball with constant γ the determinant of P is exp(−nγ(T − t)) to round-off.

    Parameters
    ----------
    system : System
        At T > 0 with a mobility that does not depend on position, so that noise does not act on perturbations; without
        walls and retractions. Paths with noise are rough: the order is 1 of them, 2 of heavy balls.
    states : (K, d)
        Along one path.
    times : (K,)
        Increasing, two or more.

    Returns
    -------
    AdjointPropagator

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Iserles & Nørsett, Phil. Trans. R. Soc. A 357, 983 (1999).

    Examples
    --------
    >>> from langevin_kit import networks
    >>> ball = networks.heavy_ball(networks.Field("-h", {"h": 1}), damping=0.5)
    >>> found = adjoint_propagator(ball, np.zeros((3, 2)), [0.0, 1.0, 2.0])
    >>> found.adjoint([1.0, 0.0]).round(3)  # what h(2) owes to h and m at each time
    array([[-0.071,  0.585],
           [ 0.607,  0.663],
           [ 1.   ,  0.   ]])
    """
    x, t = np.asarray(array("states", states)), np.asarray(array("times", times))
    if t.ndim != 1 or len(t) < 2 or not (np.diff(t) > 0).all():
        raise InvalidArgument(f"times: got shape {t.shape}; two or more that increase, (K,), are needed.")
    if x.ndim != 2 or len(x) != len(t):
        raise InvalidArgument(f"states: got shape {x.shape}; ({len(t)}, d) is needed, one for each time.")
    ends = jacobians(system, x, t)
    if system.walls or system.retraction:
        raise InvalidArgument("system: it has walls or a retraction, at which perturbations jump.")
    if system.temperature and not system.facts.has_constant_mobility:
        raise InvalidArgument("mobility: it depends on position, so that noise acts on perturbations too. Take T = 0.")
    h, middle = np.diff(t), (t[1:] + t[:-1]) / 2
    f = along(system.drift_at, x, t if system.facts.depends_on_time else 0.0)
    halfway = (x[1:] + x[:-1]) / 2 + h[:, None] / 8 * (f[:-1] - f[1:])
    first, last = ends[:-1], ends[1:]
    means = (first + 4 * jacobians(system, halfway, middle) + last) / 6
    h = h[:, None, None]
    each_step = expm(h * means + h**2 / 12 * (last @ first - first @ last))
    matrices, integrals = [np.eye(system.n_dim)], [np.zeros((system.n_dim, system.n_dim))]
    for one, integral in zip(each_step[::-1], (h * means)[::-1], strict=True):
        matrices.append(matrices[-1] @ one)
        integrals.append(integrals[-1] + integral)
    return AdjointPropagator(t, np.stack(matrices[::-1]), np.stack(integrals[::-1]))
