"""What a network recalls: patterns, where particles begin and end, energy and overlap over time, and its spectrum."""

from __future__ import annotations

import json
import math
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from langevin_kit.errors import InvalidStore
from langevin_kit.plot import _moments
from langevin_kit.plot import _style as style
from langevin_kit.plot._view import View
from langevin_kit.run import Langevin
from langevin_kit.system import SpinSystem, System

Floats = NDArray[np.float64]

IMAGES = 8
"""Particles that are shown as images."""

PATHS = 60
"""Particles whose overlaps are drawn one by one, behind the mean."""

NAMES = ("U", "W")
"""Parameters that are couplings."""


def recall(ds: xr.Dataset, path: str | Path | None = None, system: System | None = None) -> Figure:
    """Draw the run of a network that knows its patterns.

    Above stand patterns as images, with particles that began at them, at the start and at the end; their shape is the
    scenario's ``image``, or a square. Below stand the mean energy and the mean overlap with the patterns over time,
    each within its standard error, and the singular values of U (eigenvalues of a symmetric W), before and after
    learning where there was any.

    Parameters
    ----------
    ds : Dataset
        A run, from `simulate` or `open`, whose system has a parameter ``patterns`` (P, N), with stored positions.
    path : str or Path, optional
        Where to write the figure as well.
    system : System, optional
        The run's system, if it is made of Python functions.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidStore
        If the Dataset is no such run, or has no saved time.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> from langevin_kit.plot import recall
    >>> xi = np.array([[1, -1, 1, 1], [1, 1, -1, 1]])
    >>> spins = lk.SpinSystem(couplings=lk.networks.hebb(xi), temperature=0.5, parameters={"patterns": xi})
    >>> ds = lk.simulate(spins, initial=lk.initial.patterns(xi, 0.2), n_particles=20, time_step=1.0, n_steps=4, rng=0,
    ...                  save_positions=True)
    >>> len(recall(ds).axes)
    27
    """
    view = View(ds, system)
    if not len(view.times):
        raise InvalidStore("this run has no saved time: it ended before its first measurement.")
    known = Langevin(ds) if system is None else Langevin(ds).with_system(system)
    overlap = known.overlap()
    patterns = np.asarray(view.system.parameters["patterns"])
    shape = _shape(ds, patterns.shape[1])
    spectra = _spectra(view.system, known.learning() if "learning" in ds.attrs else None)
    with matplotlib.rc_context(style.RC):
        fig = style.figure(16.0, 5.2 + (0.0 if shape is None else 6.0))
        if shape is None:
            curves: FigureBase = fig
        else:
            layout = fig.add_gridspec(2, 1, height_ratios=[1.15, 1.0])
            _draw_images(fig.add_subfigure(layout[0]), view, patterns[overlap.pattern_of_particle.values], shape)
            curves = fig.add_subfigure(layout[1])
        panels = curves.subplots(1, 2 + bool(spectra), squeeze=False)[0]
        _draw_energy(panels[0], view)
        _draw_overlap(panels[1], view, overlap)
        if spectra:
            _draw_spectra(panels[2], spectra)
        if ds.attrs.get("title"):
            fig.suptitle(ds.attrs["title"], parse_math=False)
        fig.supxlabel(view.caption(), size=style.SMALL, color=style.GREY, parse_math=False)
        if path is not None:
            fig.savefig(path)
    return fig


def _shape(ds: xr.Dataset, n: int) -> tuple[int, int] | None:
    """Rows and columns of a pattern: those that the scenario gave, or a square."""
    if "image" in ds.attrs:
        rows, columns = json.loads(ds.attrs["image"])
        return int(rows), int(columns)
    side = math.isqrt(n)
    return (side, side) if side * side == n else None


def _draw_images(fig: FigureBase, view: View, patterns: Floats, shape: tuple[int, int]) -> None:
    """One column a particle: its pattern, its start, its end."""
    position = view.ds.position.values[:, : patterns.shape[1]]
    panels = fig.subplots(3, min(IMAGES, len(patterns)), squeeze=False)
    rows = {"pattern": patterns, view.at(0): position[0].T, view.at(-1): position[-1].T}
    largest = float(np.abs(patterns).max())
    for line, (label, images) in zip(panels, rows.items(), strict=False):
        line[0].set_ylabel(label, parse_math=False)
        for ax, image in zip(line, images, strict=False):
            ax.imshow(image.reshape(shape), cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    for k, ax in enumerate(panels[0]):
        ax.set_title(f"particle {k}")


def _draw_energy(ax: Axes, view: View) -> None:
    own = "network_energy" in view.ds
    name = "network_energy" if own else "energy"
    _moments.draw_with_error(ax, view, name, "energy of the network" if own else "mean energy ⟨E⟩", (style.INK, "-"))
    ax.set(xlabel=view.label("time"), ylabel=view.label("energy", "mean energy"))
    ax.margins(x=0.015)
    style.legend_above(ax, columns=1)


def _draw_overlap(ax: Axes, view: View, found: xr.Dataset) -> None:
    each = found.overlap_of_particle.values
    ax.plot(view.times, each[:, :PATHS], color=style.GREY, linewidth=0.6, alpha=0.35, label="_each")
    ax.plot([], [], color=style.GREY, linewidth=0.6, label=f"{min(PATHS, each.shape[1])} particles")
    mean, stderr = found.overlap.values, found.overlap_stderr.values
    ax.plot(view.times, mean, color=style.KL, label=f"mean of {each.shape[1]}, ± 1 s.e.")
    ax.fill_between(view.times, mean - stderr, mean + stderr, color=style.KL, alpha=0.3, linewidth=0)
    ax.axhline(1.0, color=style.GREY, linestyle=":", linewidth=1.2, zorder=1)
    ax.set(xlabel=view.label("time"), ylabel=found.overlap.attrs["long_name"])
    ax.margins(x=0.015)
    style.legend_above(ax, columns=2)


def _spectra(system: System, history: xr.Dataset | None) -> dict[str, Floats]:
    """Label → values, the largest first: what learning began with, and what the system has."""
    matrices = {"W": system.couplings} if isinstance(system, SpinSystem) else system.parameters
    values: dict[str, Floats] = {}
    for name in (name for name in NAMES if name in matrices):
        matrix = np.asarray(matrices[name])
        learnt = history is not None and f"singular_value_{name}" in history
        if history is not None and learnt:
            values[f"σ({name}) before learning"] = history[f"singular_value_{name}"].values[0]
        if matrix.shape[0] == matrix.shape[1] and np.allclose(matrix, matrix.T):
            values[f"eigenvalues of {name}"] = np.linalg.eigvalsh(matrix)[::-1]
        else:
            values[f"σ({name}) after learning" if learnt else f"σ({name})"] = np.linalg.svd(matrix, compute_uv=False)
    return values


def _draw_spectra(ax: Axes, spectra: dict[str, Floats]) -> None:
    looks = ((style.GREY, "o"), (style.FREE_ENERGY, "s"))[-len(spectra) :]
    for (label, values), (colour, mark) in zip(spectra.items(), looks, strict=False):
        ax.plot(np.arange(1, len(values) + 1), values, mark, color=colour, markersize=5, label=label)
    ax.axhline(0.0, color=style.FAINT, linewidth=1.0, zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="number, by size", ylabel="spectrum of the couplings")
    style.legend_above(ax, columns=1)
