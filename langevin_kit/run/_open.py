"""A stored run, with its estimates at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from langevin_kit import store

if TYPE_CHECKING:
    import xarray as xr


def open_store(path: str | Path) -> xr.Dataset:
    """Open a run; `ds.langevin` then gives its estimates.

    Parameters
    ----------
    path : str or Path
        A store that `simulate` or `langevin run` wrote.

    Returns
    -------
    Dataset
        Variables are read when they are used.

    Raises
    ------
    InvalidStore
        If there is no store of this package.
    """
    import langevin_kit.run._accessor  # noqa: F401  (registers `ds.langevin`)

    return store.open_store(path)
