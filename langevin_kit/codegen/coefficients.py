"""A system's expressions → the lines of `coefficients`: what a scheme needs at one point, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_kit.errors import MobilityNotPositive
from langevin_kit.system import System
from langevin_kit.system.lines import Lines

if TYPE_CHECKING:
    import sympy as sp

    from langevin_kit.system.python import FunctionModel

Entries = dict[tuple[int, int], str]
"""Names of the lower triangle of a symmetric or triangular matrix; entries that are zero are left out."""

DEGENERATE = {"float32": 2.0**-20, "float64": 2.0**-48}
"""A pivot of the Cholesky factor below this share of its diagonal entry is round-off: zero in exact arithmetic."""


BROKEN = 64.0
"""In units of that share, how far below zero round-off may carry a pivot."""


@dataclass(frozen=True)
class Coefficients:
    """Source lines and the names that hold their results.

    Attributes
    ----------
    lines : list of str
        One operation each, on names x0, …, p0, …, t.
    force : tuple of str
        (b − K∇E)ᵃ.
    divergence : tuple of str
        (∇·K)ᵃ; empty text where it is zero everywhere.
    factor : Entries
        σ with σσᵀ = S, lower triangular.
    mobility : Entries
        S.
    conormal : Entries
        Kᵇᵃ by (b, a), for reflecting walls of the coordinate a: a particle turns back along column a.
    energy, log_measure : str
        E and ln μ, if they were asked for; empty text for ln μ where μ = 1.
    entropic : tuple of str
        (K ∇ ln μ)ᵃ; empty text where it is zero everywhere.
    """

    lines: list[str]
    force: tuple[str, ...]
    divergence: tuple[str, ...]
    factor: Entries
    mobility: Entries
    conormal: Entries
    energy: str = ""
    log_measure: str = ""
    entropic: tuple[str, ...] = ()


def coefficients(system: System, dtype: str, *, energy: bool = False) -> Coefficients:
    """Print force, divergences, mobility and its Cholesky factor, their common parts once; E and ln μ on request."""
    if system.functions is not None:
        return _of_functions(system, system.functions, DEGENERATE[dtype], energy=energy)
    derived, d = system.derived, system.n_dim
    where, turned = _lower(system), _columns(system)
    printer = derived.printer()
    rows = [*derived.force, *derived.mobility_divergence, *(derived.symmetric[a][b] for a, b in where)]
    rows += [derived.mobility[b][a] for b, a in turned]
    measured = system.facts.has_measure
    asked = ([derived.energy, *([derived.log_measure] if measured else [])]) if energy else []
    names = printer.emit([*rows, *(derived.entropic if measured else ()), *asked])
    mobility = dict(zip(where, names[2 * d : len(rows) - len(turned)], strict=True))
    conormal = dict(zip(turned, names[len(rows) - len(turned) : len(rows)], strict=True))
    divergence = _terms(derived.mobility_divergence, names[d:])
    entropic = _terms(derived.entropic, names[len(rows) :]) if measured else ("",) * d
    end, log_measure = (*names[len(names) - len(asked) :], "", "")[:2]
    if all(derived.symmetric[a][b].is_number for a, b in where):
        factor = _constant_factor([[float(k) for k in row] for row in derived.symmetric])
    else:
        factor = _cholesky(printer, mobility, d, DEGENERATE[dtype])
    force = tuple(names[:d])
    return Coefficients(printer.lines, force, divergence, factor, mobility, conormal, end, log_measure, entropic)


def _terms(expressions: Sequence[sp.Expr], names: Sequence[str]) -> tuple[str, ...]:
    """The names of a vector's components, empty where one is zero everywhere."""
    return tuple("" if e == 0 else n for e, n in zip(expressions, names, strict=False))


def conormal_lines(system: System) -> tuple[list[str], Entries]:
    """Print `Coefficients.conormal` alone, for a second look at another place."""
    if system.functions is not None:
        model = system.functions
        return [model.mobility_line], {at: f"leaf_value({model.entries[at]})" for at in _columns(system)}
    derived, where = system.derived, _columns(system)
    printer = derived.printer()
    names = printer.emit([derived.mobility[a][b] for a, b in where])
    return printer.lines, dict(zip(where, names, strict=True))


def _of_functions(system: System, model: FunctionModel, degenerate: float, *, energy: bool) -> Coefficients:
    d, lines = len(model.coordinates), Lines()
    lines.lines += model.lines
    end = lines.assign(model.energy_line) if energy else ""
    log_measure = lines.assign(model.log_measure_line) if energy and model.has_measure else ""
    mobility = {(b, a): f"s{a}{b}" for a in range(d) for b in range(a, d) if {(a, b), (b, a)} & model.entries.keys()}
    return Coefficients(
        lines.lines,
        tuple(f"force{a}" for a in range(d)),
        tuple(f"divergence{a}" for a in range(d)),
        _cholesky(lines, mobility, d, degenerate),
        mobility,
        {at: model.value_of(model.entries[at]) for at in _columns(system)},
        end,
        log_measure,
        tuple(f"entropic{a}" if model.has_measure else "" for a in range(d)),
    )


def _lower(system: System) -> list[tuple[int, int]]:
    """Entries of S that are not zero everywhere."""
    s = system.derived.symmetric
    return [(a, b) for a in range(system.n_dim) for b in range(a + 1) if a == b or s[a][b] != 0]


def _columns(system: System) -> list[tuple[int, int]]:
    """Entries of K that are not zero everywhere, in the columns of coordinates with reflecting walls."""
    if system.functions is not None:
        known = system.functions.entries
    else:
        known = {(b, a): "" for b, row in enumerate(system.derived.mobility) for a, k in enumerate(row) if k != 0}
    return [(b, a) for a in system.walled("reflecting") for b in range(system.n_dim) if (b, a) in known]


def _cholesky(printer: Lines, s: Entries, d: int, degenerate: float) -> Entries:
    """σ row by row; a column whose pivot vanishes is zero, so S need only be positive semi-definite."""
    factor: Entries = {}
    for j in range(d):
        earlier = [k for k in range(j) if (j, k) in factor]
        pivot = _without(printer, s[j, j], [(factor[j, k], factor[j, k]) for k in earlier])
        below = [i for i in range(j + 1, d) if (i, j) in s or any((i, k) in factor for k in earlier)]
        if not earlier and not below:
            factor[j, j] = printer.assign(f"sqrt({pivot})")
            continue
        least = printer.assign(f"R({degenerate!r})*{s[j, j]}") if earlier else "R(0.0)"
        # A pivot far below zero is that of no covariance: its root is NaN, and the particle is lost.
        wrong = printer.assign(f"R({-BROKEN!r})*{least}") if earlier else least
        root = printer.assign(f"sqrt({pivot} if {pivot} > {least} or {pivot} < {wrong} else R(0.0))")
        factor[j, j] = root
        if not below:
            continue
        inverse = printer.assign(f"R(1.0)/{root} if {pivot} > {least} else R(0.0)")
        for i in below:
            common = [(factor[i, k], factor[j, k]) for k in earlier if (i, k) in factor]
            rest = _without(printer, s.get((i, j), "R(0.0)"), common)
            factor[i, j] = printer.assign(f"{rest}*{inverse}")
    return factor


def _without(printer: Lines, start: str, products: Sequence[tuple[str, str]]) -> str:
    for a, b in products:
        start = printer.assign(f"fma(-{a}, {b}, {start})")
    return start


def _constant_factor(mobility: Sequence[Sequence[float]]) -> Entries:
    """The factor of a constant S as literals."""
    s: Any = np.array(mobility)
    factor = np.zeros_like(s)
    for j in range(len(s)):
        column = s[j:, j] - factor[j:, :j] @ factor[j, :j]
        round_off = DEGENERATE["float64"] * abs(s[j, j])
        if column[0] < -BROKEN * round_off:
            raise MobilityNotPositive(f"mobility: {s.tolist()} is not positive semi-definite, so no noise has it.")
        if column[0] > round_off:
            factor[j:, j] = column / np.sqrt(column[0])
    where = zip(*np.nonzero(factor), strict=True)
    return {(int(a), int(b)): f"R({float(factor[a, b])!r})" for a, b in where}
