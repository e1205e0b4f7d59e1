"""Moments of increments, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import Grid

Floats = NDArray[np.float64]


def kramers_moyal(start: Any, end: Any, interval: float, grid: Grid) -> xr.Dataset:
    r"""Moments of increments over a short interval, of the particles that start in each cell.

    .. math:: M_n^{ab…}(x) = \lim_{τ→0} ⟨δx^a δx^b …⟩/τ, \qquad M_1 = \text{drift},\quad M_2 = 2 T S,\quad M_4 → 0

    Of a diffusion the moments beyond the second vanish with τ (Pawula, Phys. Rev. 162, 186 (1967)); the first two are
    those of the equation up to O(τ). Flat coordinates only.

    Parameters
    ----------
    start, end : (d, n) arrays
        Positions of n particles before and after.
    interval : float
        τ.
    grid : Grid
        Particles that start outside are left out.

    Returns
    -------
    Dataset
        ``count``; ``first`` (component), ``second`` (component, component_) and ``fourth`` (component, of each
        coordinate alone), each with ``*_stderr``; NaN in cells with fewer than two particles.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> import langevin_kit as lk
    >>> ds = lk.simulate(lk.System(energy="x**2/2", temperature=0.5), initial=lk.initial.uniform([-1.0], [1.0]),
    ...                  n_particles=100_000, time_step=1e-3, n_steps=10, save_every=10, rng=0, save_positions=True)
    >>> found = kramers_moyal(ds.position[0], ds.position[1], 0.01, lk.Grid(x=lk.cells(-1, 1, 2)))
    >>> bool((abs(found.second - 1.0) < 4 * found.second_stderr + 0.03).all())  # 2 T K
    True
    """
    x, y = np.asarray(start, np.float64), np.asarray(end, np.float64)
    d = len(grid.shape)
    if x.shape != y.shape or x.ndim != 2 or len(x) != d:
        raise InvalidArgument(f"start, end: got shapes {x.shape} and {y.shape}; ({d}, n) are needed for this grid.")
    if not (np.isfinite(interval) and interval > 0):
        raise InvalidArgument(f"interval: got {interval}; a positive number is needed.")
    place = (x - grid.lower[:, None]) / grid.width[:, None]
    inside = ((place >= 0) & (place < np.array(grid.shape)[:, None])).all(axis=0)
    cell = np.ravel_multi_index(tuple(place[:, inside].astype(np.int64)), grid.shape)
    step = (y - x)[:, inside]
    size = int(np.prod(grid.shape))
    count = np.bincount(cell, minlength=size)

    def moment(values: Floats) -> tuple[Floats, Floats]:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.bincount(cell, values, size) / count
            square = np.bincount(cell, values**2, size) / count
            stderr = np.sqrt(np.maximum(square - mean**2, 0.0) / (count - 1))
        few = count < 2
        return np.where(few, np.nan, mean) / interval, np.where(few, np.nan, stderr) / interval

    parts = {
        "first": [moment(step[a]) for a in range(d)],
        "second": [moment(step[a] * step[b]) for a in range(d) for b in range(d)],
        "fourth": [moment(step[a] ** 4) for a in range(d)],
    }
    dims = {"first": ("component",), "second": ("component", "component_"), "fourth": ("component",)}
    names = list(grid.names)
    variables: dict[str, Any] = {"count": (grid.names, count.reshape(grid.shape))}
    for name, found in parts.items():
        for k, suffix in enumerate(("", "_stderr")):
            values = np.stack([pair[k] for pair in found]).reshape(*[d] * len(dims[name]), *grid.shape)
            variables[name + suffix] = ((*dims[name], *grid.names), values)
    axes = {name: axis.centers for name, axis in grid.axes.items()}
    return xr.Dataset(variables, {"component": names, "component_": names, **axes})
