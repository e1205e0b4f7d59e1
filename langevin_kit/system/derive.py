"""Exact derivatives of a system: ∇E and ∇·K, as symbols and as NumPy functions.

The divergence contracts the second index, (∇·K)ᵃ = ∂_b Kᵃᵇ; for a diagonal K it is ∂ₐKᵃᵃ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from langevin_kit.system.functions import Absolute

NUMPY_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Greater": lambda a, b: np.greater(a, b).astype(float),
    "GreaterEqual": lambda a, b: np.greater_equal(a, b).astype(float),
    "Select": lambda c, a, b: np.where(np.greater(c, 0), a, b),
    "Absolute": np.abs,
    "Sign": np.sign,
}
"""NumPy's form of the functions of `langevin_kit.system.functions`."""

_INT_BITS = 31
"""NumPy holds no longer integers in an array of its own: longer ones are given to it as floats."""


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
    mobility : tuple of Expr
        The diagonal of K(x, t) = S(x, t).
    """

    coordinates: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    time: sp.Symbol
    energy: sp.Expr
    mobility: tuple[sp.Expr, ...]

    @cached_property
    def gradient(self) -> tuple[sp.Expr, ...]:
        """∂E/∂xᵃ."""
        return tuple(sp.diff(self.energy, x) for x in self.coordinates)

    @cached_property
    def mobility_divergence(self) -> tuple[sp.Expr, ...]:
        """(∇·K)ᵃ = ∂_b Kᵃᵇ."""
        return tuple(sp.diff(k, x) for k, x in zip(self.mobility, self.coordinates, strict=True))

    @cached_property
    def force(self) -> tuple[sp.Expr, ...]:
        """−K ∇E."""
        return tuple(-k * g for k, g in zip(self.mobility, self.gradient, strict=True))

    @cached_property
    def noise_factor(self) -> tuple[sp.Expr, ...]:
        """The diagonal of σ with σσᵀ = S."""
        return tuple(sp.sqrt(k) for k in self.mobility)

    @property
    def depends_on_time(self) -> bool:
        """Whether E or K changes with time."""
        return any(self.time in e.free_symbols for e in (self.energy, *self.mobility))

    @property
    def has_kinks(self) -> bool:
        """Whether the slope of E may jump."""
        return bool(self.energy.has(Absolute))

    @cached_property
    def drift_jacobian(self) -> tuple[tuple[tuple[sp.Expr, ...], ...], ...]:
        """∂(−K∇E)ᵃ/∂xᵇ and ∂(∇·K)ᵃ/∂xᵇ: two d × d matrices, of which the second goes with T."""
        rows = (self.force, self.mobility_divergence)
        return tuple(tuple(tuple(sp.diff(e, x) for x in self.coordinates) for e in row) for row in rows)

    @cached_property
    def hessian(self) -> tuple[tuple[sp.Expr, ...], ...]:
        """∂²E/∂xᵃ∂xᵇ."""
        return tuple(tuple(sp.diff(g, x) for x in self.coordinates) for g in self.gradient)

    def numpy(self, expressions: Sequence[sp.Expr]) -> Callable[..., NDArray[np.float64]]:
        """Compile expressions to one NumPy function f(x, t, parameters) → array (len(expressions), ...).

        `x` has shape (d, ...); the result is float64 and broadcast to the shape behind d.
        """
        arguments = (self.coordinates, self.time, self.parameters)
        short = [_with_short_integers(e) for e in expressions]
        raw = sp.lambdify(arguments, short, modules=[NUMPY_FUNCTIONS, "numpy"], cse=True)

        def evaluate(x: NDArray[Any], t: float, parameters: Sequence[float]) -> NDArray[np.float64]:
            x = np.asarray(x, np.float64)
            with np.errstate(all="ignore"):
                rows = raw(x, t, parameters)
            return np.stack([np.broadcast_to(np.asarray(row, np.float64), x.shape[1:]) for row in rows])

        return evaluate


def _with_short_integers(e: sp.Expr) -> sp.Expr:
    long = [n for n in e.atoms(sp.Rational) if max(n.p.bit_length(), n.q.bit_length()) > _INT_BITS]
    return e.xreplace({n: sp.Float(float(n)) for n in long})
