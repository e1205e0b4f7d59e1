"""The transfer operator against steps whose expectations are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit.testing import stationary_law, transfer_operator

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
