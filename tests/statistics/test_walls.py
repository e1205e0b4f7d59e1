"""Ensembles within walls keep the Boltzmann law: exactly in the limit of small steps, and within their errors.

The first part draws nothing. One step from the law q itself changes the mean of a function f by r Δt, found by
quadrature over place and noise. If particles turn back at a wall with inward normal n in a direction ν, n·ν = 1, then

    r → T ∮ q (n·S n ν − S n)·∇f   as Δt → 0,

a flux that vanishes for all f if ν is the co-normal S n/(n·S n). For f with n·S∇f = 0 at the walls, as the backward
equation makes it, r then has the order 1 of the weak error (Bossy, Gobet & Talay 2004); with S of where the step began,
not of the wall, it has 1/2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import cos, pi, sin, sqrt
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from langevin_kit import System, initial, observables, periodic, reflecting, simulate
from langevin_kit.codegen import stepper
from langevin_kit.kernels.jit import driver, inline
from langevin_kit.schemes import scheme_from

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


CONSTANT, VARYING = strip(0.8), strip("0.6*sin(3*x) + 0.3*cos(2*pi*y)")


@inline
def constant(x: float, y: float) -> float:
    return 0.8


@inline
def varying(x: float, y: float) -> float:
    return 0.6 * sin(3 * x) + 0.3 * cos(2 * pi * y)


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
        (VARYING, "one look", 0.4, 0.7),
        (CONSTANT, "mirror", -0.1, 0.1),
    ],
)
def test_flux_through_a_wall_vanishes_with_the_step(
    system: System, reflection: str, lowest: float, highest: float
) -> None:
    r = residuals(system, reflection, (1e-3, 2.5e-4, 6.25e-5))
    order = np.log2(np.abs(r[:-1] / r[1:])) / 2
    assert ((order > lowest) & (order < highest)).all(), (r, order)


def test_mirrored_coordinates_keep_the_flux_that_theory_gives() -> None:
    """T ∮ q n·∇f over the two walls, as n·S∇f = 0 there and S₁₁ = 1."""
    y = (np.arange(64) + 0.5) / 64
    slope = 0.8 * 2 * pi * np.sin(2 * pi * y)
    z = np.mean(np.exp(-CONSTANT.energy_at(np.stack(np.meshgrid(y, y)))))
    ends = [np.mean(np.exp(-CONSTANT.energy_at(np.stack([np.full(64, x), y]))) * slope) for x in (0.0, 1.0)]
    r = residuals(CONSTANT, "mirror", (2.5e-4, 6.25e-5))
    # The first order in √Δt extrapolated away.
    assert 2 * r[1] - r[0] == pytest.approx((ends[0] - ends[1]) / z, rel=0.03)


def advanced(system: System, x: Floats, n_steps: int, time_step: float, first: int = 0) -> Floats:
    """Positions after some steps, all of them finite."""
    x = np.concatenate([x[: system.n_dim], np.zeros((len(system.walled("periodic")), x.shape[1]))])
    constants = (system.values, time_step, system.temperature, *KEY)
    module_of(system).advance(x, 0, x.shape[1], 256, first, n_steps, *constants)
    assert np.isfinite(x).all()
    return x[: system.n_dim]


def extrapolated(move: Callable[[Floats, int, float, int], Floats], n: int) -> tuple[float, float]:
    """⟨sin 2πy cos πx⟩ from t = 0.5 to 1.5 and its standard error, the bias of first order in Δt taken away."""
    found = []
    for halved in (1, 2):
        x = np.random.default_rng(halved).random((2, n))
        total = np.zeros(n)
        for k in range(30):
            x = move(x, 50 * halved, 1e-3 / halved, 50 * halved * k)
            total += np.sin(2 * pi * x[1]) * np.cos(pi * x[0]) if k >= 10 else 0.0
        found.append((total.mean() / 20, total.std() / 20 / sqrt(n)))
    (whole, whole_error), (half, half_error) = found
    return 2 * half - whole, float(np.hypot(whole_error, 2 * half_error))


def law_in_strip() -> float:
    """⟨sin 2πy cos πx⟩ by the midpoint rule; −.2425."""
    x = grid(np.array([1, 1]))
    q = np.exp(-CONSTANT.energy_at(x))
    return float((q * CONSTANT.energy_at(x)).sum() / q.sum())


@pytest.mark.claim("C09")
def test_strip_with_a_slanted_conormal() -> None:
    """Within 4 standard errors, and beyond doubt not what mirrored coordinates give."""
    assert law_in_strip() == pytest.approx(-0.2425, abs=2e-4)
    mean, error = extrapolated(lambda x, steps, dt, first: advanced(CONSTANT, x, steps, dt, first), 40_000)
    assert error < 2e-3
    assert abs(mean - law_in_strip()) < 4 * error
    assert abs(mean + 0.209) > 12 * error


def test_mirrored_coordinates_give_another_law() -> None:
    """The same steps with the same normals, but x alone turns back: −.209."""
    free = replace(CONSTANT, walls={"y": STRIP["y"]})

    def mirrored(x: Floats, n_steps: int, dt: float, first: int) -> Floats:
        for k in range(first, first + n_steps):
            x = advanced(free, x, 1, dt, k)
            x[0] = 1 - np.abs(1 - np.abs(x[0]))
        return x

    mean, error = extrapolated(mirrored, 10_000)
    assert error < 3e-3
    assert abs(mean + 0.209) < 4 * error
    assert abs(mean - law_in_strip()) > 8 * error


BOXES = {
    "diagonal": System(
        energy="cos(pi*x) + y",
        mobility=[["1 + x**2", 0], [0, "1/(1 + x*y)"]],
        temperature=0.7,
        coordinates=PLANE,
        walls={"x": reflecting(0.0, 1.0), "y": reflecting(0.0, 1.0)},
    ),
    "corners": System(
        energy="x + y/2",
        mobility=[[1, 0.9], [0.9, 1]],
        temperature=1.0,
        coordinates=PLANE,
        walls={"x": reflecting(0.0, 1.0), "y": reflecting(0.0, 1.0)},
    ),
    "half lines": System(
        energy="3*x + 2*y",
        mobility=[["1 + x/2", "0.5*x/(1 + x)"], ["0.5*x/(1 + x)", 1]],
        temperature=1.0,
        coordinates=PLANE,
        walls={"x": reflecting(0.0), "y": reflecting(0.0)},
    ),
}
CELLS = 12


def sampled(system: System, n: int) -> Floats:
    """Independent samples of q: of the part of it in [0, 8]², beyond which the half lines have 1e-7."""
    rng = np.random.default_rng(5)
    top = np.where(np.isfinite(system.upper), 1.0, 8.0)[:, None]
    found = np.empty((2, 0))
    while found.shape[1] < n:
        x = top * rng.random((2, 20 * n))
        lowest = system.energy_at(top * np.mgrid[0:1:65j, 0:1:65j].reshape(2, -1)).min()
        kept = rng.random(x.shape[1]) < np.exp((lowest - system.energy_at(x)) / system.temperature)
        found = np.concatenate([found, x[:, kept]], axis=1)
    return found[:, :n].copy()


def p_value(system: System, x: Floats) -> float:
    """Pearson's χ² against the masses of cells of [0, 1]² and of what lies beyond, all by quadrature."""
    edges = np.linspace(0, 1, CELLS + 1)
    counts = np.histogram2d(*x, bins=[edges, edges])[0].ravel()
    fine = np.where(np.isfinite(system.upper), 1, 8)
    mass = np.exp(-system.energy_at(grid(fine)) / system.temperature)
    inside = mass[: CELLS * FINE, : CELLS * FINE].reshape(CELLS, FINE, CELLS, FINE).sum(axis=(1, 3)).ravel()
    masses = np.append(inside, mass.sum() - inside.sum()) / mass.sum()
    counts = np.append(counts, x.shape[1] - counts.sum())
    held = masses > 1e-12
    expected = x.shape[1] * masses[held]
    assert expected.min() > 20
    return float(chi2.sf(((counts[held] - expected) ** 2 / expected).sum(), held.sum() - 1))


FINE = 10


def grid(lengths: NDArray[np.int64]) -> Floats:
    """Midpoints of a mesh of [0, a] × [0, b]."""
    axes = [(np.arange(length * CELLS * FINE) + 0.5) / (CELLS * FINE) for length in lengths]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


@pytest.mark.claim("C09")
@pytest.mark.parametrize("name", BOXES)
def test_reflected_ensembles_keep_the_boltzmann_law(name: str) -> None:
    """χ² at four times, by Holm's rule at a false-alarm rate of 0.001; every particle stays within its walls."""
    system = BOXES[name]
    x = sampled(system, 60_000)
    p = []
    for k in range(4):
        x = advanced(system, x, 200, 5e-4, first=200 * k)
        assert ((system.lower <= x.T) & (system.upper >= x.T)).all()
        p.append(p_value(system, x))
    assert (np.sort(p) > 1e-3 / np.arange(4, 0, -1)).all(), p


def test_a_law_of_particles_that_stop_at_the_wall_is_rejected() -> None:
    system = BOXES["diagonal"]
    x = sampled(system, 60_000)
    assert p_value(system, x) > 1e-3
    for k in range(20):
        x = np.clip(advanced(replace(system, walls={}), x, 1, 5e-4, k), 0, 1)
    assert p_value(system, x) < 1e-9


@pytest.mark.claim("C09")
def test_free_diffusion_on_a_torus_is_that_of_the_plane() -> None:
    """⟨(x − x₀)²⟩ = 2 d T K t of the distances with turns, within 4.5 standard errors at five times: 4e-5."""
    around = {"x": periodic(0.0, 1.0), "y": periodic(-2.0, 2.0)}
    system = System(mobility=0.5, temperature=0.8, coordinates=PLANE, walls=around)
    ds = simulate(
        system,
        initial=initial.point([0.3, 0.0]),
        n_particles=20_000,
        time_step=1e-2,
        n_steps=250,
        save_every=50,
        rng=1,
        observables={"msd": observables.mean_square_displacement()},
        save_positions=10,
    )
    times = ds.time.values[1:]
    exact = 2 * 2 * 0.8 * 0.5 * times
    assert exact[-1] > 3
    # Each coordinate is normal, so the variance of the mean of r² is exact²/N.
    assert (np.abs(ds.msd.values[1:] - exact) < 4.5 * exact / sqrt(20_000)).all()
    position = ds.position.sel(component="x").values
    assert ((position >= 0) & (position < 1)).all()
