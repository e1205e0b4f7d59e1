"""Steps of dP/dt = M(t) P, and the solution itself where M is constant and the grid a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import splu

from langevin_kit.fokker_planck.operator import Edges

Floats = NDArray[np.float64]

MOST_CELLS = 2048
"""Of a line whose matrix is diagonalised."""

ROUND_OFF = 1e-10
"""Error, of all mass, that eigenvectors may leave: they are scaled by √q, which is small far from the wells."""


class Resolvent:
    """(1 − c M(t))⁻¹, which keeps mass and sign; factored once for each c if nothing depends on time.

    Parameters
    ----------
    matrix : callable
        M(t).
    constant : bool
        Whether it is the same at all times.
    """

    def __init__(self, matrix: Callable[[float], sparse.csc_array], constant: bool) -> None:
        self._matrix = matrix
        self._constant = constant
        self._factored: dict[tuple[float, float], Any] = {}

    def __call__(self, t: float, c: float, mass: Floats) -> Floats:
        """Solve (1 − c M(t)) P = mass."""
        key = (0.0 if self._constant else t, c)
        if key not in self._factored:
            if not self._constant:
                self._factored.clear()
            shifted = sparse.csc_array(sparse.eye_array(len(mass)) - c * self._matrix(t))
            # The pattern is symmetric and no pivot is needed: columns are diagonally dominant.
            options = {"SymmetricMode": True, "DiagPivotThresh": 0.0}
            self._factored[key] = splu(shifted, permc_spec="MMD_AT_PLUS_A", options=options)
        solution: Floats = self._factored[key].solve(mass)
        return solution


def implicit_euler(resolvent: Resolvent, mass: Floats, t: float, dt: float) -> Floats:
    """First order; keeps mass and sign, and for a constant M makes F fall, whatever the step."""
    return resolvent(t + dt, dt, mass)


_GAMMA = 1 - np.sqrt(0.5)


def sdirk2(resolvent: Resolvent, mass: Floats, t: float, dt: float) -> Floats:
    """Second order and L-stable, two solutions a step (Alexander, SIAM J. Numer. Anal. 14, 1006 (1977)).

    A step that would leave negative masses, as one that is long against how fast a narrow density spreads, is made by
    implicit Euler.
    """
    c = _GAMMA * dt
    stage = resolvent(t + c, c, mass)
    end = resolvent(t + dt, c, mass + (1 - _GAMMA) / _GAMMA * (stage - mass))
    return end if end.min() >= -np.finfo(float).eps * end.max() else implicit_euler(resolvent, mass, t, dt)


STEPPERS: dict[str, Callable[[Resolvent, Floats, float, float], Floats]] = {
    "implicit_euler": implicit_euler,
    "sdirk2": sdirk2,
}


def by_eigenvectors(
    edges: Edges, weight: Callable[[Floats], Floats], mass: Floats, times: Floats, lost: Floats | None = None
) -> Floats:
    r"""Masses at times from the first on, exact in time.

    With s = √q, :math:`H = s^{-1} M s` is symmetric and :math:`P(t) = s\, V e^{Λt} V^T s^{-1} P(0)`. `lost` are the
    rates at which mass leaves each cell; None if all of it stays.
    """
    n = len(mass)
    h = np.zeros((n, n))
    between = edges.conductance * np.sqrt(weight(edges.rise) * weight(-edges.rise))
    np.add.at(h, (edges.first, edges.second), between)
    np.add.at(h, (edges.second, edges.first), between)
    np.fill_diagonal(
        h,
        -np.bincount(edges.first, edges.conductance * weight(edges.rise), n)
        - np.bincount(edges.second, edges.conductance * weight(-edges.rise), n)
        - (0.0 if lost is None else lost),
    )
    values, vectors = eigh(h)
    s = np.exp(-0.5 * edges.energy)
    if lost is None:
        values[-1] = 0.0  # that of the Boltzmann law
        vectors[:, -1] = s / np.linalg.norm(s)
    start = vectors.T @ (mass / s)
    rows = s * (np.exp(np.multiply.outer(times - times[0], np.minimum(values, 0.0))) * start @ vectors.T)
    rows[0] = mass
    rows = np.maximum(rows, 0.0)
    return rows if lost is not None else np.asarray(rows / rows.sum(axis=1, keepdims=True))


def amplification(edges: Edges, mass: Floats) -> float:
    """The error, relative to all mass, that round-off leaves in `by_eigenvectors`."""
    with np.errstate(over="ignore"):
        return float(np.finfo(float).eps * np.linalg.norm(mass * np.exp(0.5 * edges.energy)))
