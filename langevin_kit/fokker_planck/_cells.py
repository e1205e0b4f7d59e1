"""The cells of a histogram or of a density that came as a DataArray."""

from __future__ import annotations

import xarray as xr

from langevin_kit.system import Grid, cells


def grid_of(array: xr.DataArray) -> Grid:
    """Cells along all dims but the first, which is time; bounds from the coordinates' attributes, or their spacing."""
    axes = {}
    for name in map(str, array.dims[1:]):
        x, about = array[name].values, array[name].attrs
        half = 0.5 * (x[-1] - x[0]) / max(len(x) - 1, 1)
        axes[name] = cells(about.get("lower", x[0] - half), about.get("upper", x[-1] + half), len(x))
    return Grid(**axes)
