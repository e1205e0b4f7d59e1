"""Ensembles within walls keep the Boltzmann law: exactly in the limit of small steps, and within their errors.

The first part draws nothing. One step from the law q itself changes the mean of a function f by r Δt, found by
quadrature over place and noise. If particles turn back at a wall with inward normal n in a direction ν, n·ν = 1, then

    r → T ∮ q (n·S n ν − S n)·∇f   as Δt → 0,

a flux that vanishes for all f if ν is the co-normal S n/(n·S n). For f with n·S∇f = 0 at the walls, as the backward
equation makes it, r then has the order 1 of the weak error (Bossy, Gobet & Talay 2004); with S of where the step began,
not of the wall, it has 1/2.
"""

from __future__ import annotations

from dataclasses import replace
from math import cos, pi, sin, sqrt
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from langevin_kit import System, periodic, reflecting
from langevin_kit.codegen import stepper
from langevin_kit.kernels.jit import driver, inline
from langevin_kit.schemes import scheme_from
from langevin_kit.testing import euler_maruyama

Floats = NDArray[np.float64]

KEY = (np.uint32(2024), np.uint32(9))
PLANE = ("x", "y")
STRIP = {"x": reflecting(0.0, 1.0), "y": periodic(0.0, 1.0)}


def strip(cross: str | float) -> System:
    """Reflecting in x, periodic in y, with S₁₂ = cross."""
    return System(
        energy="sin(2*pi*y)*cos(pi*x)",
        mobility=[[1, cross], [cross, 1]],
        temperature=1.0,
        coordinates=PLANE,
        walls=STRIP,
    )


CONSTANT, VARYING = strip(0.8), strip("0.8*cos(2*pi*y + 3*x)")


@inline
def constant(x: float, y: float) -> float:
    return 0.8


@inline
def varying(x: float, y: float) -> float:
    return 0.8 * cos(2 * pi * y + 3 * x)


def module_of(system: System, dtype: str = "float64") -> ModuleType:
    return stepper(system, scheme_from("euler_maruyama"), dtype)


def residuals(system: System, reflection: str, time_steps: tuple[float, ...]) -> Floats:
    """The change r of ⟨f⟩ by one step from q, in a unit of time."""
    inside, free = module_of(system).step, module_of(replace(system, walls={})).step
    cross = constant if system is CONSTANT else varying
    own, slanted = reflection == "of the module", reflection == "one look"

    @inline
    def f(x: float, y: float) -> float:
        # ∂f/∂x + S₁₂ ∂f/∂y = 0 where x is 0 or 1.
        return cos(2 * pi * y) + x * (1 - x) * (1 - 2 * x) * cross(x, y) * 2 * pi * sin(2 * pi * y)

    @driver
    def change(x: Floats, y: Floats, q: Floats, z: Floats, w: Floats, u: Floats, v: Floats, dt: float) -> float:
        amplitude, total = sqrt(2 * dt), 0.0
        for i in range(x.size):
            for j in range(y.size):
                after = 0.0
                for k in range(z.size):
                    for m in range(u.size):
                        if own:
                            a, b, _ = inside(0.0, x[i], y[j], 0.0, 0.0, 1.0, 0.0, 1.0, dt, 1.0, amplitude, z[k], u[m])
                        else:
                            a, b = free(0.0, x[i], y[j], dt, 1.0, amplitude, z[k], u[m])
                            beyond = max(-a, 0.0) - max(a - 1.0, 0.0)
                            a += 2 * beyond
                            b += 2 * beyond * cross(x[i], y[j]) if slanted else 0.0
                        after += w[k] * v[m] * f(a, b)
                total += q[i, j] * (after - f(x[i], y[j]))
        return total / dt

    node, width = np.polynomial.legendre.leggauss(160)
    x, y = (node + 1) / 2, (np.arange(20) + 0.5) / 20
    q = width[:, None] * np.exp(-system.energy_at(np.stack(np.meshgrid(x, y, indexing="ij"))))
    # A reflection is a kink in the first number only: many nodes for it, few for the other.
    z = np.linspace(-5.5, 5.5, 201)
    w = np.exp(-(z**2) / 2)
    u, v = np.polynomial.hermite_e.hermegauss(8)
    return np.array([change(x, y, q / q.sum(), z, w / w.sum(), u, v / v.sum(), dt) for dt in time_steps])


@pytest.mark.claim("C09")
@pytest.mark.parametrize(
    ("system", "reflection", "lowest", "highest"),
    [
        (CONSTANT, "of the module", 0.9, 1.3),
        (VARYING, "of the module", 0.9, 1.3),
        (VARYING, "one look", 0.4, 0.65),
        (CONSTANT, "mirror", -0.1, 0.1),
    ],
)
def test_flux_through_a_wall_vanishes_with_the_step(
    system: System, reflection: str, lowest: float, highest: float
) -> None:
    r = residuals(system, reflection, (4e-3, 1e-3, 2.5e-4))
    order = np.log2(np.abs(r[:-1] / r[1:])) / 2
    assert ((order > lowest) & (order < highest)).all(), (r, order)
