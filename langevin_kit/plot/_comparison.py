"""A run beside its Fokker–Planck equation: densities, what differs in standard errors, and how fast F falls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure, FigureBase
from numpy.typing import NDArray

from langevin_kit.fokker_planck import residuals
from langevin_kit.plot import _rate
from langevin_kit.plot import _style as style
from langevin_kit.plot._view import View, spread
from langevin_kit.run import Verification
from langevin_kit.system import System

Floats = NDArray[np.float64]

MAPS = 4
"""Times drawn with two coordinates."""

LARGEST = 5.0
"""Residuals, in standard errors, at the ends of the colours."""

DEEPEST = 1e-3
"""Least density drawn in the plane, as a share of the largest."""

SHARE = 1e-4
"""Mass that may lie beyond each end of a panel."""


def comparison(
    ds: xr.Dataset, found: Verification, path: str | Path | None = None, system: System | None = None
) -> Figure:
    """Draw the densities of a run and of its Fokker–Planck equation, their difference in standard errors, and −dF/dt.

    Bins have nearly equal mass, so that each residual (n − N p)/√(N p (1 − p)) is nearly normal if the run has the
    density: four in a hundred thousand are beyond four. White strips and maps agree; broad bands of one colour do not.

    Parameters
    ----------
    ds : Dataset
        A run.
    found : Verification
        What `langevin_kit.verify` found.
    path : str or Path, optional
        Where to write the figure as well.
    system : System, optional
        The run's system, if it is made of Python functions.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import langevin_kit as lk
    >>> from langevin_kit.plot import comparison
    >>> ds = lk.simulate(lk.System(energy="x**2/2", temperature=1.0), initial=lk.initial.gaussian([2.0], 0.1),
    ...                  n_particles=5_000, time_step=0.01, n_steps=200, rng=1)
    >>> len(comparison(ds, lk.verify(ds)).axes)
    5
    """
    view = View(ds, system)
    with matplotlib.rc_context(style.RC):
        fig = (_line if found.density.ndim == 2 else _plane)(view, found)
        fig.suptitle(ds.attrs.get("title") or "Run and Fokker–Planck equation", parse_math=False)
        words = f"{found.comparison.verdict.state}: {found.comparison.verdict.reason}\n{view.caption()}"
        fig.supxlabel(words, size=style.SMALL, color=style.GREY, parse_math=False)
        if path is not None:
            fig.savefig(path)
    return fig


def _ends(edges: Floats, mass: Floats) -> tuple[float, float]:
    """Where all of some masses (times, n) are, but for a small share."""
    share = np.cumsum(mass, axis=1) / mass.sum(axis=1, keepdims=True)
    low = min(int(np.searchsorted(row, SHARE)) for row in share)
    high = max(int(np.searchsorted(row, 1 - SHARE)) for row in share)
    return float(edges[low]), float(edges[min(high + 1, len(edges) - 1)])


def _line(view: View, found: Verification) -> Figure:
    """Densities above a strip of residuals for each time."""
    fig = style.figure(10.0, 13.0)
    upper, lower, rate = fig.subplots(3, 1, height_ratios=[1.5, 1.0, 1.2])
    lower.sharex(upper)
    (name,) = view.system.names
    parts = residuals(view.ds, found.density)
    colours = style.time_colours(len(parts))
    x = found.density[name].values
    for k, (part, colour) in enumerate(zip(parts, colours, strict=True)):
        upper.plot(x, found.density.values[k + 1], color=colour, linewidth=1.4, label="_p")
        width = np.diff(part.edges[0]) * np.ones(len(part.count))
        groups = np.flatnonzero(np.diff(part.label, prepend=-1))
        heights = np.add.reduceat(part.count, groups) / np.add.reduceat(width, groups) / part.n
        middles = np.add.reduceat(part.edges[0][:-1] + width / 2, groups) / np.diff(np.append(groups, len(width)))
        upper.plot(middles, heights, ".", color=colour, markersize=6, label="_n")
        lower.pcolormesh(part.edges[0], [k - 0.5, k + 0.5], part.z[None], cmap="RdBu_r", norm=_norm(), rasterized=True)
    upper.plot([], [], "-", color=style.INK, linewidth=1.4, label="Fokker–Planck")
    upper.plot([], [], ".", color=style.INK, label="particles, in bins of equal mass")
    style.legend_above(upper)
    top = np.median([row.max() for row in found.density.values[1:]])
    upper.set(xlim=_ends(parts[0].edges[0], np.stack([part.count for part in parts])), ylim=(0, 2.0 * top))
    upper.set_ylabel(view.label_density(), parse_math=False)
    lower.set_yticks(range(len(parts)), [f"{t:.4g}" for t in found.density.time.values[1:]])
    lower.set_ylabel(view.label("time"), parse_math=False)
    lower.set_xlabel(view.label(name), parse_math=False)
    _bar(fig, [lower])
    _rate.draw(rate, view, found)
    style.time_scale([upper], [f"{t:.4g}" for t in found.density.time.values[1:]], view.label("time"))
    return fig


def _plane(view: View, found: Verification) -> Figure:
    """Maps of the run's density with lines of the equation's above maps of residuals."""
    rows = spread(found.density.sizes["time"] - 1, MAPS)
    fig = style.figure(4.2 * len(rows) + 1.2, 13.0)
    layout = fig.add_gridspec(2, 1, height_ratios=[2.0, 1.1])
    maps, curves = fig.add_subfigure(layout[0]), fig.add_subfigure(layout[1])
    panels = maps.subplots(2, len(rows), squeeze=False, sharex=True, sharey=True)
    _rate.draw(curves.subplots(), view, found)
    found_parts = residuals(view.ds, found.density)
    parts = [found_parts[row] for row in rows]
    total = np.stack([part.count for part in parts])
    ends = [_ends(edges, total.sum(axis=2 - axis)) for axis, edges in enumerate(parts[0].edges)]
    mesh = [found.density[name].values for name in view.system.names]
    peak = float(found.density.values[rows[-1] + 1].max())
    norm = LogNorm(DEEPEST * peak, peak)
    for (above, below), part, row in zip(panels.T, parts, rows, strict=True):
        area = np.multiply.outer(*map(np.diff, part.edges))
        shown = np.ma.masked_less(part.count / part.n / area, norm.vmin or 0.0)
        above.pcolormesh(*part.edges, shown.T, norm=norm, cmap=style.density(), rasterized=True)
        levels = peak * np.array([0.01, 0.1, 0.5])
        above.contour(*mesh, found.density.values[row + 1].T, levels=levels, colors=style.INK, linewidths=1.0)
        seen = np.ma.masked_where(found.density.values[row + 1] < 1e-2 * DEEPEST * peak, part.z)
        below.pcolormesh(*part.edges, seen.T, cmap="RdBu_r", norm=_norm(), rasterized=True)
        above.set_title(f"t = {float(found.density.time[row + 1]):.4g}{view.unit('time')}", parse_math=False)
        below.set_xlabel(view.label(view.system.names[0]), parse_math=False)
        for ax in (above, below):
            ax.set(xlim=ends[0], ylim=ends[1])
            ax.set_ylabel(view.label(view.system.names[1]), parse_math=False)
            ax.label_outer()
    bar = maps.colorbar(ScalarMappable(norm, style.density()), ax=list(panels[0]), aspect=30, extend="max")
    bar.set_label("particles; lines: Fokker–Planck")
    _bar(maps, list(panels[1]))
    return fig


def _norm() -> Normalize:
    return Normalize(-LARGEST, LARGEST)


def _bar(fig: FigureBase, axes: Sequence[Axes]) -> None:
    bar = fig.colorbar(ScalarMappable(_norm(), "RdBu_r"), ax=list(axes), aspect=30, extend="both")
    bar.set_label("particles − Fokker–Planck [s.e.]")
