"""The lines of the phase diagram of the Hopfield model, replica-symmetric: load α against temperature T."""

from __future__ import annotations

import math

from langevin_kit.networks._branches import Point, glass, retrieval, retrieval_point, spinodal
from langevin_kit.networks._replica import described
from langevin_kit.system.arguments import at_least_zero

PEAK = 0.0228735497
"""Temperature at which the critical load is largest: below, replica symmetry turns the line back to 0.13791."""

COEXISTENCE_PEAK = 0.0850640001
"""Temperature at which the load of coexistence is largest."""

COEXISTENCE = (1.0, -2.59587596, -1.88577)
"""T_c as a polynomial in √α, to second order."""

SMALL = 1e-11
"""Loads below which that is nearer than what round-off leaves of the difference of free energies."""

COLD = 1e-8
"""Temperatures at which the first term of the de Almeida–Thouless line as T → 0 is exact to double precision."""


def critical_load(temperature: float) -> float:
    r"""The largest load α_c at which retrieval states exist: a spinodal, where they meet unstable ones.

    .. math:: \frac{dα}{dκ} = 0, \quad α(κ) = \frac{(κ m)^2 (1-C)^2}{q}, \quad κ = \frac{\sqrt{αr}}{m}

    along the solutions at fixed T, with m, q and C as in `replica_symmetric`.

    Parameters
    ----------
    temperature : float
        T.

    Returns
    -------
    float
        α_c; 0 from T = 1 on.

    Raises
    ------
    InvalidArgument
        For a temperature that is negative or not finite.

    Notes
    -----
    Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987). α_c(0) = 0.137906 is not the largest: that is 0.138189 at
    T = 0.0229 (Naef & Canning, J. Phys. I France 2, 247 (1992)). Replica symmetry is broken there; with it broken the
    line is thought not to turn back (Steffan & Kühn, Z. Phys. B 95, 249 (1994)).

    Examples
    --------
    >>> round(critical_load(0.0), 6), round(critical_load(0.4), 6)
    (0.137906, 0.081037)
    """
    return spinodal(at_least_zero("temperature", temperature))[1] ** 2


def retrieval_temperature(load: float) -> float:
    r"""The temperature T_M above which no retrieval states exist.

    .. math:: α_c(T_M) = α, \qquad T_M ≈ 1 - 1.954 \sqrt{α} \quad (α → 0)

    Parameters
    ----------
    load : float
        α.

    Returns
    -------
    float
        T_M; 0 above the largest critical load, 0.138189.

    Raises
    ------
    InvalidArgument
        For a load that is negative or not finite.

    Notes
    -----
    Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987). For loads between 0.137906 and 0.138189 there is a second
    temperature, below 0.0229, under which replica symmetry has no retrieval states either.

    Examples
    --------
    >>> round(retrieval_temperature(0.05), 4)
    0.5423
    """
    from scipy.optimize import brentq

    root = math.sqrt(at_least_zero("load", load))
    if root > spinodal(PEAK)[1]:
        return 0.0
    return float(brentq(lambda t: spinodal(t)[1] - root, PEAK, 1.0, xtol=1e-15))


def spin_glass_temperature(load: float) -> float:
    r"""The temperature T_g below which spins freeze, q > 0, with no pattern retrieved.

    .. math:: T_g = 1 + \sqrt{α}

    Parameters
    ----------
    load : float
        α.

    Returns
    -------
    float

    Raises
    ------
    InvalidArgument
        For a load that is negative or not finite.

    Notes
    -----
    Amit, Gutfreund & Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985).

    Examples
    --------
    >>> spin_glass_temperature(0.25)
    1.5
    """
    return 1.0 + math.sqrt(at_least_zero("load", load))


def coexistence_temperature(load: float) -> float:
    r"""The temperature T_c below which retrieval states have a lower free energy than the spin glass.

    .. math:: f_{\text{retrieval}}(α, T_c) = f_{\text{spin glass}}(α, T_c), \quad T_c ≈ 1 - 2.596 \sqrt{α}\ (α → 0)

    Parameters
    ----------
    load : float
        α.

    Returns
    -------
    float
        T_c; 0 above 0.053132, where the spin glass is lower at any temperature.

    Raises
    ------
    InvalidArgument
        For a load that is negative or not finite.

    Notes
    -----
    Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987), who give 0.051 as the load of coexistence at T = 0. It is
    0.051854: m = 1 to 10⁻⁵, so that the energies are equal at √α = (1 − 2/π)/√(8/π). As for `critical_load` the line
    turns back, at T = 0.0851: for loads between 0.051854 and 0.053132 there is a second temperature, below which the
    spin glass of replica symmetry is lower again.

    Examples
    --------
    >>> round(coexistence_temperature(0.03), 4)
    0.4788
    """
    from scipy.optimize import brentq

    a = at_least_zero("load", load)
    if a < SMALL:
        return COEXISTENCE[0] + COEXISTENCE[1] * math.sqrt(a) + COEXISTENCE[2] * a
    end = retrieval_temperature(a)

    def excess(t: float) -> float:
        return described(_retrieval(a, t), a, t).free_energy - described(glass(a, t), a, t).free_energy

    if end < COEXISTENCE_PEAK or excess(COEXISTENCE_PEAK) > 0:
        return 0.0
    return float(brentq(excess, COEXISTENCE_PEAK, end, xtol=1e-14))


def almeida_thouless_temperature(load: float) -> float:
    r"""The temperature T_R below which replica symmetry is broken in the retrieval states.

    .. math:: 1 = \frac{αβ^2}{(1-C)^2} ∫Dz\, \mathrm{sech}^4 β(m + \sqrt{αr} z), \qquad
              T_R ≈ \frac{4}{3} \sqrt{\frac{αr}{2π}} e^{-m^2/2αr} ≈ \sqrt{\frac{8α}{9π}} e^{-1/2α}

    the first approximation with m and r of T = 0, the second with m = r = 1.

    Parameters
    ----------
    load : float
        α.

    Returns
    -------
    float
        T_R; T_M from 0.138186 on, where replica symmetry is broken in all retrieval states; 0 where there are none.

    Raises
    ------
    InvalidArgument
        For a load that is negative or not finite.

    Notes
    -----
    De Almeida & Thouless, J. Phys. A 11, 983 (1978); Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987), whose
    limit is the last expression. It is good for small loads only: T_R is 1.004 times as large at α = 0.05, 1.28 at 0.1,
    1.75 at 0.12 and 4.06 at 0.1379, where the expression before it is 7·10⁻⁹, 1.2·10⁻⁴, 1.1·10⁻³ and 0.12 too large.

    Examples
    --------
    >>> f"{almeida_thouless_temperature(0.1):.4g}"
    '0.00145'
    """
    from scipy.optimize import brentq

    a = at_least_zero("load", load)
    end = retrieval_temperature(a)
    if a == 0 or end == 0:
        return 0.0
    m, noise, _ = _retrieval(a, 0.0)
    first = 4 / 3 * noise / math.sqrt(2 * math.pi) * math.exp(-0.5 * (m / noise) * (m / noise))
    if first < COLD:
        return first
    end = min(2 * first, end)

    def replicon(t: float) -> float:
        return described(_retrieval(a, t), a, t).replicon

    return float(brentq(replicon, first / 2, end, xtol=1e-300)) if replicon(end) > 0 else end


def _retrieval(load: float, temperature: float) -> Point:
    """That of the spinodal where the load is beyond it, so that roots may be sought up to the line."""
    return retrieval(load, temperature) or retrieval_point(spinodal(temperature)[0], temperature)[0]
