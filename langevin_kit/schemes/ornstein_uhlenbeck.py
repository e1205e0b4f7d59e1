r"""Ornstein–Uhlenbeck: the exact step where the force is linear and K is constant.

With the force Mx + c, :math:`x' = Φ x + φ + L z`, where

.. math:: Φ = e^{MΔt}, \qquad φ = \int_0^{Δt} e^{Ms} c\, ds, \qquad
          L L^T = 2T \int_0^{Δt} e^{Ms} S e^{M^T s} ds

from one exponential of a matrix (Van Loan 1978). Any time step gives the law of the equation itself, of a path's places
at all steps together; along one given Brownian path, of which z knows the increments alone, the order is 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.schemes._scheme import Scheme
from langevin_kit.system import System
from langevin_kit.system.dense import semidefinite_root


def constants(system: System, time_step: float) -> NDArray[np.float64]:
    """Φ, φ and L, one after the other."""
    from scipy.linalg import expm

    d = system.n_dim
    c = system.force_at(np.zeros((d, 1)))[:, 0]
    M = system.force_at(np.eye(d)) - c[:, None]
    S = system.symmetric_mobility_at(np.zeros((d, 1)))[..., 0]
    lifted = np.block([[M, c[:, None]], [np.zeros((1, d + 1))]])
    flow = expm(time_step * lifted)
    pair = expm(time_step * np.block([[-M, 2 * system.temperature * S], [np.zeros((d, d)), M.T]]))
    covariance = pair[d:, d:].T @ pair[:d, d:]
    L = semidefinite_root((covariance + covariance.T) / 2)
    return np.concatenate([flow[:d, :d].ravel(), flow[:d, d], L.ravel()])


def step(s: Any) -> Any:
    """No evaluation; at T = 0 the solution of the linear equation."""
    moved = s.constant_vector(s.d * s.d) + s.constant_product(0, s.x)
    return moved + s.constant_product(s.d * s.d + s.d, s.z)


SCHEME = Scheme(
    "ornstein_uhlenbeck",
    step,
    calculus="ito",
    strong_order=1.0,
    weak_order=math.inf,
    evaluations=0,
    source="Van Loan, IEEE Trans. Automat. Contr. 23, 395 (1978)",
    needs=("linear force", "no walls"),
    use="quadratic energies, constant K: exact at any step",
    constants=constants,
    mixes_noise=True,
    is_stable=True,
)
