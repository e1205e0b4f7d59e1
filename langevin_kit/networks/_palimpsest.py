r"""Theory of the palimpsest at T = 0: how far back a network recalls that learns for ever, and how well.

With the age u = patterns learnt since/N and x = εC, the integral over the strengths of all patterns is elementary:

.. math:: R = ∫_0^∞ \frac{g^2\,du}{(1 - gC)^2} = \frac{2}{x^2}\left[\frac{x}{1-x} + \ln(1-x)\right], \qquad
          g = ε e^{-ε^2 u/2}

Along y = g m/√(2R) all else is explicit: with v = −ln(1 − x) the equation of C says :math:`e^v - 1 - v = ε^2
e^{-2y^2}/π`, whose root is unique, and u follows from y. Retrieval states are those from the largest u on, to larger y.
"""

from __future__ import annotations

import math

from langevin_kit.networks._replica import at_least_zero

LEAST = 2.46
"""Of strengths: from 2.4648 down the largest age of the equations is negative."""

BEYOND = 3.0
"""y at the largest age is between √ln ε and that plus this."""

ONE = 6.0
"""erf y is 1 from there on."""

NOTHING = 1e-34
"""Of e^v − 1 − v ≈ v²/2: below, R is 1."""


def palimpsest_overlap(age: float, strength: float) -> float:
    r"""The overlap with a pattern at T = 0 after uN others have been learnt by `palimpsest`, as N → ∞.

    .. math:: m = \mathrm{erf}\frac{g m}{\sqrt{2R}}, \quad C = \sqrt{\frac{2}{πR}}\, e^{-(gm)^2/2R}, \quad
              R = \frac{2}{x^2}\left[\frac{x}{1-x} + \ln(1-x)\right], \quad x = εC, \quad g = ε e^{-ε^2 u/2}

    Parameters
    ----------
    age : float
        u, the number of patterns learnt since over N.
    strength : float
        ε.

    Returns
    -------
    float
        Of two solutions with m > 0 the larger; 0 where there is none.

    Raises
    ------
    InvalidArgument
        For an age or strength that is negative or not finite.

    Notes
    -----
    Mézard, Nadal & Toulouse, J. Physique 47, 1457 (1986), in replica symmetry: R is the variance of the field's noise,
    which is 1 as long as spins do not respond to it (C = 0).

    Examples
    --------
    >>> round(palimpsest_overlap(0.04, 4.108), 4), palimpsest_overlap(0.05, 4.108)
    (0.9947, 0.0)
    """
    from scipy.optimize import brentq

    u, e = at_least_zero("age", age), at_least_zero("strength", strength)
    start, most = _end(e)
    if u > most:
        return 0.0
    signal = e * math.exp(-0.5 * u * e * e)

    def excess(y: float) -> float:
        return math.log(signal * _share(y, e))

    end = max(start, min(signal / math.sqrt(2), ONE))  # as R ≥ 1 and m ≤ 1
    if excess(start) <= 0 or excess(end) >= 0:
        return math.erf(start if excess(start) <= 0 else end)
    return math.erf(brentq(excess, start, end, xtol=1e-15, rtol=1e-15))


def palimpsest_capacity(strength: float) -> float:
    r"""How many of the last patterns `palimpsest` recalls at T = 0, over N.

    .. math:: α_c = \max_y u(y), \qquad \frac1y - 2y\left[1 - (1-x)^2 R\right] = \frac{2 e^{-y^2}}{\sqrt{π}\,
              \mathrm{erf}\,y}, \qquad y = \frac{g m}{\sqrt{2R}}

    with m, g, R and x as in `palimpsest_overlap`. As ε → ∞, :math:`α_c ≈ (2/ε^2) \ln(ε/\sqrt{2 \ln ε})`.

    Parameters
    ----------
    strength : float
        ε.

    Returns
    -------
    float
        α_c: 0 up to ε = 2.464806, at most 0.0489585 at ε = 4.108123.

    Raises
    ------
    InvalidArgument
        For a strength that is negative or not finite.

    Notes
    -----
    Mézard, Nadal & Toulouse, J. Physique 47, 1457 (1986).

    Examples
    --------
    >>> round(palimpsest_capacity(4.108), 6), palimpsest_capacity(2.46)
    (0.048958, 0.0)
    """
    return max(0.0, _end(at_least_zero("strength", strength))[1])


def _end(strength: float) -> tuple[float, float]:
    """Find the largest age, and y there; it is negative where nothing is recalled."""
    from scipy.optimize import brentq

    if strength < LEAST:
        return math.inf, -math.inf

    def slope(y: float) -> float:
        v, R = _response(y, strength)
        return 1 / y - 2 * y * (1 - math.exp(-2 * v) * R) - 2 * math.exp(-y * y) / (math.sqrt(math.pi) * math.erf(y))

    least = math.sqrt(math.log(strength))
    y = float(brentq(slope, least, least + BEYOND, xtol=1e-15))
    return y, 2 / strength / strength * math.log(strength * _share(y, strength))


def _share(y: float, strength: float) -> float:
    """m/(y√(2R)), that is 1/g."""
    return math.erf(y) / (y * math.sqrt(2 * _response(y, strength)[1]))


def _response(y: float, strength: float) -> tuple[float, float]:
    """Solve for v, and R: by Newton's method from above, as e^v − 1 − v is convex; 1 − (1 + v)e^−v is P(2, v)."""
    from scipy.special import gammainc

    c = math.exp(2 * (math.log(strength) - y * y)) / math.pi
    if c < NOTHING:
        return 0.0, 1.0
    v, nearer = math.inf, math.log1p(c + math.sqrt(2 * c))
    while nearer < v:
        v = nearer
        nearer = v - (math.exp(v) * float(gammainc(2, v)) - c) / math.expm1(v)
    return v, 2 * math.exp(v) * float(gammainc(2, v)) / math.expm1(-v) ** 2
