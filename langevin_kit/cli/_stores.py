"""`langevin plot` and `langevin info`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from langevin_kit.cli.outputs import beside, refuse_figure
from langevin_kit.errors import InvalidStore

if TYPE_CHECKING:
    import xarray as xr


def plot(
    store: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    overwrite: bool = False,
) -> None:
    """Draw how a stored run relaxes; of a network what it recalls.

    Parameters
    ----------
    store
        A store that `langevin run` wrote.
    output
        The figure to write (.png, .pdf or .svg); the store's name with .png beside it if left out.
    overwrite
        Replace a figure that exists.
    """
    from langevin_kit.plot import overview

    ds = finished(store)
    figure = output or beside(store)
    refuse_figure(figure, overwrite=overwrite)
    figure.parent.mkdir(parents=True, exist_ok=True)
    overview(ds, figure)
    print(figure)


def info(store: Path, /) -> None:
    """Say what a store holds.

    Parameters
    ----------
    store
        A store that `langevin run` wrote.
    """
    from langevin_kit.cli.summary import closing, heading, results, row

    ds = finished(store)
    lines = [*heading(ds), row("Boltzmann", ds.attrs["boltzmann"]), *results(ds)]
    lines += [row("created", ds.attrs["created"])]
    lines += [
        row("with", f"{ds.attrs['provenance_versions']}; Python {ds.attrs['provenance_python']}"),
        row("on", ds.attrs["provenance_platform"]),
        row("variables", ""),
    ]
    width = max(len(str(name)) for name in ds.data_vars)
    for name, array in ds.data_vars.items():
        sizes = ", ".join(f"{dim} {size}" for dim, size in array.sizes.items())
        about = f"{array.attrs.get('long_name', '')} [{array.attrs.get('units', '1')}]"
        lines.append(f"    {name!s:<{width}}  ({sizes}) {array.dtype}: {about}")
    print("\n".join([*lines, closing(ds)]))


def finished(store: Path) -> xr.Dataset:
    """Open a store whose run has saved a time."""
    from langevin_kit.run import open_store

    ds = open_store(store)
    if not ds.sizes.get("time") or "run" not in ds.attrs:
        raise InvalidStore(f"{store} holds no saved time yet: `langevin resume {store}` goes on with it.")
    return ds
