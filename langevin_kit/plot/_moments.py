"""What can be said without a histogram or a Boltzmann law: mean position and mean energy."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from langevin_kit.plot import _style as style
from langevin_kit.plot._view import View


def draw_position(ax: Axes, view: View) -> None:
    """Draw the mean of each coordinate, of the first four, within one standard deviation of the particles."""
    mean, deviation = view.ds["mean"].values, view.deviation()
    names = view.system.names[: len(style.COMPONENTS)]
    for a, (name, (colour, line)) in enumerate(zip(names, style.COMPONENTS, strict=False)):
        label = f"mean of {name}, ± 1 s.d. of the particles"
        ax.plot(view.times, mean[:, a], color=colour, linestyle=line, label=label)
        low, high = mean[:, a] - deviation[:, a], mean[:, a] + deviation[:, a]
        ax.fill_between(view.times, low, high, color=colour, alpha=0.2, linewidth=0)
    alike = len({view.unit(name) for name in names}) == 1
    ax.set_ylabel(
        view.label(names[0], ", ".join(names)) if alike else ", ".join(map(view.label, names)), parse_math=False
    )
    more = view.system.n_dim - len(names)
    _finish(ax, view, f"{more} more coordinates are not drawn" if more else "")


def draw_energy(ax: Axes, view: View, rows: Sequence[int] = ()) -> None:
    """Draw ⟨E⟩ within one standard error, with a dot of the time's colour at each row, and say why there is no more."""
    mean, stderr = view.ds["energy"].values, view.ds["energy_stderr"].values
    ax.plot(view.times, mean, color=style.INK, label="mean energy ⟨E⟩, ± 1 s.e.")
    ax.fill_between(view.times, mean - stderr, mean + stderr, color=style.INK, alpha=0.2, linewidth=0)
    for colour, row in zip(style.time_colours(len(rows)), rows, strict=True):
        ax.plot(view.times[row], mean[row], color=colour, label="_time", zorder=5, **style.DOT)
    ax.set_ylabel(view.label("energy", "mean energy"), parse_math=False)
    _finish(ax, view, view.why_no_law())


def _finish(ax: Axes, view: View, note: str = "") -> None:
    ax.set_xlabel(view.label("time"), parse_math=False)
    ax.margins(x=0.015)
    style.legend_above(ax, columns=1, note=note)
