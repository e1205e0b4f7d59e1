"""From measurements to rows of arrays, with the estimates that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import Measurement
from langevin_kit.preflight.arguments import MANTISSA
from langevin_kit.run._dataset import coordinates, describe
from langevin_kit.run._estimates import estimate
from langevin_kit.run._job import Job
from langevin_kit.run._memory import Sink

if TYPE_CHECKING:
    from langevin_kit.estimate import Cells

PENDING_BYTES = 4 * 2**20
"""Of measurements that wait for their estimates: together they take less than one at a time."""


class Recorder:
    """Collects what is saved, and hands it on.

    Attributes
    ----------
    rows : int
        Saved times that were recorded.
    """

    def __init__(self, job: Job, attrs: Mapping[str, Any], sink: Sink, rows: int = 0) -> None:
        self.rows, self._job, self._attrs, self._sink = rows, job, attrs, sink
        self._plan = job.program.plan
        self._pending: list[dict[str, NDArray[Any]]] = []
        self._bytes = 0
        self._cells: Cells | None = None
        self._places: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None

    def record(self, measurement: Measurement, position: NDArray[np.floating]) -> Mapping[str, Any]:
        """Keep one saved time; gives the values of the plan."""
        values = self._plan.finish(measurement.sums)
        if len(measurement.nonfinite):  # of those that are left there is no average that means anything
            values = {name: np.asarray(value) * np.nan if _is_real(value) else value for name, value in values.items()}
        row = {"step": self._job.steps[self.rows], **values, "n_nonfinite": len(measurement.nonfinite)}
        if measurement.histogram is not None:
            row |= {"histogram": measurement.histogram, "n_outside": measurement.n_outside}
        if self._job.n_kept:
            row["position"] = self._copied(position[:, : self._job.n_kept])
            if self._job.position_bits is not None:
                row["position"] = rounded(row["position"], self._job.position_bits)
        self._pending.append({name: np.asarray(value) for name, value in row.items()})
        self._bytes += sum(value.nbytes for value in self._pending[-1].values())
        self.rows += 1
        if self._bytes > PENDING_BYTES:
            self.flush()
        return values

    def _copied(self, kept: NDArray[np.floating]) -> NDArray[np.floating]:
        """A copy; of what is handed on at once in one of two places in turns, since new memory takes longer than it."""
        if kept.nbytes <= PENDING_BYTES:
            return kept.copy()
        if self._places is None:
            self._places = np.empty_like(kept), np.empty_like(kept)
        place = self._places[self.rows % 2]
        np.copyto(place, kept)
        return place

    def flush(self) -> None:
        """Hand on all that was recorded."""
        if not self._pending:
            return
        pending, self._pending, self._bytes = self._pending, [], 0
        arrays = {name: _stack([row[name] for row in pending]) for name in pending[0]}
        law = self._job.law[self.rows - len(pending) : self.rows]
        if self._cells is None and law and self._plan.histogram is not None:
            from langevin_kit.estimate import Cells

            self._cells = Cells(self._plan.histogram)
        estimates, long_names = estimate(law, self._cells, self._job.n_particles, arrays)
        arrays |= estimates
        if not self._sink.is_laid_out:
            along = coordinates(self._plan, self._job.times, self._attrs, covariance="covariance" in arrays)
            first = {name: block[0] for name, block in arrays.items()}
            rounded_ones = () if self._job.position_bits is None else ("position",)
            self._sink.lay_out(along, first, describe(self._plan, arrays, long_names), rounded_ones)
        self._sink.append(arrays)


def rounded(x: NDArray[np.floating], bits: int) -> NDArray[np.float32]:
    """In float32, to so many bits of the mantissa, half to even; a compressor then finds the rest to be zeros.

    Examples
    --------
    >>> rounded(np.array([0.1, 1.0, np.nan]), 4)
    array([0.1015625, 1.       ,       nan], dtype=float32)
    """
    single = np.array(x, np.float32)
    dropped = MANTISSA - bits
    if dropped:
        word = single.view(np.uint32)
        finite = np.isfinite(single)
        half = (word >> np.uint32(dropped) & np.uint32(1)) + np.uint32((1 << (dropped - 1)) - 1)
        np.copyto(word, (word + half) & np.uint32(2**32 - (1 << dropped)), where=finite)
    return single


def _is_real(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _stack(rows: list[NDArray[Any]]) -> NDArray[Any]:
    """Rows in one array; one alone, which may be large, is not copied."""
    return rows[0][None] if len(rows) == 1 else np.stack(rows)
