"""Wells of one coordinate."""

from __future__ import annotations

from typing import Any

from langevin_kit.system._system import System
from langevin_kit.system.zoo.arguments import finite, not_negative, positive


def double_well(
    barrier: float = 1.0, *, half_distance: float = 1.0, temperature: float = 1.0, mobility: Any = 1.0
) -> System:
    r"""Two equal wells with a barrier between them.

    .. math:: E = b\,[(x/a)^2 - 1]^2

    Minima 0 at ±a with E'' = 8b/a², the barrier b at 0 with E'' = −4b/a². With I the modified Bessel functions

    .. math:: Z = a\,\tfrac{π}{2}\, e^{-β/2} [I_{-1/4}(β/2) + I_{1/4}(β/2)],\quad β = b/T.

    For K = 1 the slowest relaxation rate approaches Kramers' :math:`4\sqrt2\,b/(πa²)\,e^{-b/T}` from below: their ratio
    is 0.933, 0.903, 0.928, 0.947, 0.959 at b/T = 2, 4, 6, 8, 10.

    Parameters
    ----------
    barrier : float
        b > 0.
    half_distance : float
        a > 0.
    temperature, mobility
        As of `System`.

    Raises
    ------
    InvalidArgument

    References
    ----------
    Kramers, Physica 7, 284 (1940); Risken, The Fokker–Planck Equation, section 5.10.

    Examples
    --------
    >>> double_well(barrier=2.0).energy_at([[-1.0, 0.0, 1.0]])
    array([0., 2., 0.])
    """
    return System(
        energy="barrier*((x/half_distance)**2 - 1)**2",
        parameters=positive(barrier=barrier, half_distance=half_distance),
        temperature=temperature,
        mobility=mobility,
    )


def tilted_double_well(
    barrier: float = 1.0,
    *,
    tilt: float = 0.5,
    half_distance: float = 1.0,
    temperature: float = 1.0,
    mobility: Any = 1.0,
) -> System:
    r"""Two wells of different depth.

    .. math:: E = b\,[(x/a)^2 - 1]^2 + \frac{c}{2a}\,x

    The tilt is E(a) − E(−a) = c. Stationary points are a times the roots of 8b u(u² − 1) + c = 0: three while
    |c| < 16b/(3√3), one beyond. Changing the sign of c reflects the landscape at 0.

    Parameters
    ----------
    barrier : float
        b > 0.
    tilt : float
        c, of either sign.
    half_distance : float
        a > 0.
    temperature, mobility
        As of `System`.

    Raises
    ------
    InvalidArgument

    References
    ----------
    Hänggi, Talkner & Borkovec, Rev. Mod. Phys. 62, 251 (1990).

    Examples
    --------
    >>> tilted_double_well(tilt=0.5).energy_at([[-1.0, 1.0]])
    array([-0.25,  0.25])
    """
    return System(
        energy="barrier*((x/half_distance)**2 - 1)**2 + tilt*x/(2*half_distance)",
        parameters={**positive(barrier=barrier, half_distance=half_distance), **finite(tilt=tilt)},
        temperature=temperature,
        mobility=mobility,
    )


def rugged_well(
    stiffness: float = 1.0,
    *,
    ripple: float = 0.5,
    period: float = 0.1,
    temperature: float = 1.0,
    mobility: Any = 1.0,
) -> System:
    r"""A harmonic well with fine ripples.

    .. math:: E = \tfrac12 k x^2 - a \cos(2πx/ℓ)

    .. math:: Z = \sqrt{2πT/k}\,\Big[I_0(a/T) + 2\sum_{n≥1} I_n(a/T)\, e^{-(2πn/ℓ)^2 T/2k}\Big]

    Where ripples are fine against the well, ℓ ≪ √(T/k), motion over many of them is that in the smooth well with the
    mobility reduced by I₀(a/T)², for a constant K: the slowest rate is kK/I₀(a/T)².

    Parameters
    ----------
    stiffness : float
        k > 0.
    ripple : float
        a ≥ 0, half the height of a ripple.
    period : float
        ℓ > 0.
    temperature, mobility
        As of `System`.

    Raises
    ------
    InvalidArgument

    References
    ----------
    Zwanzig, Proc. Natl. Acad. Sci. 85, 2029 (1988).

    Examples
    --------
    >>> rugged_well(ripple=0.5, period=0.1).energy_at([[0.0, 0.05, 0.1]])
    array([-0.5    ,  0.50125, -0.495  ])
    """
    return System(
        energy="stiffness*x**2/2 - ripple*cos(2*pi*x/period)",
        parameters={**positive(stiffness=stiffness, period=period), **not_negative(ripple=ripple)},
        temperature=temperature,
        mobility=mobility,
    )
