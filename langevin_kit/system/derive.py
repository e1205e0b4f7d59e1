"""Exact derivatives of a system given as text: ∇E, ∇·K and ∇ ln μ, as symbols and as source of NumPy functions.

The divergence contracts the second index, (∇·K)ᵃ = ∂_b Kᵃᵇ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from langevin_kit.errors import InvalidExpression
from langevin_kit.system.ensemble import n_values
from langevin_kit.system.expression import parse
from langevin_kit.system.facts import Facts
from langevin_kit.system.functions import JUMPING, Absolute
from langevin_kit.system.printer import ArrayPrinter, Printer

Row = tuple[sp.Expr, ...]
Matrix = tuple[Row, ...]


def coordinate_symbols(names: Sequence[str]) -> tuple[sp.Symbol, ...]:
    """Real symbols; every expression of a system is built from them."""
    return tuple(sp.Symbol(name, real=True) for name in names)


@dataclass(frozen=True)
class Derived:
    """The symbolic content of a system.

    Attributes
    ----------
    coordinates, parameters : tuple of Symbol
    time : Symbol
    energy : Expr
        E(x, t).
    mobility : d × d of Expr
        K(x, t) = S(x, t) + A(x, t).
    drift : tuple of Expr
        The extra drift b(x, t).
    measure : Expr
        The reference measure μ(x).
    """

    coordinates: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    time: sp.Symbol
    energy: sp.Expr
    mobility: Matrix
    drift: Row
    measure: sp.Expr

    @cached_property
    def gradient(self) -> Row:
        """∂E/∂xᵃ."""
        return tuple(sp.diff(self.energy, x) for x in self.coordinates)

    @cached_property
    def mobility_divergence(self) -> Row:
        """(∇·K)ᵃ = ∂_b Kᵃᵇ."""
        return tuple(
            sp.Add(*(sp.diff(k, x) for k, x in zip(row, self.coordinates, strict=True))) for row in self.mobility
        )

    @cached_property
    def transposed_divergence(self) -> Row:
        """∂_b Kᵇᵃ, which is (∇·K)ᵃ where K is symmetric."""
        return tuple(
            sp.Add(*(sp.diff(row[a], x) for row, x in zip(self.mobility, self.coordinates, strict=True)))
            for a in range(len(self.coordinates))
        )

    @cached_property
    def symmetric(self) -> Matrix:
        """S = (K + Kᵀ)/2, the covariance of the noise."""
        k = self.mobility
        return tuple(
            tuple(k[a][b] if k[a][b] == k[b][a] else (k[a][b] + k[b][a]) / 2 for b in range(len(k)))
            for a in range(len(k))
        )

    @property
    def is_symmetric(self) -> bool:
        """Whether K has no antisymmetric part."""
        return all(self.mobility[a][b] == self.mobility[b][a] for a in range(len(self.mobility)) for b in range(a))

    @cached_property
    def force(self) -> Row:
        """The drift at T = 0, b − K ∇E."""
        return tuple(
            b - sp.Add(*(k * g for k, g in zip(row, self.gradient, strict=True)))
            for b, row in zip(self.drift, self.mobility, strict=True)
        )

    @cached_property
    def log_measure(self) -> sp.Expr:
        """The logarithm of μ; that of exponentials and hyperbolic cosines in a form that does not overflow far out."""
        terms, rest = [], []
        for factor in sp.Mul.make_args(self.measure):
            base, power = factor.as_base_exp()
            if base is sp.E:
                terms.append(power)
            elif isinstance(base, sp.cosh):
                u = Absolute(base.args[0])
                terms.append(power * (u + sp.log((1 + sp.exp(-2 * u)) / 2)))
            else:
                rest.append(factor)
        return sp.Add(*terms, sp.log(sp.Mul(*rest)))

    @cached_property
    def log_measure_gradient(self) -> Row:
        """The slope ∂ ln μ/∂xᵃ."""
        return tuple(sp.diff(self.measure, x) / self.measure for x in self.coordinates)

    @cached_property
    def log_measure_hessian(self) -> Matrix:
        """∂² ln μ/∂xᵃ∂xᵇ."""
        return tuple(tuple(sp.diff(g, x) for x in self.coordinates) for g in self.log_measure_gradient)

    @cached_property
    def entropic(self) -> Row:
        """What the measure adds to ∇·K: K ∇ ln μ."""
        return tuple(
            sp.Add(*(k * g for k, g in zip(row, self.log_measure_gradient, strict=True))) for row in self.mobility
        )

    @property
    def is_diagonal(self) -> bool:
        """Whether all entries of K beside the diagonal are zero."""
        return all(k == 0 for a, row in enumerate(self.mobility) for b, k in enumerate(row) if a != b)

    @cached_property
    def hessian(self) -> Matrix:
        """∂²E/∂xᵃ∂xᵇ."""
        return tuple(tuple(sp.diff(g, x) for x in self.coordinates) for g in self.gradient)

    @cached_property
    def drift_jacobian(self) -> tuple[Matrix, Matrix]:
        """∂(b − K∇E)ᵃ/∂xᵇ and ∂(∇·K + K ∇ ln μ)ᵃ/∂xᵇ; the second goes with T."""
        pushes = tuple(a + b for a, b in zip(self.mobility_divergence, self.entropic, strict=True))
        force, divergence = (
            tuple(tuple(sp.diff(e, x) for x in self.coordinates) for e in row) for row in (self.force, pushes)
        )
        return force, divergence

    @property
    def is_quadratic(self) -> bool:
        """Whether E is seen to be a polynomial of degree two, or less, in the coordinates."""
        return self._degree(self.energy) <= 2

    def _degree(self, e: sp.Expr) -> float:
        """A bound of the degree that needs no expansion; infinite for what is no polynomial."""
        if e.free_symbols.isdisjoint(self.coordinates):
            return 0
        if e in self.coordinates:
            return 1
        if e.is_Add:
            return max(map(self._degree, e.args))
        if e.is_Mul:
            return sum(map(self._degree, e.args))
        if e.is_Pow and e.exp.is_Integer and e.exp > 0:
            return self._degree(e.base) * int(e.exp)
        return math.inf

    def symbols(self) -> dict[str, sp.Symbol]:
        """Every name that an expression of this system may use."""
        return {str(s): s for s in (*self.coordinates, *self.parameters, self.time)}

    def names(self) -> dict[sp.Symbol, str]:
        """What the symbols are called in generated source."""
        names = {s: f"x{a}" for a, s in enumerate(self.coordinates)}
        return names | {s: f"p{j}" for j, s in enumerate(self.parameters)} | {self.time: "t"}

    def printer(self) -> Printer:
        """A printer of scalar source."""
        return Printer(self.names())

    def facts(self) -> Facts:
        """What the rest of the package asks about the expressions."""
        mobility = [k for row in self.mobility for k in row]
        return Facts(
            is_diagonal=self.is_diagonal,
            is_symmetric=self.is_symmetric,
            has_own_noise=self.is_diagonal
            and all(
                set(self.coordinates) & self.mobility[a][a].free_symbols <= {x} for a, x in enumerate(self.coordinates)
            ),
            noisy=[a for a, row in enumerate(self.symmetric) if row[a] != 0],
            has_drift=any(b != 0 for b in self.drift),
            has_constant_mobility=not any(set(self.coordinates) & k.free_symbols for k in mobility),
            energy_depends_on_time=self.time in self.energy.free_symbols,
            depends_on_time=any(self.time in e.free_symbols for e in (self.energy, *mobility, *self.drift)),
            has_kinks=bool(self.energy.has(Absolute) or self.measure.has(Absolute)),
            is_quadratic=self.is_quadratic and self.measure == 1,
            may_jump=any(k.has(*JUMPING) for k in mobility),
            is_linear=self._is_linear(),
            is_underdamped=self._is_underdamped(),
            has_measure=bool(self.measure != 1),
            has_ensemble_mobility=False,
            drift_may_jump=any(b.has(*JUMPING) for b in self.drift),
        )

    def _is_linear(self) -> bool:
        changing = {*self.coordinates, self.time}
        constant = all(changing.isdisjoint(k.free_symbols) for row in self.mobility for k in row)
        return (
            constant
            and self.measure == 1
            and all(self._degree(f) <= 1 and self.time not in f.free_symbols for f in self.force)
        )

    def _is_underdamped(self) -> bool:
        n, K = len(self.coordinates) // 2, self.mobility
        if 2 * n != len(self.coordinates) or any(b != 0 for b in self.drift) or self.measure != 1:
            return False
        p = self.coordinates[n:]
        for i in range(n):
            for j in range(n):
                same = int(i == j)
                friction = K[n + i][n + j]
                if (K[i][j], K[i][n + j], K[n + i][j]) != (0, -same, same) or (friction != 0 and not same):
                    return False
                if not friction.free_symbols.isdisjoint(p):
                    return False
        kinetic = [sp.diff(self.energy, m) for m in p]
        other = {*self.coordinates, self.time}
        return all(
            g.xreplace({m: sp.Integer(0)}) == 0
            and sp.diff(g, m).free_symbols.isdisjoint(other)
            and not g.free_symbols & (other - {m})
            for g, m in zip(kinetic, p, strict=True)
        )

    def array_source(self, name: str) -> str:
        """Source of the NumPy function of one of this object's rows or matrices, flattened in C order."""
        return self.array_function(name, _flat(getattr(self, name)))

    def array_function(self, name: str, expressions: Sequence[sp.Expr]) -> str:
        """Source of one NumPy function f(t, x0, …, p0, …) → rows."""
        printer = ArrayPrinter(self.names())
        rows = printer.emit(expressions)
        body = "".join(f"    {line}\n" for line in [*printer.lines, f"return {', '.join(rows)},"])
        arguments = ", ".join(["t", *(n for n in self.names().values() if n != "t")])
        return f"def {name}({arguments}):\n{body}"


class EnsembleDerived(Derived):
    """The content of a system whose mobility is the ensemble's covariance; parameters end with its numbers."""

    @cached_property
    def mobility_divergence(self) -> Row:
        """(d + 1)/N (x − mean)."""
        d = len(self.coordinates)
        *_, ratio = self.parameters
        mean = self.parameters[-n_values(d) :][:d]
        return tuple(ratio * (x - m) for x, m in zip(self.coordinates, mean, strict=True))

    def symbols(self) -> dict[str, sp.Symbol]:
        """Every name that an expression of this system may use: none of the ensemble's numbers."""
        own = {str(s) for s in self.parameters[-n_values(len(self.coordinates)) :]}
        return {name: s for name, s in super().symbols().items() if name not in own}

    def facts(self) -> Facts:
        """What the rest of the package asks: the force is not linear, since all particles are in it."""
        return replace(super().facts(), is_linear=False, has_ensemble_mobility=True)


def derive_ensemble(
    coordinates: Sequence[str],
    parameters: Sequence[str],
    energy: Any,
    drift: Sequence[Any] | None,
    measure: Any = 1,
) -> EnsembleDerived:
    """Read the texts of a system whose mobility is the ensemble's covariance.

    Raises
    ------
    InvalidExpression, InvalidArgument
    """
    read, d = derive(coordinates, parameters, energy, 1, drift, measure), len(coordinates)
    own = tuple(sp.Symbol(f"{k} of the ensemble", real=True) for k in range(n_values(d)))
    place = {(a, b): d + a * (a + 1) // 2 + b for a in range(d) for b in range(a + 1)}
    covariance = tuple(tuple(own[place[max(a, b), min(a, b)]] for b in range(d)) for a in range(d))
    return EnsembleDerived(**{**vars(read), "parameters": (*read.parameters, *own), "mobility": covariance})


def _flat(value: Any) -> list[sp.Expr]:
    return [e for part in value for e in _flat(part)] if isinstance(value, tuple) else [value]


def derive(
    coordinates: Sequence[str],
    parameters: Sequence[str],
    energy: Any,
    mobility: Any,
    drift: Sequence[Any] | None,
    measure: Any = 1,
) -> Derived:
    """Read the texts of a system.

    Parameters
    ----------
    mobility : text or number, or rows of them
        A scalar stands for itself times the identity.
    drift : sequence of text or number, or None
    measure : text or number
        Of position and parameters, not of time.

    Raises
    ------
    InvalidExpression, InvalidArgument
    """
    x, p = coordinate_symbols(coordinates), coordinate_symbols(parameters)
    (t,) = coordinate_symbols(("t",))
    symbols = {str(s): s for s in (*x, *p, t)}
    extra = [0] * len(x) if drift is None else drift
    return Derived(
        x,
        p,
        t,
        parse(energy, symbols, field="energy"),
        _matrix(mobility, symbols, len(x)),
        tuple(parse(b, symbols, field=f"drift[{a}]", logical=True) for a, b in enumerate(extra)),
        _measure(measure, symbols, t),
    )


def _measure(text: Any, symbols: Mapping[str, sp.Symbol], t: sp.Symbol) -> sp.Expr:
    measure = parse(text, symbols, field="measure")
    if t in measure.free_symbols:
        raise InvalidExpression(
            f"measure: got {text!r}, which changes with time; a function of position and parameters is needed. "
            "Put −T ln μ into the energy, which may change."
        )
    if measure.is_number and measure <= 0:
        raise InvalidExpression(f"measure: got {text!r}; it must be positive.")
    return measure


def _matrix(mobility: Any, symbols: Mapping[str, sp.Symbol], d: int) -> Matrix:
    if not isinstance(mobility, tuple):
        scalar = parse(mobility, symbols, field="mobility", logical=True)
        return tuple(tuple(scalar if a == b else sp.Integer(0) for b in range(d)) for a in range(d))
    rows = tuple(
        tuple(parse(text, symbols, field=f"mobility[{a}][{b}]", logical=True) for b, text in enumerate(row))
        for a, row in enumerate(mobility)
    )
    # One spelling for both where they are equal, so that they are computed once, and seen to be symmetric.
    return tuple(
        tuple(rows[b][a] if a < b and sp.expand(rows[a][b] - rows[b][a]) == 0 else rows[a][b] for b in range(d))
        for a in range(d)
    )


def text_of(expression: Any) -> str:
    """The text of a SymPy expression, which `parse` reads again.

    Examples
    --------
    >>> text_of(sp.Abs(sp.Symbol("x") - 1) / 2 + sp.pi)
    'abs(x - 1)/2 + pi'
    """
    plain = expression.xreplace({s: sp.Symbol(s.name, real=True) for s in expression.free_symbols})
    return str(plain.replace(sp.Abs, sp.Function("abs")).replace(sp.E, sp.Float(float(sp.E))))
