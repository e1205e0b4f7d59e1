r"""What a pattern leaves in couplings that go on learning: the theory's two functions of each rule.

After very many patterns, with u = patterns learnt since/N for each and τ = ρ²u,

.. math:: W_{ij} = \frac{ρ}{N} \sum_k f(τ_k) ξ_i^k ξ_j^k + \frac{1}{\sqrt N} η_{ij}, \qquad f(0) = 1

in units of the couplings' own scale: 1 for `palimpsest`, where ρ = ε, and A for `bounded`, where ρ = ε/A. The rest η
has a variance D, and no part in any pattern (Sompolinsky, Phys. Rev. A 34, 2571 (1986)). Noise of fields at T = 0 is

.. math:: R(x) = D + ∫_0^∞ \frac{f^2\,dτ}{(1 - xf)^2}, \qquad x = ρC

where x f is how much of a pattern's noise comes back to it through the response C of spins.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOTHING = 1e-17
"""x below which it changes no digit of R."""

LAST, PANELS, POINTS = 4.2, 42, 16
"""Panels in √τ, with so many points of Gauss & Legendre on each; beyond them f² is below 10⁻¹⁸."""


class Trace(ABC):
    """f and R of a rule."""

    @abstractmethod
    def kept(self, time: float) -> float:
        """Return f at τ."""

    @abstractmethod
    def time(self, kept: float) -> float:
        """Return τ at f ≤ 1."""

    @abstractmethod
    def noise(self, x: float) -> tuple[float, float]:
        """Return R at x < 1, and half of d ln R/d ln x."""


class Palimpsest(Trace):
    r"""f = e^{−τ/2}, D = 0: R = (2/x²)[x/(1 − x) + ln(1 − x)], with v = −ln(1 − x) a sum of positive terms."""

    def kept(self, time: float) -> float:
        """See `Trace`."""
        return math.exp(-time / 2)

    def time(self, kept: float) -> float:
        """See `Trace`."""
        return -2 * math.log(kept)

    def noise(self, x: float) -> tuple[float, float]:
        """1 − (1 + v)e^{−v} is P(2, v)."""
        from scipy.special import gammainc

        if x < NOTHING:
            return 1.0, 0.0
        R = 2 * float(gammainc(2, -math.log1p(-x))) / (1 - x) / x**2
        return R, 1 / (R * (1 - x) ** 2) - 1


class Bounded(Trace):
    r"""Of a walk between walls at ±1, a step's part in its place, whose variance is 1/3 in all.

    .. math:: f = \sum_{n\,\text{odd}} \frac{8}{π^2 n^2} e^{-n^2 π^2 τ/8}
                = 1 - \sqrt{2τ} \left[\frac{1}{\sqrt π} + 2 \sum_{k ≥ 1} (-1)^k \mathrm{ierfc}\, k\sqrt{2/τ}\right],
              \quad \mathrm{ierfc}\,a = \frac{e^{-a^2}}{\sqrt π} - a\,\mathrm{erfc}\,a

    the second, of images in the walls, for τ < 1.
    """

    def kept(self, time: float) -> float:
        """See `Trace`."""
        if time == 0:
            return 1.0
        if time < 1:
            images = sum((1 - 2 * (k % 2)) * _ierfc(k * math.sqrt(2 / time)) for k in range(1, 7))
            return 1 - math.sqrt(2 * time) * (1 / math.sqrt(math.pi) + 2 * images)
        return sum(8 / (math.pi * n) ** 2 * math.exp(-((math.pi * n) ** 2) * time / 8) for n in (1, 3, 5, 7))

    def time(self, kept: float) -> float:
        """By bisection: the first term of the sum is below f, and e^{−π²τ/8} above."""
        from scipy.optimize import brentq

        if kept >= 1:
            return 0.0
        low, high = (-8 / math.pi**2 * math.log(kept * share) for share in (math.pi**2 / 8, 1.0))
        return float(brentq(lambda t: self.kept(t) - kept, max(0.0, low) * (1 - 1e-12), high, xtol=1e-300, rtol=1e-15))

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats, float]:
        """Values of f, weights in τ, and D."""
        x, w = np.polynomial.legendre.leggauss(POINTS)
        half = LAST / PANELS / 2
        root = (np.linspace(half, LAST - half, PANELS)[:, None] + half * x).ravel()
        f = np.array([self.kept(t) for t in root**2])
        weight = np.tile(half * w, PANELS) * 2 * root
        return f, weight, 1 / 3 - float(weight @ f**2)

    def noise(self, x: float) -> tuple[float, float]:
        """See `Trace`."""
        f, weight, rest = self._nodes
        part = f / (1 - x * f)
        R = rest + float(weight @ part**2)
        return R, x * float(weight @ part**3) / R


def _ierfc(a: float) -> float:
    return math.exp(-a * a) / math.sqrt(math.pi) - a * math.erfc(a)


PALIMPSEST, BOUNDED = Palimpsest(), Bounded()
