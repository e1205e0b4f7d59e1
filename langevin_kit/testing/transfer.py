"""The law of a scheme itself, without sampling: an oracle for its bias.

On the torus [0, 2π)ᵈ the transfer operator of one step is Gauss–Hermite quadrature over the noise times trigonometric
interpolation in space: its powers give expectations at any time, and its left null vector the law that the scheme
samples in the end, exact to the quadrature.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Step = Callable[[Floats, Floats], Floats]


def transfer_operator(step: Step, d: int, points: int, nodes: int) -> tuple[Floats, Floats]:
    """The operator P of one step on a uniform grid of the torus: (Pf)(x) = E[f(x′) | x].

    Parameters
    ----------
    step : callable
        step(x, z) → x', all (d, n): one step of the scheme with the normals z.
    d : int
        One or two.
    points, nodes : int
        Grid points (even) and quadrature nodes for each coordinate.

    Returns
    -------
    x : (d, points**d)
    operator : (points**d, points**d)
        From the values of f on the grid to those of Pf.
    """
    axis = 2 * np.pi * np.arange(points) / points
    x = np.stack(np.meshgrid(*[axis] * d, indexing="ij")).reshape(d, -1)
    node, weight = np.polynomial.hermite_e.hermegauss(nodes)
    z = np.stack(np.meshgrid(*[node] * d, indexing="ij")).reshape(d, -1)
    w = np.prod(np.stack(np.meshgrid(*[weight / weight.sum()] * d, indexing="ij")).reshape(d, -1), axis=0)
    n = x.shape[1]
    operator = np.empty((n, n))
    for i in range(n):
        y = step(np.repeat(x[:, i : i + 1], z.shape[1], axis=1), z)
        rows = [interpolation(y[a], axis) for a in range(d)]
        operator[i] = w @ rows[0] if d == 1 else ((rows[0] * w[:, None]).T @ rows[1]).ravel()
    return x, operator


def stationary_law(step: Step, d: int, points: int, nodes: int) -> tuple[Floats, Floats]:
    """Masses of the stationary law on a uniform grid of the torus.

    Parameters
    ----------
    step, d, points, nodes
        As of `transfer_operator`.

    Returns
    -------
    x : (d, points**d)
    mass : (points**d,)
        Adding up to one.
    """
    x, operator = transfer_operator(step, d, points, nodes)
    n = x.shape[1]
    system = operator.T - np.eye(n)
    system[-1] = 1.0
    return x, np.linalg.solve(system, np.eye(n)[-1])


def interpolation(y: Floats, axis: Floats) -> Floats:
    """Rows r with f(y) = Σ r_m f(x_m) for trigonometric polynomials f."""
    half = (y[:, None] - axis) / 2
    near = np.abs(np.sin(half)) < 1e-13
    tangent = np.tan(np.where(near, 1.0, half))
    return np.asarray(np.where(near, 1.0, np.sin(len(axis) * half) / (len(axis) * tangent)))
