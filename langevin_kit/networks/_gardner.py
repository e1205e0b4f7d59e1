"""How many patterns any couplings at all can store, which no rule exceeds."""

from __future__ import annotations

import math

from langevin_kit.system.arguments import at_least_zero


def gardner_capacity(stability: float = 0.0) -> float:
    r"""The largest load α_c at which some couplings hold αN random patterns with ξ_i h_i ≥ κ \|W_i\|, as N → ∞.

    .. math:: \frac{1}{α_c(κ)} = ∫_{-κ}^∞ Dt\, (t + κ)^2 = (1 + κ^2) Φ(κ) + κ φ(κ), \qquad
              h_i = \sum_{j≠i} W_{ij} ξ_j

    with the normal density φ and its distribution function Φ. Every row W_i of the couplings is free: symmetric ones,
    which alone have an energy, are among them and store no more.

    Parameters
    ----------
    stability : float
        κ.

    Returns
    -------
    float
        α_c; 2 for κ = 0.

    Raises
    ------
    InvalidArgument
        For a stability that is negative or not finite.

    Notes
    -----
    Gardner, J. Phys. A 21, 257 (1988). The pseudo-inverse without its diagonal has κ = √((1 − α)/α), so α = 1/(1 + κ²).

    Examples
    --------
    >>> gardner_capacity()
    2.0
    >>> round(gardner_capacity(1.0), 4)
    0.5196
    """
    k = at_least_zero("stability", stability)
    below, density = math.erfc(-k / math.sqrt(2)) / 2, math.exp(-k * k / 2) / math.sqrt(2 * math.pi)
    return 1.0 / ((1.0 + k * k) * below + k * density)
