"""The generated step of a scheme for the transfer operator: its bias without sampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit import System
from langevin_kit.codegen import stepper
from langevin_kit.kernels.jit import driver
from langevin_kit.schemes import scheme_from
from langevin_kit.testing import stationary_law

Floats = NDArray[np.float64]

SCALAR = System(energy="1.2*cos(x) + 0.4*sin(2*x)", mobility="1 + 0.6*sin(x)", temperature=1.0)


def step_of(system: System, scheme: str, dt: float) -> Callable[[Floats, Floats], Floats]:
    """One step in float64 at T = 1, as `langevin_kit.testing.transfer_operator` takes it."""
    one_step = stepper(system, scheme_from(scheme), "float64").step

    @driver
    def scalar(x: Floats, z: Floats, dt: float, amplitude: float, out: Floats) -> None:
        for i in range(x.shape[1]):
            out[0, i] = one_step(0.0, x[0, i], dt, 1.0, amplitude, z[0, i])[0]

    @driver
    def plane(x: Floats, z: Floats, dt: float, amplitude: float, out: Floats) -> None:
        for i in range(x.shape[1]):
            out[0, i], out[1, i] = one_step(0.0, x[0, i], x[1, i], dt, 1.0, amplitude, z[0, i], z[1, i])

    kernel = scalar if system.n_dim == 1 else plane

    def step(x: Floats, z: Floats) -> Floats:
        out = np.empty_like(x)
        kernel(np.ascontiguousarray(x), np.ascontiguousarray(z), dt, np.sqrt(2 * dt), out)
        return out

    return step


def biases(
    system: System, mesh: tuple[int, int], time_steps: Sequence[float], scheme: str = "euler_maruyama"
) -> Floats:
    """Norm of the stationary bias of cos x, sin x, cos 2x (and the same of y) at each time step."""
    norms = []
    for dt in time_steps:
        x, mass = stationary_law(step_of(system, scheme, dt), system.n_dim, *mesh)
        q = np.exp(-system.effective_energy_at(x))
        q /= q.sum()
        features = np.concatenate([np.cos(x), np.sin(x), np.cos(2 * x)])
        norms.append(np.linalg.norm(features @ (mass - q)))
    return np.array(norms)
