"""What a run reduces: a plan before it, sums from the kernels during it, variables after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.observables.variables import RESERVED
from langevin_kit.system import Grid, System
from langevin_kit.system.expression import parse

if TYPE_CHECKING:
    import sympy as sp

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """The quantities whose ensemble moments a run takes, and the cells it counts in.

    Attributes
    ----------
    d : int
        The first d quantities are the coordinates; the next is the energy; then the user's.
    names : tuple of str
        The user's names.
    quantities : tuple of Expr
    pairs : (p, 2) array
        Which co-moments are taken: the coordinates' upper triangle, then the diagonal of the others.
    histogram : Grid or None
    """

    d: int
    names: tuple[str, ...]
    quantities: tuple[sp.Expr, ...]
    pairs: NDArray[np.int64]
    histogram: Grid | None

    def finish(self, n: int, mean: Floats, comoment: Floats) -> dict[str, Floats]:
        """The variables of one saved time from the merged mean (q,) and co-moment (p,)."""
        d = self.d
        upper = d * (d + 1) // 2
        covariance = np.zeros((d, d))
        for (i, j), value in zip(self.pairs[:upper], comoment[:upper] / max(n - 1, 1), strict=True):
            covariance[i, j] = covariance[j, i] = value
        stderr = np.sqrt(np.concatenate([np.diag(covariance), comoment[upper:] / max(n - 1, 1)]) / n)
        if n == 1:
            covariance, stderr = np.full_like(covariance, np.nan), np.full_like(stderr, np.nan)
        rows = {"mean": mean[:d], "mean_stderr": stderr[:d], "covariance": covariance}
        for k, name in enumerate(("energy", *self.names), start=d):
            rows |= {name: mean[k], f"{name}_stderr": stderr[k]}
        return rows


def plan(system: System, observables: Mapping[str, str | float] | None, histogram: Grid | None) -> Plan:
    """Plan the moments, the energy, the histogram and the user's expressions.

    Parameters
    ----------
    observables : mapping of str to str
        Name → expression in the coordinates, the parameters and t; comparisons count 1 where they hold.
        The run stores their ensemble mean and its standard error.

    Raises
    ------
    InvalidExpression, InvalidArgument
        For a faulty expression, or a name that is taken.

    Examples
    --------
    >>> plan(System(energy="x**2", temperature=1.0), {"right": "x > 0"}, None).names
    ('right',)
    """
    if not isinstance(observables, Mapping | None):
        raise InvalidArgument(f"observables: got {type(observables).__name__}; a mapping of name to text is needed.")
    if not isinstance(histogram, Grid | None):
        got = type(histogram).__name__
        raise InvalidArgument(f"histogram: got {got}; give a Grid, as in Grid(x=cells(-3, 3, 256)).")
    observables = dict(observables or {})
    for name in (*system.coordinates, *observables):
        if name in RESERVED or f"{name}_stderr" in RESERVED:
            raise InvalidArgument(f"name {name!r} is a variable of every run; choose another.")
    for name in observables:
        if not (isinstance(name, str) and name.isidentifier() and name.isascii()):
            raise InvalidArgument(f"observables: name {name!r}; letters, digits and _ are allowed.")
        if name.endswith("_stderr") and name.removesuffix("_stderr") in observables:
            raise InvalidArgument(f"observables: {name!r} is the standard error of {name.removesuffix('_stderr')!r}.")
        if name in system.coordinates:
            raise InvalidArgument(f"observables: {name!r} is a coordinate; its mean is in `mean`. Choose another name.")
    if histogram is not None:
        histogram.check(tuple(system.coordinates), "histogram")
    derived = system.derived
    own = [parse(text, system.symbols, field=f"observables.{k}", logical=True) for k, text in observables.items()]
    quantities = (*derived.coordinates, derived.energy, *own)
    d = system.n_dim
    pairs = [(i, j) for i in range(d) for j in range(i, d)] + [(k, k) for k in range(d, len(quantities))]
    return Plan(d, tuple(observables), quantities, np.array(pairs, np.int64), histogram)
