r"""The Fokker–Planck operator on a grid, with the exact discrete Boltzmann law as its null vector.

.. math:: ∂_t p = ∇·[K p ∇(T \ln (p/μ) + E)]

Masses of cells jump along lattice directions e with the weights λₑ of K in units of cells (`_selling`), at rates
:math:`T λ_e\, B((E_j - E_i)/T)`, with E − T ln μ for E. Both weight functions B obey B(−u) = eᵘ B(u), so detailed
balance with q is exact, no rate is negative, and F falls. An antisymmetric part of the mobility is added by
`_circulation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, MobilityNotPositive, did_you_mean
from langevin_kit.fokker_planck._absorbing import exits
from langevin_kit.fokker_planck._circulation import circulation
from langevin_kit.fokker_planck._selling import jumps
from langevin_kit.system import Grid, System

Floats = NDArray[np.float64]


def bernoulli(u: Floats) -> Floats:
    """B(u) = u/(exp(u) − 1), 1 at u = 0 (Scharfetter & Gummel 1969): exact for a flux that is constant in a cell.

    Examples
    --------
    >>> bernoulli(np.array([0.0, 1e-9, 800.0]))
    array([1., 1., 0.])
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value = u / np.expm1(u)
    return np.where(np.abs(u) < 1e-8, 1.0 - 0.5 * u, value)


def square_root(u: Floats) -> Floats:
    """exp(−u/2): the square-root approximation (Lie, Fackeldey & Weber 2013)."""
    with np.errstate(over="ignore"):
        return np.exp(-0.5 * u)


WEIGHTS: dict[str, Callable[[Floats], Floats]] = {"scharfetter_gummel": bernoulli, "square_root": square_root}
"""How the rate of a jump depends on the rise of E/T along it."""


def weight_from(name: str) -> Callable[[Floats], Floats]:
    """Look a weight function up by its name.

    Raises
    ------
    InvalidArgument
        For an unknown name, with the nearest known one.
    """
    if name not in WEIGHTS:
        raise InvalidArgument(f"weights: got {name!r}{did_you_mean(str(name), WEIGHTS)}.")
    return WEIGHTS[name]


@dataclass(frozen=True, eq=False)
class Edges:
    """Pairs of cells between which mass jumps.

    Attributes
    ----------
    first, second : (m,)
        Numbers of the cells, in C order.
    conductance : (m,)
        T λ.
    rise : (m,)
        Of E/T − ln μ, from first to second.
    energy : (n,)
        E/T − ln μ of all cells, its minimum 0.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    conductance: Floats
    rise: Floats
    energy: Floats


def operator(
    system: System,
    grid: Grid,
    t: float = 0.0,
    *,
    weights: str = "scharfetter_gummel",
) -> sparse.csc_array:
    """Assemble M with dP/dt = M P for the cells' masses P, flattened in C order.

    No flux passes the grid's boundary, be it a reflecting wall or not, but mass leaves at absorbing walls; along a
    periodic coordinate there is no boundary.

    Parameters
    ----------
    system : System
        At temperature T > 0, of one or two coordinates.
    grid : Grid
    t : float
        Time at which E and K are taken.
    weights : str
        "scharfetter_gummel" or "square_root"; both are of second order.

    Returns
    -------
    csc_array (n, n)
        Off-diagonal entries are not negative. Without absorbing walls columns sum to zero, and M q = 0 with q = μ
        exp(−E/T); beside these, columns sum to minus the rate at which mass leaves.

    Raises
    ------
    InvalidArgument, MobilityNotPositive

    Examples
    --------
    >>> from langevin_kit.system import cells
    >>> system = System(energy="x**2/2", temperature=1.0)
    >>> m = operator(system, Grid(x=cells(-4, 4, 64)))
    >>> bool(abs(m.sum(axis=0)).max() < 1e-12)
    True
    """
    symmetric, added = parts(system, grid, t, weights)
    leaving = exits(system, grid, t, weight_from(weights))
    if leaving is not None:
        lost = leaving.by_wall(len(system.absorbers), symmetric.shape[0]).sum(axis=0)
        return sparse.csc_array(symmetric - sparse.diags_array(lost))
    if added is None:
        return symmetric
    left = np.asarray(added.sum(axis=0)).ravel()
    return sparse.csc_array(symmetric + added - sparse.diags_array(left))


def parts(system: System, grid: Grid, t: float, weights: str) -> tuple[sparse.csc_array, sparse.csc_array | None]:
    """The operator of S, and the rates of jumps by A, if there is one."""
    weight, e = weight_from(weights), edges(system, grid, t)
    rates = np.concatenate([e.conductance * weight(e.rise), e.conductance * weight(-e.rise)])
    if not np.isfinite(rates).all():
        raise InvalidArgument(
            f"energy: it rises by {np.abs(e.rise).max():.3g} T from a cell to the next, which {weights!r} cannot hold; "
            "take finer cells, a smaller grid, or weights='scharfetter_gummel'."
        )
    to, of = np.concatenate([e.second, e.first]), np.concatenate([e.first, e.second])
    n = len(e.energy)
    diagonal = np.bincount(of, rates, n)
    entries: Any = (np.concatenate([rates, -diagonal]), (np.append(to, range(n)), np.append(of, range(n))))
    symmetric = sparse.csc_array(sparse.coo_array(entries, shape=(n, n)))
    return symmetric, circulation(symmetric, system, grid, t)


def edges(system: System, grid: Grid, t: float = 0.0) -> Edges:
    """The pairs of neighbours of a grid, with what decides their rates at time t."""
    _require_supported(system, grid)
    x = grid.centers
    energy = np.asarray(system.effective_energy_at(x, t) / system.temperature)
    if not np.isfinite(energy).all():
        where = x.reshape(len(grid.names), -1)[:, int(np.argmax(~np.isfinite(energy)))]
        raise InvalidArgument(f"energy is not finite at {where.tolist()}, t = {t:g}: choose a grid where it is.")
    mobility = system.symmetric_mobility_at(x, t)
    _require_positive(mobility, grid.names, t)
    scale = grid.width.reshape(-1, *[1] * x.ndim)
    rings = [grid.names.index(system.names[a]) for a in system.walled("periodic")]
    energy, parts = energy.ravel(), []
    for offset, weight in jumps(mobility / (scale * scale.swapaxes(0, 1))):
        here, there = _pairs(grid.shape, offset, rings)
        mean = 0.5 * system.temperature * (weight.ravel()[here] + weight.ravel()[there])
        used = mean > 0
        parts.append((here[used], there[used], mean[used]))
    first, second, conductance = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Edges(first, second, conductance, energy[second] - energy[first], energy - energy.min())


def _pairs(
    shape: tuple[int, ...], offset: Sequence[int], rings: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the cells that have a neighbour at an offset, and of these neighbours."""
    target = np.indices(shape).reshape(len(shape), -1)
    inside = np.ones(target.shape[1], bool)
    for axis, (n, step) in enumerate(zip(shape, offset, strict=True)):
        target[axis] += step
        if axis in rings:
            target[axis] %= n
        else:
            inside &= (target[axis] >= 0) & (target[axis] < n)
    here = np.flatnonzero(inside)
    return here, np.ravel_multi_index(tuple(target[:, here]), shape)


def _require_positive(mobility: Floats, names: Sequence[str], t: float) -> None:
    for a, name in enumerate(names):
        if not (mobility[a, a] >= 0).all():
            low = float(mobility[a, a].min())
            raise MobilityNotPositive(f"mobility of {name!r} is {low:.6g} on the grid at t = {t:g}.")
    if len(names) == 2:
        round_off = 1e-12 * (mobility[0, 0] + mobility[1, 1]) ** 2
        determinant = mobility[0, 0] * mobility[1, 1] - mobility[0, 1] ** 2
        if not (determinant >= -round_off).all():
            raise MobilityNotPositive(f"mobility is indefinite on the grid at t = {t:g}: det K is negative.")


def _require_supported(system: System, grid: Grid) -> None:
    """Refuse what two-point fluxes would leave out."""
    if system.temperature == 0.0:
        raise InvalidArgument("temperature 0: the Fokker–Planck operator needs T > 0.")
    if system.is_dense or system.n_dim > 2:
        raise InvalidArgument(f"system: got {system.n_dim} coordinates; a Fokker–Planck grid has one or two.")
    grid.check(tuple(system.names), "grid")
    if system.facts.has_ensemble_mobility:
        raise InvalidArgument(
            "system: the Fokker–Planck equation of a mobility that is the ensemble's covariance is not linear in p; "
            "`system.frozen(positions)` has the mobility of a given ensemble."
        )
    if system.facts.has_drift:
        raise InvalidArgument("system: the Fokker–Planck grid does not take an extra drift in this version.")
    walls = map(system.walls.get, grid.names)
    for name, low, high, wall in zip(grid.names, grid.lower, grid.upper, walls, strict=True):
        if wall is None:
            continue
        if wall.kind == "periodic" and (low, high) != (wall.lower, wall.upper):
            raise InvalidArgument(
                f"grid: {name} goes from {low:g} to {high:g}; its ring goes from {wall.lower:g} to {wall.upper:g}, and "
                "all of it is needed."
            )
        ends = {"lower": low, "upper": high}
        if any(ends[side] != getattr(wall, side) for side in wall.sides("absorbing")):
            raise InvalidArgument(
                f"grid: {name} goes from {low:g} to {high:g}; let it end at the absorbing walls, {wall.lower:g} and "
                f"{wall.upper:g}, where these are finite."
            )
        if low < wall.lower or high > wall.upper:
            raise InvalidArgument(
                f"grid: {name} goes from {low:g} to {high:g}, beyond its walls at {wall.lower:g} and {wall.upper:g}; "
                "let it end at them."
            )
