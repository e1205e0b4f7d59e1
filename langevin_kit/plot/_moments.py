"""Curves of what every run reduces, with or without cells and a law: moments, mean energy and observables."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from langevin_kit.plot import _style as style
from langevin_kit.plot._view import View

Floats = NDArray[np.float64]

NAMED = 4
"""Components that are all named; of more, the first and the last."""

DRAWN = 32
"""Components drawn at most, evenly chosen."""


def draw_mean(ax: Axes, view: View) -> None:
    """Draw the mean of each coordinate; of one or two within one standard deviation of the particles."""
    mean, deviation = view.ds["mean"].values, np.sqrt(view.variance())
    wide = mean.shape[1] <= len(style.COMPONENTS)
    _draw_components(ax, view, mean, "mean of {}, ± 1 s.d. of the particles" if wide else "{}")
    for a, (colour, _) in enumerate(style.COMPONENTS if wide else ()):
        if a < mean.shape[1]:
            low, high = mean[:, a] - deviation[:, a], mean[:, a] + deviation[:, a]
            ax.fill_between(view.times, low, high, color=colour, alpha=0.2, linewidth=0)
    names = view.system.names
    alike = len({view.unit(name) for name in names}) == 1
    text = ", ".join(names) if wide else "mean position"
    ax.set_ylabel(view.label(names[0], text) if alike else ", ".join(map(view.label, names)), parse_math=False)
    _finish(ax, view)


def draw_variance(ax: Axes, view: View) -> None:
    """Draw the variance of each coordinate, and dotted that of the Boltzmann law where it is known in closed form."""
    _draw_components(ax, view, view.variance(), "variance of {}" if view.system.n_dim <= NAMED else "{}")
    label = "of the Boltzmann law"
    for value in np.unique(view.law_variance().round(12)):
        ax.axhline(value, color=style.GREY, linestyle=":", linewidth=1.2, label=label, zorder=1)
        label = "_law"
    ax.set_ylabel("variance of the position")
    _finish(ax, view)


def draw_energy(ax: Axes, view: View, rows: Sequence[int] = ()) -> None:
    """Draw ⟨E⟩ within one standard error, with a dot of the time's colour at each row."""
    draw_with_error(ax, view, "energy", "mean energy ⟨E⟩", (style.INK, "-"))
    mean = view.ds["energy"].values
    for colour, row in zip(style.time_colours(len(rows)), rows, strict=True):
        ax.plot(view.times[row], mean[row], color=colour, label="_time", zorder=5, **style.DOT)
    ax.set_ylabel(view.label("energy", "mean energy"), parse_math=False)
    _finish(ax, view)


def draw_observables(ax: Axes, view: View, rows: Sequence[int] = ()) -> None:
    """Draw the user's observables within one standard error, the first ones if there are many."""
    names = view.observables()[: len(style.SERIES)]
    for name, line in zip(names, style.SERIES, strict=False):
        draw_with_error(ax, view, name, name, line)
    for colour, row in zip(style.time_colours(len(rows)), rows, strict=True):
        ax.plot(view.times[row], view.ds[names[0]].values[row], color=colour, label="_time", zorder=5, **style.DOT)
    about = view.ds[names[0]].attrs
    alone = len(names) == 1 or about.get("observable") == "mean_square_displacement"
    ax.set_ylabel(about["long_name"] if alone else "observables", parse_math=False)
    _finish(ax, view, columns=2)


def draw_with_error(ax: Axes, view: View, name: str, label: str, line: tuple[str, str]) -> None:
    """Draw a variable within one standard error."""
    value = view.ds[name].values
    colour, dashes = line
    stderr = view.ds[f"{name}_stderr"].values if f"{name}_stderr" in view.ds else np.zeros_like(value)
    known = label if not stderr.any() else f"{label}, ± 1 s.e."
    ax.plot(view.times, value, color=colour, linestyle=dashes, label=known)
    ax.fill_between(view.times, value - stderr, value + stderr, color=colour, alpha=0.2, linewidth=0)


def _draw_components(ax: Axes, view: View, values: Floats, label: str) -> None:
    """One curve a coordinate, named by `label`."""
    names = view.system.names
    d = len(names)
    chosen = np.unique(np.linspace(0, d - 1, min(d, DRAWN)).round().astype(int))
    if d <= len(style.COMPONENTS):
        lines = list(style.COMPONENTS[:d])
    else:
        lines = [(colour, "-") for colour in matplotlib.colormaps["plasma"](np.linspace(0.0, 0.88, len(chosen)))]
    for number, (a, (colour, dashes)) in enumerate(zip(chosen, lines, strict=True)):
        text = label.format(names[a])
        if d > NAMED and number not in (0, len(chosen) - 1):
            text = f"_{text}"
        width = 2.2 if d <= len(style.COMPONENTS) else 1.4
        ax.plot(view.times, values[:, a], color=colour, linestyle=dashes, linewidth=width, label=text)


def _finish(ax: Axes, view: View, columns: int | None = None) -> None:
    ax.set_xlabel(view.label("time"), parse_math=False)
    ax.margins(x=0.015)
    style.legend_above(ax, columns=columns or (1 if view.system.n_dim <= len(style.COMPONENTS) else 4))
