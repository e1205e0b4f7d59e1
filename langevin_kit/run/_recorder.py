"""From measurements to rows of arrays, with the estimates that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import Measurement
from langevin_kit.run._dataset import coordinates, describe
from langevin_kit.run._estimates import estimate
from langevin_kit.run._job import Job
from langevin_kit.run._memory import Sink

if TYPE_CHECKING:
    from langevin_kit.estimate import Boltzmann, Cells

PENDING_BYTES = 4 * 2**20
"""Of measurements that wait for their estimates: together they take less than one at a time."""


Arrays = Callable[[], Mapping[str, NDArray[Any]]]


def _nothing() -> Mapping[str, NDArray[Any]]:
    return {}


def _positions(kept: NDArray[np.floating], arrive: Callable[[], None]) -> Mapping[str, NDArray[Any]]:
    arrive()
    return {"position": kept[None]}


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

    def record(self, measurement: Measurement) -> Mapping[str, Any]:
        """Keep one saved time; gives the values of the plan."""
        values = self._plan.finish(measurement.sums)
        if len(measurement.nonfinite):  # of those that are left there is no average that means anything
            values = {name: np.asarray(value) * np.nan if _is_real(value) else value for name, value in values.items()}
        row = {"step": self._job.steps[self.rows], **values, "n_nonfinite": len(measurement.nonfinite)}
        if self._plan.system.absorbers:
            row |= _survival(measurement.sums.n, self._job.n_particles) | {"n_absorbed": measurement.absorbed}
        if measurement.histogram is not None:
            row |= {"histogram": measurement.histogram, "n_outside": measurement.n_outside}
        at_once = _nothing
        if measurement.kept is not None:
            if self._sink.is_laid_out and measurement.kept.nbytes > PENDING_BYTES:
                at_once = partial(_positions, measurement.kept, measurement.arrive)
            else:
                measurement.arrive()
                row["position"] = measurement.kept.copy()
        self._pending.append({name: np.asarray(value) for name, value in row.items()})
        self._bytes += sum(value.nbytes for value in self._pending[-1].values())
        self.rows += 1
        if self._bytes > PENDING_BYTES:
            self.flush(at_once)
        elif at_once is not _nothing:
            self._sink.append(at_once)
        return values

    def flush(self, more: Arrays = _nothing) -> None:
        """Hand on all that was recorded, and more; where the sink takes it, the estimates are made."""
        if not self._pending:
            return
        pending, self._pending, self._bytes = self._pending, [], 0
        law = self._job.law[self.rows - len(pending) : self.rows]
        if not self._sink.is_laid_out:
            arrays, long_names = self._estimated(pending, law)
            along = coordinates(self._plan, self._job.times, self._attrs, covariance="covariance" in arrays)
            first = {name: block[0] for name, block in arrays.items()}
            rounded = () if self._job.position_bits is None else ("position",)
            self._sink.lay_out(along, first, describe(self._plan, arrays, long_names), rounded)
            self._sink.append(lambda: arrays)
        else:
            self._sink.append(lambda: {**self._estimated(pending, law)[0], **more()})

    def _estimated(
        self, pending: list[dict[str, NDArray[Any]]], law: Sequence[Boltzmann]
    ) -> tuple[dict[str, NDArray[Any]], Mapping[str, str]]:
        """Rows as arrays, with their estimates; and what is meant by those that do not mean what they usually do."""
        arrays = {name: _stack([row[name] for row in pending]) for name in pending[0]}
        if self._cells is None and law and self._plan.histogram is not None:
            from langevin_kit.estimate import Cells

            self._cells = Cells(self._plan.histogram)
        estimates, long_names = estimate(law, self._cells, self._job.n_particles, arrays)
        return arrays | estimates, long_names


def _survival(living: int, n: int) -> dict[str, Any]:
    share = living / n
    return {"survival": share, "survival_stderr": np.sqrt(share * (1 - share) / (n - 1)) if n > 1 else np.nan}


def _is_real(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _stack(rows: list[NDArray[Any]]) -> NDArray[Any]:
    """Rows in one array; one alone, which may be large, is not copied."""
    return rows[0][None] if len(rows) == 1 else np.stack(rows)
