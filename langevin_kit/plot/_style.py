"""Fonts and colours, safe for colour-blind readers and legible at half size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

INK, GREY, FAINT = "#1a1a1a", "#6b6b6b", "#e4e4e4"
KL, FREE_ENERGY, FLOOR = "#0072b2", "#d55e00", "#6b6b6b"
COMPONENTS = (("#0072b2", "-"), ("#d55e00", "--"))
SERIES = (*COMPONENTS, ("#009e73", "-."), ("#cc79a7", ":"), ("#56b4e9", "-"), ("#e69f00", "--"))
LAW = "#d9d9d9"

RC: dict[RcKeyType, Any] = {
    "font.size": 14,
    "axes.titlesize": 14,
    "axes.labelsize": 15,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.titlesize": 18,
    "figure.titleweight": "bold",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 13,
    "ytick.labelsize": 13,
    "legend.fontsize": 13,
    "legend.title_fontsize": 13,
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "lines.solid_capstyle": "round",
}
DPI = 150
SMALL = 12
DOT: dict[str, Any] = {"marker": "o", "markersize": 8.5, "markeredgecolor": "white", "markeredgewidth": 1.2}
"""Marks a time that the other panels show, in its colour."""


def figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, whose panels keep off each other."""
    return Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))


def time_colours(n: int) -> NDArray[np.float64]:
    """`n` colours (n, 4) from dark to light, one a time; the palest are left out, since they are lost on white."""
    colours: NDArray[np.float64] = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, n))
    return colours


def lighter(colour: str) -> tuple[float, ...]:
    """The colour halfway to white."""
    return tuple(0.5 + 0.5 * c for c in to_rgb(colour))


def legend_above(ax: Axes, columns: int = 3, note: str = "") -> None:
    """Name the curves above the panel, where no curve can run, below a note if there is one."""
    shape: dict[str, Any] = {"ncols": columns, "columnspacing": 1.2, "handlelength": 1.5, "borderaxespad": 0.2}
    if note or ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), title=note or None, alignment="left", **shape)


def strokes(ax: Axes, x: NDArray[np.float64], along: NDArray[np.float64], scale: float) -> None:
    """Short lines (2, n) centred at x (2, n), as `scale` of them fit the panel; white with a rim to be seen on all."""
    ax.quiver(
        *x,
        *along,
        pivot="mid",
        fc="white",
        ec=INK,
        lw=0.5,
        scale=scale,
        width=0.011,
        headwidth=0,
        headlength=0,
        headaxislength=0,
        zorder=3,
    )


def time_scale(axes: Sequence[Axes], times: Sequence[str], label: str) -> None:
    """Tell the times of the colours beside the panels."""
    norm = BoundaryNorm(np.arange(len(times) + 1) - 0.5, len(times))
    colours = ScalarMappable(norm, ListedColormap(time_colours(len(times))))
    bar = axes[0].figure.colorbar(colours, ax=list(axes), ticks=range(len(times)), aspect=40, pad=0.02)
    bar.ax.set_yticklabels(times)
    bar.ax.tick_params(length=0)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label(label, parse_math=False)


def landscape() -> ListedColormap:
    """White in the wells, grey on the heights."""
    return ListedColormap(matplotlib.colormaps["Greys"](np.linspace(0.0, 0.42, 256)))


def density() -> ListedColormap:
    """Pale where particles are few, dark where they are many."""
    return ListedColormap(matplotlib.colormaps["viridis_r"](np.linspace(0.06, 1.0, 256)))
