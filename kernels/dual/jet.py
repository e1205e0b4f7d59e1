"""The rules of differentiation, on values of the compiler: every operator appends its instructions to a builder.

A missing derivative is zero and costs nothing. A jet whose value is a jet differentiates twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Real:
    """One floating-point number."""

    builder: Any
    ir: Any

    def __add__(self, other: Real) -> Real:
        return Real(self.builder, self.builder.fadd(self.ir, other.ir))

    def __sub__(self, other: Real) -> Real:
        return Real(self.builder, self.builder.fsub(self.ir, other.ir))

    def __mul__(self, other: Real) -> Real:
        return Real(self.builder, self.builder.fmul(self.ir, other.ir))

    def __neg__(self) -> Real:
        # LLVM makes one instruction of it; the intermediate code of CUDA knows no other.
        return Real(self.builder, self.builder.fsub(self.ir.type(-0.0), self.ir))

    def number(self, value: float) -> Real:
        """A literal of the same type."""
        return Real(self.builder, self.ir.type(value))

    def reciprocal(self) -> Real:
        """1/x."""
        return Real(self.builder, self.builder.fdiv(self.ir.type(1.0), self.ir))


@dataclass(frozen=True)
class Jet:
    """A value and its derivatives by coordinate."""

    value: Number
    derivatives: dict[int, Number]

    def __add__(self, other: Jet) -> Jet:
        sums = {**self.derivatives, **other.derivatives}
        sums |= {i: self.derivatives[i] + other.derivatives[i] for i in self.derivatives if i in other.derivatives}
        return Jet(self.value + other.value, sums)

    def __sub__(self, other: Jet) -> Jet:
        differences = {**self.derivatives, **{i: -d for i, d in other.derivatives.items() if i not in self.derivatives}}
        differences |= {i: d - other.derivatives[i] for i, d in self.derivatives.items() if i in other.derivatives}
        return Jet(self.value - other.value, differences)

    def __neg__(self) -> Jet:
        return Jet(-self.value, {i: -d for i, d in self.derivatives.items()})

    def __mul__(self, other: Jet) -> Jet:
        return multiply_add(self, other)

    def __truediv__(self, other: Jet) -> Jet:
        """One division serves the quotient and its derivatives (p' − (p/q) q')/q."""
        reciprocal = other.value.reciprocal()
        quotient = self.value * reciprocal
        minus, derivatives = -quotient, {}
        for i in sorted({*self.derivatives, *other.derivatives}):
            numerator = self.derivatives.get(i)
            if i in other.derivatives:
                numerator = multiply_add(minus, other.derivatives[i], numerator)
            derivatives[i] = numerator * reciprocal
        return Jet(quotient, derivatives)

    def number(self, value: float) -> Jet:
        """A literal, whose derivatives are zero."""
        return Jet(self.value.number(value), {})

    def reciprocal(self) -> Jet:
        """1/x."""
        r = self.value.reciprocal()
        return chain(self, r, -(r * r))


Number: TypeAlias = Any
"""A `Real` or a `Jet`; both have the same operators."""


def multiply_add(a: Number, b: Number, c: Number | None = None) -> Number:
    """a·b + c with one rounding, and its derivatives a·b' + b·a' + c'."""
    if isinstance(a, Real):
        return a * b if c is None else Real(a.builder, a.builder.fma(a.ir, b.ir, c.ir))
    later = {} if c is None else c.derivatives
    derivatives = {}
    for i in sorted({*a.derivatives, *b.derivatives, *later}):
        total = later.get(i)
        if i in a.derivatives:
            total = multiply_add(b.value, a.derivatives[i], total)
        if i in b.derivatives:
            total = multiply_add(a.value, b.derivatives[i], total)
        derivatives[i] = total
    return Jet(multiply_add(a.value, b.value, None if c is None else c.value), derivatives)


def chain(x: Jet, value: Number, slope: Number) -> Jet:
    """f(x) from f and f' at the value of x."""
    return Jet(value, {i: slope * d for i, d in x.derivatives.items()})


def products(x: Number, n: int) -> Number:
    """Power n ≥ 1 by repeated squaring."""
    result = None
    square = x
    while n:
        if n & 1:
            result = square if result is None else result * square
        n >>= 1
        if n:
            square = square * square
    return result
