"""What a run reduces: a plan before it, sums from the kernels during it, variables after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.observables._kind import Finish, Observable
from langevin_kit.observables._mean import mean_energy, mean_log_measure, mean_of_kept, moments_of_position
from langevin_kit.observables._registry import observable_from
from langevin_kit.observables.rows import Row, Rows, SquaredDisplacement, StartValue, Sums, Text, used_axes
from langevin_kit.observables.variables import LONGEST, RESERVED, Variable
from langevin_kit.system import Grid, System

MOST_CELLED = 2
"""Coordinates up to which a run can hold a histogram."""


@dataclass(frozen=True)
class Plan:
    """The rows whose sums a run takes, what becomes of them, and the cells it counts in.

    Attributes
    ----------
    system : System
    observables : mapping of str to Observable
        The user's, by name.
    rows : tuple of Row
        The coordinates first.
    pairs : (p, 2) array
        Rows whose co-moments are taken.
    extremes : (e, 2) array
        Row, and 1 for its maximum or −1 for its minimum.
    histogram : Grid or None
    """

    system: System
    observables: Mapping[str, Observable]
    rows: tuple[Row, ...]
    pairs: NDArray[np.int64]
    extremes: NDArray[np.int64]
    histogram: Grid | None
    _finish: Mapping[str, Finish]

    @property
    def d(self) -> int:
        """Number of coordinates: the first rows."""
        return self.system.n_dim

    @cached_property
    def start_axes(self) -> tuple[int, ...]:
        """The coordinates whose values at the start a run must keep."""
        axes: set[int] = set()
        for row in self.rows:
            if isinstance(row, SquaredDisplacement):
                axes |= {*row.axes}
            elif isinstance(row, StartValue):
                axes |= {*used_axes(self.system, row.text, "observables")}
        return tuple(sorted(axes))

    @property
    def variables(self) -> dict[str, Variable]:
        """The user's variables by their full names."""
        return {
            f"{name}{suffix}": variable
            for name, observable in self.observables.items()
            for suffix, variable in observable.variables(name).items()
        }

    def finish(self, sums: Sums) -> dict[str, Any]:
        """The variables of one saved time."""
        with np.errstate(over="ignore", invalid="ignore"):  # an exploding run is reported by its particles
            parts = {name: finish(sums) for name, finish in self._finish.items()}
        return {f"{name}{suffix}": value for name, part in parts.items() for suffix, value in part.items()}


def plan(
    system: System,
    observables: Mapping[str, Text | Observable] | None,
    histogram: Grid | None,
    counted: Mapping[str, int] | None = None,
) -> Plan:
    """Plan the moments, the energy, the histogram, the user's observables and what the scheme counts.

    Parameters
    ----------
    observables : mapping of str to str or Observable
        Name → `mean_square_displacement()`, `autocorrelation(of)`, `maximum(of)`, …; or an expression in the
        coordinates, the parameters, t and `energy`, which stands for its `mean`; comparisons count 1 where they hold.
    counted : mapping of str to int
        Name → the row of the state in which a scheme counts.

    Raises
    ------
    InvalidExpression, InvalidArgument
        For a faulty expression, or a name that is taken.

    Examples
    --------
    >>> sorted(plan(System(energy="x**2", temperature=1.0), {"right": "x > 0"}, None).variables)
    ['right', 'right_stderr']
    """
    if not isinstance(observables, Mapping | None):
        raise InvalidArgument(f"observables: got {type(observables).__name__}; a mapping of name to text is needed.")
    own = _named(system, dict(observables or {}))
    _check_histogram(system, histogram)
    rows = Rows(system)
    kept = system.energy_row
    energy = mean_energy(rows) if kept is None else mean_of_kept(rows, kept)
    finish = {"": moments_of_position(rows), "energy": energy}
    finish |= {"log_measure": mean_log_measure(rows)} if system.facts.has_measure else {}
    finish |= {name: mean_of_kept(rows, at) for name, at in (counted or {}).items()}
    finish |= {name: observable.plan(rows, f"observables.{name}") for name, observable in own.items()}
    pairs, extremes = (np.array([*table], np.int64).reshape(-1, 2) for table in (rows.pairs, rows.extremes))
    return Plan(system, own, tuple(rows.rows), pairs, extremes, histogram, finish)


def moments(system: System) -> Plan:
    """Plan the mean and the covariance of the coordinates alone."""
    rows = Rows(system)
    finish = {"": moments_of_position(rows)}
    pairs = np.array([*rows.pairs], np.int64).reshape(-1, 2)
    return Plan(system, {}, tuple(rows.rows), pairs, np.empty((0, 2), np.int64), None, finish)


def _named(system: System, observables: dict[str, Any]) -> dict[str, Observable]:
    for name in (*system.names, *observables):
        if name in RESERVED or f"{name}_stderr" in RESERVED:
            raise InvalidArgument(f"name {name!r} is a variable of every run; choose another.")
        if len(str(name)) > LONGEST:
            raise InvalidArgument(f"name {str(name)[:40]!r}…: {len(str(name))} letters; up to {LONGEST} are allowed.")
    for name in observables:
        if not (isinstance(name, str) and name.isidentifier() and name.isascii()):
            raise InvalidArgument(f"observables: name {name!r}; letters, digits and _ are allowed.")
        if name in system.names:
            raise InvalidArgument(f"observables: {name!r} is a coordinate; its mean is in `mean`. Choose another name.")
    own = {name: observable_from(value, f"observables.{name}") for name, value in observables.items()}
    for name, observable in own.items():
        for suffix, variable in observable.variables(name).items():
            if suffix and f"{name}{suffix}" in {*own, *system.names}:
                taken = f"{name}{suffix}"
                raise InvalidArgument(f"observables: {taken!r} is the {variable.long_name}; choose another name.")
    return own


def _check_histogram(system: System, histogram: Grid | None) -> None:
    if histogram is None:
        return
    if not isinstance(histogram, Grid):
        got = type(histogram).__name__
        raise InvalidArgument(f"histogram: got {got}; give a Grid, as in Grid(x=cells(-3, 3, 256)).")
    if system.n_dim > MOST_CELLED:
        raise InvalidArgument(
            f"histogram: the system has {system.n_dim} coordinates; one or two can be counted in cells. Leave it out."
        )
    histogram.check(tuple(system.names), "histogram")
