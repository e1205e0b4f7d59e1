"""The second implementation itself: its numbers are the kernels', each is used once, and a step is the stated one."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit import System
from langevin_kit.kernels import noise as kernels
from langevin_kit.kernels.counter_rng import STREAM_DYNAMICS, philox
from langevin_kit.kernels.jit import driver
from langevin_kit.schemes import NOISES
from langevin_kit.testing import draws, euler_maruyama, normals
from langevin_kit.testing.numpy_reference import cholesky, numbers_of_step

Floats = NDArray[np.float64]
KEY = (12345, 67890)
N = 300
PARTICLES = np.arange(N) + 2**32 - 100


@driver
def fill(kernel: Any, particles: np.ndarray, call: int, z: np.ndarray) -> None:
    for i in range(particles.size):
        p = np.uint64(particles[i])
        numbers = kernel(*philox(np.uint32(p), np.uint32(p >> 32), call, STREAM_DYNAMICS, 12345, 67890))
        for j in range(len(numbers)):
            z[j, i] = numbers[j]


@driver
def fill_bits(kernel: Any, particles: np.ndarray, call: int, z: np.ndarray) -> None:
    for i in range(particles.size):
        p = np.uint64(particles[i])
        words = philox(np.uint32(p), np.uint32(p >> 32), call, STREAM_DYNAMICS, 12345, 67890)
        for j in range(128):
            z[j, i] = kernel(words[j // 32], np.uint32(j % 32))


@pytest.mark.parametrize("name", NOISES)
def test_numbers_are_those_of_the_kernels(name: str) -> None:
    row = NOISES[name]
    z = np.full((row.per_call["float64"], N), np.nan)
    (fill_bits if row.takes == "bit" else fill)(getattr(kernels, row.kernel["float64"]), PARTICLES, 3, z)
    tolerance = {"gaussian": 1e-14, "gaussian_53": 1e-14, "gaussian_32": 2e-6}.get(name, 0.0)
    np.testing.assert_allclose(draws(name, PARTICLES, 3, KEY), z, rtol=0, atol=tolerance)
    assert np.abs(draws(name, PARTICLES, 4, KEY) - z).max() > 0.5


def test_normals_are_the_numbers_of_the_gaussian() -> None:
    np.testing.assert_array_equal(normals(PARTICLES, 3, KEY, 1), draws("gaussian_53", PARTICLES, 3, KEY, 1))


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("d", [1, 2, 3, 5, 8, 14])
def test_steps_take_the_numbers_of_the_calls_in_turn(name: str, d: int) -> None:
    row = NOISES[name]
    steps, calls = row.group(d, "float64")
    got = np.concatenate([numbers_of_step(row, PARTICLES, k, d, KEY) for k in range(2 * steps)])
    groups = [
        np.concatenate([draws(row, PARTICLES, c, KEY) for c in range(g * calls, (g + 1) * calls)])[: steps * d]
        for g in range(2)
    ]
    np.testing.assert_array_equal(got, np.concatenate(groups))


def test_cholesky_of_semi_definite_matrices() -> None:
    rng = np.random.default_rng(5)
    for d, rank in ((1, 1), (2, 2), (4, 4), (4, 2), (5, 1)):
        a = rng.normal(size=(d, rank, 50))
        s = np.einsum("arn,brn->abn", a, a)
        root = cholesky(s)
        np.testing.assert_allclose(np.einsum("abn,cbn->acn", root, root), s, atol=1e-7 if rank < d else 1e-12)
        assert (root[np.triu_indices(d, 1)] == 0).all()
    s = np.zeros((3, 3, 2))
    s[0, 0], s[2, 2], s[0, 2], s[2, 0] = 4.0, 5.0, 2.0, 2.0
    np.testing.assert_array_equal(cholesky(s)[..., 0], [[2, 0, 0], [0, 0, 0], [1, 0, 2]])


@dataclass
class Free:
    """Constant drift and mobility of any form."""

    mobility: Floats
    velocity: Floats
    temperature: float = 0.5
    walls: tuple[()] = ()
    retraction: tuple[()] = ()
    content: None = None

    @property
    def facts(self) -> SimpleNamespace:
        s = self.mobility if self.mobility.ndim == 1 else np.diag(self.mobility)
        return SimpleNamespace(noisy=[*np.nonzero(s)[0]])

    def drift_at(self, x: Floats, t: float) -> Floats:
        return np.broadcast_to(self.velocity[:, None], x.shape)

    def mobility_at(self, x: Floats, t: float) -> Floats:
        return np.broadcast_to(self.mobility[..., None], (*self.mobility.shape, x.shape[1]))


MOBILITIES = {
    "diagonal": np.array([1.0, 0.25, 2.0]),
    "tensor": np.array([[1.0, 0.5, 0.2], [0.5, 2.0, -0.3], [0.2, -0.3, 1.5]]),
    "with a rotation": np.array([[1.0, 0.5 + 3, 0.2], [0.5 - 3, 2.0, -0.3 + 1], [0.2, -0.3 - 1, 1.5]]),
    "semi-definite": np.diag([0.0, 0.0, 2.0]),
}


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("form", MOBILITIES)
def test_free_steps_add_their_coloured_numbers(name: str, form: str) -> None:
    mobility = MOBILITIES[form]
    system: Any = Free(mobility, np.array([1.0, -2.0, 0.0]))
    dt, first, n_steps = 0.01, 3, 9
    moved = euler_maruyama(system, np.zeros((3, N)), dt, n_steps, KEY, first, name)
    z = np.zeros((3, N))
    for k in range(first, first + n_steps):
        noisy = system.facts.noisy
        z[noisy] += numbers_of_step(NOISES[name], np.arange(N), k, len(noisy), KEY)
    symmetric = np.diag(mobility) if mobility.ndim == 1 else (mobility + mobility.T) / 2
    root = np.diag(np.sqrt(np.diag(symmetric))) if form == "semi-definite" else np.linalg.cholesky(symmetric)
    expected = system.velocity[:, None] * dt * n_steps + np.sqrt(2 * 0.5 * dt) * root @ z
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-13)


def test_a_run_in_parts_is_the_whole_run() -> None:
    system = System(energy="(x**2 - 1)**2 + y**2/2", mobility="1/(1 + x**2)", temperature=0.5, coordinates=("x", "y"))
    x = np.random.default_rng(1).normal(size=(2, 50))
    for name in NOISES:
        whole = euler_maruyama(system, x, 1e-2, 9, KEY, 0, name)
        part = euler_maruyama(system, euler_maruyama(system, x, 1e-2, 4, KEY, 0, name), 1e-2, 5, KEY, 4, name)
        np.testing.assert_array_equal(part, whole)
        assert np.abs(whole - euler_maruyama(system, x, 1e-2, 9, (12345, 67891), 0, name)).max() > 0.1
