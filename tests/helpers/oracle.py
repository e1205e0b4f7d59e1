"""The generated step of a scheme for the transfer operator: its bias without sampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import System
from langevin_kit.codegen import stepper
from langevin_kit.kernels.jit import driver, inline
from langevin_kit.schemes import scheme_from
from langevin_kit.testing import stationary_law, transfer_operator
from langevin_kit.testing.transfer import interpolation

Floats = NDArray[np.float64]

CONSTANT = System(energy="1.2*cos(x) + 0.4*sin(2*x)", temperature=1.0)
SCALAR = System(energy="1.2*cos(x) + 0.4*sin(2*x)", mobility="1 + 0.6*sin(x)", temperature=1.0)


def step_of(system: System, scheme: str, dt: float) -> Callable[[Floats, Floats], Floats]:
    """One step in float64 at T = 1, as `langevin_kit.testing.transfer_operator` takes it."""
    one_step = stepper(system, scheme_from(scheme), "float64").step
    if scheme_from(scheme).begin:
        return _with_memory(system, one_step, dt)
    if scheme_from(scheme).counts:
        one_step = _without_count(one_step)

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


def _without_count(one_step: Callable[..., Any]) -> Callable[..., Any]:
    @inline
    def step(t: float, x: float, dt: float, temperature: float, amplitude: float, z: float) -> Any:
        return one_step(t, x, 0.0, dt, temperature, amplitude, z)

    return step


def _with_memory(system: System, one_step: Callable[..., Any], dt: float) -> Callable[[Floats, Floats], Floats]:
    """The same of a scheme that remembers: a step from (y, x) on the torus, y the place, x what it had moved to."""

    @driver
    def kernel(y: Floats, m: Floats, z: Floats, dt: float, amplitude: float) -> None:
        for i in range(y.size):
            y[i], m[i] = one_step(0.0, y[i], m[i], dt, 1.0, amplitude, z[i])

    def step(yx: Floats, z: Floats) -> Floats:
        def drifted(y: Floats) -> Floats:
            return y + dt * system.drift_at(y[None])[0]

        y = yx[0].copy()
        m = yx[1] - drifted(y)
        kernel(y, m, np.ascontiguousarray(z[0]), dt, np.sqrt(2 * dt))
        return np.stack([y, drifted(y) + m])

    return step


def biases(
    system: System, mesh: tuple[int, int], time_steps: Sequence[float], scheme: str = "euler_maruyama"
) -> Floats:
    """Norm of the stationary bias of cos x, sin x, cos 2x (and the same of y) at each time step."""
    norms = []
    d = system.n_dim
    axis = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    places = np.stack(np.meshgrid(*[axis] * d)).reshape(d, -1)
    q = np.exp(-system.effective_energy_at(places))
    exact = features(places) @ (q / q.sum())
    rows = 2 if scheme_from(scheme).begin else d
    for dt in time_steps:
        x, mass = stationary_law(step_of(system, scheme, dt), rows, *mesh)
        norms.append(np.linalg.norm(features(x[:d]) @ mass - exact))
    return np.array(norms)


def transient(system: System, scheme: str, n_steps: int, time: float, place: float) -> float:
    """E[cos x] after n steps in all of `time`, from x near `place` and what the scheme begins with."""
    dt, remembers = time / n_steps, scheme_from(scheme).begin is not None
    points, nodes = (28, 16) if remembers else (96, 40)
    x, operator = transfer_operator(step_of(system, scheme, dt), 2 if remembers else 1, points, nodes)
    after = np.linalg.matrix_power(operator, n_steps) @ np.cos(x[0])
    axis = np.arange(points) * 2 * np.pi / points
    at = int(np.abs(axis - place).argmin())
    if not remembers:
        return float(after[at])
    begin = stepper(system, scheme_from(scheme), "float64").begin
    node, weight = np.polynomial.hermite_e.hermegauss(nodes)
    memory = np.array([begin(0.0, axis[at], dt, 1.0, np.sqrt(2 * dt), z)[0] for z in node])
    moved = axis[at] + dt * system.drift_at(axis[None, at : at + 1])[0] + memory
    return float(weight @ (interpolation(moved, axis) @ after.reshape(points, points)[at]) / weight.sum())


def features(x: Floats) -> Floats:
    """Of x and of each further coordinate cos, sin and cos 2x."""
    return np.concatenate([np.cos(x), np.sin(x), np.cos(2 * x)])
