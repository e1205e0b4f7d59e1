r"""Symmetric mixtures of patterns as α → 0: where n overlaps are equal, the field of a spin is m z, z = ξ¹ + … + ξⁿ.

So averages over patterns are sums over the n + 1 values of z, which is binomial, and the eigenvalues of the Hessian of
the free energy differ only by the weight that each gives to z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._branches import STEPS, bend
from langevin_kit.system.arguments import at_least_zero

Floats = NDArray[np.float64]

COLD = 40.0
"""m/T from which on odd mixtures are those of T = 0 to double precision."""


@dataclass(frozen=True)
class Mixture:
    """What `symmetric_mixture` found.

    Attributes
    ----------
    number : int
        n.
    temperature : float
        T.
    m : float
        Overlap with each of the n patterns.
    free_energy : float
        Per spin.
    along, among, others : float
        Eigenvalues of the Hessian of the free energy: for a change of all n overlaps alike; for one that keeps their
        sum (n − 1 times); for overlaps with other patterns. The mixture is locally stable where all are positive.
    """

    number: int
    temperature: float
    m: float
    free_energy: float
    along: float
    among: float
    others: float


def symmetric_mixture(number: int, temperature: float) -> Mixture:
    r"""The state with equal overlaps with n of finitely many random patterns, for Hebb's rule as N → ∞.

    .. math:: m = \frac1n ⟨z \tanh βmz⟩, \qquad f = \frac{n m^2}{2} - \frac1β ⟨\ln 2\cosh βmz⟩, \qquad
              z = ξ^1 + … + ξ^n

    .. math:: λ_{\text{along}} = 1 - β⟨\tfrac{z^2}{n} \mathrm{sech}^2 βmz⟩, \quad
              λ_{\text{among}} = 1 - β⟨\tfrac{n^2 - z^2}{n(n-1)} \mathrm{sech}^2 βmz⟩, \quad
              λ_{\text{others}} = 1 - β⟨\mathrm{sech}^2 βmz⟩

    Near it, Glauber's dynamics relaxes at these rates a sweep.

    Parameters
    ----------
    number : int
        n, 2 or more.
    temperature : float
        T; 0 is the limit.

    Returns
    -------
    Mixture
        m = 0 from T = 1 on. At T = 0 eigenvalues of an even mixture are −∞ but for the first.

    Raises
    ------
    InvalidArgument
        For a number that is none of 2, 3, …, or a temperature that is negative or not finite.

    Notes
    -----
    Amit, Gutfreund & Sompolinsky, Phys. Rev. A 32, 1007 (1985).

    Examples
    --------
    >>> symmetric_mixture(3, 0.0).m
    0.5
    >>> symmetric_mixture(3, 0.4).among > 0 > symmetric_mixture(3, 0.5).among
    True
    """
    n, t = _number(number), at_least_zero("temperature", temperature)
    z, weight = _sums(n)
    if t == 0:
        m = float(weight @ np.abs(z)) / n
        rest = -math.inf if n % 2 == 0 else 1.0
        return Mixture(n, t, m, -n * m * m / 2, 1.0, rest, rest)
    m = _overlap(z, weight, t)
    u = np.abs(z) * (m / t)
    entropy = t * float(weight @ (u + np.log1p(np.exp(-2 * u))))
    sech2 = weight * bend(u) / t
    along, among, others = (1 - float(sech2 @ w) for w in (z**2 / n, (n**2 - z**2) / (n * (n - 1)), z**0))
    return Mixture(n, t, m, n * m * m / 2 - entropy, along, among, others)


def mixture_temperature(number: int) -> float:
    r"""The temperature T_n below which a symmetric mixture of n patterns is locally stable, as α → 0.

    .. math:: λ_{\text{among}}(T_n) = 0

    with the eigenvalue of `symmetric_mixture`, of its three the least.

    Parameters
    ----------
    number : int
        n, odd, 3 or more: even mixtures are stable at no temperature, since fields of 0 leave spins free.

    Returns
    -------
    float

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Amit, Gutfreund & Sompolinsky, Phys. Rev. A 32, 1007 (1985).

    Examples
    --------
    >>> [round(mixture_temperature(n), 4) for n in (3, 5, 7)]
    [0.4598, 0.3847, 0.3439]
    """
    from scipy.optimize import brentq

    n = _number(number)
    if n % 2 == 0:
        raise InvalidArgument(f"number: got {n}; even mixtures are stable at no temperature, an odd number is needed.")
    cold = symmetric_mixture(n, 0.0).m / COLD
    return float(brentq(lambda t: symmetric_mixture(n, t).among, cold, 0.9, xtol=1e-16, rtol=1e-15))


def _number(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 2:
        raise InvalidArgument(f"number: got {number!r}; an integer ≥ 2 is needed.")
    return int(number)


def _sums(n: int) -> tuple[Floats, Floats]:
    """Values of z and their probabilities."""
    weight: Floats = np.array([math.comb(n, k) / 2**n for k in range(n + 1)])
    return np.arange(-n, n + 1, 2, dtype=np.float64), weight


def _overlap(z: Floats, weight: Floats, temperature: float) -> float:
    """The root m > 0 of a concave equation with slope β at 0, by Newton from above; 0 where there is none."""
    n, t = float(z[-1]), temperature
    m = float(weight @ np.abs(z)) / n if t < 1 else 0.0
    for _ in range(STEPS):
        u = z * (m / t)
        slope = 1 - float((weight * z**2) @ bend(u)) / (n * t)
        if slope <= 0:
            break
        nearer = m - (m - float((weight * z) @ np.tanh(u)) / n) / slope
        if not 0 < nearer < m:
            break
        m = nearer
    return m
