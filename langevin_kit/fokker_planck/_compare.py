r"""`compare`: an ensemble against the density that it must have.

The counts of N independent particles in bins of mass :math:`p_b` are multinomial. Pearson's χ² over bins of nearly
equal mass, at two widths, and on a line Kolmogorov's distance are looked at for each time, with Holm's correction over
all of them. A run has the error of its time step, and a grid that of its cells: where both were halved once, the errors
are known, δ in each bin, and χ² is held against the noncentral law with :math:`λ = N \sum_b δ_b^2 / p_b`.

Where walls absorb, the living are held against the density of the living, and their number against what is left of the
density's mass, with a normal law's p-value.

What chance adds to λ is known where the runs at both time steps kept the positions of some particles: a share
:math:`m_b` of them is in bin b in one run only, which adds :math:`4 \sum_b m_b / p_b` in the mean. That is taken away
and twice λ's standard error added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate import Verdict
from langevin_kit.estimate.binned import BINS, Bins, equal_mass_bins
from langevin_kit.fokker_planck._cells import grid_of
from langevin_kit.fokker_planck._survival import loses, survival_tests
from langevin_kit.system import Grid, cells

Floats = NDArray[np.float64]

COARSE = {1: 16, 2: 8}
"""Bins an axis of the coarse χ², by number of coordinates: it sees broad deviations, which many bins drown out."""

CONSISTENT, WITHIN, INCONSISTENT = (
    "consistent",
    "consistent within the stated discretisation error",
    "inconsistent",
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    verdict : Verdict
        "consistent", "consistent within the stated discretisation error" or "inconsistent", with the reason.
    table : Dataset
        For each time and test: ``statistic``, ``p_value``, the same after Holm's correction (``p_adjusted``), the
        discretisation error in the test's own terms (``error``: λ of χ², a distance for Kolmogorov's) and the p-values
        that allow for it (``p_within``, ``p_within_adjusted``). For each time ``l1``, the distance Σ|n/N − p| over the
        fine bins, and ``l1_expected`` from N particles of the density.
    """

    verdict: Verdict
    table: xr.Dataset

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "verdict": self.verdict.state,
            "reason": self.verdict.reason,
            "coordinates": {name: array.values.tolist() for name, array in self.table.coords.items()},
            "table": {str(name): array.values.tolist() for name, array in self.table.data_vars.items()},
        }


def compare(
    ds: xr.Dataset,
    density: xr.DataArray,
    *,
    halved: xr.Dataset | None = None,
    whole: xr.Dataset | None = None,
    other: xr.DataArray | None = None,
    alarm: float = 1e-3,
) -> Comparison:
    """Test whether a run has the density of its Fokker–Planck equation.

    Parameters
    ----------
    ds : Dataset
        A run with a histogram in one or two coordinates, at the density's times.
    density : DataArray (time, *coordinates)
        What `evolve` gave for the run's own start, on a grid between the bounds of the run's histogram. The number of
        its cells along each axis divides that of the histogram, or is a multiple of it.
    halved : Dataset, optional
        The same run with half the time step, along the same Brownian paths
        (``scheme=EulerMaruyama(halved=True)``): tells the error of the time step. Where both runs kept the positions
        of the same particles, what chance adds to that error is known and taken away.
    whole : Dataset, optional
        A run whose difference to `halved` is the error of the time step, if it is not `ds` itself: such as `ds` run
        again, where it is not sure that `ds` is a run of the system that it names.
    other : DataArray, optional
        The density on cells of half or twice the width: tells the error of the grid.
    alarm : float
        Probability that a run which has exactly this density is called inconsistent, over all times and tests.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidArgument
        If times or cells do not fit.

    Notes
    -----
    The saved time at which the density begins is not tested. Particles must be independent, as those of `simulate` are.
    A run from an array of positions has less scatter than independent draws: p-values are then too large, if anything.

    The run's law is off by δ = 2 (n − n′)/N, the density by a third of its difference to that on cells twice as wide:
    errors of first and of second order. Chance adds to the first estimate: without positions `error` is too large.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> from langevin_kit.fokker_planck import evolve
    >>> system, start = lk.System(energy="x**2/2", temperature=1.0), lk.initial.gaussian([1.0], 0.25)
    >>> ds = lk.simulate(system, initial=start, n_particles=20_000, time_step=0.002, n_steps=500, save_every=250, rng=1)
    >>> density = evolve(system, ds.langevin.grid, initial=start, times=ds.time)
    >>> compare(ds, density).verdict.state
    'consistent'
    """
    counts, mass = _aligned(ds, density)
    later = slice(1, None)
    whole = ds if whole is None else whole
    partners = _partners(whole, halved, density)
    bias = _step_error(whole, density, halved) - _grid_error(density, mass, other)
    rows = [
        _tests(c, p, b, pair)
        for c, p, b, pair in zip(
            counts[later], mass[later], np.broadcast_to(bias, mass.shape)[later], partners[later], strict=True
        )
    ]
    if loses(density):
        shares = [
            None if run is None else np.array([float(run.survival[_row_at(run, float(t))]) for t in density.time])
            for run in (ds, whole, halved)
        ]
        for row, test in zip(rows, survival_tests(shares, density, other, int(counts[0].sum())), strict=True):
            row.tests["survival"] = test
    if not rows:
        raise InvalidArgument("compare: the density has one time, at which it begins; give later ones of the run.")
    names = list(rows[0].tests)
    columns = ("statistic", "dof", "p_value", "error", "p_within")
    values = np.array([[row.tests[name] for name in names] for row in rows])
    table = xr.Dataset(
        {column: (("time", "test"), values[..., k]) for k, column in enumerate(columns)},
        {"time": density.time[later], "test": names},
    )
    for column in ("p_value", "p_within"):
        table[column.replace("_value", "") + "_adjusted"] = table[column].copy(data=holm(table[column].values))
    table["l1"] = "time", [row.l1 for row in rows]
    table["l1_expected"] = "time", [row.l1_expected for row in rows]
    return Comparison(
        _verdict(table, {"the time step": halved is not None, "the cells": other is not None}, alarm), table
    )


@dataclass(frozen=True, eq=False)
class Residuals:
    """One time of a run beside a density, on common cells.

    Attributes
    ----------
    edges : sequence of arrays
        Of the cells along each axis.
    n : int
        Particles of the run, be they alive or not.
    count : (cells…)
        Particles.
    label : (cells…)
        The bin of nearly equal mass that each cell belongs to.
    z : (cells…)
        (n − N p)/√(N p (1 − p)) of that bin.
    """

    edges: list[Floats]
    n: int
    count: NDArray[np.int64]
    label: NDArray[np.int64]
    z: Floats


def residuals(ds: xr.Dataset, density: xr.DataArray) -> list[Residuals]:
    """What differs between a run and a density, at its times from the second on; arguments as in `compare`."""
    counts, masses = _aligned(ds, density)
    whole = grid_of(density)
    edges = [np.linspace(a, b, n + 1) for a, b, n in zip(whole.lower, whole.upper, counts.shape[1:], strict=True)]
    rows = []
    for count, mass in zip(counts[1:], masses[1:], strict=True):
        n = max(int(count.sum()), 1)
        bins = equal_mass_bins(mass, n)
        seen = np.bincount(bins.label.ravel(), count.ravel(), len(bins.mass))
        z = (seen - n * bins.mass) / np.sqrt(n * bins.mass * (1 - bins.mass))
        rows.append(Residuals(edges, int(counts[0].sum()), count, bins.label, z[bins.label]))
    return rows


def holm(p: Floats) -> Floats:
    """P-values of any shape, corrected for their number (Holm, Scand. J. Stat. 6, 65 (1979)).

    Examples
    --------
    >>> holm(np.array([0.01, 0.5, 0.02]))
    array([0.03, 0.5 , 0.04])
    """
    order = np.argsort(p, axis=None)
    scaled = np.maximum.accumulate(p.ravel()[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted.reshape(p.shape)


@dataclass(frozen=True)
class _Row:
    """The tests of one time: statistic, degrees of freedom, p, error, p within it."""

    tests: dict[str, tuple[float, ...]]
    l1: float
    l1_expected: float


def _tests(count: NDArray[np.int64], mass: Floats, bias: Floats, partners: _Pair) -> _Row:
    from scipy.special import chdtrc, chndtr, kolmogorov

    n, d = int(count.sum()), count.ndim
    if not n:
        names = ("chi2", "chi2_coarse", *["kolmogorov"] * (d == 1))
        return _Row(dict.fromkeys(names, (0.0, np.nan, 1.0, 0.0, 1.0)), np.nan, np.nan)
    tests: dict[str, tuple[float, ...]] = {}
    for name, most in (("chi2", BINS[d]), ("chi2_coarse", COARSE[d])):
        bins = equal_mass_bins(mass, n, most, tails=name == "chi2")
        seen, shift = (np.bincount(bins.label.ravel(), v.ravel(), len(bins.mass)) for v in (count, bias))
        statistic = float(((seen - n * bins.mass) ** 2 / (n * bins.mass)).sum())
        dof, error = len(bins.mass) - 1, _noncentrality(n * shift**2 / bins.mass, bins, partners)
        p = float(chdtrc(dof, statistic))
        tests[name] = statistic, dof, p, error, max(p, float(1 - chndtr(statistic, dof, error)))
        if name == "chi2":
            l1 = float(np.abs(seen / n - bins.mass).sum())
            l1_expected = float(np.sqrt(2 / np.pi * bins.mass * (1 - bins.mass) / n).sum())
    if d == 1:
        distance = float(np.abs(np.cumsum(count / n - mass)).max())
        error = float(np.abs(np.cumsum(bias)).max())
        p, within = (float(kolmogorov(np.sqrt(n) * max(0.0, x))) for x in (distance, distance - error))
        tests["kolmogorov"] = distance, np.nan, p, error, within
    return _Row(tests, l1, l1_expected)


_Pair = tuple[NDArray[np.int64], NDArray[np.int64]] | None
"""Numbers of the cells in which the same particles are at the whole and at half the time step."""


def _noncentrality(part: Floats, bins: Bins, partners: _Pair) -> float:
    """λ from its part of each bin, freed of chance if it is known, and with twice its standard error."""
    if partners is None:
        return float(part.sum())
    whole, half = (bins.label.ravel()[cell] for cell in partners)
    moved, size = whole != half, len(bins.mass)
    share = (np.bincount(whole[moved], minlength=size) + np.bincount(half[moved], minlength=size)) / len(whole)
    chance = 4 * share / bins.mass
    spread = np.sqrt(2 * (chance**2).sum() + 4 * (chance * np.maximum(part - chance, 0)).sum())
    return float(max(part.sum() - chance.sum(), 0.0) + 2 * spread)


def _partners(ds: xr.Dataset, halved: xr.Dataset | None, density: xr.DataArray) -> list[_Pair]:
    """For each time of the density, the cells of the particles whose positions both runs kept."""
    none: list[_Pair] = [None] * density.sizes["time"]
    if halved is None or "position" not in ds or "position" not in halved:
        return none
    if ds.sizes["particle"] != halved.sizes["particle"]:
        return none
    histogram = grid_of(ds.histogram)
    shape = tuple(min(a, b) for a, b in zip(histogram.shape, grid_of(density).shape, strict=True))
    grid = Grid(
        **{
            name: cells(axis.lower, axis.upper, n)
            for (name, axis), n in zip(histogram.axes.items(), shape, strict=True)
        }
    )

    def numbers(run: xr.Dataset, t: float) -> NDArray[np.int64]:
        x: Floats = run.position.values[_row_at(run, t)].astype(np.float64)
        cell = ((x - grid.lower[:, None]) / grid.width[:, None]).astype(np.int64)
        inside = tuple(np.clip(c, 0, n - 1) for c, n in zip(cell, shape, strict=True))
        return np.asarray(np.ravel_multi_index(inside, shape), np.int64)

    return [(numbers(ds, float(t)), numbers(halved, float(t))) for t in density.time]


def _verdict(table: xr.Dataset, looked_at: dict[str, bool], alarm: float) -> Verdict:
    worst = table.p_adjusted.where(table.p_adjusted == table.p_adjusted.min(), drop=True)
    where = f"{worst.test.values[0]} at t = {float(worst.time[0]):.4g}"
    if float(table.p_adjusted.min()) >= alarm:
        least = f"the smallest p of {table.p_value.size} tests, corrected for their number, is"
        return Verdict(CONSISTENT, f"{least} {float(table.p_adjusted.min()):.2g} ({where}).")
    found = f"p = {float(table.p_adjusted.min()):.1g} ({where}), corrected for {table.p_value.size} tests"
    within = float(table.p_within_adjusted.min())
    known = " and ".join(what for what, done in looked_at.items() if done)
    unknown = " and ".join(what for what, done in looked_at.items() if not done)
    if known and within >= alarm:
        return Verdict(WITHIN, f"{found}; the error of {known} accounts for it (p = {within:.2g}).")
    left = [f"the error of {known} leaves p = {within:.1g}"] if known else []
    left += [f"that of {unknown} was not looked at"] if unknown else []
    return Verdict(INCONSISTENT, f"{found}; {'; '.join(left)}.")


def _step_error(whole: xr.Dataset, density: xr.DataArray, halved: xr.Dataset | None) -> Floats | float:
    """The run's law less that of an infinitely small time step, in each cell."""
    if halved is None:
        return 0.0
    (counts, _), (finer, _) = _aligned(whole, density), _aligned(halved, density)
    if finer[0].sum() != counts[0].sum():
        raise InvalidArgument("halved: it has another number of particles; give the same run with half the time step.")
    shares = [n / np.maximum(n.sum(axis=tuple(range(1, n.ndim)), keepdims=True), 1) for n in (counts, finer)]
    return np.asarray(2.0 * (shares[0] - shares[1]))


def _grid_error(density: xr.DataArray, mass: Floats, other: xr.DataArray | None) -> Floats | float:
    """The density less that of infinitely small cells, in each of the cells that `mass` has."""
    if other is None:
        return 0.0
    own, their = grid_of(density), grid_of(other)
    ratio = np.array(their.shape) / np.array(own.shape)
    if not (ratio == ratio[0]).all() or ratio[0] not in (0.5, 2.0):
        raise InvalidArgument(f"other: got {their.shape} cells; twice or half as many as {own.shape} are needed.")
    if other.sizes["time"] != density.sizes["time"]:
        raise InvalidArgument("other: it has other times than the density.")
    second, first = _masses(other, mass.shape[1:]), _masses(density, mass.shape[1:])
    return np.asarray((second - first) / 3 if ratio[0] < 1 else (first - second) * 4 / 3)


def _aligned(ds: xr.Dataset, density: xr.DataArray) -> tuple[NDArray[np.int64], Floats]:
    """Counts and masses (time, cells…) on common cells, at the density's times."""
    if "histogram" not in ds:
        raise InvalidArgument("compare: the run has no histogram; give simulate one (histogram=Grid(...)).")
    names = [str(name) for name in ds.histogram.dims[1:]]
    if list(density.dims) != ["time", *names]:
        raise InvalidArgument(f"density: got dims {density.dims}; {('time', *names)} are needed.")
    own, their = grid_of(ds.histogram), grid_of(density)
    wide = 1e-9 * (own.upper - own.lower)
    if (np.abs(own.lower - their.lower) > wide).any() or (np.abs(own.upper - their.upper) > wide).any():
        raise InvalidArgument(f"density: its grid is {their!r}, the histogram's {own!r}; equal bounds are needed.")
    common = tuple(min(a, b) for a, b in zip(own.shape, their.shape, strict=True))
    rows = [_row_at(ds, float(t)) for t in density.time]
    counts = np.stack([_merged(ds.histogram[row].values, common) for row in rows])
    return counts, _masses(density, common)


def _row_at(ds: xr.Dataset, t: float) -> int:
    row = int(np.abs(ds.time.values - t).argmin())
    if abs(float(ds.time[row]) - t) > 1e-9 * max(1.0, abs(t)):
        raise InvalidArgument(f"density: the run saved nothing at t = {t:g}; give evolve times of the run.")
    return row


def _masses(density: xr.DataArray, shape: tuple[int, ...]) -> Floats:
    """Masses of cells (time, *shape): finer ones merged, wider ones shared out along parabolas."""
    volume = grid_of(density).volume
    rows = []
    for row in density.values:
        mass = row * volume
        for axis, n in enumerate(shape):
            mass = _shared(mass, n, axis)
        rows.append(_merged(mass, shape))
    masses = np.stack(rows)
    total = masses.sum(axis=tuple(range(1, masses.ndim)), keepdims=True)
    return np.asarray(np.divide(masses, total, out=np.zeros_like(masses), where=total > 0))


def _shared(mass: Floats, n: int, axis: int) -> Floats:
    """Masses of n narrower cells: those of the parabola through a cell and its neighbours, so of third order."""
    k = n // mass.shape[axis]
    if k < 2:
        return mass
    mass = np.moveaxis(mass, axis, -1)
    before, after = (np.take(mass, np.clip(np.arange(mass.shape[-1]) + s, 0, mass.shape[-1] - 1), -1) for s in (-1, 1))
    slope, bend = 0.5 * (after - before), after - 2 * mass + before
    place = (np.arange(k) + 0.5) / k - 0.5
    parts = mass[..., None] + slope[..., None] * place + 0.5 * bend[..., None] * (place**2 - (1 - k**-2) / 12)
    return np.moveaxis(parts.reshape(*mass.shape[:-1], n) / k, -1, axis)


def _merged(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    for axis, n in enumerate(shape):
        share, left = divmod(values.shape[axis], n)
        if left:
            raise InvalidArgument(
                f"density: {values.shape[axis]} cells against {n} along axis {axis}; one number must divide the other."
            )
        values = np.add.reduceat(values, share * np.arange(n), axis=axis)
    return values
