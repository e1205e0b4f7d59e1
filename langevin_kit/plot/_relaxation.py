"""One figure that tells how a run relaxes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_kit.errors import InvalidStore
from langevin_kit.plot import _decay, _density, _moments, _plane
from langevin_kit.plot import _style as style
from langevin_kit.plot._view import View, spread
from langevin_kit.system import System

CURVES, MAPS = 9, 4
"""Times drawn, by number of coordinates: one and two."""


def relaxation(ds: xr.Dataset, path: str | Path | None = None, system: System | None = None) -> Figure:
    """Draw an ensemble on its way to the Boltzmann law: its density at a few times above, or beside, KL and F.

    With one coordinate, p(x, t) is drawn over the Boltzmann law; with two, the stored positions (2000 at most) over
    the energy landscape, else the density. Below stand KL(p‖q) and (F − F_eq)/T, with F = ⟨E⟩ − T H, on a
    logarithmic axis with their standard errors and KL's detection floor. F is left out while all particles share one
    cell of the histogram. Runs without a Boltzmann law show the mean energy and the user's observables instead, and
    the reason in the caption. Runs without cells, as those of more than two coordinates, show the mean and the variance
    of each coordinate beside them.

    Parameters
    ----------
    ds : Dataset
        A run, from `simulate` or `open`.
    path : str or Path, optional
        Where to write the figure as well; PNG unless the suffix names another format of matplotlib.
    system : System, optional
        The run's system, if it is made of Python functions.

    Returns
    -------
    Figure
        Free of pyplot and its global state; its `savefig` writes it anywhere else.

    Raises
    ------
    InvalidStore
        If the Dataset is no run, or has no saved time.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> from langevin_kit.plot import relaxation
    >>> ds = lk.simulate(lk.System(energy="x**2/2", temperature=1.0), initial=lk.initial.point([2.0]),
    ...                  n_particles=5_000, time_step=0.01, n_steps=500, rng=1, title="Harmonic well")
    >>> relaxation(ds).axes[0].get_xlabel()
    'x'
    """
    view = View(ds, system)
    if not len(view.times):
        raise InvalidStore("this run has no saved time: it ended before its first measurement.")
    with matplotlib.rc_context(style.RC):
        fig = _plane_figure(view) if view.has_map else _line_figure(view) if view.grid else _moments_figure(view)
        if ds.attrs.get("title"):
            fig.suptitle(ds.attrs["title"], parse_math=False)
        lines = ["Lines enclose 50, 90 and 99 % of the Boltzmann law."] if view.has_map and view.has_law else []
        if view.has_map and view.has_axes:
            lines.append("Strokes: the fast axis of K, longer where K is more anisotropic.")
        caption = "\n".join(filter(None, (" ".join(lines), view.why_no_law(), view.caption())))
        fig.supxlabel(caption, size=style.SMALL, color=style.GREY, parse_math=False)
        if path is not None:
            fig.savefig(path)
    return fig


def _curves(view: View) -> list[Callable[[Axes, View, list[int]], None]]:
    """Panels that draw the run against time: its decay, or without a law what else it has."""
    if view.has_law:
        return [_decay.draw]
    observed = [_moments.draw_observables] if view.observables() else []
    return [*([_moments.draw_energy] if view.has_energy or not observed else []), *observed]


def _line_figure(view: View) -> Figure:
    """The density above curves of the same times."""
    curves = _curves(view)
    fig = style.figure(10.0, 5.0 * (1 + len(curves)))
    upper, *lower = fig.subplots(1 + len(curves), 1)
    rows = spread(len(view.times), CURVES)
    for ax, draw in zip(lower, curves, strict=True):
        draw(ax, view, rows)
    _density.draw(upper, view, rows)
    style.time_scale([upper, *lower], [f"{view.times[row]:.4g}" for row in rows], view.label("time"))
    return fig


def _moments_figure(view: View) -> Figure:
    """Mean and variance above curves of the same times."""
    seen = [_moments.draw_observables] if view.observables() and view.has_law else []
    curves = [draw for draw in (*_curves(view), *seen) if view.has_energy or draw is not _moments.draw_energy]
    fig = style.figure(16.0, 5.0 * (2 if curves else 1))
    names = ["energy", "other"][: len(curves)]
    panels: list[Any] = [["mean", "variance"], *([[names[0], names[-1]]] if names else [])]
    mosaic = fig.subplot_mosaic(panels)
    _moments.draw_mean(mosaic["mean"], view)
    _moments.draw_variance(mosaic["variance"], view)
    for name, draw in zip(names, curves, strict=True):
        draw(mosaic[name], view, [])
    return fig


def _plane_figure(view: View) -> Figure:
    """Maps on the left, curves on the right."""
    fig = style.figure(16.0, 8.4)
    curves = _curves(view)
    names = ["first", "last"][: len(curves)]
    mosaic = fig.subplot_mosaic([["a", "b", names[0]], ["c", "d", names[-1]]], width_ratios=[1, 1, 2.3])
    rows = spread(len(view.times), MAPS, first=1)
    maps = [mosaic[key] for key in "abcd"]
    for spare in maps[len(rows) :]:
        spare.remove()
    _plane.draw(maps[: len(rows)], view, rows)
    for name, draw in zip(names, curves, strict=True):
        draw(mosaic[name], view, rows)
    return fig
