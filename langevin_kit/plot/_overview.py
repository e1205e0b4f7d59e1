"""The figure of a run, by what it is a run of."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from langevin_kit.plot._recall import recall
from langevin_kit.plot._relaxation import relaxation
from langevin_kit.run import Langevin


def overview(ds: xr.Dataset, path: str | Path | None = None) -> Figure:
    """Draw a run: `recall` for a network that knows its patterns, `relaxation` for all others.

    Parameters
    ----------
    ds : Dataset
        A run.
    path : str or Path, optional
        Where to write the figure as well.

    Returns
    -------
    Figure
    """
    return (recall if "system" in ds.attrs and Langevin(ds).has_patterns else relaxation)(ds, path)
