"""What a run measures → the source of one module, in float64 for any state.

Coordinates are `x0, x1, …`, parameters `p0, p1, …`; time and parameters are run-time arguments. Rows that are no
expression (displacements, products) are one call each, so the source does not grow with the number of coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from langevin_kit import cache
from langevin_kit.observables import Plan
from langevin_kit.observables.rows import (
    Kept,
    Product,
    SquaredDisplacement,
    StartValue,
    Text,
    Value,
    own_symbols,
    read,
    read_vector,
)
from langevin_kit.system import System
from langevin_kit.system.dense import Vector
from langevin_kit.system.names import ELEMENTARY

if TYPE_CHECKING:
    from langevin_kit.system.dense import DenseDerived

_HEADER = f"""\
import numpy as np
from langevin_kit.kernels.jit import cached_driver, fma, inner
from langevin_kit.kernels.scratch import empty
from langevin_kit.kernels.elementary.float64 import {", ".join(ELEMENTARY)}
from langevin_kit.kernels.cpu import tiles
from langevin_kit.kernels.cpu.tiles import GROUP, TILE, TILES
R = np.float64
"""

_EVALUATE = """
@inner
def {name}({inputs}t, {scalars}{outputs}):
    for i in range({first}.size):
        {load}
{lines}
        {store}
"""

_EXTREMES = "tiles.tile_extremes(rows, b - a, {living}, a, extremes, work, tops[group], holders[group])"

_MEASURE = """
@inner
def fill(rows, starts, turns, n, t, {scalars}):
{rows}

@cached_driver
def measure(X, S, low, high, t, parameters, pairs, extremes, sizes, means, comoments, tops, holders):
    {unpack}
    rows = empty(({q} + {absorbs}, TILE), R)
    starts = empty((S.shape[0], TILE), R)
    turns = empty(({periodic}, TILE), R)
    work = empty((TILE,), R)
    counts = empty((TILES,), R)
    tile_means = empty((TILES, {q}), R)
    tile_comoments = empty((TILES, pairs.shape[0]), R)
    for first in range(low, high, GROUP):
        group = first // GROUP
        holders[group] = -1
        tops[group] = -np.inf
        used = 0
        for a in range(first, min(first + GROUP, high), TILE):
            b = min(a + TILE, high)
            for c in range({d}):
                tiles.copy(X[c, a:b], rows[c])
            for c in range(S.shape[0]):
                tiles.copy(S[c, a:b], starts[c])
            for c in range(turns.shape[0]):
                tiles.copy(X[{d} + c, a:b], turns[c])
            {vector_rows}
            fill(rows, starts, turns, b - a, t, {scalars})
            {alive}
            {extremes}
            counts[used] = tiles.tile_moments(
                rows, b - a, {living}, pairs, work, tile_means[used], tile_comoments[used])
            used += 1
        tiles.merge(counts[:used], tile_means, tile_comoments, pairs)
        sizes[group] = counts[0]
        tiles.copy(tile_means[0], means[group])
        tiles.copy(tile_comoments[0], comoments[group])

@cached_driver
def merge(counts, means, comoments, pairs):
    tiles.merge(counts, means, comoments, pairs)
"""


def measure_source(plan: Plan) -> str:
    """Source of `measure` and `merge`.

    `measure(X, S, low, high, t, parameters, pairs, extremes, sizes, means, comoments, tops, holders)` writes for each
    group of tiles between the particles low and high, a multiple of the group, how many particles live, the means and
    co-moments of the plan's rows over them, and their extremes; X (≥ d, n) is the state and S (r, n) what it was at the
    start, in `plan.start_axes`.
    `merge(counts, means, comoments, pairs)` merges groups into the first.
    """
    system, d = plan.system, plan.d
    now = {k: row.text for k, row in enumerate(plan.rows) if isinstance(row, Value) and k >= d}
    start = {k: row.text for k, row in enumerate(plan.rows) if isinstance(row, StartValue)}
    at = {axis: f"starts[{k}, :n]" for k, axis in enumerate(plan.start_axes)}
    scalars = [] if system.is_dense else system.value_names
    vector_rows: list[str] = []
    calls: list[str] = []
    if isinstance(system.content, Vector):
        source, vector_rows = _of_vector(system, system.content.derived, now, start)
    else:
        source, calls = _of_scalars(system, now, start, at, scalars)
    for k, row in enumerate(plan.rows):
        if isinstance(row, SquaredDisplacement):
            calls += [f"rows[{k}, :n] = 0.0", *(_displacement(system, a, at, k) for a in row.axes)]
        elif isinstance(row, Kept):
            vector_rows.append(f"tiles.copy(X[{row.at}, a:b], rows[{k}])")
        elif isinstance(row, Product):
            calls.append(f"tiles.multiply(rows[{row.first}], rows[{row.second}], rows[{k}, :n])")
    definitions = "" if system.functions is None else system.functions.definitions
    gone = system.absorption_row
    living = -1 if gone is None else len(plan.rows)
    return (
        _HEADER
        + definitions
        + source
        + _MEASURE.format(
            rows="\n".join(f"    {call}" for call in calls) or "    pass",
            scalars=", ".join(scalars),
            unpack="; ".join(f"{p} = parameters[{j}]" for j, p in enumerate(scalars)) or "pass",
            alive="pass" if gone is None else f"tiles.live(X[{gone}, a:b], rows[{len(plan.rows)}])",
            living=living,
            absorbs=int(gone is not None),
            periodic=len(system.walled("periodic")),
            extremes=_EXTREMES.format(living=living) if len(plan.extremes) else "pass",
            vector_rows="; ".join(vector_rows) or "pass",
            q=len(plan.rows),
            d=d,
        )
    )


_CALLED = {"energy": "e", "log_measure": "m"}
"""What generated source calls the values of Python functions that observables use."""


def measurer(plan: Plan) -> ModuleType:
    """The compiled module of `measure_source`."""
    content, walls, reaches = plan.system.content.fingerprint, plan.system.walls, len(plan.extremes) > 0
    key = f"measure {content} {walls} {plan.rows} {reaches}"
    source = cache.remember(key, lambda: measure_source(plan))
    model = plan.system.functions
    return cache.load(source) if model is None else cache.load(source, model.compiled, model.fingerprint)


def _displacement(system: System, axis: int, starts: dict[int, str], row: int) -> str:
    """Add one coordinate's (x − x₀)² to a row; of a periodic one with the turns that the particle has made."""
    arguments = f"rows[{axis}], {starts[axis]}, rows[{row}, :n]"
    periodic = system.walled("periodic")
    if axis not in periodic:
        return f"tiles.add_square_of_difference({arguments})"
    turns = f"turns[{periodic.index(axis)}], upper{axis} - lower{axis}"
    return f"tiles.add_square_of_turned_difference({turns}, {arguments})"


def _of_vector(
    system: System, derived: DenseDerived, now: Mapping[int, Text], start: Mapping[int, Text]
) -> tuple[str, list[str]]:
    """Functions that evaluate scalars of a vector state, and their calls."""
    from langevin_kit.codegen.dense import scalars_source

    source, calls = "", []
    for name, texts, state, t in (("values", now, "X", "t"), ("start_values", start, "S", "0.0")):
        if texts:
            nodes = {k: read_vector(system, text, f"row {k}") for k, text in texts.items()}
            source += scalars_source(derived, name, nodes)
            calls.append(f"{name}({state}, a, b, {t}, parameters, rows)")
    return source, calls


def _of_scalars(
    system: System, now: Mapping[int, Text], start: Mapping[int, Text], at: Mapping[int, str], scalars: Sequence[str]
) -> tuple[str, list[str]]:
    """Functions that evaluate expressions of a few coordinates, and their calls."""
    source, calls = "", []
    coordinates = {a: f"rows[{a}, :n]" for a in range(system.n_dim)}
    for name, texts, inputs, t in (("values", now, coordinates, "t"), ("start_values", start, at, "0.0")):
        if texts:
            text, used = _evaluate(name, system, texts, scalars)
            source += text
            arguments = [*(inputs[a] for a in used), t, *scalars, *(f"rows[{k}, :n]" for k in texts)]
            calls.append(f"{name}({', '.join(arguments)})")
    return source, calls


def _evaluate(name: str, system: System, texts: Mapping[int, Text], scalars: Sequence[str]) -> tuple[str, list[int]]:
    """A loop over particles that evaluates expressions, and the coordinates that they use."""
    lines, results, used = printed(system, texts, scalars)
    source = _EVALUATE.format(
        name=name,
        inputs="".join(f"X{a}, " for a in used),
        scalars="".join(f"{p}, " for p in scalars),
        outputs=", ".join(f"row{k}" for k in texts),
        first=f"row{next(iter(texts))}",
        load="; ".join(f"x{a} = X{a}[i]" for a in used) or "pass",
        lines="\n".join(f"        {line}" for line in lines),
        store="; ".join(f"row{k}[i] = {result}" for k, result in zip(texts, results, strict=True)),
    )
    return source, used


def printed(
    system: System, texts: Mapping[int, Text], scalars: Sequence[str]
) -> tuple[list[str], Sequence[str], list[int]]:
    """Lines that evaluate expressions of x0, x1, … and t, what they come to, and the coordinates that they use."""
    from langevin_kit.system.printer import Printer

    derived = system.derived
    expressions = [read(system, text, f"row {k}") for k, text in texts.items()]
    symbols = {s for e in expressions for s in e.free_symbols}
    model = system.functions
    called = {} if model is None else {name: s for name, s in own_symbols(system).items() if s in symbols}
    used = [a for a, x in enumerate(derived.coordinates) if x in symbols or called]
    names = {derived.coordinates[a]: f"x{a}" for a in used}
    names |= dict(zip(derived.parameters, scalars, strict=False))
    names |= {s: _CALLED[name] for name, s in called.items()}
    printer = Printer({**names, derived.time: "t"})
    printer.lines += [f"{_CALLED[name]} = {getattr(model, f'{name}_line')}" for name in called]
    results = printer.emit(expressions)
    return printer.lines, results, used
