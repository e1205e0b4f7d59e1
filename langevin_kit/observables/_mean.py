r"""Ensemble means :math:`⟨A⟩ = \frac1n \sum_p A(x_p, t)`, with standard error :math:`s/\sqrt n`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from langevin_kit.observables._kind import Finish
from langevin_kit.observables.rows import Kept, Pairs, Rows, Sums, Text
from langevin_kit.observables.variables import TIME, Variable

MOST_PAIRED = 32
"""Coordinates up to which all covariances are taken; beyond, only the variances."""


@dataclass(frozen=True)
class Mean:
    """⟨A⟩ with its standard error."""

    of: Text
    kind: ClassVar[str] = "mean"

    def plan(self, rows: Rows, where: str) -> Finish:
        """Ask for the mean and the variance of A."""
        return _finish(rows, rows.value(self.of, where))

    def variables(self, name: str) -> Mapping[str, Variable]:
        """The mean and its standard error."""
        return {
            "": Variable((TIME,), f"ensemble mean of {name}", ""),
            "_stderr": Variable((TIME,), f"standard error of the mean of {name}", ""),
        }


def mean(of: Text) -> Mean:
    r"""Ensemble mean of an expression; a plain text among the observables means the same.

    .. math:: ⟨A⟩(t) = \frac1n \sum_p A(x_p(t), t)

    Parameters
    ----------
    of : str or number
        A(x, t): an expression in the coordinates, the parameters, t and `energy`; comparisons count 1 where they hold.

    Returns
    -------
    Mean
        Variables `name` and `name_stderr`, both (time,).

    Examples
    --------
    >>> mean("x > 0")
    Mean(of='x > 0')
    """
    return Mean(of)


def mean_energy(rows: Rows) -> Finish:
    """⟨E⟩ with its standard error, in every run."""
    return _finish(rows, rows.energy())


def mean_of_kept(rows: Rows, at: int) -> Finish:
    """The mean of a row of the state, with its standard error."""
    return _finish(rows, rows.row(Kept(at)))


def mean_log_measure(rows: Rows) -> Finish:
    """⟨ln μ⟩ with its standard error, in every run with a measure: H is taken against μ."""
    return _finish(rows, rows.log_measure())


def _finish(rows: Rows, row: int) -> Finish:
    variance = rows.pair(row, row)

    def finish(sums: Sums) -> dict[str, Any]:
        return {"": sums.mean[row], "_stderr": sums.stderr(variance)}

    return finish


def moments_of_position(rows: Rows) -> Finish:
    """Mean, its standard error and covariance of the coordinates, in every run; the variances of more than 32."""
    d = rows.system.n_dim
    variances = [rows.pair(i, i) for i in range(d)]
    full = d <= MOST_PAIRED
    pairs: Pairs = [[rows.pair(min(i, j), max(i, j)) for j in range(d)] for i in range(d)] if full else variances

    def finish(sums: Sums) -> dict[str, Any]:
        spread = {"covariance" if full else "variance": sums.covariance(pairs)}
        return {"mean": sums.mean[:d], "mean_stderr": sums.stderr(variances), **spread}

    return finish
