"""Extremes over the ensemble, with the number of the particle that has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_kit.observables._kind import Finish
from langevin_kit.observables.rows import Rows, Sums, Text
from langevin_kit.observables.variables import TIME, Variable


@dataclass(frozen=True)
class Extreme:
    """The maximum (sign 1) or the minimum (sign −1) of A, and who has it."""

    of: Text
    sign: int

    @property
    def kind(self) -> str:
        """The name in a scenario."""
        return "maximum" if self.sign > 0 else "minimum"

    def plan(self, rows: Rows, where: str) -> Finish:
        """Ask for the extreme."""
        extreme = rows.extreme(rows.value(self.of, where), self.sign)

        def finish(sums: Sums) -> dict[str, Any]:
            top = sums.top[extreme] if sums.n else np.nan
            return {"": self.sign * top, "_particle": sums.holder[extreme]}

        return finish

    def variables(self, name: str) -> Mapping[str, Variable]:
        """The extreme, and the number of the first particle that has it."""
        return {
            "": Variable((TIME,), f"{self.kind} of {self.of} over the ensemble", ""),
            "_particle": Variable((TIME,), f"number of the first particle that has the {self.kind} {name}"),
        }


def maximum(of: Text) -> Extreme:
    r"""Maximum of an expression over the ensemble, :math:`\max_p A(x_p, t)`.

    Parameters
    ----------
    of : str or number
        A(x, t), as for `mean`.

    Returns
    -------
    Extreme
        Variables `name` and `name_particle`, both (time,): the value, and the number of the particle that has it, the
        lowest of several. NaN if any particle's value is.

    Examples
    --------
    >>> maximum("x**2")
    Extreme(of='x**2', sign=1)
    """
    return Extreme(of, 1)


def minimum(of: Text) -> Extreme:
    r"""Minimum of an expression over the ensemble, :math:`\min_p A(x_p, t)`; otherwise as `maximum`.

    Examples
    --------
    >>> minimum("energy")
    Extreme(of='energy', sign=-1)
    """
    return Extreme(of, -1)
