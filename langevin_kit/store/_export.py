"""Copies of a store for others: NetCDF, and a zip file that Zarr reads."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path

from langevin_kit.errors import InvalidArgument, InvalidStore, StoreExists
from langevin_kit.store._files import DRAFT
from langevin_kit.store._open import open_store
from langevin_kit.store._record import COMPLETE, FOLDER, read_record

ENDINGS = (".nc", ".zip")


def export_store(path: str | Path, output: str | Path, *, overwrite: bool = False) -> None:
    """Write the saved times of a run to one file, which appears under its name when it is whole.

    Parameters
    ----------
    path : path
        Of a store.
    output : path
        A name that ends in .nc: NetCDF, version 4 where h5netcdf or netCDF4 is installed, else 3. Or in .zip: the
        arrays as they are, to be read by `lk.open` and `xarray.open_zarr`, not to be gone on with.
    overwrite : bool

    Raises
    ------
    InvalidArgument
        For another ending.
    StoreExists
        If the output exists and `overwrite` is false.
    InvalidStore
        If there is no store of this package; for a zip file, if its run has not ended; for NetCDF version 3, if it
        holds integers beyond 2³¹.
    """
    path, output = Path(path), Path(output)
    if output.suffix.lower() not in ENDINGS:
        raise InvalidArgument(f"output: got {output}; its name must end in {' or '.join(ENDINGS)}.")
    if output.exists() and not overwrite:
        raise StoreExists(f"{output} exists. Choose another output, or allow --overwrite / overwrite=True.")
    draft = output.with_name(output.name + DRAFT)
    try:
        (_to_zip if output.suffix.lower() == ".zip" else _to_netcdf)(path, draft)
        draft.replace(output)
    except OSError as error:
        raise InvalidArgument(
            f"output: {output} cannot be written ({error.strerror or error}). Choose another."
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _to_zip(path: Path, draft: Path) -> None:
    open_store(path).close()
    record = read_record(path)
    if record is None or record.ended != COMPLETE:
        raise InvalidStore(
            f"{path}: its run is not complete; go on with it first (langevin resume {path}), or take .nc."
        )
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for file in sorted(path.rglob("*")):
            inner = file.relative_to(path)
            if file.is_file() and inner.parts[0] != FOLDER and not file.name.endswith(DRAFT):
                archive.write(file, inner.as_posix())


def _to_netcdf(path: Path, draft: Path) -> None:
    engine = next((name for name in ("h5netcdf", "netCDF4") if find_spec(name)), "scipy")
    with open_store(path) as ds:
        try:
            ds.to_netcdf(draft, engine=engine.lower())  # type: ignore[call-overload]
        except ValueError as error:
            raise InvalidStore(
                f"{path} cannot be written by {engine} ({error}). Install h5netcdf, or take .zip."
            ) from error
