r"""Theory of networks that learn for ever, at T = 0: how far back they recall, and how well.

With f and R of the rule's `Trace`, for a pattern of age u,

.. math:: m = \mathrm{erf}\,y, \qquad y = \frac{ρ f(ρ^2 u)\, m}{\sqrt{2R(x)}}, \qquad
          x = ρ \sqrt{\frac{2}{πR(x)}}\, e^{-y^2}

so that x gives y, and both the strength ρf that it takes. Along ln x that has one minimum, the largest age; retrieval
states are those of smaller x, up to y = ∞.
"""

from __future__ import annotations

import math

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._traces import BOUNDED, PALIMPSEST, Trace
from langevin_kit.system.arguments import at_least_zero

FIRST, LAST = -10.0, -1e-3
"""Of ln x at the largest age, the first less ln ln ρ, for it falls so as ρ → ∞."""

LEAST = 0.1
"""Of ρ: far below it no pattern is recalled, and these are no bounds."""

TIGHT = 1e-300
"""Of A/ε."""

ONE = 6.0
"""erf y is 1 from there on."""


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
    return _overlap(PALIMPSEST, at_least_zero("age", age), at_least_zero("strength", strength))


def palimpsest_capacity(strength: float) -> float:
    r"""How many of the last patterns `palimpsest` recalls at T = 0, over N: the largest age with a solution.

    .. math:: \frac1y - 2y\left[1 - (1-x)^2 R\right] = \frac{2 e^{-y^2}}{\sqrt{π}\,\mathrm{erf}\,y}, \qquad
              y = \frac{g m}{\sqrt{2R}}

    with m, g, R and x as in `palimpsest_overlap`. As ε → ∞ it is :math:`(2/ε^2) \ln(ε/\sqrt{2 \ln ε})`.

    Parameters
    ----------
    strength : float
        ε.

    Returns
    -------
    float
        0 up to ε = 2.464806, at most 0.0489585 at ε = 4.108123.

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
    return _capacity(PALIMPSEST, at_least_zero("strength", strength))


def bounded_overlap(age: float, strength: float, bound: float) -> float:
    r"""The overlap with a pattern at T = 0 after uN others have been learnt by `bounded`, as N → ∞.

    .. math:: m = \mathrm{erf}\frac{g m}{\sqrt{2R}}, \quad C = \sqrt{\frac{2}{πR}}\, e^{-(gm)^2/2R}, \quad
              R = \frac{A^2}{3} + ∫_0^∞ \left[\frac{g^2}{(1 - gC)^2} - g^2\right] du

    with the mean that is left, g = N⟨W_ij ξ_i ξ_j⟩, as `bounded` has it.

    Parameters
    ----------
    age : float
        u, the number of patterns learnt since over N.
    strength, bound : float
        ε and A, of which the ratio counts.

    Returns
    -------
    float
        Of two solutions with m > 0 the larger; 0 where there is none.

    Raises
    ------
    InvalidArgument
        For an age or strength that is negative or not finite, and a bound that is not above 0.

    Notes
    -----
    Couplings are the means that patterns leave and a rest that is independent of all of them, 0.157 of the variance
    (Sompolinsky, Phys. Rev. A 34, 2571 (1986), for couplings that are functions of Hebb's). In a finite network they
    walk in steps of ε/N, and the law and the memory of the walk are those of bounds half a step wider: A + ε/(2√N).

    Examples
    --------
    >>> round(bounded_overlap(0.03, 1.0, 0.35), 4), bounded_overlap(0.05, 1.0, 0.35)
    (0.9963, 0.0)
    """
    return _overlap(BOUNDED, at_least_zero("age", age), _ratio(strength, bound))


def bounded_capacity(strength: float, bound: float) -> float:
    """How many of the last patterns `bounded` recalls at T = 0, over N: the largest age with a solution.

    Parameters
    ----------
    strength, bound : float
        ε and A, of which the ratio counts.

    Returns
    -------
    float
        0 up to ε/A = 1.323878, at most 0.0404733 at ε/A = 2.819981.

    Raises
    ------
    InvalidArgument
        For a strength that is negative or not finite, and a bound that is not above 0.

    Notes
    -----
    The equations are those of `bounded_overlap`.

    Examples
    --------
    >>> round(bounded_capacity(1.0, 0.35), 4)
    0.0405
    """
    return _capacity(BOUNDED, _ratio(strength, bound))


def _ratio(strength: float, bound: float) -> float:
    e, a = at_least_zero("strength", strength), at_least_zero("bound", bound)
    if a <= e * TIGHT:
        raise InvalidArgument(f"bound: got {bound!r}; a number > 0 is needed, above {TIGHT:g} of the strength.")
    return e / a


def _state(trace: Trace, ln_x: float, ratio: float) -> tuple[float, float, float]:
    """Solve for y, ln ρf, and half of d ln R/d ln x; y = 0 where the equations have none."""
    R, rise = trace.noise(math.exp(ln_x))
    square = math.log(ratio * math.sqrt(2 / (math.pi * R))) - ln_x
    if square <= 0:
        return 0.0, math.inf, rise
    y = math.sqrt(square)
    return y, math.log(y * math.sqrt(2 * R) / math.erf(y)), rise


def _end(trace: Trace, ratio: float) -> tuple[float, float]:
    """Find ln x at the largest age, and ln ρf there, or ∞ where no x is the last."""
    from scipy.optimize import brentq

    def slope(ln_x: float) -> float:
        y, _, rise = _state(trace, ln_x, ratio)
        if y == 0:
            return 1.0
        return 2 * y * rise / (1 + rise) - 1 / y + 2 * math.exp(-y * y) / (math.sqrt(math.pi) * math.erf(y))

    if ratio < LEAST:
        return math.inf, math.inf
    first = FIRST - math.log(max(1.0, math.log(ratio)))
    ln_x = float(brentq(slope, first, LAST, xtol=1e-15, rtol=1e-15))
    return ln_x, _state(trace, ln_x, ratio)[1]


def _capacity(trace: Trace, ratio: float) -> float:
    _, least = _end(trace, ratio)
    if ratio < LEAST or least >= math.log(ratio):
        return 0.0
    return trace.time(math.exp(least) / ratio) / ratio / ratio


def _overlap(trace: Trace, age: float, ratio: float) -> float:
    from scipy.optimize import brentq

    end, least = _end(trace, ratio)
    strength = ratio * trace.kept(age * ratio * ratio)
    if strength < math.exp(least):
        return 0.0

    def excess(ln_x: float) -> float:
        return _state(trace, ln_x, ratio)[1] - math.log(strength)

    # As R ≥ R(0) and m ≤ 1, y is below this; where it is beyond all that matters, m is 1.
    quiet = trace.noise(0.0)[0]
    most = min(strength / math.sqrt(2 * quiet), ONE) + 1
    start = math.log(ratio * math.sqrt(2 / (math.pi * quiet))) - most * most
    if start >= end or excess(start) <= 0:
        return 1.0
    root = brentq(excess, start, end, xtol=1e-15, rtol=1e-15) if excess(end) < 0 else end
    return math.erf(_state(trace, float(root), ratio)[0])
