r"""The same system in other coordinates y, with x = x(y).

.. math:: E'(y) = E(x), \quad K' = J K J^T, \quad μ' = μ\, |\det J|^{-1}, \quad b' = J b, \qquad J = ∂y/∂x

In terms of (E, K, μ, b) nothing is left over, since the generator
:math:`Lf = μ^{-1} ∂_b(T μ K^{ab} ∂_a f) - K^{ab} ∂_b E\, ∂_a f + b^a ∂_a f` knows no coordinates: Itô's correction is
in μ'. All is symbolic. J is taken as the inverse of ∂x/∂y, so that no function of an inverse function must be
simplified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import arguments
from langevin_kit.system.derive import Derived, coordinate_symbols
from langevin_kit.system.expression import parse
from langevin_kit.system.functions import INVERSE, Sign
from langevin_kit.system.printer import FUNCTIONS
from langevin_kit.system.texts import Texts
from langevin_kit.system.walls import Wall, periodic, reflecting

if TYPE_CHECKING:
    from langevin_kit.system._system import System

Floats = NDArray[np.float64]
Expressions = Sequence[sp.Expr]

PLACES = 64
"""At so many places of the domain maps are tried."""

CLOSE = 1e-8
"""Share of 1 + |x| by which what must be equal may differ there."""

MOST_TIDIED = 150
"""Operations of an expression up to which SymPy is asked to simplify it: it takes ever longer."""

COMPILED = {*FUNCTIONS, sp.sinh, sp.cosh, sp.tanh, sp.atan, sp.Abs} - {Sign}
"""Functions that may be left in a system."""

_LOGARITHMIC = (sp.asinh, sp.acosh, sp.atanh)


def read_map(
    system: System, coordinates: Mapping[str, Any] | Sequence[str], inverse: Mapping[str, Any]
) -> CoordinateMap:
    """Read the texts of `System.transform`.

    Raises
    ------
    InvalidArgument, InvalidExpression
    """
    derived = _formulas(system, "transform")
    names = arguments.names_of(coordinates if isinstance(coordinates, str) else tuple(coordinates), system.parameters)
    if not isinstance(inverse, Mapping) or set(inverse) != set(system.names) or len(names) != system.n_dim:
        raise InvalidArgument(
            f"transform: got the new coordinates {list(names)} and the inverse {inverse!r}; as many coordinates as "
            f"there are, and one text in them for each of {list(system.names)}, are needed."
        )
    y, forward = coordinate_symbols(names), None
    if isinstance(coordinates, Mapping):
        forward = [_read(text, derived.coordinates, derived, f"coordinates.{n}") for n, text in coordinates.items()]
    back = [_read(inverse[x], y, derived, f"inverse.{x}") for x in system.names]
    return CoordinateMap(system, y, back, forward)


def lamperti_map(system: System, coordinates: str | Sequence[str]) -> CoordinateMap:
    """Find y = ∫ dx/√K and its inverse.

    Raises
    ------
    InvalidArgument
        If K has not the form for it, or no formula is found.
    """
    derived = _formulas(system, "lamperti")
    names = arguments.names_of(coordinates, system.parameters)
    if len(names) != system.n_dim:
        raise InvalidArgument(f"lamperti: got the names {list(names)}; {system.n_dim} are needed.")
    noises = [derived.mobility[a][a] for a in range(system.n_dim)]
    if not system.facts.has_own_noise or any(derived.time in k.free_symbols for k in noises):
        raise InvalidArgument(
            f"lamperti: got K = {system.mobility!r}; K must be diagonal, and each Kᵃᵃ a function of coordinate a "
            "alone, not of time. Give `transform` a map of your own."
        )
    y = coordinate_symbols(names)
    pairs = [_unit_noise(system, a, k, y[a]) for a, k in enumerate(noises)]
    return CoordinateMap(system, y, [back for _, back in pairs], [forward for forward, _ in pairs], is_lamperti=True)


def _formulas(system: System, name: str) -> Derived:
    if not isinstance(system.content, Texts):
        kind = "has one vector of coordinates" if system.is_dense else "is made of Python functions"
        raise InvalidArgument(f"{name}: this system {kind}; formulas of scalar coordinates are needed.")
    return system.derived


def _read(text: Any, coordinates: Sequence[sp.Symbol], derived: Derived, field: str) -> sp.Expr:
    symbols = {str(s): s for s in (*coordinates, *derived.parameters)}
    return parse(arguments.scalar(text), symbols, field=field, inverse=True)


@dataclass(frozen=True)
class CoordinateMap:
    """The map x(y), and y(x) if it is known.

    Attributes
    ----------
    old : System
    y : tuple of Symbol
        The new coordinates.
    back : sequence of Expr
        x(y).
    forward : sequence of Expr or None
        y(x).
    is_lamperti : bool
        Whether the new mobility is 1.
    """

    old: System
    y: tuple[sp.Symbol, ...]
    back: Expressions
    forward: Expressions | None
    is_lamperti: bool = False

    def fields(self, walls: Mapping[str, Wall] | None) -> dict[str, Any]:
        """What `System` takes for the same system in the new coordinates.

        Raises
        ------
        InvalidArgument
            Where the maps are not each other's inverse, or what is found has no compiled form.
        """
        old, derived, names = self.old, self.old.derived, [str(s) for s in self.y]
        made = self._mapped_walls() if walls is None else arguments.walls_of(walls, names)
        sign = self._tried(made)
        drift = [sum((j * self._at(b) for j, b in zip(row, derived.drift, strict=True)), sp.S.Zero) for row in self._j]
        kept = {x for x, back in zip(old.names, self.back, strict=True) if str(back) == x}
        return {
            "energy": _compiled(self._at(derived.energy), "energy"),
            "mobility": 1 if self.is_lamperti else self._mobility,
            "drift": [_compiled(b, "drift") for b in drift] if old.facts.has_drift else None,
            "measure": _compiled(self._at(derived.measure) * (sign * self._determinant), "measure"),
            "temperature": old.temperature,
            "coordinates": names,
            "parameters": dict(old.parameters),
            "units": {name: unit for name, unit in old.units.items() if name in {*kept, "energy", "time"}},
            "walls": made,
        }

    def _at(self, e: sp.Expr) -> sp.Expr:
        """A function of x in terms of y."""
        return e.xreplace(dict(zip(self.old.derived.coordinates, self.back, strict=True)))

    @cached_property
    def _slopes(self) -> sp.Matrix:
        """∂x/∂y."""
        return sp.Matrix([[_tidied(sp.diff(x, y)) for y in self.y] for x in self.back])

    @cached_property
    def _determinant(self) -> sp.Expr:
        return _tidied(self._slopes.det(method="berkowitz"))

    @cached_property
    def _j(self) -> list[list[sp.Expr]]:
        """∂y/∂x as functions of y, row by row."""
        adjugate = self._slopes.adjugate() if len(self.y) > 1 else sp.eye(1)
        return [[_tidied(e / self._determinant) for e in row] for row in adjugate.tolist()]

    @property
    def _mobility(self) -> list[list[sp.Expr]]:
        k, j, d = self.old.derived.mobility, self._j, range(len(self.y))
        return [
            [
                _compiled(sp.Add(*(j[a][e] * self._at(k[e][f]) * j[b][f] for e in d for f in d)), f"mobility[{a}][{b}]")
                for b in d
            ]
            for a in d
        ]

    def _mapped_walls(self) -> dict[str, Wall]:
        """The ends of each coordinate that is a function of one old one alone."""
        if self.forward is None:
            if self.old.walls:
                raise InvalidArgument("walls: the old coordinates have some, so those of the new ones must be given.")
            return {}
        made = {}
        for a, x in enumerate(self.old.derived.coordinates):
            name, wall = str(x), self.old.walls.get(str(x))
            used = [c for c, y in enumerate(self.forward) if x in y.free_symbols]
            others = {*self.old.derived.coordinates} - {x}
            if len(used) != 1 or self.forward[used[0]].free_symbols & others:
                if wall is not None:
                    raise InvalidArgument(
                        f"walls: {name!r} has some, and no new coordinate is a function of it alone; give `walls`."
                    )
                continue
            y, new = self.forward[used[0]], str(self.y[used[0]])
            ends = np.zeros((len(self.y), 2))
            ends[a] = self.old.lower[a], self.old.upper[a]
            low, high = np.sort(_values(self.old, [y], self.old.derived.coordinates, ends)[0] + 0.0)
            bends = bool(sp.diff(y, x).free_symbols & {*self.old.derived.coordinates})
            if np.isnan([low, high]).any() or (wall is not None and wall.kind == "periodic" and bends):
                raise InvalidArgument(
                    f"walls: what becomes of the ends of {name!r} is not known for {new!r}; give `walls`."
                )
            if wall is not None and wall.kind == "periodic":
                made[new] = periodic(low, high)
            elif np.isfinite([low, high]).any():
                made[new] = reflecting(low, high)
        return made

    def _tried(self, walls: Mapping[str, Wall]) -> int:
        """Try the maps at places of the domain; the sign of det ∂x/∂y."""
        old, names = self.old, [str(s) for s in self.y]
        low, high = (
            np.array([getattr(walls[n], end) if n in walls else default for n in names])
            for end, default in (("lower", -np.inf), ("upper", np.inf))
        )
        if self.forward is None:
            y = _places(low, high)
        else:
            x = _places(old.lower, old.upper)
            y = _values(old, self.forward, old.derived.coordinates, x)
            self._require(np.isfinite(y).all(axis=0), x, y, "the new coordinates have no finite value")
        found = _values(old, self.back, self.y, y)
        inside = (found >= old.lower[:, None]) & (found <= old.upper[:, None]) & np.isfinite(found)
        inside[list(old.walled("periodic"))] = True
        if self.forward is None:
            self._require(inside.all(axis=0), found, y, "the inverse leads beyond the old domain")
        else:
            near = np.abs(found - x) <= CLOSE * (1 + np.abs(x))
            self._require(near.all(axis=0), x, y, "the inverse does not lead back", found)
            round_ = np.array([n in walls and walls[n].kind == "periodic" for n in names])[:, None]
            within = ((y >= low[:, None]) & (y <= high[:, None])) | round_
            self._require(within.all(axis=0), x, y, "the new coordinates are beyond their walls")
        determinant = _values(old, [self._determinant], self.y, y)[0]
        sign = 1 if determinant[0] > 0 else -1
        regular = np.isfinite(determinant) & (sign * determinant > 0)
        self._require(regular, found, y, "det ∂x/∂y is zero or changes sign")
        return sign

    def _require(self, holds: Any, x: Floats, y: Floats, what: str, instead: Floats | None = None) -> None:
        if holds.all():
            return
        k = int((~holds).argmax())
        old, new = (
            ", ".join(f"{n} = {v[k]:.6g}" for n, v in zip(names, values, strict=True))
            for names, values in ((self.old.names, x), (self.y, y))
        )
        back = "" if instead is None else f", which is led back to {', '.join(f'{v:.6g}' for v in instead[:, k])}"
        raise InvalidArgument(
            f"transform: {what} at {old}, {new}{back}. The map must be one to one where particles go: mend it, or "
            "bound the coordinates by walls."
        )


def _places(lower: Floats, upper: Floats) -> Floats:
    """Points (d, n) between the bounds, near the origin or the one bound there is."""
    rng = np.random.default_rng(0)
    share, far = rng.uniform(size=(len(lower), PLACES)), 1.5 * rng.standard_normal((len(lower), PLACES))
    low, high = lower[:, None], upper[:, None]
    with np.errstate(invalid="ignore"):
        between = low + (high - low) * share
    is_low, is_high = np.isfinite(low), np.isfinite(high)
    return np.asarray(np.select([is_low & is_high, is_low, is_high], [between, low + abs(far), high - abs(far)], far))


def _values(system: System, expressions: Expressions, names: Sequence[sp.Symbol], at: Floats) -> Floats:
    """Expressions (k, n) at points (d, n), with the system's parameters."""
    own = {"Absolute": np.abs, "Sign": np.sign}
    function = sp.lambdify([*names, *system.derived.parameters], list(expressions), modules=[own, "numpy"])
    with np.errstate(all="ignore"):
        rows = function(*at, *map(np.float64, system.parameters.values()))
    return np.stack([np.broadcast_to(np.asarray(row, np.float64), at.shape[1:]) for row in rows])


def _tidied(e: sp.Expr) -> sp.Expr:
    """The expression, or a shorter one that SymPy finds for it."""
    if e.is_number or e.count_ops() > MOST_TIDIED:
        return e
    shorter = sp.simplify(e)
    return shorter if not _foreign(shorter, COMPILED) and shorter.count_ops() < e.count_ops() else e


def _foreign(e: sp.Expr, known: set[Any]) -> set[str]:
    """Names of functions, and of what is no function of real numbers, that are not among the known ones."""
    functions = {f.func.__name__ for f in e.atoms(sp.Function, sp.Piecewise, sp.Integral) if f.func not in known}
    return functions | {str(bad) for bad in e.atoms(sp.I, sp.zoo, sp.nan, sp.oo, -sp.oo)}


def _compiled(e: sp.Expr, field: str) -> sp.Expr:
    """The expression in functions that kernels have."""
    made = e.replace(lambda f: f.func in _LOGARITHMIC, lambda f: f.rewrite(sp.log))
    made = _tidied(made)
    left = _foreign(made, COMPILED)
    if left:
        raise InvalidArgument(
            f"transform: {', '.join(sorted(left))} is left in the new {field}, {made}, and has no compiled form. "
            "Choose coordinates in which it is undone, such as the inverse function's value itself."
        )
    return made


def _unit_noise(system: System, a: int, k: sp.Expr, y: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """The formulas y(x) with dy/dx = 1/√K, and x(y), of one coordinate."""
    from sympy.integrals.manualintegrate import manualintegrate

    x = system.derived.coordinates[a]
    refused = f"lamperti: no formula was found for ∫ dx/√K of {system.names[a]!r}, K = {k}"
    positive = [p for p in system.derived.parameters if system.parameters[str(p)] > 0]
    plain = {p: sp.Dummy(str(p), positive=True) for p in positive}
    plain[x] = sp.Dummy(str(x), positive=True) if system.lower[a] >= 0 else sp.Dummy(str(x), real=True)
    named = {dummy: s for s, dummy in plain.items()}
    at = _places(system.lower, system.upper)
    # The root of a square without |…|: what sign it has is found at the places.
    root = sp.powdenest(sp.sqrt(sp.factor(k.xreplace(plain))), force=True).replace(sp.Abs, lambda u: u)
    primitive = manualintegrate(sp.simplify(1 / root), plain[x]).replace(sp.Piecewise, lambda *branches: branches[0][0])
    known = COMPILED | {f for f, _ in INVERSE.values()}
    if not _foreign(primitive, known):
        forward = _with_real_logs(system, primitive.xreplace(named), at)
        found, wanted = _values(system, [sp.diff(forward, x), 1 / sp.sqrt(k)], system.derived.coordinates, at)
        forward = forward if found[0] > 0 else -forward
        if (np.abs(np.abs(found) - wanted) <= CLOSE * wanted).all() and (np.sign(found) == np.sign(found[0])).all():
            end = sp.Dummy("y", real=True)
            value = _values(system, [forward], system.derived.coordinates, at)[0]
            for back in _solutions(forward.xreplace(plain) - end, plain[x]):
                back = back.xreplace({**named, end: y})
                if not _foreign(back, known) and x not in back.free_symbols - {y}:
                    again = _values(system, [back], [y], value[None])[0]
                    if (np.abs(again - at[a]) <= CLOSE * (1 + np.abs(at[a]))).all():
                        return forward, back
            refused = f"lamperti: no inverse was found of y = {forward}"
    raise InvalidArgument(f"{refused}. Give `transform` a map of your own.")


def _with_real_logs(system: System, e: sp.Expr, at: Floats) -> sp.Expr:
    """The primitive with ln|u| for each ln u."""

    def real(u: sp.Expr) -> sp.Expr:
        is_negative = _values(system, [u], system.derived.coordinates, at)[0, 0] < 0
        return sp.log(-u if is_negative else u)

    return e.replace(sp.log, real)


def _solutions(e: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    try:
        return list(sp.solve(e, x))
    except NotImplementedError:
        return []
