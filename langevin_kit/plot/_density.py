"""The density of one coordinate over time, before the Boltzmann law."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from langevin_kit.plot import _style as style
from langevin_kit.plot._cells import density, is_point, middle
from langevin_kit.plot._view import View

Floats = NDArray[np.float64]

TALLEST = 3.0
"""Height of the panel in heights of the Boltzmann law, or of the middle curve: taller peaks are cut."""

NEGLIGIBLE = 2e-3
"""Share of its peak below which a density does not widen the panel."""

CLIP = 10.0
"""Energies are drawn up to this many T above the lowest."""


def draw(ax: Axes, view: View, rows: list[int]) -> None:
    """Draw p(x, t) at the rows' times, q as a silhouette, and E."""
    assert view.grid is not None
    (name,) = view.grid.names
    ends: list[float] = []
    peaks: list[float] = []
    all_in_one = "all particles in one cell"
    for colour, row in zip(style.time_colours(len(rows)), rows, strict=True):
        counts = view.counts(row)
        if is_point(counts):
            mean = float(view.ds["mean"][row, 0])
            ax.axvline(mean, color=colour, linestyle=":", label=all_in_one)
            all_in_one = "_point"
            ends.append(mean)
            continue
        p, (edges,) = density(counts, view.grid.edges)
        ax.plot(middle(edges), p, color=colour, label="_p", zorder=3)
        ends += _reach(middle(edges), p)
        peaks.append(float(p.max(initial=0.0)))
    x = np.linspace(view.grid.lower[0], view.grid.upper[0], 2001)
    top = min(max(peaks), TALLEST * float(np.median(peaks))) if peaks else 1.0
    if view.has_law:
        q = view.law(x[None], rows[-1])
        law = f"Boltzmann law q, {view.at(rows[-1])}" if view.system.facts.energy_depends_on_time else "Boltzmann law q"
        ax.fill_between(x, q, color=style.LAW, linewidth=0, label=law, zorder=1)
        ends += _reach(x, q)
        top = float(np.clip(max(peaks, default=0.0), q.max(), TALLEST * q.max()))
    low, high = (min(ends), max(ends)) if ends else (x[0], x[-1])
    margin = 0.03 * (high - low) or view.grid.width[0]
    ax.set(xlim=(low - margin, high + margin), ylim=(0.0, 1.05 * top or 1.0))
    ax.set_xlabel(view.label(name), parse_math=False)
    ax.set_ylabel(view.label_density(), parse_math=False)
    _draw_energy(ax, view, x, rows[-1])
    style.legend_above(ax)


def _reach(x: Floats, p: Floats) -> list[float]:
    seen = x[p > NEGLIGIBLE * p.max(initial=0.0)]
    return [float(seen[0]), float(seen[-1])] if len(seen) else []


def _draw_energy(ax: Axes, view: View, x: Floats, row: int) -> None:
    low, high = ax.get_xlim()
    x = x[(x >= low) & (x <= high)]
    energy = view.energy(x[None], row)
    finite = energy[np.isfinite(energy)]
    lowest, highest = finite.min(initial=np.inf), finite.max(initial=-np.inf)
    if not highest > lowest:
        return
    if view.temperature > 0:
        highest = min(highest, lowest + CLIP * view.temperature)
    twin = ax.twinx()
    twin.plot(x, energy, color=style.GREY, linewidth=1.4, linestyle="--")
    twin.set_ylim(lowest - 0.02 * (highest - lowest), highest)
    twin.set_ylabel(view.label("energy", "energy E (dashed)"), color=style.GREY, parse_math=False)
    twin.locator_params(axis="y", nbins=5)
    twin.tick_params(colors=style.GREY)
    twin.spines["right"].set(visible=True, color=style.GREY)
