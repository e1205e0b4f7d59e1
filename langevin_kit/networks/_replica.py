"""Replica-symmetric solutions of the Hopfield model with Hebb's rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.networks._branches import Point, bend, glass, retrieval
from langevin_kit.networks._nodes import nodes
from langevin_kit.system.arguments import at_least_zero

OVERLAPS = ("retrieval", "spin glass")


@dataclass(frozen=True)
class ReplicaSymmetric:
    """What `replica_symmetric` found.

    Attributes
    ----------
    load, temperature : float
        α and T.
    m : float
        Overlap with one pattern.
    q : float
        The Edwards–Anderson parameter.
    r : float
        The variance of the overlaps with the other patterns, over α.
    susceptibility : float
        C = β(1 − q), which is finite at T = 0.
    free_energy, energy, entropy : float
        Per spin; f = e − T s.
    replicon : float
        Replica symmetry is stable where it is positive (de Almeida & Thouless); −∞ at T = 0.
    """

    load: float
    temperature: float
    m: float
    q: float
    r: float
    susceptibility: float
    free_energy: float
    energy: float
    entropy: float
    replicon: float


def replica_symmetric(
    load: float, temperature: float, *, overlap: Literal["retrieval", "spin glass"] = "retrieval"
) -> ReplicaSymmetric:
    r"""Order parameters of J_ij = Σ_μ ξ_i^μ ξ_j^μ / N, J_ii = 0, with αN random patterns ξ = ±1, as N → ∞.

    .. math:: m = ∫Dz \tanh β(m + \sqrt{αr} z), \quad q = ∫Dz \tanh^2 β(m + \sqrt{αr} z), \quad r = \frac{q}{(1-C)^2},
              \quad C = β(1-q)

    .. math:: f = \frac{α}{2} + \frac{m^2}{2} + \frac{α}{2β}\left[\ln(1-C) - \frac{βq}{1-C}\right] + \frac{α}{2} r C
              - \frac1β ∫Dz \ln 2\cosh β(m + \sqrt{αr} z)

    .. math:: e = -\frac{m^2}{2} - \frac{αC}{2}\left[\frac{1}{1-C} + r\right], \qquad
              s = ∫Dz\, S - \frac{α}{2}\left[\ln(1-C) + \frac{C}{1-C}\right]

    with the entropy S of a spin in the field m + √(αr) z, for the energy −Σ_{i<j} J_ij s_i s_j; so f = e − T s. As
    T → 0 the entropy is negative: the sign that replica symmetry fails there.

    Parameters
    ----------
    load : float
        α.
    temperature : float
        T; 0 is the limit, not a small number.
    overlap : str
        "retrieval", of the two solutions with m > 0 the one with the larger m; "spin glass", with m = 0.

    Returns
    -------
    ReplicaSymmetric
        m = 0 where no retrieval solution exists, with q and r of the spin glass; q = r = 0 from T = 1 + √α on.

    Raises
    ------
    InvalidArgument
        For a load or temperature that is negative or not finite, an unknown overlap, a spin glass without load.

    Notes
    -----
    Amit, Gutfreund & Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985) and Ann. Phys. 173, 30 (1987); the replicon is

    .. math:: 1 - \frac{αβ^2}{(1-C)^2} ∫Dz\, \mathrm{sech}^4 β(m + \sqrt{αr} z).

    Examples
    --------
    >>> found = replica_symmetric(0.05, 0.4)
    >>> round(found.m, 4), found.replicon > 0
    (0.9662, True)
    >>> replica_symmetric(0.15, 0.4).m
    0.0
    """
    a, t = at_least_zero("load", load), at_least_zero("temperature", temperature)
    if overlap not in OVERLAPS:
        raise InvalidArgument(f"overlap: got {overlap!r}{did_you_mean(str(overlap), OVERLAPS)}.")
    if a == 0 and overlap == "spin glass":
        raise InvalidArgument("load: got 0; a spin glass needs a number > 0.")
    found = retrieval(a, t) if overlap == "retrieval" else None
    return described(found or glass(a, t), a, t)


def described(point: Point, load: float, temperature: float) -> ReplicaSymmetric:
    """All that follows from m, σ and C."""
    m, noise, c = point
    q, entropy, sech4 = 1.0, 0.0, math.inf if load else 0.0
    if temperature:
        field, _, weight = nodes(m, noise, temperature)
        u = np.abs(field / temperature)
        e = np.exp(-2 * u)
        q = float(weight @ np.tanh(u) ** 2)
        entropy = float(weight @ (np.log1p(e) + 2 * u * e / (1 + e)))
        sech4 = float(weight @ bend(u) ** 2) / temperature / temperature
    # 1 − C, without cancellation where it is small; a paramagnet has T − 1 ≥ √α.
    rest = math.sqrt(load * q) / noise if noise else max(1.0 - c, math.sqrt(load) * c)
    r = noise * noise / load if load else q / (rest * rest) if q else 0.0
    share = load / rest if load else 0.0
    energy = -0.5 * (m * m + c * (share + noise * noise))
    entropy -= 0.5 * (load * math.log(rest) + share * c) if load else 0.0
    replicon = 1.0 - share / rest * sech4 if load else 1.0
    return ReplicaSymmetric(load, temperature, m, q, r, c, energy - temperature * entropy, energy, entropy, replicon)
