"""The group and its arrays in words: Zarr version 3, as `xarray.open_zarr` reads it without this package.

A group is a folder with one JSON file, so a run makes its output before zarr and xarray are imported: they take longer
than all else that a run does before its first step.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langevin_kit.errors import InvalidStore, StoreCorrupt, StoreExists
from langevin_kit.store._layout import Layout
from langevin_kit.store.provenance import CONVENTIONS

if TYPE_CHECKING:
    import xarray as xr

METADATA = "zarr.json"


def group(attrs: Mapping[str, Any]) -> bytes:
    """The metadata of a group without arrays."""
    return json.dumps({"zarr_format": 3, "node_type": "group", "attributes": dict(attrs)}, indent=2).encode()


def read_attrs(store: Path) -> dict[str, Any]:
    """The attributes of a store of this package.

    Raises
    ------
    InvalidStore
        If there is none.
    StoreCorrupt
        If its metadata is no JSON.
    """
    try:
        text = (store / METADATA).read_bytes()
    except OSError as error:
        missing = "does not exist" if not store.exists() else f"is no Zarr group ({error.strerror}: {METADATA})"
        raise InvalidStore(f"{store} {missing}.") from error
    try:
        found = json.loads(text)
        attrs: dict[str, Any] = found["attributes"] if found["node_type"] == "group" else {}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreCorrupt(f"{store / METADATA} is damaged: it is not the metadata of a group.") from error
    require_ours(store, attrs)
    return attrs


def require_ours(store: Path, attrs: Mapping[Any, Any]) -> None:
    """Refuse what this package did not write."""
    if attrs.get("Conventions") != CONVENTIONS:
        raise InvalidStore(
            f"{store}: Conventions is {attrs.get('Conventions')!r}; a store of this package says {CONVENTIONS!r}."
        )


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise before a run starts if its output would replace anything.

    Raises
    ------
    StoreExists
        If the path exists and `overwrite` is false, or it is no store of this package.
    """
    if not (path.exists() or path.is_symlink()):
        return
    try:
        read_attrs(path)
        ours = True
    except (InvalidStore, StoreCorrupt):
        ours = False
    if not overwrite:
        goes_on = f", go on with that run (langevin resume {path} / lk.resume)" if ours else ""
        raise StoreExists(
            f"{path} exists. Choose another output (-o / store=){goes_on}, or allow --overwrite / overwrite=True."
        )
    if not ours:
        raise StoreExists(f"{path} exists and is no store of langevin_kit: it is not overwritten. Remove it yourself.")


def lay_out(
    coordinates: xr.Dataset, layouts: Mapping[str, Layout], about: Mapping[str, tuple[tuple[str, ...], dict[str, Any]]]
) -> dict[str, bytes]:
    """The files of a group with coordinates and arrays that hold nothing yet, by key; the group's own comes last.

    Parameters
    ----------
    coordinates : Dataset
        With the group's attributes.
    layouts : mapping of str to Layout
    about : mapping of str to (dims, attributes)
        For each array.
    """
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec
    from zarr.errors import ZarrUserWarning
    from zarr.storage import MemoryStore

    files: dict[str, Any] = {}
    memory = MemoryStore(files)
    coordinates.to_zarr(memory, mode="w", zarr_format=3, consolidated=False)
    root = zarr.open_group(memory, mode="r+")
    for name, layout in layouts.items():
        dims, attrs = about[name]
        root.create_array(
            name,
            shape=layout.shape,
            chunks=layout.chunks,
            dtype=layout.dtype,
            fill_value=layout.fill,
            # Mantissas are noise, which nothing compresses, unless they were rounded.
            compressors=[
                *([BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle")] if layout.compressed else []),
                Crc32cCodec(),
            ],
            chunk_key_encoding={"name": "default", "configuration": {"separator": layout.separator}},
            dimension_names=dims,
            attributes=attrs,
        )
    with warnings.catch_warnings():
        # zarr warns that consolidated metadata is its own extension; without it plain xr.open_zarr warns.
        warnings.filterwarnings("ignore", "Consolidated metadata", ZarrUserWarning)
        zarr.consolidate_metadata(memory)
    encoded = {key: value.to_bytes() for key, value in files.items()}
    return {**{key: data for key, data in encoded.items() if key != METADATA}, METADATA: encoded[METADATA]}
