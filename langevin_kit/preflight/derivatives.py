r"""Do the formulas that the kernels use differentiate E, K and ln μ, and is q stationary under them?

What is compared is, at points of the typical region, `System.gradient`, `System.mobility_divergence` and
`System.drift_at` with derivatives by dual numbers of the energy, the mobility and the measure alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.preflight.dual import differentiated, variables
from langevin_kit.preflight.region import place
from langevin_kit.system import System
from langevin_kit.system.dense import Vector
from langevin_kit.system.texts import Texts

Floats = NDArray[np.float64]

RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""Two derivatives are the same if they differ by less than `RELATIVE` of themselves plus `ABSOLUTE` of the largest one
met: beyond the rounding of any formula that is not ruined by cancellation, below any slip in one."""

POINTS = 256
"""At most so many points are looked at."""


@dataclass(frozen=True)
class Differentials:
    """∂E (d, n), K (d, d, n), ∇·K (d, n), ∂ ln μ (d, n) and ∂_c K as [c, a, b, point], by dual numbers.

    The last is None where K is given by roots. Of states on a manifold also the projector Π on the directions in which
    they may move, (d, d, n), and ∇·K is the divergence along it, Πᵇᶜ ∂_c Kᵃᵇ.
    """

    gradient: Floats
    mobility: Floats
    divergence: Floats
    log_measure_gradient: Floats
    slope: Floats | None
    tangent: Floats | None = None


class DualNumbers:
    """E and K of a system, differentiated a second way: on dual numbers, or of a vector system by complex steps.

    Functions have their derivatives from dual numbers in the first place: these are the same.
    """

    def __init__(self, system: System) -> None:
        self._content = system.content

    def at(self, x: Floats, t: float) -> Differentials:
        """Derivatives at points (d, n)."""
        (d, n), has_measure = x.shape, self._content.facts.has_measure
        if isinstance(self._content, Vector):
            return self._of_vectors(self._content, x, t)
        if not isinstance(self._content, Texts):
            gradient, slope = self._content.slopes(x, t)
            entropic = self._content.evaluate("log_measure_gradient", x, t) if has_measure else np.zeros((d, n))
            mobility = self._content.evaluate("mobility", x, t)
            return Differentials(gradient, mobility, np.einsum("babn->an", slope), entropic, slope)
        fields = ("energy", "mobility", "measure") if has_measure else ("energy", "mobility")
        with np.errstate(all="ignore"):
            rows = [row for what in fields for row in self._content.differentiable(what, variables(x), t)]
            values, slopes = differentiated(rows, x)
            entropic = slopes[-1] / values[-1] if has_measure else np.zeros((d, n))
        end = 1 + d * d
        mobility, slope = values[1:end].reshape(d, d, n), slopes[1:end].reshape(d, d, d, n)
        slope = np.moveaxis(slope, 2, 0)
        return Differentials(slopes[0], mobility, np.einsum("babn->an", slope), entropic, slope)

    def _of_vectors(self, content: Vector, x: Floats, t: float) -> Differentials:
        gradient, slope = content.slopes(x, t)
        axes = content.tangents(x)
        tangent = np.einsum("ain,bin->abn", axes, axes) if content.retraction else None
        if slope is None:
            divergence = content.divergence_along(x, t, axes)
        elif tangent is None:
            divergence = np.einsum("babn->an", slope)
        else:
            divergence = np.einsum("bcn,cabn->an", tangent, slope)
        mobility = content.evaluate("mobility", x, t)
        return Differentials(gradient, mobility, divergence, np.zeros(x.shape), slope, tangent)


def require_derivatives(system: System, found: Differentials, x: Floats, t: float) -> None:
    """Refuse a gradient or a divergence that is not the derivative of E or K."""
    # A divergence that cancels to round-off is right to the round-off of K over the region.
    slope = np.nanmax(np.abs(found.mobility), initial=0.0) / (np.ptp(x) or 1.0)
    triples = {
        "gradient of the energy": (system.gradient(x, t), found.gradient, 0.0),
        "divergence of the mobility": (system.mobility_divergence(x, t), found.divergence, slope),
    }
    for name, (given, dual, least) in triples.items():
        bad = _worst(given - dual, given, dual, least)
        if bad is not None:
            a, point = bad
            raise InvalidArgument(
                f"{name}: component {system.names[a]!r} is {given[a, point]:.9g} at "
                f"{place(system, x[:, point], t)}, where dual numbers give {dual[a, point]:.9g}. Correct the "
                "derivative that was given, or leave it out."
            )


def require_stationary(system: System, found: Differentials, x: Floats, t: float) -> None:
    r"""Refuse a drift under which the Boltzmann law would not stay.

    .. math:: drift^a - T ∂_b K^{ab} + K^{ab} ∂_b (E - T \ln μ) = 0

    at each place: then the flux of q is T ∂_b(q Aᵇᵃ), which has no divergence, and none without A.
    """
    slope = found.gradient - system.temperature * found.log_measure_gradient
    tension = np.einsum("abn,bn->an", found.mobility, slope)
    push = system.temperature * found.divergence
    drift = system.drift_at(x, t)
    bad = _worst(drift - push + tension, push, tension)
    if bad is not None:
        a, point = bad
        raise InvalidArgument(
            f"drift: component {system.names[a]!r} is {drift[a, point]:.9g} at {place(system, x[:, point], t)}, "
            f"where T ∇·K − K ∇(E − T ln μ) = {push[a, point] - tension[a, point]:.9g} keeps the Boltzmann law."
        )


def _worst(difference: Floats, first: Floats, second: Floats, least: float = 0.0) -> tuple[int, int] | None:
    """Component and point of the largest difference in units of the tolerance, if it is beyond it.

    The tolerance is relative to the numbers, to the largest of them, and to `least`.
    """
    usable = np.isfinite(difference) & np.isfinite(first) & np.isfinite(second)
    size = np.where(usable, np.abs(first) + np.abs(second), 0.0)
    allowed = RELATIVE * size + ABSOLUTE * size.max(initial=least if np.isfinite(least) else 0.0)
    excess = np.where(usable, np.abs(difference) - allowed, -np.inf)
    if not excess.max(initial=-np.inf) > 0:
        return None
    a, point = np.unravel_index(excess.argmax(), excess.shape)
    return int(a), int(point)
