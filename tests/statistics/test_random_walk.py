"""Discrete noises as random walks: the exact law of the sum of their steps, by convolution; nothing is sampled.

A walk that makes dn/dt steps of covariance Σ a unit of time moves in Δt by ΔW ~ N(0, Δt (dn/dt) Σ) as dn/dt grows
while (dn/dt) Σ stays. Its distribution function is off by n^(−1/2), by the atoms of the lattice; the mean of a smooth
function only by n^(−1), or n^(−2) where the fourth cumulant of a step is 0.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from langevin_kit.kernels import noise
from langevin_kit.kernels.jit import driver

Floats = NDArray[np.float64]

SIXTH = 715827883 / 2**32
STEPS = {
    "rademacher": (np.array([0.5, 0.0, 0.5]), 1.0),
    "three_point": (np.array([SIXTH, 1 - 2 * SIXTH, SIXTH]), 3**0.5),
}
"""Probabilities of a step down, none, and up, and its length."""


def walk(name: str, n: int) -> tuple[Floats, Floats]:
    """Places and probabilities of the sum of n steps: powers of the step's law by repeated squaring."""
    step, length = STEPS[name]
    mass, square = np.array([1.0]), step
    for bit in range(n.bit_length()):
        mass = np.convolve(mass, square) if n >> bit & 1 else mass
        square = np.convolve(square, square) if n >> bit + 1 else square
    return length * np.arange(-n, n + 1), mass


def distance(x: Floats, mass: Floats) -> float:
    """The largest difference between the walk's distribution function and the normal one."""
    upper = np.cumsum(mass)
    return float(max(np.abs(upper - ndtr(x)).max(), np.abs(upper - mass - ndtr(x)).max()))


def smooth_error(name: str, n: int) -> float:
    """⟨cos(x/√n)⟩ less its value e^(−1/2) under the normal law."""
    x, mass = walk(name, n)
    return float(mass @ np.cos(x / math.sqrt(n)) - math.exp(-0.5))


@driver
def kernel_steps(out: np.ndarray) -> None:
    zero, last = np.uint32(0), np.uint32(2**32 - 1)
    out[0], out[1] = noise.rademacher_f64(last, zero), noise.rademacher_f64(zero, zero)
    out[2], out[3] = noise.three_point_f64(last, zero, zero, zero)[0], noise.three_point_f64(zero, zero, zero, zero)[0]


def test_the_steps_are_those_of_the_kernels() -> None:
    out = np.empty(4)
    kernel_steps(out)
    assert out.tolist() == [-1.0, 1.0, -(3**0.5), 3**0.5]


@pytest.mark.claim("C28")
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("rate", [100, 400, 1600])
def test_variance_is_time_times_rate_times_covariance(name: str, rate: int) -> None:
    """dn/dt = rate (1 + t) from t to t + Δt, Σ = 2/rate: the variance tends to ∫ (dn/dt) Σ dt = 2.31."""
    t, dt = 0.3, 0.77
    covariance = 2 / rate
    limit = 2 * (dt + (2 * t * dt + dt**2) / 2)

    def steps_until(time: float) -> int:
        return math.floor(rate * (time + time**2 / 2))

    n = steps_until(t + dt) - steps_until(t)
    x, mass = walk(name, n)
    variance = covariance * float(mass @ x**2)
    assert variance == pytest.approx(n * covariance, rel=1e-9)
    assert abs(variance - limit) <= 2 * covariance
    # Without dn/dt the variance would be Δt Σ, which vanishes instead.
    assert dt * covariance < 0.01 * limit


@pytest.mark.claim("C28")
def test_covariance_of_two_coordinates() -> None:
    """Σ = σσᵀ from independent signs, over all of their combinations."""
    sigma = np.array([[1.0, 0.0], [0.6, 0.8]])
    signs = np.array([[1, 1, -1, -1], [1, -1, 1, -1]])
    step = sigma @ signs
    n, rate, dt = 640, 320.0, 2.0
    # Steps are independent, so covariances add.
    np.testing.assert_allclose(n * (step @ step.T / 4), dt * rate * sigma @ sigma.T, rtol=1e-15)


@pytest.mark.claim("C28")
@pytest.mark.parametrize(("name", "limit"), [("rademacher", 2.0), ("three_point", math.sqrt(3))])
def test_distribution_is_off_by_half_an_atom(name: str, limit: float) -> None:
    """√n times the distance → h φ(0)/2 with the lattice's width h: 0.3989 for signs, 0.3455 for three points."""
    limit /= 2 * math.sqrt(2 * math.pi)
    scaled = []
    for n in (10, 40, 160, 640):
        x, mass = walk(name, n)
        if name == "rademacher":
            x, mass = x[::2], mass[::2]
        scaled.append(math.sqrt(n) * distance(x / math.sqrt(n), mass))
    errors = np.abs(np.array(scaled) - limit)
    assert errors[-1] < 1e-3 * limit
    assert (errors[1:] < 0.3 * errors[:-1]).all()


@pytest.mark.claim("C28")
@pytest.mark.parametrize(
    ("name", "order", "limit"),
    [("rademacher", 1, -2 / 24 * math.exp(-0.5)), ("three_point", 2, 6 / 720 * math.exp(-0.5))],
)
def test_smooth_means_are_off_by_the_first_cumulant_that_is_not_normal(name: str, order: int, limit: float) -> None:
    """Times n → κ₄/24 e^(−1/2) = −0.0505 for signs; κ₄ = 0 for three points, times n² → −κ₆/720 e^(−1/2) = 0.0051."""
    scaled = np.array([n**order * smooth_error(name, n) for n in (10, 40, 160)])
    errors = np.abs(scaled - limit)
    assert errors[-1] < 0.01 * abs(limit)
    assert (errors[1:] < 0.3 * errors[:-1]).all()
    if name == "rademacher":
        # The exact mean, cosⁿ(1/√n).
        assert scaled[1] == pytest.approx(40 * (math.cos(40**-0.5) ** 40 - math.exp(-0.5)), rel=1e-11)
        assert scaled[-1] == pytest.approx(-0.0506, abs=1e-4)
