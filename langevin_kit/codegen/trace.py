"""A scheme's step as its file writes it, in vectors → lines of scalar source.

A sum with a multiple is one `fma` a coordinate; what is zero everywhere costs nothing. At T = 0 the amplitude of the
noise, the temperature and all they multiply are zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langevin_kit.codegen.coefficients import Coefficients
from langevin_kit.schemes import Scheme
from langevin_kit.system.lines import Lines

_0 = "R(0.0)"
ZERO = ""
"""The name of what is zero everywhere."""


@dataclass(frozen=True)
class Number:
    """A number of the step: the same for all coordinates."""

    lines: Lines
    name: str

    def __mul__(self, other: Number | float) -> Number:
        if isinstance(other, Vector):
            return NotImplemented
        name = other.name if isinstance(other, Number) else f"R({float(other)!r})"
        return Number(self.lines, self.lines.assign(f"{name}*{self.name}") if name and self.name else ZERO)

    __rmul__ = __mul__

    def __add__(self, other: Number) -> Number:
        if not (self.name and other.name):
            return self if self.name else other
        return Number(self.lines, self.lines.assign(f"{self.name} + {other.name}"))

    def __sub__(self, other: Number) -> Number:
        if not (self.name and other.name):
            return self if self.name else -1.0 * other
        return Number(self.lines, self.lines.assign(f"{self.name} - {other.name}"))

    def __truediv__(self, other: Number) -> Number:
        return Number(self.lines, self.lines.assign(f"{self.name}/{other.name}"))

    def __rtruediv__(self, other: float) -> Number:
        return Number(self.lines, self.lines.assign(f"R({other!r})/{self.name}"))

    def root(self) -> Number:
        """The square root."""
        return Number(self.lines, self.name and self.lines.assign(f"sqrt({self.name})"))

    def exp(self) -> Number:
        """The exponential function."""
        return Number(self.lines, self.lines.assign(f"exp({self.name})"))


@dataclass(frozen=True)
class Vector:
    """One name a coordinate, and perhaps a factor that is not multiplied yet."""

    lines: Lines
    names: tuple[str, ...]
    factor: str = "R(1.0)"

    def times(self, number: Number) -> Vector:
        """A multiple."""
        if not number.name:
            return Vector(self.lines, (ZERO,) * len(self.names))
        return Vector(self.lines, self.plain().names, number.name)

    def plain(self) -> Vector:
        """The same numbers without a factor."""
        if self.factor == "R(1.0)":
            return self
        return Vector(self.lines, tuple(n and self.lines.assign(f"{self.factor}*{n}") for n in self.names))

    def __add__(self, other: Vector) -> Vector:
        return self._joined(other, "")

    def __sub__(self, other: Vector) -> Vector:
        return self._joined(other, "-")

    def _joined(self, other: Vector, sign: str) -> Vector:
        assign, names = self.lines.assign, []
        for a, b in zip(self.plain().names, other.names, strict=True):
            if not b:
                names.append(a)
            elif other.factor == "R(1.0)":
                names.append(assign(f"{a} {sign or '+'} {b}") if a else assign(f"-{b}") if sign else b)
            else:
                product = f"{sign}{other.factor}"
                names.append(assign(f"fma({product}, {b}, {a})" if a else f"{product}*{b}"))
        return Vector(self.lines, tuple(names))

    def __mul__(self, other: Vector | Number | float) -> Vector:
        """A multiple, or coordinate by coordinate."""
        if not isinstance(other, Vector):
            return self.times(other if isinstance(other, Number) else Number(self.lines, f"R({float(other)!r})"))
        pairs = zip(self.plain().names, other.plain().names, strict=True)
        return Vector(self.lines, tuple(self.lines.assign(f"{a}*{b}") if a and b else ZERO for a, b in pairs))

    __rmul__ = __mul__

    def __truediv__(self, other: Vector) -> Vector:
        """Coordinate by coordinate; the other is zero nowhere."""
        pairs = zip(self.plain().names, other.plain().names, strict=True)
        return Vector(self.lines, tuple(a and self.lines.assign(f"{a}/{b}") for a, b in pairs))

    def __rtruediv__(self, other: Number) -> Vector:
        """A number over each coordinate; the others stay zero."""
        names = (a and self.lines.assign(f"{other.name}/{a}") for a in self.plain().names)
        return Vector(self.lines, tuple(names) if other.name else (ZERO,) * len(self.names))

    def root(self) -> Vector:
        """The square root of each coordinate."""
        return self._each("sqrt")

    def tanh(self) -> Vector:
        """The hyperbolic tangent of each coordinate."""
        return self._each("tanh")

    def size(self) -> Vector:
        """The absolute value of each coordinate."""
        return self._each("absolute")

    def or_larger(self, other: Vector) -> Vector:
        """Of each coordinate the larger one."""
        pairs = zip(self.plain().names, other.plain().names, strict=True)
        return Vector(self.lines, tuple(self.lines.assign(f"{a} if {a} > {b} else {b}") for a, b in pairs))

    def _each(self, function: str) -> Vector:
        return Vector(self.lines, tuple(n and self.lines.assign(f"{function}({n})") for n in self.plain().names))

    def positions(self) -> Vector:
        """The first half of the coordinates; zero in the other."""
        half = len(self.names) // 2
        return Vector(self.lines, (*self.names[:half], *(ZERO,) * half), self.factor)

    def momenta(self) -> Vector:
        """The second half of the coordinates; zero in the other."""
        half = len(self.names) // 2
        return Vector(self.lines, (*(ZERO,) * half, *self.names[half:]), self.factor)

    def as_momenta(self) -> Vector:
        """The first half of the coordinates, in the places of the second."""
        half = len(self.names) // 2
        return Vector(self.lines, (*(ZERO,) * half, *self.names[:half]), self.factor)

    def square(self) -> Number:
        """The sum of the squares."""
        total = ""
        for name in filter(None, self.plain().names):
            total = self.lines.assign(f"fma({name}, {name}, {total})" if total else f"{name}*{name}")
        return Number(self.lines, total)


class Place:
    """The coefficients at one place and time."""

    def __init__(self, step: Step, suffix: str) -> None:
        self._step, self._suffix = step, suffix

    def _vector(self, kind: str, known: tuple[bool, ...]) -> Vector:
        names = tuple(f"{kind}{a}{self._suffix}" if is_there else ZERO for a, is_there in enumerate(known))
        return Vector(self._step.lines, names)

    @property
    def force(self) -> Vector:
        """The force b − K ∇E + T K ∇ ln μ."""
        force = self._vector("force", (True,) * len(self._step.made.force))
        entropic = self._vector("entropic", tuple(map(bool, self._step.made.entropic)))
        return force + self._step.temperature * entropic

    @property
    def divergence(self) -> Vector:
        """∇·K."""
        return self._vector("divergence", tuple(map(bool, self._step.made.divergence)))

    @property
    def drift(self) -> Vector:
        """The drift of Itô's calculus, b − K ∇E + T K ∇ ln μ + T ∇·K."""
        return (self.force + self._step.temperature * self.divergence).plain()

    @property
    def stratonovich(self) -> Vector:
        """The drift of Stratonovich's calculus, with ½ T ∇·K, where each coordinate has a noise of its own."""
        return (self.force + 0.5 * self._step.temperature * self.divergence).plain()

    @property
    def deviation(self) -> Vector:
        """The diagonal of σ, σ σᵀ = S; all of it where each coordinate has a noise of its own."""
        d, factor = len(self._step.made.force), self._step.made.factor
        names = tuple(f"factor{a}_{a}{self._suffix}" if (a, a) in factor else ZERO for a in range(d))
        return Vector(self._step.lines, names)

    def column(self, a: int) -> Vector:
        """Column a of σ."""
        d, factor = len(self._step.made.force), self._step.made.factor
        names = tuple(f"factor{b}_{a}{self._suffix}" if (b, a) in factor else ZERO for b in range(d))
        return Vector(self._step.lines, names)

    @property
    def friction(self) -> Vector:
        """The diagonal of S."""
        self._step.takes_mobility = True
        d, known = len(self._step.made.force), self._step.made.mobility
        names = tuple(f"s{a}_{a}{self._suffix}" if (a, a) in known else ZERO for a in range(d))
        return Vector(self._step.lines, names)

    def noise(self, z: Vector) -> Vector:
        """σ z."""
        rows, factor = [], self._step.made.factor
        for a in range(len(z.names)):
            total = ZERO
            for b in range(a + 1):
                if (a, b) in factor and z.names[b]:
                    entry = f"factor{a}_{b}{self._suffix}"
                    total = f"fma({entry}, {z.names[b]}, {total})" if total else f"{entry}*{z.names[b]}"
            rows.append(total and self._step.lines.assign(total))
        return Vector(self._step.lines, tuple(rows))

    @property
    def energy(self) -> Number:
        """E − T ln μ, for a scheme that reads it."""
        lines = self._step.lines
        energy = Number(lines, f"energy{self._suffix}")
        log_measure = Number(lines, f"log_measure{self._suffix}" if self._step.made.log_measure else ZERO)
        return energy - self._step.temperature * log_measure if log_measure.name else energy

    @property
    def volume(self) -> Number:
        """The determinant of σ."""
        entries = [f"factor{a}_{a}{self._suffix}" for a in range(len(self._step.made.force))]
        return Number(self._step.lines, self._step.lines.assign("*".join(entries)))

    def whitened(self, v: Vector) -> Vector:
        """σ⁻¹ v, from the first coordinate to the last."""
        factor, assign = self._step.made.factor, self._step.lines.assign
        rows = list(v.plain().names)
        for a in range(len(rows)):
            for b in range(a):
                if (a, b) in factor:
                    rows[a] = assign(f"fma(-factor{a}_{b}{self._suffix}, {rows[b]}, {rows[a]})")
            rows[a] = assign(f"{rows[a]}/factor{a}_{a}{self._suffix}")
        return Vector(self._step.lines, tuple(rows))

    def without_root(self, z: Vector) -> Vector:
        """σ⁻ᵀ z, from the last coordinate to the first: S times it is σ z."""
        factor, assign = self._step.made.factor, self._step.lines.assign
        if self._step.is_cold:
            return z
        rows = list(z.names)
        for a in reversed(range(len(rows))):
            for b in range(a + 1, len(rows)):
                if (b, a) in factor:
                    rows[a] = assign(f"fma(-factor{b}_{a}{self._suffix}, {rows[b]}, {rows[a]})")
            rows[a] = assign(f"{rows[a]}/factor{a}_{a}{self._suffix}")
        return Vector(self._step.lines, tuple(rows))

    def mobility(self, v: Vector) -> Vector:
        """S v."""
        self._step.takes_mobility = True
        rows, known, d = [], self._step.made.mobility, len(v.names)
        for a in range(d):
            total = ZERO
            for b in range(d):
                low, high = min(a, b), max(a, b)
                if (high, low) in known and v.names[b]:
                    entry = f"s{high}_{low}{self._suffix}"
                    total = f"fma({entry}, {v.names[b]}, {total})" if total else f"{entry}*{v.names[b]}"
            rows.append(total and self._step.lines.assign(total))
        return Vector(self._step.lines, tuple(rows))


class Step:
    """What a scheme's `step` is given: the place, Δt, T, √(2TΔt), random numbers, coefficients anywhere."""

    def __init__(self, made: Coefficients, parameters: str, drawn: Sequence[int], *, cold: bool) -> None:
        self.made, self.lines, self.takes_mobility = made, Lines(), False
        self.d, self._parameters, self.is_cold = len(made.force), parameters, cold
        self._calls: list[tuple[int, str, str]] = []
        self._count, self._drawn = "n0", () if cold else drawn
        self.x = Vector(self.lines, tuple(f"x{a}" for a in range(self.d)))
        self.dt = Number(self.lines, "dt")
        self.temperature = Number(self.lines, ZERO if cold else "temperature")
        self.amplitude = Number(self.lines, ZERO if cold else "amplitude")

    @property
    def z(self) -> Vector:
        """Independent numbers of mean 0 and variance 1, one a coordinate; zero where there is no noise."""
        return Vector(self.lines, tuple(f"z{a}" if a in self._drawn else ZERO for a in range(self.d)))

    @property
    def uniform(self) -> Number:
        """An independent number of the uniform law between 0 and 1."""
        return Number(self.lines, "u0")

    @property
    def ones(self) -> Vector:
        """One in each coordinate."""
        return Vector(self.lines, ("R(1.0)",) * self.d)

    def constant(self, j: int) -> Number:
        """One of `Scheme.constants` or, behind them, of its options."""
        return Number(self.lines, f"c{j}")

    def constant_vector(self, first: int) -> Vector:
        """One of `Scheme.constants` for each coordinate."""
        return Vector(self.lines, tuple(f"c{first + a}" for a in range(self.d)))

    def constant_product(self, first: int, x: Vector) -> Vector:
        """A matrix of `Scheme.constants` times a vector."""
        rows = []
        for a in range(self.d):
            total = ZERO
            for b, name in enumerate(x.names):
                if name:
                    entry = f"c{first + a * self.d + b}"
                    total = f"fma({entry}, {name}, {total})" if total else f"{entry}*{name}"
            rows.append(total and self.lines.assign(total))
        return Vector(self.lines, tuple(rows))

    @property
    def memory(self) -> Vector:
        """What the last step has handed on, or `Scheme.begin`."""
        return Vector(self.lines, tuple(ZERO if self.is_cold else f"m{a}" for a in range(self.d)))

    @property
    def slope(self) -> Vector:
        """The force at `x`, which the step before has left behind; of a scheme with the loop "controlled"."""
        return Vector(self.lines, tuple(f"m{a}" for a in range(self.d)))

    def at_most(self, first: Number, second: Number) -> Number:
        """Whether the first number is not greater; not where one is no number."""
        return Number(self.lines, self.lines.assign(f"{first.name} <= {second.name}"))

    def every(self, conditions: Iterable[Number]) -> Number:
        """Whether all conditions hold."""
        return Number(self.lines, self.lines.assign(" and ".join(condition.name for condition in conditions)))

    def greater(self, first: Number, second: Number) -> Number:
        """Whether the first number is greater; not where one is no number."""
        return Number(self.lines, self.lines.assign(f"{first.name} > {second.name}"))

    def either(self, condition: Number, x: Vector, y: Vector) -> Vector:
        """The vector x where a condition holds, y elsewhere."""
        pairs = zip(x.plain().names, y.plain().names, strict=True)
        choose = self.lines.assign
        return Vector(self.lines, tuple(choose(f"{a or _0} if {condition.name} else {b or _0}") for a, b in pairs))

    def count(self, condition: Number) -> None:
        """Count this step of a particle if a condition holds."""
        self._count = self.lines.assign(f"n0 + R(1.0) if {condition.name} else n0")

    def at(self, x: Vector, later: float = 0.0) -> Place:
        """The coefficients at a place, `later` steps after the beginning of this one."""
        suffix = f"_{len(self._calls)}" if self._calls else ""
        time = self.lines.assign(f"fma(R({later!r}), dt, t)") if later else "t"
        names = [name or _0 for name in x.plain().names]
        arguments = ", ".join([time, *names, *([self._parameters] if self._parameters else [])])
        # The names on the left are known when the scheme has said what it takes.
        self.lines.lines.append("")
        self._calls.append((len(self.lines.lines) - 1, suffix, arguments))
        return Place(self, suffix)

    def closed(self, outputs: list[str]) -> list[str]:
        """All lines; `outputs` are what `coefficients` returns."""
        for at, suffix, arguments in self._calls:
            targets = ", ".join(f"{name}{suffix}" for name in outputs)
            self.lines.lines[at] = f"({targets},) = coefficients({arguments})"
        return self.lines.lines

    def body(self, scheme: Scheme, result: Any, outputs: list[str]) -> list[str]:
        """The lines that lead to y0, y1, … and to what a scheme keeps, or to what its loop needs."""
        place, memory, *error = result if isinstance(result, tuple) else (result, Vector(self.lines, ()))
        ends = {f"y{a}": name for a, name in enumerate(place.plain().names)}
        ends |= {f"m{a}": name or _0 for a, name in enumerate(memory.plain().names)}
        ends |= {"error": error[0].name} if error else {}
        ends |= {"n0": self._count} if scheme.counts and not scheme.loop else {}
        return [*self.closed(outputs), *(f"{end} = {name}" for end, name in ends.items())]
