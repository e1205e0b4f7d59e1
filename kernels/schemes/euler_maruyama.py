r"""Euler–Maruyama: :math:`x' = x + f\,Δt + \sqrt{2TΔt}\,σ z`, :math:`σσ^T = S`, one evaluation a step.

Itô; strong order 1/2, weak order 1 (Maruyama 1955; Kloeden & Platen 1992, sections 10.2 and 14.1).
"""

from __future__ import annotations

from ..jit import fma, inline


@inline
def deterministic(x: float, force: float, dt: float) -> float:
    """One coordinate at T = 0: the explicit Euler step along the force b − K∇E."""
    return fma(dt, force, x)


@inline
def stochastic(x: float, drift: float, noise: float, dt: float, amplitude: float) -> float:
    """One coordinate at T > 0: drift b − K∇E + T ∇·K, noise (σz)ᵃ, amplitude √(2TΔt)."""
    return fma(amplitude, noise, fma(dt, drift, x))
