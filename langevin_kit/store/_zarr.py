"""The only writer of Zarr: a plain version-3 group that `xarray.open_zarr` reads without this package.

A group is a folder with one JSON file, so a run looks for its output and makes it before zarr and xarray are imported:
they take longer than all else that a run does before its first step.
"""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidStore, StoreExists
from langevin_kit.store.provenance import CONVENTIONS

if TYPE_CHECKING:
    import xarray as xr

_METADATA = "zarr.json"

CHUNK_BYTES = 4 * 2**20
"""Aim for a chunk of positions; chunks are near-equal, so that the last one is not mostly padding."""


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise before a run starts if its output would replace anything.

    Raises
    ------
    StoreExists
        If the path exists and `overwrite` is false, or it is no store of this package.
    """
    if not (path.exists() or path.is_symlink()):
        return
    if not overwrite:
        raise StoreExists(f"{path} exists. Choose another output (-o / store=), or allow --overwrite / overwrite=True.")
    if not _is_ours(path):
        raise StoreExists(f"{path} exists and is no store of langevin_kit: it is not overwritten. Remove it yourself.")


def _is_ours(path: Path) -> bool:
    try:
        metadata = json.loads((path / _METADATA).read_bytes())
        return bool(metadata["node_type"] == "group" and metadata["attributes"]["Conventions"] == CONVENTIONS)
    except (OSError, ValueError, KeyError, TypeError):
        return False


class Store:
    """A new store, open for one run."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        refuse_existing(path, overwrite=overwrite)
        self.path = path
        try:
            if path.exists():
                shutil.rmtree(path)
            path.mkdir(parents=True)
            metadata = {"zarr_format": 3, "node_type": "group", "attributes": {"Conventions": CONVENTIONS}}
            (path / _METADATA).write_text(json.dumps(metadata, indent=2))
        except FileExistsError:
            raise StoreExists(f"{path} was made by another run just now. Choose another output.") from None
        except OSError as error:
            raise InvalidStore(f"{path} cannot be created ({error.strerror}). Choose another output.") from error

    def create_positions(self, n_times: int, d: int, n: int, dtype: str, dims: tuple[str, ...]) -> None:
        """Preallocate `position` (time, component, particle), filled with NaN, one save to a row of chunks."""
        import zarr
        from zarr.codecs import Crc32cCodec

        chunks = max(1, round(n * np.dtype(dtype).itemsize / CHUNK_BYTES))
        self._positions = zarr.open_group(self.path, mode="r+", zarr_format=3).create_array(
            "position",
            shape=(n_times, d, n),
            chunks=(1, 1, -(-n // chunks)),
            dtype=dtype,
            fill_value=np.nan,
            compressors=[Crc32cCodec()],  # mantissas of positions are noise: compression buys nothing
            dimension_names=dims,
        )

    def write_positions(self, row: int, position: NDArray[np.floating]) -> None:
        """Write one save (d, n)."""
        self._positions[row] = position

    def finish(self, ds: xr.Dataset, position_attrs: dict[str, Any] | None) -> None:
        """Write everything but the positions, which are there already."""
        from zarr.errors import ZarrUserWarning

        if position_attrs is not None:
            self._positions.attrs.update(position_attrs)
            if self._positions.shape[0] > ds.sizes["time"]:  # the run was cut short
                self._positions.resize((ds.sizes["time"], *self._positions.shape[1:]))
        with warnings.catch_warnings():
            # zarr warns that consolidated metadata is its own extension; without it plain xr.open_zarr warns.
            warnings.filterwarnings("ignore", "Consolidated metadata", ZarrUserWarning)
            ds.to_zarr(self.path, mode="a", zarr_format=3, consolidated=True)


def open_store(path: str | Path) -> xr.Dataset:
    """Open a run as a plain Dataset, without the estimates that `langevin_kit.open_store` adds."""
    import xarray as xr

    path = Path(path)
    if not path.exists():
        raise InvalidStore(f"{path} does not exist.")
    try:
        with warnings.catch_warnings():
            # A run that was killed has no consolidated metadata; what is missing is said by whoever needs it.
            warnings.filterwarnings("ignore", "Failed to open Zarr store with consolidated", RuntimeWarning)
            ds: xr.Dataset = xr.open_zarr(path, chunks=None)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidStore(f"{path} is no Zarr group ({error}).") from error
    if ds.attrs.get("Conventions") != CONVENTIONS:
        raise InvalidStore(
            f"{path}: Conventions is {ds.attrs.get('Conventions')!r}; a store of this package says {CONVENTIONS!r}."
        )
    return ds
