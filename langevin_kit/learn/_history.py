"""What is kept of learning: a row for each saved update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.learn._data import Data, Network

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

NAMES = {
    "energy": "mean energy with the data held",
    "energy_free": "mean energy of free chains",
    "slope_norm": "norm of the slope of F in all that is learnt",
    "chain_autocorrelation": "correlation of free chains with themselves an update before",
    "overlap": "mean over free chains of the largest cosine with a datum",
    "gradient_cosine": "cosine of the slope found and of the exact one",
}

TINY = 1e-30
"""In place of the length 0 of a state of zeros, whose cosines are 0."""


class History:
    """Rows of numbers, behind those of an earlier part."""

    def __init__(
        self,
        before: xr.Dataset,
        reference: Callable[[Any], Mapping[str, Any]] | None,
        observe: Mapping[str, Callable[[Any], float]],
    ) -> None:
        self._before, self._reference, self._observe = before, reference, observe
        self._rows: list[dict[str, Any]] = []

    @staticmethod
    def nothing() -> xr.Dataset:
        """A history without rows."""
        import xarray as xr

        return xr.Dataset()

    def take(
        self,
        update: int,
        system: Network,
        data: Data,
        held: Floats,
        free: tuple[Floats, Floats],
        slope: Mapping[str, Floats],
    ) -> None:
        """Keep a row; of free chains, where they were before and after the update's steps."""
        flat = np.concatenate([np.ravel(value) for value in slope.values()])
        row: dict[str, Any] = {"update": update, "energy": system.energy_at(held).mean()}
        row |= {"slope_norm": np.linalg.norm(flat)}
        row |= {
            f"singular_value_{name}": np.linalg.svd(system.parameters[name], compute_uv=False)
            for name, value in slope.items()
            if value.ndim == 2
        }
        if free[1].size:
            row |= {"energy_free": system.energy_at(free[1]).mean(), "overlap": _overlap(free[1][data.rows], data)}
            row |= {"chain_autocorrelation": _correlation(*free)}
        if self._reference is not None:
            exact = np.concatenate([np.ravel(self._reference(system)[name]) for name in slope])
            row |= {"gradient_cosine": flat @ exact / (np.linalg.norm(flat) * np.linalg.norm(exact))}
        self._rows.append(row | {name: float(of(system)) for name, of in self._observe.items()})

    def dataset(self) -> xr.Dataset:
        """All rows."""
        import xarray as xr

        if not self._rows:
            return self._before
        variables = {
            name: (("update", f"k_{name.removeprefix('singular_value_')}")[: 1 + np.ndim(self._rows[0][name])],
                   np.array([row[name] for row in self._rows]), {"long_name": NAMES.get(name, name.replace("_", " "))})
            for name in self._rows[0]
        }  # fmt: skip
        rows = xr.Dataset(variables).set_coords("update")
        return xr.concat([self._before, rows], "update") if len(self._before) else rows


def _overlap(states: Floats, data: Data) -> float:
    unit, other = (x / np.maximum(np.linalg.norm(x, axis=0), TINY) for x in (data.columns, states))
    return float((unit.T @ other).max(axis=0).mean())


def _correlation(before: Floats, now: Floats) -> float:
    """NaN for chains that are all at one place, as they may begin."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (before, now))
    size = float((a * a).sum() * (b * b).sum())
    return float((a * b).sum()) / size**0.5 if size else float("nan")
