"""The way to equilibrium: KL(p‖q), and F − F_eq from an entropy that does not use q."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from langevin_kit.plot import _style as style
from langevin_kit.plot._cells import is_point
from langevin_kit.plot._view import View

Floats = NDArray[np.float64]

BELOW = 10.0
"""The axis goes on below the detection floor by this factor."""


def draw(ax: Axes, view: View, rows: list[int]) -> None:
    """Draw both against time on a logarithmic axis, with a dot of the time's colour at each of the rows."""
    t, ds = view.times, view.ds
    floor, kl = ds["kl_divergence_floor"].values, ds["kl_divergence"].values
    excess, excess_stderr = excess_free_energy(view)
    bottom = float(floor[floor > 0].min(initial=1.0)) / BELOW
    highest = float(np.nanmax([*kl, *excess, *floor, bottom * BELOW]))
    ax.set(yscale="log", ylim=(bottom, 2.0 * highest), ylabel="distance from equilibrium [nats]")
    ax.set_xlabel(view.label("time"), parse_math=False)
    margin = 0.015 * (t[-1] - t[0]) or 1.0
    ax.set_xlim(t[0] - margin, t[-1] + margin)
    name = r"$(F - F_\mathrm{eq})/T$, $F = \langle E\rangle - TH$"
    _draw_curve(ax, t, excess, excess_stderr, floor, style.FREE_ENERGY, 5.0, name)
    _draw_curve(ax, t, kl, ds["kl_divergence_stderr"].values, floor, style.KL, 2.2, r"KL$(p\,\Vert\,q)$")
    _draw_floor(ax, t, floor, bottom)
    _draw_beyond(ax, t, kl)
    best = np.where(np.isfinite(kl), kl, excess)
    for colour, row in zip(style.time_colours(len(rows)), rows, strict=True):
        if best[row] > floor[row]:
            ax.plot(t[row], best[row], color=colour, label="_time", zorder=5, **style.DOT)
    lost = [f"{np.sum(v < bottom)} of {what}" for what, v in {"KL": kl, "F": excess}.items() if np.any(v < bottom)]
    note = f"not drawn, being negative or below the axis: {', '.join(lost)}" if lost else ""
    style.legend_above(ax, columns=2, note=note)


def excess_free_energy(view: View) -> tuple[Floats, Floats]:
    """(⟨E⟩ − T H − F_eq)/T and its standard error; NaN where all particles share one cell: F is infinite at a point."""
    ds, temperature = view.ds, view.temperature
    value = ds["free_energy_from_entropy"].values / temperature + ds["log_partition_function"].values
    point = [view.grid is not None and is_point(view.counts(row)) for row in range(len(view.times))]
    return np.where(point, np.nan, value), ds["free_energy_from_entropy_stderr"].values / temperature


def _draw_curve(
    ax: Axes, t: Floats, value: Floats, stderr: Floats, floor: Floats, colour: str, width: float, name: str
) -> None:
    above = np.where(value > floor, value, np.nan)
    below = np.where((value > 0) & (value <= floor), value, np.nan)
    lone = np.where(np.isnan(np.append(np.nan, above[:-1])) & np.isnan(np.append(above[1:], np.nan)), above, np.nan)
    shade = style.lighter(colour) if width > 3 else colour
    ax.plot(t, above, color=shade, linewidth=width, label=f"{name}, ± 1 s.e.", zorder=3)
    ax.plot(t, lone, "o", color=shade, markersize=width, markeredgewidth=0, label="_lone", zorder=3)
    ax.plot(t, below, "o", color=colour, markersize=4, alpha=0.35, markeredgewidth=0, label="_below", zorder=3)
    low = np.maximum(value - stderr, ax.get_ylim()[0])
    ax.fill_between(t, low, np.maximum(value + stderr, low), color=colour, alpha=0.2, linewidth=0, zorder=2)


def _draw_floor(ax: Axes, t: Floats, floor: Floats, bottom: float) -> None:
    wide = np.array(ax.get_xlim())
    at = np.interp(wide, t, floor)
    x, y = np.concatenate([wide[:1], t, wide[1:]]), np.concatenate([at[:1], floor, at[1:]])
    ax.plot(x, y, color=style.FLOOR, linestyle="--", linewidth=1.5, label="detection floor of KL")
    ax.fill_between(x, bottom, y, color=style.FAINT, linewidth=0, zorder=0)
    place: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "va": "top", "zorder": 6}
    ax.text(0.03, 0.75 * BELOW * bottom, "below detection", color=style.GREY, size=style.SMALL, **place)


def _draw_beyond(ax: Axes, t: Floats, kl: Floats) -> None:
    """Shade each stretch where KL is NaN, up to the next time that has a value."""
    label = "KL beyond the bins’ reach"
    ends = np.append(t[1:], ax.get_xlim()[1])
    for row in np.flatnonzero(np.isnan(kl)):
        ax.axvspan(t[row], ends[row], color=style.KL, alpha=0.15, linewidth=0, label=label, zorder=0)
        label = "_beyond"
