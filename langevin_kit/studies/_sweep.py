"""A function at every point of a grid of arguments: cell after cell, and on disk as soon as each is done."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_kit.errors import InvalidArgument, InvalidStore, StoreMismatch
from langevin_kit.progress import Progress, Watched

if TYPE_CHECKING:
    import xarray as xr

ABOUT = "sweep.json"
Value = bool | int | float | str
Cell = dict[str, tuple[tuple[str, ...], np.ndarray]]


def sweep(
    function: Callable[..., Mapping[str, Any]],
    axes: Mapping[str, Sequence[Value]],
    *,
    store: str | Path | None = None,
    attrs: Mapping[str, str] | None = None,
    progress: Progress | bool | None = None,
) -> xr.Dataset:
    """Call a function at every point of a grid, and gather what it gives.

    Parameters
    ----------
    function : function of the axes' names
        Gives numbers, arrays or DataArrays by name: of the same names, dimensions and sizes at each point. Plain arrays
        get dimensions named after them. Where it is random, its seed should be an axis: then a cell is the same
        whenever it is computed.
    axes : mapping of str to sequence
        Values of each argument.
    store : path, optional
        A folder. Each cell goes there when it is done, in a file that is whole or not there; a further call takes
        those it finds, so that a sweep that was ended goes on, and one with more values adds to it.
    attrs : mapping of str to str, optional
        What the function depends on beside its arguments. It is kept with the Dataset, and a store with other
        attributes is refused.
    progress : bool or Progress
        True shows a bar, of cells.

    Returns
    -------
    Dataset
        Its first dimensions are the axes, in their order.

    Raises
    ------
    InvalidArgument
    StoreMismatch
        If the store holds a sweep of other axes or attributes.
    InvalidStore
        If it is no folder of a sweep, or a file in it is damaged.

    Examples
    --------
    >>> found = sweep(lambda a, b: {"product": a*b, "both": [a, b]}, {"a": [1.0, 2.0], "b": [3.0, 4.0, 5.0]})
    >>> found.product.values
    array([[ 3.,  4.,  5.],
           [ 6.,  8., 10.]])
    >>> dict(found.sizes)
    {'a': 2, 'b': 3, 'both_0': 2}
    """
    values = {name: list(of) for name, of in axes.items()}
    for name, of in values.items():
        if not of or len({json.dumps(value) for value in map(_plain, of)}) < len(of):
            raise InvalidArgument(f"axes: got {of!r} for {name!r}; one or more values, no two alike, are needed.")
    if not values:
        raise InvalidArgument("axes: got none; one or more are needed.")
    folder = None if store is None else _folder(Path(store), list(values), dict(attrs or {}))
    cells: list[Cell] = []
    points = [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]
    with Watched(progress, len(points), "sweeping") as meter:
        for point in points:
            path = None if folder is None else folder / f"{_digest(point)}.npz"
            if path is not None and path.exists():
                cell = _read(path)
            else:
                cell = _cell(function(**point))
                if path is not None:
                    _write(path, cell)
            _require_alike(cells, cell, point)
            cells.append(cell)
            meter.advance(1)
    return _gathered(values, cells, attrs or {})


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _digest(point: Mapping[str, Any]) -> str:
    text = json.dumps({name: _plain(value) for name, value in sorted(point.items())})
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _folder(folder: Path, names: list[str], attrs: Mapping[str, str]) -> Path:
    about = {"axes": sorted(names), "attrs": dict(attrs)}
    file = folder / ABOUT
    if file.exists():
        found = json.loads(file.read_text())
        if found != about:
            raise StoreMismatch(f"{folder} holds another sweep ({found} there, {about} here). Choose another folder.")
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidStore(f"{folder}: it exists and holds no sweep. Choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    _replace(file, json.dumps(about).encode())
    return folder


def _replace(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _cell(given: Mapping[str, Any]) -> Cell:
    """Dimensions and values by name."""
    cell: Cell = {}
    for name, value in given.items():
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise InvalidArgument(f"function: got {type(value).__name__} for {name!r}; numbers are needed.")
        dims = getattr(value, "dims", None) or tuple(f"{name}_{j}" for j in range(array.ndim))
        cell[name] = tuple(dims), array
    return cell


def _write(path: Path, cell: Cell) -> None:
    file = io.BytesIO()
    dims = json.dumps({name: of for name, (of, _) in cell.items()})
    values: dict[str, Any] = {f"value {name}": value for name, (_, value) in cell.items()}
    np.savez(file, dims=np.array(dims), **values)
    _replace(path, file.getvalue())


def _read(path: Path) -> Cell:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            dims = json.loads(str(file["dims"]))
            return {name: (tuple(of), file[f"value {name}"]) for name, of in dims.items()}
    except Exception as error:
        raise InvalidStore(f"{path}: damaged ({error}). Delete this file: its cell is then computed again.") from error


def _require_alike(cells: Sequence[Cell], cell: Cell, point: Mapping[str, Any]) -> None:
    if not cells:
        return
    first, now = ({name: (dims, value.shape) for name, (dims, value) in each.items()} for each in (cells[0], cell))
    if first != now:
        raise InvalidArgument(f"function: gave {now} at {dict(point)} and {first} at the first point; alike is needed.")


def _gathered(axes: Mapping[str, Sequence[Value]], cells: Sequence[Cell], attrs: Mapping[str, str]) -> xr.Dataset:
    import xarray as xr

    shape = tuple(len(of) for of in axes.values())
    variables = {
        name: ((*axes, *dims), np.stack([cell[name][1] for cell in cells]).reshape(*shape, *value.shape))
        for name, (dims, value) in cells[0].items()
    }
    return xr.Dataset(variables, coords={name: list(of) for name, of in axes.items()}, attrs=dict(attrs))
