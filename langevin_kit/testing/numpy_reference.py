"""The same run a second time, in plain NumPy: slow, without generated code, to hold the kernels against."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from langevin_kit.schemes import Noise, noise_from
from langevin_kit.system import System
from langevin_kit.system.dense import Vector

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_SIXTH = np.uint64(715827883)


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, ...]:
    """Philox4x32-10 on arrays of 32-bit words held in uint64."""
    c0, c1, c2, c3 = counter
    k0, k1 = (np.uint64(k) for k in key)
    for _ in range(10):
        left, right = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (right >> _32) ^ c1 ^ k0, right & _LOW, (left >> _32) ^ c3 ^ k1, left & _LOW
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & _LOW, (k1 + np.uint64(0xBB67AE85)) & _LOW
    return c0, c1, c2, c3


def draws(noise: str | Noise, particles: NDArray[np.int64], call: int, key: tuple[int, int], stream: int = 0) -> Floats:
    """The numbers that one generator call gives a float64 state, (numbers, n), by NumPy's own functions.

    They equal those of `langevin_kit.kernels.noise` bit for bit where the noise is discrete, to rounding in float64 for
    53-bit normals, and to rounding in float32 for those of 32 bits.

    Parameters
    ----------
    noise : str or Noise
        A row of `langevin_kit.schemes.NOISES` or its name.
    particles : (n,)
        Global particle numbers.
    call, key, stream
        The rest of the generator's address.

    Examples
    --------
    >>> draws("rademacher", np.arange(5), 0, (1, 2)).shape
    (128, 5)
    """
    p = particles.astype(np.uint64)
    constant = [np.full_like(p, word) for word in (call, stream)]
    words = philox((p & _LOW, p >> _32, constant[0], constant[1]), key)
    match noise_from(noise).kernel["float64"]:
        case "gaussian_f64":
            return _normals_53(*words)
        case "gaussian_f32_as_f64":
            return np.concatenate([_normals_32(*words[:2]), _normals_32(*words[2:])])
        case "three_point_f64":
            up, down = ([word < _SIXTH for word in words], [word >= np.uint64(2**32) - _SIXTH for word in words])
            return np.asarray(math.sqrt(3) * (np.array(up, np.float64) - np.array(down, np.float64)))
    shift = np.arange(32, dtype=np.uint64)[:, None]
    return np.concatenate([1.0 - 2.0 * (word >> shift & np.uint64(1)) for word in words])


def normals(particles: NDArray[np.int64], call: int, key: tuple[int, int], stream: int = 0) -> Floats:
    """The two float64 normals of one generator call, (2, n): Box–Muller with NumPy's logarithm, sine and cosine."""
    return draws("gaussian", particles, call, key, stream)


def _normals_53(a: Words, b: Words, c: Words, d: Words) -> Floats:
    u = (((a << _32 | b) >> np.uint64(11)).astype(np.float64) + 1) * 2.0**-53
    return _pair(u, c, d.astype(np.float64) * 2.0**-63)


def _normals_32(a: Words, b: Words) -> Floats:
    # Rounded as the kernel rounds: near u = 1 that rounding decides the radius.
    u = (a.astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)).astype(np.float64)
    return _pair(u, b, np.zeros(b.shape))


def _pair(u: Floats, c: Words, low: Floats) -> Floats:
    # Two bits choose one of four images of an octant pair; the other 30, and `low`, are a signed angle in [−π/4, π/4).
    high = (c << np.uint64(2) & _LOW).astype(np.uint32).view(np.int32).astype(np.float64)
    angle = np.pi * (high * 2.0**-33 + low)
    angle = np.where(c & np.uint64(1 << 30), np.pi / 2 - angle, angle) + np.pi * (c >> np.uint64(31)).astype(np.float64)
    radius = np.sqrt(-2.0 * np.log(u))
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)])


def numbers_of_step(noise: Noise, particles: NDArray[np.int64], step: int, d: int, key: tuple[int, int]) -> Floats:
    """The d numbers of one step, (d, n).

    Steps that use c whole calls together take their numbers in turn. A call of bits serves whole steps only.
    """
    n = noise.per_call["float64"]
    if noise.takes == "bit":
        steps, calls = n // d, 1
    else:
        steps = next(g for g in range(1, n + 1) if g * d % n == 0)
        calls = steps * d // n
    first = step % steps * d
    wanted = range(first // n, (first + d - 1) // n + 1)
    rows = np.concatenate([draws(noise, particles, step // steps * calls + j, key) for j in wanted])
    return rows[first - wanted[0] * n :][:d]


def cholesky(s: Floats) -> Floats:
    """Lower triangular L with L Lᵀ = S for S ⪰ 0 of shape (d, d, n); a column whose pivot is round-off is 0."""
    root = np.zeros_like(s)
    for j in range(len(s)):
        pivot = s[j, j] - np.sum(root[j, :j] ** 2, axis=0)
        pivot = np.sqrt(np.where(pivot > 2.0**-48 * s[j, j], pivot, 0.0))
        root[j, j] = pivot
        for i in range(j + 1, len(s)):
            rest = s[i, j] - np.sum(root[i, :j] * root[j, :j], axis=0)
            root[i, j] = np.divide(rest, pivot, out=np.zeros_like(rest), where=pivot > 0)
    return root


def euler_maruyama(
    system: System,
    position: Floats,
    time_step: float,
    n_steps: int,
    key: tuple[int, int],
    first: int = 0,
    noise: str | Noise = "gaussian",
) -> Floats:
    """Positions (d, n) after `n_steps` Euler–Maruyama steps in float64, from step `first` on.

    The drift is `system.drift_at`; the noise is √(2TΔt) L ζ with the Cholesky factor L of the symmetric part of
    `system.mobility_at`, or with the roots that a vector system has. Walls turn particles back along the co-normal,
    periodic coordinates go round, and vectors return to their manifold.
    """
    x = np.array(position, np.float64)
    particles, noisy = np.arange(x.shape[1]), [*system.facts.noisy]
    for k in range(first, first + n_steps):
        t = k * time_step
        drift, before = system.drift_at(x, t), x
        if system.temperature:
            z = np.zeros_like(x)
            z[noisy] = numbers_of_step(noise_from(noise), particles, k, len(noisy), key)
            amplitude = np.sqrt(2 * system.temperature * time_step)
            x = x + drift * time_step + amplitude * _coloured(system, x, t, z)
        else:
            x = x + drift * time_step
        x = _within(system, before, x, t) if system.walls else x
        x = system.retracted(x) if system.retraction else x
    return x


def _within(system: System, before: Floats, x: Floats, t: float) -> Floats:
    """Positions after walls: reflected along S n, S of a point of the wall that S of the step's beginning leads to."""
    mirrors, periodic = system.walled("reflecting"), list(system.walled("periodic"))
    if mirrors:
        at_wall = _pushed(system, x, system.mobility_at(before, t), 1.0)
        s = system.mobility_at(at_wall, t)
        for _ in range(64):
            x = _pushed(system, x, s, 2.0)
    lower, upper = (bound[periodic, None] for bound in (system.lower, system.upper))
    x[periodic] = lower + np.mod(x[periodic] - lower, upper - lower)
    return x


def _pushed(system: System, x: Floats, s: Floats, share: float) -> Floats:
    """Each wall in turn moves what is beyond it along the co-normal: 1 to the wall, 2 to the mirror image."""
    for a in system.walled("reflecting"):
        beyond = np.clip(x[a], system.lower[a], system.upper[a]) - x[a]
        x = x + share * beyond * s[:, a] / s[a, a]
    return x


def _coloured(system: System, x: Floats, t: float, z: Floats) -> Floats:
    if isinstance(system.content, Vector) and system.content.derived.roots:
        return system.content.derived.noise_at(x, z, t)
    mobility = system.mobility_at(x, t)
    if mobility.ndim == z.ndim:
        return np.asarray(np.sqrt(mobility) * z)
    root = cholesky((mobility + mobility.swapaxes(0, 1)) / 2)
    return np.asarray(np.einsum("ab...,b...->a...", root, z))
