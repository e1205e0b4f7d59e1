"""Drift and noise factor of every model as one would write them for NumPy or JAX; `test_by_hand.py` compares them."""

from __future__ import annotations

from typing import Any

from models import MULLER_BROWN, SLOPE, network

Rows = tuple[Any, ...]


def drift_and_factor(np: Any, name: str, x: Any, temperature: float) -> tuple[Rows, Rows]:
    """−K∇E + T∇·K, and the lower triangle of the Cholesky factor of K, row by row; no factor where K = 1.

    Parameters
    ----------
    np : module
        `numpy` or `jax.numpy`.
    x : (d, n)
    """
    return _MODELS[name](np, x, temperature)


def _double_well(np: Any, x: Any, T: float) -> tuple[Rows, Rows]:
    q = x[0]
    return (-4 * q * (q * q - 1),), ()


def _muller_brown(np: Any, x: Any, T: float) -> tuple[Rows, Rows]:
    p, q = x
    gx, gy = 0.0, 0.0
    for A, a, b, c, u, v in MULLER_BROWN:
        dx, dy = p - u, q - v
        e = A * np.exp(a * dx * dx + b * dx * dy + c * dy * dy)
        gx = gx + e * (2 * a * dx + b * dy)
        gy = gy + e * (b * dx + 2 * c * dy)
    kx, ky = 1 / (1 + p * p), 1 / (1 + q * q)
    drift = -2 * T * p * kx * kx - kx * gx, -2 * T * q * ky * ky - ky * gy
    return drift, (np.sqrt(kx), 0.0, np.sqrt(ky))


def _network(np: Any, x: Any, T: float) -> tuple[Rows, Rows]:
    U, I = (np.asarray(a, x.dtype) for a in network())  # noqa: E741  (the inputs' usual name)
    return (U @ np.where(x > 0, x, SLOPE * x) - x + I[:, None],), ()


def _correlated(np: Any, x: Any, T: float) -> tuple[Rows, Rows]:
    p, q = x
    px, py = 1 / (1 + p * p), 1 / (1 + q * q)
    k11, k12, k22 = px + 0.2, 0.3 * p * q * px * py, py + 0.2
    d1 = -2 * p * px * px + 0.3 * p * px * (1 - q * q) * py * py
    d2 = 0.3 * q * py * (1 - p * p) * px * px - 2 * q * py * py
    return _full(np, (k11, k12, k22), (d1, d2), (4 * p * (p * p - 1), q), T)


def _diagonal(np: Any, x: Any, T: float) -> tuple[Rows, Rows]:
    p, q = x
    s, r = 1 / (1 + p * p + q * q), 1 / (1 + q * q)
    k11, k22 = 0.5 + s, 0.5 + r
    gx, gy = 4 * p * (p * p - 1) + q / 2, p / 2 + 2 * q
    drift = -2 * T * p * s * s - k11 * gx, -2 * T * q * r * r - k22 * gy
    return drift, (np.sqrt(k11), 0.0, np.sqrt(k22))


def _tensor(np: Any, x: Any, T: float) -> tuple[Rows, Rows]:
    p, q = x
    s = 1 / (1 + p * p + q * q)
    k11, k12, k22 = 1 + p * p * s, p * q * s / 2, 1 + q * q * s
    # ∂x(x² s) + ∂y(x y s)/2, and the same with x and y exchanged.
    d1 = 2 * p * s - 2 * p * p * p * s * s + p * s / 2 - p * q * q * s * s
    d2 = 2 * q * s - 2 * q * q * q * s * s + q * s / 2 - q * p * p * s * s
    return _full(np, (k11, k12, k22), (d1, d2), (4 * p * (p * p - 1) + q / 2, p / 2 + 2 * q), T)


def _full(np: Any, k: Rows, divergence: Rows, gradient: Rows, T: float) -> tuple[Rows, Rows]:
    (k11, k12, k22), (d1, d2), (gx, gy) = k, divergence, gradient
    l11 = np.sqrt(k11)
    l21 = k12 / l11
    drift = T * d1 - (k11 * gx + k12 * gy), T * d2 - (k12 * gx + k22 * gy)
    return drift, (l11, l21, np.sqrt(k22 - l21 * l21))


_MODELS = {
    "W1": _double_well,
    "W2": _muller_brown,
    "W3": _network,
    "W4": _correlated,
    "P1": _double_well,
    "P2": _diagonal,
    "P4": _tensor,
}
