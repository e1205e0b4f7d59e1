"""The rows of numbers, one a particle, that a run's observables are made of, and the sums that are taken of them.

Every text is read here and nowhere else; it stands beside the expression that it became.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, InvalidExpression, did_you_mean
from langevin_kit.system import System
from langevin_kit.system.derive import coordinate_symbols
from langevin_kit.system.expression import parse

if TYPE_CHECKING:
    import sympy as sp

Floats = NDArray[np.float64]
Text = str | float
Pairs = int | Sequence[int] | Sequence[Sequence[int]]
"""Numbers of co-moments, in any arrangement."""
ENERGY = "energy"
"""The name by which observables use the energy E(x, t)."""


@dataclass(frozen=True)
class Value:
    """A(x, t) of where the particle is."""

    text: str
    expression: sp.Expr = field(compare=False, repr=False)


@dataclass(frozen=True)
class StartValue:
    """A(x₀, 0) of where the particle started."""

    text: str
    expression: sp.Expr = field(compare=False, repr=False)


@dataclass(frozen=True)
class SquaredDisplacement:
    """|x − x₀|² over some of the coordinates."""

    axes: tuple[int, ...]


@dataclass(frozen=True)
class Product:
    """The product of two earlier rows."""

    first: int
    second: int


Row = Value | StartValue | SquaredDisplacement | Product


def read(system: System, text: Text, where: str) -> sp.Expr:
    """Read the text of an observable: an expression in which `energy` is E(x, t), unless a parameter has that name.

    Raises
    ------
    InvalidExpression

    Examples
    --------
    >>> read(System(energy="x**2/2", temperature=1.0), "2*energy + x", "observables.a")
    x**2 + x
    """
    (energy,) = coordinate_symbols((ENERGY,))
    expression = parse(text, {ENERGY: energy, **system.symbols}, field=where, logical=True)
    if ENERGY in system.symbols or energy not in expression.free_symbols:
        return expression
    expression = expression.xreplace({energy: system.derived.energy})
    if expression.is_finite is False:
        raise InvalidExpression(f"{where}: {text!r} has no finite value for the energy of this system.")
    return expression


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
        derived = system.derived
        self.rows: dict[Row, int] = {
            Value(name, symbol): a
            for a, (name, symbol) in enumerate(zip(system.coordinates, derived.coordinates, strict=True))
        }

    def row(self, row: Row) -> int:
        """The number of a row."""
        return self.rows.setdefault(row, len(self.rows))

    def energy(self) -> int:
        """The row of E(x, t); no text of a user's can have its name."""
        return self.row(Value("E(x, t)", self.system.derived.energy))

    def value(self, text: Text, where: str) -> int:
        """The row of A(x, t)."""
        if text == ENERGY and ENERGY not in self.system.symbols:
            return self.energy()
        return self.row(Value(_name(text), read(self.system, text, where)))

    def start_value(self, text: Text, where: str) -> int:
        """The row of A(x₀, 0)."""
        return self.row(StartValue(_name(text), read(self.system, text, where)))

    def squared_displacement(self, of: Sequence[str] | None, where: str) -> int:
        """The row of |x − x₀|² over the coordinates named, or over all."""
        names = tuple(self.system.coordinates)
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


def _name(text: Text) -> str:
    return " ".join(text.split()) if isinstance(text, str) else repr(text)


@dataclass(frozen=True)
class Sums:
    """What an ensemble of n particles reduces to at one time.

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
