"""The weak order that each noise allows, from the exact stationary law of a scheme that uses it; nothing is sampled.

Gauss–Hermite quadrature with two nodes is the law of Rademacher signs, with three nodes that of three points: the
transfer operator with so few nodes is exact for them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit import System
from langevin_kit.schemes import NOISES
from langevin_kit.testing import draws, stationary_law

Floats = NDArray[np.float64]

SYSTEM = System(energy="1.2*cos(x) + 0.4*sin(2*x)", temperature=1.0)
NODES = {"gaussian": 40, "three_point": 3, "rademacher": 2}
POINTS = 96
TIME_STEPS = (0.05, 0.025, 0.0125)


@pytest.mark.parametrize("name", ["three_point", "rademacher"])
def test_few_nodes_are_the_discrete_laws(name: str) -> None:
    node, weight = np.polynomial.hermite_e.hermegauss(NODES[name])
    z = draws(name, np.arange(2**17 if name == "three_point" else 2**12), 0, (3, 4)).ravel()
    values, counts = np.unique(z, return_counts=True)
    np.testing.assert_allclose(values, node, atol=1e-15)
    p = weight / weight.sum()
    # Within 5 standard errors: a false alarm of 3e-6 in all.
    assert (np.abs(counts / z.size - p) < 5 * np.sqrt(p * (1 - p) / z.size)).all()


def biases(scheme: str, noise: str) -> Floats:
    """Norm of the bias of cos x, sin x, cos 2x at each time step, for a mobility of 1."""
    norms = []
    for dt in TIME_STEPS:

        def step(x: Floats, z: Floats, dt: float = dt) -> Floats:
            diffusion = math.sqrt(2 * dt) * z
            force = SYSTEM.drift_at(x)
            if scheme == "heun":
                force = (force + SYSTEM.drift_at(x + force * dt + diffusion)) / 2
            return np.asarray(x + force * dt + diffusion)

        x, mass = stationary_law(step, 1, POINTS, NODES[noise])
        q = np.exp(-SYSTEM.energy_at(x))
        features = np.concatenate([np.cos(x), np.sin(x), np.cos(2 * x)])
        norms.append(np.linalg.norm(features @ (mass - q / q.sum())))
    return np.array(norms)


@pytest.mark.parametrize(
    ("scheme", "order", "noise"),
    [(scheme, order, noise) for scheme, order in (("euler_maruyama", 1), ("heun", 2)) for noise in NODES],
)
def test_a_scheme_keeps_its_order_up_to_the_limit_of_its_noise(scheme: str, order: int, noise: str) -> None:
    """Heun's method for a constant mobility has weak order 2: signs take one of the two away, three points none."""
    bias = biases(scheme, noise)
    measured = math.log2(bias[-2] / bias[-1])
    assert bias[-1] > 1e-6
    assert measured == pytest.approx(min(order, NOISES[noise].weak_order_limit), abs=0.2)
