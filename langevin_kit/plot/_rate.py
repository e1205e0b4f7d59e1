"""How fast F falls: by the formula, of the equation and of the ensemble, and by differences of F; or who survives."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from langevin_kit.errors import LangevinKitError
from langevin_kit.fokker_planck import dissipation
from langevin_kit.plot import _style as style
from langevin_kit.plot._view import View
from langevin_kit.run import Langevin, Verification

SEEN = 2.0
"""Standard errors from 0 below which a rate is not drawn."""


def draw(ax: Axes, view: View, found: Verification) -> None:
    """Draw −dF/dt against time on logarithmic axes, each with its standard errors; the survival if walls absorb."""
    if view.system.absorbers:
        _survival(ax, view, found)
        return
    t = found.density.time.values[1:]
    ax.plot(t, dissipation(view.system, found.density).values[1:], "-", color=style.INK, linewidth=1.4, zorder=2,
            label="Fokker–Planck: ∫ p ∇Φ·K∇Φ dx")  # fmt: skip
    rows = [int(np.abs(view.times - at).argmin()) for at in t]
    try:
        own = Langevin(view.ds.isel(time=rows)).with_system(view.system).dissipation()
    except LangevinKitError:  # walls
        pass
    else:
        _points(
            ax, t, own.dissipation.values, own.dissipation_stderr.values, style.FREE_ENERGY, "o", "particles: the same"
        )
    if view.has_law:
        f, stderr = (view.ds[name].values for name in ("free_energy", "free_energy_stderr"))
        span = np.diff(view.times)
        middle = view.times[:-1] + 0.5 * span
        errors = np.hypot(stderr[1:], stderr[:-1]) / span
        _points(ax, middle, -np.diff(f) / span, errors, style.KL, ".", "particles: −ΔF/Δt")
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel(view.label("time"), parse_math=False)
    unit = "/".join(filter(None, (view.unit("energy").strip(), view.unit("time").strip())))
    ax.set_ylabel(f"−dF/dt [{unit}]" if unit else "−dF/dt", parse_math=False)
    style.legend_above(ax)


def _survival(ax: Axes, view: View, found: Verification) -> None:
    mass = found.density.sum(found.density.dims[1:])
    ax.plot(mass.time, mass / mass[0], "-", color=style.INK, linewidth=1.4, zorder=2, label="Fokker–Planck")
    survival, stderr = (view.ds[name].values for name in ("survival", "survival_stderr"))
    ax.errorbar(view.times, survival, stderr, fmt=".", color=style.KL, label="particles", linewidth=1.2)
    ax.set_ylim(0, 1.05)
    ax.set_xlabel(view.label("time"), parse_math=False)
    ax.set_ylabel("survival")
    style.legend_above(ax)


def _points(ax: Axes, t: object, value: object, stderr: object, colour: str, marker: str, label: str) -> None:
    t, value, stderr = (np.asarray(v, np.float64) for v in (t, value, stderr))
    with np.errstate(invalid="ignore"):
        seen = value > SEEN * stderr
    low = np.minimum(stderr, 0.9 * np.abs(value))  # an error as large as its value would reach below any axis
    ax.errorbar(t[seen], value[seen], [low[seen], stderr[seen]], fmt=marker, color=colour, label=label, linewidth=1.2)
