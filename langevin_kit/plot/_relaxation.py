"""One figure that tells how a run relaxes."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from langevin_kit.errors import InvalidStore
from langevin_kit.plot import _decay, _density, _moments, _plane
from langevin_kit.plot import _style as style
from langevin_kit.plot._view import View, spread

CURVES, MAPS = 9, 4
"""Times drawn, by number of coordinates: one and two."""


def relaxation(ds: xr.Dataset, path: str | Path | None = None) -> Figure:
    """Draw an ensemble on its way to the Boltzmann law: its density at a few times above, or beside, KL and F.

    With one coordinate, p(x, t) is drawn over the Boltzmann law; with two, the stored positions (2000 at most) over
    the energy landscape, else the density. Below stand KL(p‖q) and (F − F_eq)/T, with F = ⟨E⟩ − T H, on a
    logarithmic axis with their standard errors and KL's detection floor. F is left out while all particles share one
    cell of the histogram. Runs without a histogram, as of more than two coordinates, show the mean position instead of
    the density, and those without a Boltzmann law the mean energy instead of KL and F.

    Parameters
    ----------
    ds : Dataset
        A run, from `simulate` or `open`.
    path : str or Path, optional
        Where to write the figure as well; PNG unless the suffix names another format of matplotlib.

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
    view = View(ds)
    if not len(view.times):
        raise InvalidStore("this run has no saved time: it ended before its first measurement.")
    with matplotlib.rc_context(style.RC):
        fig = _plane_figure(view) if view.has_map else _line_figure(view)
        if ds.attrs.get("title"):
            fig.suptitle(ds.attrs["title"], parse_math=False)
        lines = "Lines enclose 50, 90 and 99 % of the Boltzmann law.\n" if view.has_map and view.has_law else ""
        fig.supxlabel(lines + view.caption(), size=style.SMALL, color=style.GREY, parse_math=False)
        if path is not None:
            fig.savefig(path)
    return fig


def _line_figure(view: View) -> Figure:
    """Two panels, one above the other, of the same times."""
    fig = _figure(10.0, 10.0)
    upper, lower = fig.subplots(2, 1)
    rows = spread(len(view.times), CURVES)
    if view.has_law:
        _decay.draw(lower, view, rows if view.grid else [])
    else:
        _moments.draw_energy(lower, view, rows if view.grid else ())
    if view.grid:
        _density.draw(upper, view, rows)
        style.time_scale([upper, lower], [f"{view.times[row]:.4g}" for row in rows], view.label("time"))
    else:
        _moments.draw_position(upper, view)
    return fig


def _plane_figure(view: View) -> Figure:
    """Maps on the left, the decay on the right."""
    fig = _figure(16.0, 8.4)
    mosaic = fig.subplot_mosaic([["a", "b", "decay"], ["c", "d", "decay"]], width_ratios=[1, 1, 2.3])
    rows = spread(len(view.times), MAPS, first=1)
    maps = [mosaic[key] for key in "abcd"]
    for spare in maps[len(rows) :]:
        spare.remove()
    _plane.draw(maps[: len(rows)], view, rows)
    if view.has_law:
        _decay.draw(mosaic["decay"], view, rows)
    else:
        _moments.draw_energy(mosaic["decay"], view, rows)
    return fig


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), dpi=style.DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
