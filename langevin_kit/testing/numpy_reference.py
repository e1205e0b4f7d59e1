"""The same run a second time, in plain NumPy: slow, without generated code, to hold the kernels against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_kit.system import System

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, ...]:
    """Philox4x32-10 on arrays of 32-bit words held in uint64."""
    c0, c1, c2, c3 = counter
    k0, k1 = (np.uint64(k) for k in key)
    for _ in range(10):
        left, right = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (right >> _32) ^ c1 ^ k0, right & _LOW, (left >> _32) ^ c3 ^ k1, left & _LOW
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & _LOW, (k1 + np.uint64(0xBB67AE85)) & _LOW
    return c0, c1, c2, c3


def normals(particles: NDArray[np.int64], call: int, key: tuple[int, int], stream: int = 0) -> Floats:
    """The two float64 normals of one generator call, (2, n): Box–Muller with NumPy's logarithm, sine and cosine."""
    p = particles.astype(np.uint64)
    constant = [np.full_like(p, word) for word in (call, stream)]
    a, b, c, d = philox((p & _LOW, p >> _32, constant[0], constant[1]), key)
    u = (((a << _32 | b) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    # Two bits choose one of four images of an octant pair; the other 62 are a signed angle in [−π/4, π/4).
    high = (c << np.uint64(2) & _LOW).astype(np.uint32).view(np.int32).astype(np.float64)
    angle = np.pi * (high * 2.0**-33 + d.astype(np.float64) * 2.0**-63)
    angle = np.where(c & np.uint64(1 << 30), np.pi / 2 - angle, angle) + np.pi * (c >> np.uint64(31)).astype(np.float64)
    radius = np.sqrt(-2.0 * np.log(u))
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)])


def euler_maruyama(
    system: System, position: Floats, time_step: float, n_steps: int, key: tuple[int, int], first: int = 0
) -> Floats:
    """Positions (d, n) after `n_steps` Euler–Maruyama steps in float64, from step `first` on."""
    x = np.array(position, np.float64)
    d, n = x.shape
    particles = np.arange(n)
    for k in range(first, first + n_steps):
        t = k * time_step
        drift = system.drift_at(x, t)
        if system.temperature:
            z = normals(particles, k * d // 2, key)
            z = z if d == 2 else z[k % 2][None]
            noise = np.sqrt(2 * system.temperature * time_step * np.einsum("aa...->a...", system.mobility_at(x, t))) * z
            x = x + drift * time_step + noise
        else:
            x = x + drift * time_step
    return x
