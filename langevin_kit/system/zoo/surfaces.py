"""Surfaces over the plane."""

from __future__ import annotations

import math
from typing import Any

from langevin_kit.system._system import System
from langevin_kit.system.zoo.arguments import not_negative, positive

_MULLER_BROWN = """scale*(
-200*exp(-(x - 1)**2 - 10*y**2)
- 100*exp(-x**2 - 10*(y - 0.5)**2)
- 170*exp(-6.5*(x + 0.5)**2 + 11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)**2)
+ 15*exp(0.7*(x + 1)**2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)**2))"""


def muller_brown(scale: float = 1.0, *, temperature: float = 15.0, mobility: Any = 1.0) -> System:
    r"""The Müller–Brown surface: three wells joined by curved valleys.

    .. math:: E = s \sum_{i=1}^4 A_i \exp[a_i (x - x_i)^2 + b_i (x - x_i)(y - y_i) + c_i (y - y_i)^2]

    ======== ========= ======== =============
    point       x         y        E at s = 1
    ======== ========= ======== =============
    minimum  −0.558224 1.441726   −146.699517
    minimum   0.623499 0.028038   −108.166724
    minimum  −0.050011 0.466694    −80.767818
    saddle   −0.822002 0.624313    −40.664844
    saddle    0.212487 0.292988    −72.248940
    ======== ========= ======== =============

    With s = 1, K = 1, T = 15 the slowest relaxation rates are 1.5544 and 55.296, for E cut off at 30T above its minimum
    in the box [−2.2, 1.4] × [−1, 2.6].

    Parameters
    ----------
    scale : float
        s > 0; the surface is often used at 1/20 of its height.
    temperature, mobility
        As of `System`; the default is 15, a tenth of the depth.

    Raises
    ------
    InvalidArgument

    References
    ----------
    Müller & Brown, Theor. Chim. Acta 53, 75 (1979).

    Examples
    --------
    >>> muller_brown().energy_at([[-0.558224], [1.441726]]).round(4)
    array([-146.6995])
    """
    return System(
        energy=_MULLER_BROWN,
        coordinates=("x", "y"),
        parameters=positive(scale=scale),
        temperature=temperature,
        mobility=mobility,
    )


def mexican_hat(barrier: float = 1.0, *, radius: float = 1.0, temperature: float = 1.0, mobility: Any = 1.0) -> System:
    r"""A ring of minima around a hill.

    .. math:: E = b\,[(x^2 + y^2)/a^2 - 1]^2

    .. math:: Z = \tfrac12 π a^2 \sqrt{π/β}\,(1 + \operatorname{erf}\sqrtβ),\quad β = b/T

    Minima 0 on the circle of radius a, with E'' = 8b/a² across it and 0 along it; the hill is b at the origin. The law
    does not depend on the angle, and the mean of (x² + y²)/a² is
    :math:`1 + e^{-β}/[\sqrt{πβ}(1 + \operatorname{erf}\sqrtβ)]`.

    Parameters
    ----------
    barrier : float
        b > 0.
    radius : float
        a > 0.
    temperature, mobility
        As of `System`.

    Raises
    ------
    InvalidArgument

    References
    ----------
    Goldstone, Nuovo Cimento 19, 154 (1961), for the shape.

    Examples
    --------
    >>> mexican_hat(barrier=3.0).energy_at([[0.0, 0.6], [0.0, 0.8]]).round(12)
    array([3., 0.])
    """
    return System(
        energy="barrier*((x**2 + y**2)/radius**2 - 1)**2",
        coordinates=("x", "y"),
        parameters=positive(barrier=barrier, radius=radius),
        temperature=temperature,
        mobility=mobility,
    )


def rosenbrock(
    steepness: float = 100.0, *, minimum: float = 1.0, scale: float = 1.0, temperature: float = 1.0, mobility: Any = 1.0
) -> System:
    r"""Rosenbrock's curved valley.

    .. math:: E = s\,[(a - x)^2 + b\,(y - x^2)^2]

    .. math:: Z = πT/(s\sqrt b)

    The minimum 0 is at (a, a²). Under q, x is N(a, T/2s) and y − x² is N(0, T/2sb), independent of each other.

    Parameters
    ----------
    steepness : float
        b > 0, of the walls of the valley.
    minimum : float
        a > 0.
    scale : float
        s > 0.
    temperature, mobility
        As of `System`.

    Raises
    ------
    InvalidArgument

    References
    ----------
    Rosenbrock, Comput. J. 3, 175 (1960).

    Examples
    --------
    >>> rosenbrock().energy_at([[1.0, 0.0], [1.0, 0.0]])
    array([0., 1.])
    """
    return System(
        energy="scale*((minimum - x)**2 + steepness*(y - x**2)**2)",
        coordinates=("x", "y"),
        parameters=positive(steepness=steepness, minimum=minimum, scale=scale),
        temperature=temperature,
        mobility=mobility,
    )


def egg_crate(
    barrier: float = 2.5,
    *,
    stiffness: float = 0.2,
    period: float = math.pi,
    temperature: float = 1.0,
    mobility: Any = 1.0,
) -> System:
    r"""A lattice of wells in a shallow bowl.

    .. math:: E = \tfrac12 k (x^2 + y^2) + b\,[\sin^2(πx/ℓ) + \sin^2(πy/ℓ)]

    The lowest minimum is 0 at the origin. The coordinates are independent, and Z = z² with

    .. math:: z = \sqrt{2πT/k}\, e^{-b/2T} \Big[I_0(b/2T) + 2\sum_{n≥1} I_n(b/2T)\, e^{-(2πn/ℓ)^2 T/2k}\Big].

    The test function of optimisation of this name is k = 2, b = 25, ℓ = π; the defaults are a tenth of it.

    Parameters
    ----------
    barrier : float
        b ≥ 0.
    stiffness : float
        k > 0.
    period : float
        ℓ > 0.
    temperature, mobility
        As of `System`.

    Raises
    ------
    InvalidArgument

    References
    ----------
    Jamil & Yang, Int. J. Math. Model. Numer. Optim. 4, 150 (2013).

    Examples
    --------
    >>> egg_crate(barrier=25, stiffness=2).energy_at([[0.0, 1.0], [0.0, 0.0]]).round(6)
    array([ 0.      , 18.701835])
    """
    return System(
        energy="stiffness*(x**2 + y**2)/2 + barrier*(sin(pi*x/period)**2 + sin(pi*y/period)**2)",
        coordinates=("x", "y"),
        parameters={**positive(stiffness=stiffness, period=period), **not_negative(barrier=barrier)},
        temperature=temperature,
        mobility=mobility,
    )
