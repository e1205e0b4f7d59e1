"""The law of a scheme itself, without sampling: an oracle for its bias.

On a torus the transfer operator of one step is Gauss–Hermite quadrature over the noise times trigonometric
interpolation in space: its powers give expectations at any time, and its left null vector the law that the scheme
samples in the end, exact to the quadrature. Beside it stands the generator of the equation itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Step = Callable[[Floats, Floats], Floats]

AT_ONCE = 2**20
"""Numbers of one array, about."""


@dataclass(frozen=True)
class Torus:
    """A domain that is periodic in every coordinate.

    Attributes
    ----------
    lower, period : tuple of float
        Where each coordinate's domain begins, and how long it is.
    """

    lower: tuple[float, ...]
    period: tuple[float, ...]

    @classmethod
    def of_circles(cls, d: int) -> Torus:
        """[0, 2π)ᵈ."""
        return cls((0.0,) * d, (2 * np.pi,) * d)

    def axes(self, points: int) -> list[Floats]:
        """So many places along each coordinate."""
        share = np.arange(points) / points
        return [low + length * share for low, length in zip(self.lower, self.period, strict=True)]

    def grid(self, points: int) -> Floats:
        """All of them, (d, points**d)."""
        return _product(self.axes(points))

    def rows(self, y: Floats, points: int) -> Floats:
        """Rows (n, points**d) that interpolate a function on the grid at the places y (d, n)."""
        product = np.ones((y.shape[1], 1))
        for place, axis, length in zip(y, self.axes(points), self.period, strict=True):
            product = (product[:, :, None] * interpolation(place, axis, length)[:, None]).reshape(len(place), -1)
        return product


def transfer_operator(
    step: Step, d: int, points: int, nodes: int, *, torus: Torus | None = None, numbers: int | None = None
) -> tuple[Floats, Floats]:
    """The operator P of one step on a uniform grid of the torus: (Pf)(x) = E[f(x′) | x].

    Parameters
    ----------
    step : callable
        step(x, z) → x', (d, n): one step of the scheme with the normals z (numbers, n).
    d : int
        One or two.
    points, nodes : int
        Grid points (even) for each coordinate, and quadrature nodes for each normal; two nodes are Rademacher's law
        itself, and three the three-point law.
    torus : Torus, optional
        The domain; [0, 2π)ᵈ if left out.
    numbers : int, optional
        Normals of a step; one a coordinate if left out.

    Returns
    -------
    x : (d, points**d)
    operator : (points**d, points**d)
        From the values of f on the grid to those of Pf.
    """
    torus, numbers = torus or Torus.of_circles(d), numbers or d
    axes, x = torus.axes(points), torus.grid(points)
    node, weight = np.polynomial.hermite_e.hermegauss(nodes)
    z, w = _product([node] * numbers), _product([weight / weight.sum()] * numbers).prod(axis=0)
    operator = np.empty((x.shape[1], x.shape[1]))
    for part in np.array_split(np.arange(x.shape[1]), -(-x.shape[1] * w.size * points // AT_ONCE)):
        y = step(np.repeat(x[:, part], w.size, axis=1), np.tile(z, len(part)))
        rows = [interpolation(y[a], axes[a], torus.period[a]).reshape(len(part), w.size, points) for a in range(d)]
        weighted = (rows[0] * w[:, None]).swapaxes(1, 2)
        operator[part] = weighted.sum(axis=2) if d == 1 else (weighted @ rows[1]).reshape(len(part), -1)
    return x, operator


def stationary_law(
    step: Step, d: int, points: int, nodes: int, *, torus: Torus | None = None, numbers: int | None = None
) -> tuple[Floats, Floats]:
    """Masses of the stationary law on a uniform grid of the torus.

    Parameters
    ----------
    step, d, points, nodes, torus, numbers
        As of `transfer_operator`.

    Returns
    -------
    x : (d, points**d)
    mass : (points**d,)
        Adding up to one.
    """
    x, operator = transfer_operator(step, d, points, nodes, torus=torus, numbers=numbers)
    return x, kept_by(operator - np.eye(x.shape[1]))


def kept_by(change: Floats) -> Floats:
    """Masses that add up to one, of the law that an operator (n, n) on functions, or on laws from the left, annuls."""
    system = change.T.copy()
    system[-1] = 1.0
    return np.asarray(np.linalg.solve(system, np.eye(len(system))[-1]))


def generator(drift: Floats, diffusion: Floats, points: int, torus: Torus) -> Floats:
    r"""The generator of an equation on a torus, with trigonometric derivatives.

    .. math:: L f = b^a ∂_a f + D^{ab} ∂_a ∂_b f

    :math:`e^{tL}` gives expectations at a time t, and the left null vector the stationary law.

    Parameters
    ----------
    drift : (d, points**d)
        b on the grid.
    diffusion : (d, d, points**d)
        D = T S there.
    points : int
        Of each coordinate, one or two.

    Returns
    -------
    (points**d, points**d)
    """
    d, n = drift.shape
    slopes = [_derivative(points, length, 1) for length in torus.period]
    operator, one = np.zeros((n, n)), np.eye(points)
    for a, length in enumerate(torus.period):
        for coefficient, slope in ((drift[a], slopes[a]), (diffusion[a, a], _derivative(points, length, 2))):
            operator += coefficient[:, None] * (
                slope if d == 1 else np.kron(*((slope, one) if a == 0 else (one, slope)))
            )
    if d == 2:
        operator += 2 * diffusion[0, 1][:, None] * np.kron(*slopes)
    return operator


def interpolation(y: Floats, axis: Floats, period: float = 2 * np.pi) -> Floats:
    """Rows r with f(y) = Σ r_m f(x_m) for trigonometric polynomials f of one period."""
    half = (y[:, None] - axis) * (np.pi / period)
    near = np.abs(np.sin(half)) < 1e-13
    tangent = np.tan(np.where(near, 1.0, half))
    return np.asarray(np.where(near, 1.0, np.sin(len(axis) * half) / (len(axis) * tangent)))


def _derivative(points: int, period: float, order: int) -> Floats:
    k = np.fft.fftfreq(points, 1 / points)
    if order == 1:
        k[points // 2] = 0.0  # on the grid the highest cosine has no slope
    factor = (2j * np.pi * k / period) ** order
    return np.asarray(np.fft.ifft(factor[:, None] * np.fft.fft(np.eye(points), axis=0), axis=0).real)


def _product(axes: Sequence[Floats]) -> Floats:
    return np.stack(np.meshgrid(*axes, indexing="ij")).reshape(len(axes), -1)
