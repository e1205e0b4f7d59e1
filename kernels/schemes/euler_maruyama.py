r"""Euler–Maruyama: :math:`x' = x + b\,Δt + \sqrt{2TΔt}\,σ z`, :math:`σσ^T = S`, one evaluation a step.

Itô; strong order 1/2, weak order 1 (Maruyama 1955; Kloeden & Platen 1992, sections 10.2 and 14.1).
"""

from __future__ import annotations

from ..jit import fma, inline


@inline
def deterministic(x: float, force: float, dt: float) -> float:
    """One coordinate at T = 0: the explicit Euler step along the force −K∇E."""
    return fma(dt, force, x)


@inline
def stochastic(
    x: float, force: float, divergence: float, factor: float, dt: float, temperature: float, amplitude: float, z: float
) -> float:
    """One coordinate at T > 0: force −K∇E, divergence ∇·K, noise factor √K, amplitude √(2TΔt), normal z."""
    drift = fma(temperature, divergence, force)
    return fma(amplitude * factor, z, fma(dt, drift, x))
