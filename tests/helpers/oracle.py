"""The library's oracle on [0, 2π)ᵈ, against the Boltzmann law: of a system with a wrong drift the bias must stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit import System
from langevin_kit.schemes import scheme_from
from langevin_kit.studies import Oracle, Torus

Floats = NDArray[np.float64]

CONSTANT = System(energy="1.2*cos(x) + 0.4*sin(2*x)", temperature=1.0)
SCALAR = System(energy="1.2*cos(x) + 0.4*sin(2*x)", mobility="1 + 0.6*sin(x)", temperature=1.0)


def oracle(system: System, scheme: str) -> Oracle:
    """On circles of length 2π."""
    return Oracle(system, scheme_from(scheme), Torus.of_circles(system.n_dim))


def step_of(system: System, scheme: str, dt: float) -> Callable[[Floats, Floats], Floats]:
    """One step in float64."""
    return oracle(system, scheme).step(dt)


def biases(
    system: System, mesh: tuple[int, int], time_steps: Sequence[float], scheme: str = "euler_maruyama"
) -> Floats:
    """Norm of the bias against exp(−E/T) of cos x, sin x, cos 2x (and the same of y) at each time step."""
    known = oracle(system, scheme)
    places = known.torus.grid(128)
    q = np.exp(-system.effective_energy_at(places) / system.temperature)
    exact = known.features(places) @ (q / q.sum())
    return np.array([np.linalg.norm(known.averages(dt, *mesh) - exact) for dt in time_steps])
