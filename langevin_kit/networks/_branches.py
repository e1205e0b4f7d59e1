r"""The solutions of the replica-symmetric equations, each branch along one unknown that gives the load explicitly.

With σ = √(αr), C = β(1 − q) and the averages over z, r = q/(1 − C)² says

.. math:: \sqrt{α} = σ\,(1 - C)/\sqrt{q}

*Retrieval*: κ = σ/m. For T < 1 and any κ the equation m = ⟨tanh βm(1 + κz)⟩ has one root m > 0, since its right side is
concave with slope β at 0. √α rises with κ from 0 to the spinodal and falls beyond; Amit, Gutfreund & Sompolinsky use
y = 1/(√2 κ) at T = 0. *Spin glass*: m = 0, and √α rises with σ wherever C < 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langevin_kit.networks._nodes import nodes

Floats = NDArray[np.float64]

SPINODAL = (0.4, 0.55)
"""κ at the spinodal is between them: 0.468 at T = 0, and as T → 1 that of the next line."""

LIMIT = math.sqrt((math.sqrt(33) - 3) / 12)
SLOPE = 2 * LIMIT / ((1 + 3 * LIMIT**2) * math.sqrt(1 + LIMIT**2))
"""κ at the spinodal and √α/(1 − T) there as T → 1, from the equations to third order in m."""

CLOSE = 1e-8
"""1 − T below which these are nearer than what round-off leaves of m²."""

LEAST = 1e-9
"""Of σ: it grows as √(T_g − T), so that floats have no temperature with a smaller one."""

STEPS = 100
"""Of Newton's method, at most: as T → 1 each halves the distance first."""


class Point(NamedTuple):
    """A solution: m, σ = √(αr), C = β(1 − q)."""

    overlap: float
    noise: float
    susceptibility: float


def bend(u: Floats) -> Floats:
    """1 − tanh² u, without cancellation.

    Examples
    --------
    >>> f"{bend(np.array([-20.0]))[0]:.4g}"
    '1.699e-17'
    """
    e = np.exp(-2 * np.abs(u))
    return np.asarray(4 * e / (1 + e) ** 2)


def retrieval_point(ratio: float, temperature: float) -> tuple[Point, float]:
    """The solution at κ and T < 1, and √α."""
    if ratio == 0 and temperature == 0:
        return Point(1.0, 0.0, 0.0), 0.0
    y = 1 / (math.sqrt(2) * ratio) if ratio else math.inf
    m = math.erf(y)
    if temperature == 0:
        c = math.sqrt(2 / math.pi) * math.exp(-y * y)
        return Point(m, ratio * m, c / (ratio * m)), ratio * m - c
    lever, _, weight = nodes(1.0, ratio, temperature)
    for _ in range(STEPS):
        u = lever * (m / temperature)
        slope = 1 - float((weight * lever) @ bend(u)) / temperature
        if slope <= 0:
            break
        # From above, a concave function lets no step go too far: the first that does not descend is round-off.
        nearer = m - (m - float(weight @ np.tanh(u))) / slope
        if not 0 < nearer < m:
            break
        m = nearer
    u = lever * (m / temperature)
    c = float(weight @ bend(u)) / temperature
    return Point(m, ratio * m, c), ratio * m * (1 - c) / math.sqrt(weight @ np.tanh(u) ** 2)


def rise(ratio: float, temperature: float) -> float:
    r"""d√α/dκ at κ > 0 and T < 1.

    With u = βm(1 + κz), m′ = dm/dκ follows from the equation of m, and q′ by parts, as ⟨2 tanh u sech² u (…)⟩ would
    cancel as T → 0:

    .. math:: q' = \frac{1}{κm} ⟨\mathrm{sech}^2 u\,[m(1 - z^2) + m'(κ - z(1 + κz))]⟩
    """
    (m, noise, c), _ = retrieval_point(ratio, temperature)
    if temperature == 0:
        return m - noise * c * (1 / ratio + 1 / ratio**3)
    lever, z, weight = nodes(1.0, ratio, temperature)
    u = lever * (m / temperature)
    sech = weight * bend(u)
    q = float(weight @ np.tanh(u) ** 2)
    dm = m * float(sech @ z) / (temperature - float(sech @ lever))
    dq = float(sech @ (m * (1 - z**2) + dm * (ratio - z * lever))) / noise
    slope = (m + ratio * dm) * (1 - c) + noise * (dq / temperature - dq * (1 - c) / (2 * q))
    return slope / math.sqrt(q)


def spinodal(temperature: float) -> tuple[float, float]:
    """κ and √α of the largest load with a retrieval solution, which is 0 from T = 1 on."""
    from scipy.optimize import brentq

    if temperature > 1 - CLOSE:
        return LIMIT, SLOPE * max(1 - temperature, 0.0)
    ratio = float(brentq(rise, *SPINODAL, args=(temperature,), xtol=1e-14))
    return ratio, retrieval_point(ratio, temperature)[1]


def retrieval(load: float, temperature: float) -> Point | None:
    """The retrieval solution, if there is one."""
    from scipy.optimize import brentq

    root = math.sqrt(load)
    end, most = spinodal(temperature)
    if root > most or temperature >= 1:
        return None
    if load == 0:
        return retrieval_point(0.0, temperature)[0]

    # √α is concave in κ up to the spinodal, so that the chord bounds κ.
    bound = end * root / most

    def excess(share: float) -> float:
        return retrieval_point(share * bound, temperature)[1] / root - 1

    # At the end of the chord round-off may leave no change of sign.
    share = float(brentq(excess, 0.0, 1.0, xtol=1e-16, rtol=1e-15, maxiter=1000)) if excess(1.0) > 0 else 1.0
    return retrieval_point(share * bound, temperature)[0]


def glass_point(noise: float, temperature: float) -> tuple[Point, float]:
    """The solution with m = 0 at σ > 0 and T > 0, and √α."""
    field, _, weight = nodes(0.0, noise, temperature)
    u = field / temperature
    c = float(weight @ bend(u)) / temperature
    return Point(0.0, noise, c), (1 - c) / math.sqrt(weight @ (np.tanh(u) / noise) ** 2)


def glass(load: float, temperature: float) -> Point:
    """The spin glass, or the paramagnet where there is none."""
    from scipy.optimize import brentq

    root = math.sqrt(load)
    most = root + math.sqrt(2 / math.pi)
    if temperature == 0:
        return Point(0.0, most, math.sqrt(2 / math.pi) / most)
    if temperature >= 1 + root or glass_point(LEAST, temperature)[1] >= root:
        return Point(0.0, 0.0, 1 / temperature)

    def excess(noise: float) -> float:
        return glass_point(noise, temperature)[1] - root

    noise = brentq(excess, LEAST, 1.01 * most, xtol=1e-300, rtol=1e-15, maxiter=1000)
    return glass_point(float(noise), temperature)[0]
