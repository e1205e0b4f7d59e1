"""Studies of schemes: errors against the time step with their slopes, and the CPU time of an accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_kit.errors import InvalidArgument
from langevin_kit.plot import _style as style
from langevin_kit.schemes import SCHEMES

MARKERS = "osD^v"

WIDTH, HEIGHT = 11.0, 6.5
"""Of a panel with what is written beside it, in inches."""

REFERENCE = "euler_maruyama"

HALF = 0.5
"""Ratios below are written as fractions."""


def orders(ds: xr.Dataset, path: str | Path | None = None) -> Figure:
    """Draw the error of each scheme against its time step, with its order; dotted the slopes that schemes have.

    Parameters
    ----------
    ds : Dataset
        From `langevin_kit.order_study`.
    path : str or Path, optional
        Where to write the figure as well.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidArgument
        If the Dataset is no such study.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> from langevin_kit.plot import orders
    >>> ring = {"x": lk.periodic(0.0, 6.283185307179586)}
    >>> system = lk.System(energy="1.2*cos(x) + 0.4*sin(2*x)", temperature=1.0, walls=ring)
    >>> orders(lk.order_study(system, ["euler_maruyama"], time_steps=[0.1, 0.05, 0.025])).axes[0].get_xlabel()
    'time step Δt'
    """
    return _drawn({"": (ds,)}, path)


def costs(ds: xr.Dataset, path: str | Path | None = None) -> Figure:
    """Draw the CPU time that each scheme takes for a particle and a unit of time, its bias being below ε.

    The cheapest is on top, with its ratio to Euler–Maruyama's; bars are quartiles. Several ε make it a panel of lines.

    Parameters
    ----------
    ds : Dataset
        From `langevin_kit.cost_to_accuracy`.
    path : str or Path, optional
        Where to write the figure as well.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidArgument
        If the Dataset is no such study.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> from langevin_kit.plot import costs
    >>> ring = {"x": lk.periodic(0.0, 6.283185307179586)}
    >>> system = lk.System(energy="1.2*cos(x) + 0.4*sin(2*x)", temperature=1.0, walls=ring)
    >>> fig = costs(lk.cost_to_accuracy(system, ["leimkuhler_matthews"], bias=1e-2, rounds=3))
    >>> [label.get_text() for label in fig.axes[0].get_yticklabels()]
    ['euler_maruyama', 'leimkuhler_matthews']
    """
    return _drawn({"": (ds,)}, path)


def schemes(studies: Mapping[str, tuple[xr.Dataset, xr.Dataset]], path: str | Path | None = None) -> Figure:
    """Draw both studies of each of some systems beside each other, a row a system.

    Parameters
    ----------
    studies : mapping of str to (Dataset, Dataset)
        What a system is called → its `langevin_kit.order_study` and `langevin_kit.cost_to_accuracy`.
    path : str or Path, optional
        Where to write the figure as well.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidArgument
        If a Dataset is no such study.
    """
    return _drawn(studies, path)


def _drawn(studies: Mapping[str, tuple[xr.Dataset, ...]], path: str | Path | None) -> Figure:
    with matplotlib.rc_context(style.RC):
        columns = max(map(len, studies.values()))
        fig = style.figure(WIDTH * columns, HEIGHT * len(studies))
        panels = fig.subplots(len(studies), columns, squeeze=False)
        for (name, row), axes in zip(studies.items(), panels, strict=True):
            for ds, ax in zip(row, axes, strict=True):
                about = _draw(ax, ds)
                ax.set_title(f"{name}: {about}" if name else about, loc="left")
        if path is not None:
            fig.savefig(path)
    return fig


def _draw(ax: Axes, ds: xr.Dataset) -> str:
    """What is drawn, in words."""
    if "order" in ds:
        _orders(ax, ds)
        return str(ds["bias"].attrs["long_name"])
    if "cost_ratio" not in ds:
        raise InvalidArgument("ds: this Dataset is no study of langevin_kit.order_study or cost_to_accuracy.")
    if ds.sizes["bias"] > 1:
        _costs_against_bias(ax, ds)
        return "cost of a bias"
    _costs(ax, ds.isel(bias=0))
    return f"cost of a bias of {float(ds['bias'][0]):g}, and its ratio to Euler–Maruyama’s"


def _orders(ax: Axes, ds: xr.Dataset) -> None:
    dt, bias, error = ds["time_step"].values, ds["bias"].values, ds["bias_error"].values
    for k, name in enumerate(ds["scheme"].values):
        label = f"{name}: {float(ds['order'][k]):.2f} ± {float(ds['order_error'][k]):.2f}"
        low = np.minimum(error[k], 0.9 * bias[k])  # a larger one would reach below any axis
        ax.errorbar(dt, bias[k], [low, error[k]], label=label, **_line(str(name)))
    top = 1.6 * np.nanmax(bias)
    for order in np.unique(ds["expected_order"].values):
        slope = top * (dt / dt[0]) ** order
        ax.plot(dt, slope, ":", color=style.GREY, linewidth=1.2, label="_slope", zorder=1)
        power = "" if order == 1 else f"^{{{order:g}}}"
        place: dict[str, Any] = {"xytext": (-6, 0), "textcoords": "offset points", "ha": "right", "va": "center"}
        ax.annotate(rf"$Δt{power}$", (dt[-1], slope[-1]), color=style.GREY, size=style.SMALL, **place)
    ax.set(xscale="log", yscale="log", ylabel="error", xlim=(dt[-1] / (dt[0] / dt[-1]) ** 0.12, None))
    unit = ds["time_step"].attrs["units"]
    ax.set_xlabel("time step Δt" if unit == "1" else f"time step Δt [{unit}]", parse_math=False)
    ax.set_xticks(dt, [f"{step:.3g}" for step in dt])
    ax.xaxis.minorticks_off()
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="scheme: order", alignment="left")


def _costs(ax: Axes, at: xr.Dataset) -> None:
    at = at.isel(scheme=np.argsort(at["cost_ratio"].values)[::-1])
    names, cost, ratio = (at[name].values for name in ("scheme", "cost", "cost_ratio"))
    ends = [np.abs(at[f"cost_ratio_{end}"].values / ratio - 1) * cost for end in ("low", "high")]
    for row, (name, value) in enumerate(zip(names, cost, strict=True)):
        if np.isfinite(value):
            colour = style.FREE_ENERGY if name == REFERENCE else style.KL
            ax.errorbar(value, row, xerr=[[end[row]] for end in ends], fmt="o", color=colour, markersize=9, capsize=4)
            text = f"1/{1 / ratio[row]:.1f}" if ratio[row] < HALF else f"{ratio[row]:.2f}"
            ax.annotate(text, (value, row), xytext=(14, 0), textcoords="offset points", va="center", size=style.SMALL)
    ax.set_yticks(range(len(names)), list(names))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color=style.FAINT)
    finite = cost[np.isfinite(cost)]
    ax.set(xscale="log", xlim=(finite.min(initial=1.0) / 2, finite.max(initial=finite.min(initial=1.0)) * 3))
    ax.set_xlabel(_label(at), parse_math=False)


def _costs_against_bias(ax: Axes, ds: xr.Dataset) -> None:
    for name, cost in zip(ds["scheme"].values, ds["cost"].values, strict=True):
        ax.plot(ds["bias"].values, cost, label=str(name), **_line(str(name)))
    ax.set(xscale="log", yscale="log", xlabel="bias ε")
    ax.set_ylabel(_label(ds), parse_math=False)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _line(name: str) -> dict[str, Any]:
    """A scheme has the same line in every panel."""
    k = [*SCHEMES].index(name.split(",")[0])
    colour, dashes = style.SERIES[k % len(style.SERIES)]
    marker = MARKERS[k % len(MARKERS)]
    return {"color": colour, "linestyle": dashes, "marker": marker, "markersize": 6, "linewidth": 1.6}


def _label(ds: xr.Dataset) -> str:
    return f"{ds['cost'].attrs['long_name']} [{ds['cost'].attrs['units']}], {ds.attrs['dtype']}"
