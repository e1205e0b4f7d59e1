"""Two coordinates: particles in the energy landscape, or their density, at a few times, with the Boltzmann law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from langevin_kit.plot import _style as style
from langevin_kit.plot._cells import density, middle
from langevin_kit.plot._view import View

Floats = NDArray[np.float64]

PARTICLES = 2000
"""Particles drawn at most."""

CLIP = 12.0
"""The landscape is drawn up to this many T above its lowest point."""

SHARES = (0.99, 0.9, 0.5)
"""Shares of the Boltzmann law's mass that its lines enclose."""

DEEPEST = 1e-2
"""Least density drawn, as a share of the largest at the last time."""

POINTS = 301
"""Points an axis of the landscape."""

STRETCH = 1.5
"""Ratio of the sides from which on a map fills its panel, rather than drawing both coordinates to one scale."""

STROKES = 13
"""Strokes an axis that show the fast axis of the mobility."""

OUTLIERS = 1e-3
"""Share of the particles on each side that need not widen a map."""


def draw(axes: Sequence[Axes], view: View, rows: list[int]) -> None:
    """Draw one map for each row, and the Boltzmann law's lines in all of them."""
    ends = _box(view, rows)
    mesh = np.stack(np.meshgrid(*(np.linspace(*end, POINTS) for end in ends), indexing="ij"))
    paint = _particles if "position" in view.ds else _density
    paint(axes, view, rows, mesh)
    sizes = [high - low for low, high in ends]
    alike = len({view.unit(name) for name in view.system.names}) == 1 and max(sizes) < STRETCH * min(sizes)
    if view.has_axes:
        _fast_axis(axes[0], view, ends, rows[0])
    for ax, row, colour in zip(axes, rows, style.time_colours(len(rows)), strict=True):
        if view.has_law:
            q = view.law(mesh, row)
            ax.contour(*mesh, q, levels=_levels(q), colors=style.INK, linewidths=1.0, zorder=4)
        ax.set(xlim=ends[0], ylim=ends[1], aspect="equal" if alike else "auto")
        ax.plot(0.06, 0.94, color=colour, transform=ax.transAxes, zorder=5, **style.DOT)
        ax.set_title(view.at(row), parse_math=False)
        ax.set_xlabel(view.label(view.system.names[0]), parse_math=False)
        ax.set_ylabel(view.label(view.system.names[1]), parse_math=False)
        ax.label_outer()


def _particles(axes: Sequence[Axes], view: View, rows: list[int], mesh: Floats) -> None:
    painted = None
    for ax, row, colour in zip(axes, rows, style.time_colours(len(rows)), strict=True):
        height = view.energy(mesh, row)
        height = height - np.nanmin(height)
        top = CLIP * view.temperature or float(np.nanquantile(height, 0.8))
        if height.max() > 0:
            levels = MaxNLocator(12).tick_values(0.0, top)
            painted = ax.contourf(
                *mesh, np.minimum(height, 2.0 * top), levels=levels, cmap=style.landscape(), extend="max", zorder=0
            )
        x, y = view.ds["position"].isel(time=row, particle=slice(PARTICLES)).values
        ax.scatter(x, y, s=6, color=colour, alpha=0.55, linewidths=0, zorder=3)
    if painted is not None:
        bar = axes[0].figure.colorbar(painted, ax=list(axes), shrink=0.6, aspect=30)
        bar.set_label(view.label("energy", "E above its minimum"), parse_math=False)


def _density(axes: Sequence[Axes], view: View, rows: list[int], mesh: Floats) -> None:
    assert view.grid is not None
    maps = [density(view.counts(row), view.grid.edges) for row in rows]
    peak = float(maps[-1][0].max(initial=0.0)) or 1.0
    lowest = DEEPEST * peak
    norm = LogNorm(lowest, peak)
    for ax, (p, edges) in zip(axes, maps, strict=True):
        if p.size:
            shown = np.ma.masked_less(p, lowest)
            ax.pcolormesh(*edges, shown.T, norm=norm, cmap=style.density(), rasterized=True, zorder=2)
    scale = ScalarMappable(norm, style.density())
    bar = axes[0].figure.colorbar(scale, ax=list(axes), shrink=0.6, aspect=30, extend="max")
    bar.set_label(view.label_density(), parse_math=False)


def _fast_axis(ax: Axes, view: View, ends: Sequence[tuple[float, float]], row: int) -> None:
    """A stroke along the eigenvector of K's larger eigenvalue, the longer the more the two differ."""
    places = [np.linspace(low, high, 2 * STROKES + 1)[1::2] for low, high in ends]
    x = np.stack(np.meshgrid(*places, indexing="ij")).reshape(2, -1)
    value, vector = np.linalg.eigh(np.moveaxis(view.system.symmetric_mobility_at(x, float(view.times[row])), -1, 0))
    stroke = vector[:, :, 1] * (1.0 - value[:, 0] / np.where(value[:, 1] > 0, value[:, 1], 1.0))[:, None]
    style.strokes(ax, x, stroke.T, 1.2 * STROKES)


def _levels(q: Floats) -> list[float]:
    """Densities whose lines enclose `SHARES` of the mass."""
    falling = np.sort(q, axis=None)[::-1]
    mass = np.cumsum(falling) / falling.sum()
    return [float(falling[np.searchsorted(mass, share)]) for share in SHARES]


def _box(view: View, rows: list[int]) -> list[tuple[float, float]]:
    """Where the particles are at these times, and where the law is."""
    if view.grid is None:
        position = view.ds["position"].isel(time=rows, particle=slice(PARTICLES)).values
        low, high = np.nanmin(position, axis=(0, 2)), np.nanmax(position, axis=(0, 2))
        margin = np.where(high > low, 0.08 * (high - low), 1.0)
        return list(zip(low - margin, high + margin, strict=True))
    laws = [view.law(view.grid.centers, row) for row in rows] if view.has_law else []
    ends = []
    for axis, edges in enumerate(view.grid.edges):
        seen: list[float] = []
        for p in [*(view.counts(row) for row in rows), *laws]:
            share = np.cumsum(p.sum(axis=1 - axis)) / p.sum()
            seen += [*middle(edges)[np.searchsorted(share, [OUTLIERS, 1.0 - OUTLIERS])]]
        margin = 0.1 * np.ptp(seen) or edges[1] - edges[0]
        ends.append((min(seen) - margin, max(seen) + margin))
    return ends
