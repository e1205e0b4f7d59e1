"""What limits the time step: the rates at which drift and noise change along a path, each with its name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_kit.preflight.derivatives import DualNumbers
from langevin_kit.preflight.positivity import ROUNDING
from langevin_kit.preflight.region import away_from_walls
from langevin_kit.system import System
from langevin_kit.system.dense import Vector

Floats = NDArray[np.float64]

ACCURACY = 0.05
"""The suggested time step times the fastest rate."""

ENTRIES = 2**22
"""At most so many entries of ∂_c Sᵃᵇ are held."""

LAYER = 0.05
"""Share of the walls' distance beside a vector's walls in which its noise may change within a step: where K vanishes at
a wall there is such a layer whatever the step, as thick as the step is long, and so is the error that it makes."""

MEANING = {
    "stiffness": "the stiffest direction of the energy",
    "drift": "the slope of the drift",
    "noise": "the slope of the mobility",
    "kink": "a kink of the energy",
    "walls": "diffusion between two walls",
}
"""The rates by name."""


def rates(system: System, dual: DualNumbers, x: Floats, t: float, mobility: Floats) -> dict[str, float]:
    r"""The fastest of each kind of rate at points x (d, n) with mobility S (d, d, n).

    The eigenvalues of √S ∂²E √S and those, in modulus, of the whole drift's Jacobian; the change of the noise along a
    random step, ½ T Σ (∂ ln S)² along √S; where E has a kink, ∇E·S∇E/T; and π² T S/L², the slowest mode between walls
    at distance L, so that a step is a tenth of it. E stands for E − T ln μ.
    """
    temperature = system.temperature
    values, vectors = np.linalg.eigh(np.moveaxis(mobility, -1, 0))
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    stiffness = root.swapaxes(1, 2) @ np.moveaxis(system.effective_hessian(x, t), -1, 0) @ root
    jacobian = np.moveaxis(system.drift_jacobian(x, t), -1, 0)
    found = {
        "stiffness": max((np.linalg.eigvalsh(m).max() for m in [_finite(stiffness)] if len(m)), default=0.0),
        "drift": max((np.abs(np.linalg.eigvals(m)).max() for m in [_finite(jacobian)] if len(m)), default=0.0),
    }
    if temperature:
        if not (system.facts.has_constant_mobility or _has_roots(system)):
            every = max(1, x.shape[1] * len(x) ** 3 // ENTRIES)
            some, values, vectors = x[:, ::every], values[::every], vectors[::every]
            if system.is_dense and system.walls:
                some = away_from_walls(system, some, LAYER)
                values, vectors = np.linalg.eigh(np.moveaxis(system.symmetric_mobility_at(some, t), -1, 0))
            changes = dual.at(some, t).slope
            assert changes is not None
            slope = np.moveaxis(changes, -1, 0)
            slope = (slope + slope.swapaxes(2, 3)) / 2
            found["noise"] = temperature * _noise_slope(slope, values, vectors)
        if system.facts.has_kinks:
            gradient = system.effective_gradient(x, t)
            squared = np.einsum("an,abn,bn->n", gradient, mobility, gradient)
            found["kink"] = np.max(squared[np.isfinite(squared)], initial=0.0) / temperature
        found["walls"] = temperature * _between_walls(system, mobility)
    return {name: max(0.0, float(rate)) for name, rate in found.items()}


def _has_roots(system: System) -> bool:
    """Whether S is given by roots: d³ numbers of its slopes are not made then. T ∇·S is in the slope of the drift."""
    return isinstance(system.content, Vector) and bool(system.content.derived.roots)


def _finite(matrices: Floats) -> Floats:
    return matrices[np.isfinite(matrices).all(axis=(1, 2))]


def _noise_slope(slope: Floats, values: Floats, vectors: Floats) -> float:
    """½ Σₖ ‖S^{−½} (√S ∂)ₖ S S^{−½}‖², the largest; directions without noise are left out."""
    inverse_root = np.zeros_like(values)
    noisy = values > ROUNDING * values.max(axis=1, keepdims=True)
    np.divide(1.0, np.sqrt(np.maximum(values, 0.0)), out=inverse_root, where=noisy)
    white = vectors * inverse_root[:, None, :]
    along = np.einsum("nck,ncab->nkab", vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :], slope)
    relative = white[:, None].swapaxes(2, 3) @ along @ white[:, None]
    relative = relative[np.isfinite(relative).all(axis=(1, 2, 3))]
    return float(0.5 * (np.linalg.eigvalsh(relative) ** 2).max(axis=2).sum(axis=1).max(initial=0.0))


def _between_walls(system: System, mobility: Floats) -> float:
    return max(
        (
            float(np.pi**2 * mobility[a, a].max() / wall.length**2)
            for a, wall in enumerate(system.each_wall)
            if wall and wall.kind != "periodic"
        ),
        default=0.0,
    )


def suggest(rate: float) -> float:
    """`ACCURACY` over a rate, rounded down to 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> suggest(3.0)
    0.01
    """
    if rate == 0.0:
        return np.inf
    raw = ACCURACY / rate
    power = 10.0 ** np.floor(np.log10(raw) + 1e-9)
    return float(max(m for m in (1.0, 2.0, 5.0) if m * power <= raw * (1 + 1e-9)) * power)
