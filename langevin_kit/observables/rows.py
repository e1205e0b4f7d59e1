"""The rows of numbers, one a particle, that a run's observables are made of, and the sums that are taken of them.

Every text is read here and nowhere else; it stands beside the expression that it became.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from langevin_kit import cache
from langevin_kit.errors import InvalidArgument, InvalidExpression, did_you_mean
from langevin_kit.system import System
from langevin_kit.system.dense import Vector

if TYPE_CHECKING:
    import sympy as sp

    from langevin_kit.system.dense.graph import Node

Floats = NDArray[np.float64]
Text = str | float
Pairs = int | Sequence[int] | Sequence[Sequence[int]]
"""Numbers of co-moments, in any arrangement."""
ENERGY = "energy"
"""The name by which observables use the energy E(x, t)."""
LOG_MEASURE = "log_measure"
"""The name by which they use ln μ(x), where μ is not 1."""


@dataclass(frozen=True)
class Value:
    """A(x, t) of where the particle is."""

    text: Text


@dataclass(frozen=True)
class StartValue:
    """A(x₀, 0) of where the particle started."""

    text: Text


@dataclass(frozen=True)
class SquaredDisplacement:
    """|x − x₀|² over some of the coordinates."""

    axes: tuple[int, ...]


@dataclass(frozen=True)
class Kept:
    """What is kept of a particle beside its place: a row of the state."""

    at: int


@dataclass(frozen=True)
class Product:
    """The product of two earlier rows."""

    first: int
    second: int


Row = Value | StartValue | SquaredDisplacement | Kept | Product


def read(system: System, text: Text, where: str) -> sp.Expr:
    """Read the text of an observable: an expression in which `energy` is E(x, t), unless a parameter has that name.

    Where the reference measure μ is not 1, `log_measure` is ln μ(x).

    Raises
    ------
    InvalidExpression

    Examples
    --------
    >>> read(System(energy="x**2/2", temperature=1.0), "2*energy + x", "observables.a")
    x**2 + x
    """
    from langevin_kit.system.expression import parse

    own = own_symbols(system)
    expression = parse(text, {**own, **system.symbols}, field=where, logical=True)
    used = {name: s for name, s in own.items() if name not in system.symbols and s in expression.free_symbols}
    if not used or system.functions is not None:  # functions have no expression: the symbol stands for a call
        return expression
    expression = expression.xreplace({s: getattr(system.derived, name) for name, s in used.items()})
    if expression.is_finite is False:
        raise InvalidExpression(f"{where}: {text!r} has no finite value for the energy of this system.")
    return expression


def own_symbols(system: System) -> dict[str, sp.Symbol]:
    """What stands for E(x, t), and for ln μ(x) where μ is not 1, in an observable's expression."""
    from langevin_kit.system.derive import coordinate_symbols

    names = (ENERGY, LOG_MEASURE) if system.facts.has_measure else (ENERGY,)
    return dict(zip(names, coordinate_symbols(names), strict=True))


def read_vector(system: System, text: Text, where: str) -> Node:
    """Read the text of an observable of a vector system: a scalar, in which `energy` is E(v, t).

    Raises
    ------
    InvalidExpression
    """
    assert isinstance(system.content, Vector)
    return system.content.scalar(text, where, ENERGY)


def used_axes(system: System, text: Text, where: str) -> tuple[int, ...]:
    """The coordinates that an observable's text uses; a text that was met before is not read again.

    Raises
    ------
    InvalidExpression
        For a faulty text.
    """

    def found() -> str:
        if system.is_dense:
            read_vector(system, text, where)
            return json.dumps(list(range(system.n_dim)))
        symbols = read(system, text, where).free_symbols
        of_all = system.functions is not None and bool(symbols & {*own_symbols(system).values()})
        return json.dumps([a for a, x in enumerate(system.derived.coordinates) if of_all or x in symbols])

    return tuple(json.loads(cache.remember(f"axes {system.content.fingerprint} {text!r}", found)))


class Rows:
    """Collects what the observables of a run ask for; what two of them ask for is computed once.

    Attributes
    ----------
    rows : dict of Row to int
        Their numbers. The coordinates come first, in their order.
    pairs : dict of (int, int) to int
        Rows whose co-moment Σ δᵢδⱼ is taken.
    extremes : dict of (int, int) to int
        Row, and 1 for its maximum or −1 for its minimum.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.pairs: dict[tuple[int, int], int] = {}
        self.extremes: dict[tuple[int, int], int] = {}
        self.rows: dict[Row, int] = {Value(name): a for a, name in enumerate(system.names)}

    def row(self, row: Row) -> int:
        """The number of a row."""
        return self.rows.setdefault(row, len(self.rows))

    def energy(self) -> int:
        """The row of E(x, t)."""
        return self.row(Value(self.system.energy if ENERGY in self.system.parameters else ENERGY))

    def log_measure(self) -> int:
        """The row of ln μ(x).

        Raises
        ------
        InvalidArgument
            If a parameter has its name.
        """
        if LOG_MEASURE in self.system.parameters:
            raise InvalidArgument(f"parameters: {LOG_MEASURE!r} is what observables call ln μ; choose another name.")
        return self.row(Value(LOG_MEASURE))

    def value(self, text: Text, where: str) -> int:
        """The row of A(x, t)."""
        return self.row(Value(self._read(text, where)))

    def start_value(self, text: Text, where: str) -> int:
        """The row of A(x₀, 0)."""
        return self.row(StartValue(self._read(text, where)))

    def _read(self, text: Text, where: str) -> Text:
        used_axes(self.system, text, where)
        return " ".join(text.split()) if isinstance(text, str) else text

    def squared_displacement(self, of: Sequence[str] | None, where: str) -> int:
        """The row of |x − x₀|² over the coordinates named, or over all."""
        names = tuple(self.system.names)
        chosen = names if of is None else tuple(of)
        for name in chosen:
            if name not in names:
                raise InvalidArgument(f"{where}: {name!r} is no coordinate{did_you_mean(name, names)}.")
        return self.row(SquaredDisplacement(tuple(sorted(names.index(name) for name in chosen))))

    def product(self, first: int, second: int) -> int:
        """The row of the product of two rows."""
        return self.row(Product(first, second))

    def pair(self, first: int, second: int) -> int:
        """The number of a co-moment."""
        return self.pairs.setdefault((first, second), len(self.pairs))

    def extreme(self, row: int, sign: int) -> int:
        """The number of a maximum (sign 1) or a minimum (sign −1)."""
        return self.extremes.setdefault((row, sign), len(self.extremes))


@dataclass(frozen=True)
class Sums:
    """What the n living particles of an ensemble reduce to at one time.

    Attributes
    ----------
    n : int
    mean : (q,)
        Of each row.
    comoment : (p,)
        Σ δᵢδⱼ of each pair.
    top : (e,)
        Largest sign·row of each extreme.
    holder : (e,)
        Number of the first particle that has it.
    """

    n: int
    mean: Floats
    comoment: Floats
    top: Floats
    holder: NDArray[np.int64]

    def covariance(self, pairs: Pairs) -> Floats:
        """Unbiased covariances Σ δᵢδⱼ/(n − 1); NaN for one particle."""
        divisor = self.n - 1 if self.n > 1 else np.nan
        return np.asarray(self.comoment[np.asarray(pairs)] / divisor)

    def stderr(self, variances: Pairs) -> Floats:
        """Standard errors √(Σδ²/(n − 1)/n) of means."""
        return np.asarray(np.sqrt(self.covariance(variances) / self.n))
