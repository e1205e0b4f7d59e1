r"""Autocorrelation :math:`C(t) = ⟨δA(0)\,δA(t)⟩` over the ensemble, each δ about the mean at its own time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from langevin_kit.observables._kind import Finish
from langevin_kit.observables.rows import Rows, Sums, Text
from langevin_kit.observables.variables import TIME, Variable


@dataclass(frozen=True)
class Autocorrelation:
    """⟨δA(0) δA(t)⟩ with its standard error."""

    of: Text
    kind: ClassVar[str] = "autocorrelation"

    def plan(self, rows: Rows, where: str) -> Finish:
        """Ask for the covariances of A(0), A(t) and their product: those of Ĉ's influence function."""
        start, now = rows.start_value(self.of, where), rows.value(self.of, where)
        parts = [rows.product(start, now), start, now]
        pairs = [[rows.pair(min(i, j), max(i, j)) for j in parts] for i in parts]
        wanted = pairs[1][2]

        def finish(sums: Sums) -> dict[str, Any]:
            # Ĉ = ⟨A₀Aₜ⟩ − ⟨A₀⟩⟨Aₜ⟩ changes with its moments as A₀Aₜ − ⟨Aₜ⟩A₀ − ⟨A₀⟩Aₜ does: the delta method.
            slope = np.array([1.0, -sums.mean[now], -sums.mean[start]])
            variance = slope @ sums.covariance(pairs) @ slope
            return {"": sums.covariance(wanted), "_stderr": np.sqrt(np.maximum(variance, 0.0) / sums.n)}

        return finish

    def variables(self, name: str) -> Mapping[str, Variable]:
        """The autocorrelation and its standard error."""
        return {
            "": Variable((TIME,), f"autocorrelation ⟨δA(0) δA(t)⟩ over the ensemble, A = {self.of}", ""),
            "_stderr": Variable((TIME,), f"standard error of the autocorrelation {name}", ""),
        }


def autocorrelation(of: Text) -> Autocorrelation:
    r"""Autocorrelation of an expression over the ensemble, from the start of the run.

    .. math:: C(t) = \frac1{n-1} \sum_p [A(x_p(0), 0) − ⟨A⟩(0)]\,[A(x_p(t), t) − ⟨A⟩(t)]

    Parameters
    ----------
    of : str or number
        A(x, t), as for `mean`.

    Returns
    -------
    Autocorrelation
        Variables `name` and `name_stderr`, both (time,); C(0) is the variance. `ds.langevin.autocorrelation_time(name)`
        goes on from there, for a run that starts in equilibrium. The run keeps the start of each particle in the
        coordinates that A uses, in the dtype of the state.

    Notes
    -----
    The standard error is by the delta method, from the second moments of A(0), A(t) and A(0)·A(t). It loses its digits
    where the mean of A exceeds its spread by 10⁶ or more; C itself does not.

    Examples
    --------
    >>> autocorrelation("x**2")
    Autocorrelation(of='x**2')
    """
    return Autocorrelation(of)
