"""Reading a store."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from langevin_kit.errors import InvalidStore
from langevin_kit.store._metadata import read_attrs, require_ours
from langevin_kit.store._record import read_record

if TYPE_CHECKING:
    import xarray as xr
    from zarr.storage import ZipStore


def open_store(path: str | Path) -> xr.Dataset:
    """Open a run as a plain Dataset, without the estimates that `langevin_kit.open_store` adds.

    Of a run that goes on, or was cut short, it holds the saved times that are committed.
    """
    import xarray as xr

    path = Path(path)
    is_zip = path.suffix.lower() == ".zip" and path.is_file()
    if not is_zip:
        read_attrs(path)
    try:
        with warnings.catch_warnings():
            # A run that was killed before it saved anything has no consolidated metadata, and what is there is walked.
            warnings.filterwarnings("ignore", "Failed to open Zarr store with consolidated", RuntimeWarning)
            warnings.filterwarnings("ignore", "Object at", UserWarning)
            ds: xr.Dataset = xr.open_zarr(_zip(path) if is_zip else path, chunks=None)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InvalidStore(f"{path} is no Zarr group ({error}).") from error
    require_ours(path, ds.attrs)
    record = None if is_zip or "time" not in ds.dims else read_record(path)
    if record is None:  # a copy without what is needed to go on
        return ds
    ds.encoding["source"] = str(path)
    return ds.isel(time=slice(0, record.rows))


def _zip(path: Path) -> ZipStore:
    from zarr.storage import ZipStore

    return ZipStore(path, mode="r")
