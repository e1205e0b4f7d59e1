"""The transfer operator against steps whose expectations are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit import System
from langevin_kit.studies._transfer import Torus, generator, kept_by, stationary_law, transfer_operator

Floats = NDArray[np.float64]
DT = 0.1


def diffuse(x: Floats, z: Floats) -> Floats:
    return np.asarray(x + np.sqrt(2 * DT) * z)


def drifting(x: Floats, z: Floats) -> Floats:
    return np.asarray(x - DT * np.sin(x) + np.sqrt(2 * DT) * z)


@pytest.mark.parametrize(("d", "points", "nodes"), [(1, 32, 30), (2, 12, 16)])
def test_powers_of_free_diffusion_damp_each_mode_exactly(d: int, points: int, nodes: int) -> None:
    """E cos(kx + √(2Δt) k z) = e^(−k²Δt) cos kx, step after step."""
    x, operator = transfer_operator(diffuse, d, points, nodes)
    for k in (0, 1, 2):
        f = np.cos(k * x).prod(axis=0)
        after = np.linalg.matrix_power(operator, 5) @ f
        np.testing.assert_allclose(after, np.exp(-5 * d * k**2 * DT) * f, atol=1e-9)


def test_the_stationary_law_is_what_a_step_keeps() -> None:
    x, mass = stationary_law(drifting, 1, 48, 30)
    _, operator = transfer_operator(drifting, 1, 48, 30)
    np.testing.assert_allclose(mass @ operator, mass, atol=1e-13)
    # A drift has moved it away from the uniform law, which free diffusion keeps.
    assert mass @ np.cos(x[0]) > 0.3
    assert np.abs(np.full(48, 1 / 48) @ operator - 1 / 48).max() > 1e-3


def test_the_interpolation_is_exact_on_any_torus() -> None:
    torus = Torus((-0.4, 1.0), (1.7, 3.0))
    y = np.random.default_rng(0).uniform(-5, 5, (2, 40))

    def f(x: Floats) -> Floats:
        a, b = (2 * np.pi * x[k] / torus.period[k] for k in (0, 1))
        return np.asarray(np.cos(2 * a + 0.3) * np.sin(3 * b) + np.cos(b))

    np.testing.assert_allclose(torus.rows(y, 12) @ f(torus.grid(12)), f(y), atol=1e-12)


@pytest.mark.parametrize("d", [1, 2])
def test_the_generator_annuls_the_boltzmann_law_and_nothing_else(d: int) -> None:
    names, cross = ("x", "y")[:d], "0.4*sin(x - y)"
    tensor = [["1 + 0.3*cos(x)", cross], [cross, "1 + 0.2*sin(y)"]]
    system = System(
        energy="cos(x)" if d == 1 else "cos(x) + 0.5*sin(y - x)",
        mobility=[row[:d] for row in tensor[:d]] if d == 2 else tensor[0][0],
        temperature=0.8,
        coordinates=names,
    )
    torus = Torus.of_circles(d)
    x = torus.grid(24)
    L = generator(system.drift_at(x), 0.8 * system.symmetric_mobility_at(x), 24, torus)
    q = np.exp(-system.energy_at(x) / 0.8)
    np.testing.assert_allclose(kept_by(L), q / q.sum(), atol=1e-9)
    wrong = generator(system.force_at(x), 0.8 * system.symmetric_mobility_at(x), 24, torus)
    assert np.abs(kept_by(wrong) - q / q.sum()).max() > 1e-4
    # ½ ∂² cos(2x + y) of free diffusion, on circles of length L: −½ (2² + 1) (2π/L)².
    free = Torus((0.0,) * d, (3.0,) * d)
    places = free.grid(24) * (2 * np.pi / 3)
    wave = np.cos(2 * places[0] + (places[1] if d == 2 else 0))
    n = places.shape[1]
    half = generator(np.zeros((d, n)), 0.5 * np.eye(d)[..., None] * np.ones(n), 24, free)
    np.testing.assert_allclose(half @ wave, -0.5 * (4 + (d == 2)) * (2 * np.pi / 3) ** 2 * wave, atol=1e-9)
