"""What a run measures → a kernel that writes the rows of one particle a thread, in float64 as the CPU does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langevin_kit import cache
from langevin_kit.codegen.measure import printed
from langevin_kit.observables import Plan
from langevin_kit.observables.rows import Kept, Product, SquaredDisplacement, StartValue, Text, Value
from langevin_kit.system import System
from langevin_kit.system.names import ELEMENTARY

_FILL = """\
def values({inputs}t, {scalars}):
{values}

def start_values({inputs}t, {scalars}):
{start_values}

def fill(X, S, first, n, t, parameters, rows):
    i = cuda.grid(1)
    if i < n:
        at = first + i
        {unpack}
{lines}
"""


def fill_source(plan: Plan) -> str:
    """Source of `fill(X, S, first, n, t, parameters, rows)`, a kernel.

    It writes the plan's rows of the particles `first` … `first` + n to `rows` (≥ q, ≥ n), and behind them, where some
    may be absorbed, which of them live: X (≥ d, …) is the state and S (r, …) what it was at the start, in
    `plan.start_axes`.
    """
    system, d = plan.system, plan.d
    scalars = system.value_names
    now = {k: row.text for k, row in enumerate(plan.rows) if isinstance(row, Value) and k >= d}
    start = {k: row.text for k, row in enumerate(plan.rows) if isinstance(row, StartValue)}
    coordinates = [f"x{a}" for a in range(d)]
    at_start = {axis: f"s{k}" for k, axis in enumerate(plan.start_axes)}
    periodic = system.walled("periodic")
    lines = [f"{x} = np.float64(X[{a}, at])" for a, x in enumerate(coordinates)]
    lines += [f"{s} = np.float64(S[{k}, at])" for k, s in enumerate(at_start.values())]
    lines += [f"w{j} = np.float64(X[{d + j}, at])" for j in range(len(periodic))] if at_start else []
    lines += [f"r{a} = {x}" for a, x in enumerate(coordinates)]
    if now:
        lines.append(f"{_tuple(now)} = values({', '.join([*coordinates, 't', *scalars])})")
    if start:
        given = [at_start.get(a, "0.0") for a in range(d)]
        lines.append(f"{_tuple(start)} = start_values({', '.join([*given, '0.0', *scalars])})")
    for k, row in enumerate(plan.rows):
        if isinstance(row, SquaredDisplacement):
            lines.append(f"r{k} = 0.0")
            for a in row.axes:
                moved = f"x{a} - {at_start[a]}"
                if a in periodic:
                    moved = f"fma(upper{a} - lower{a}, w{periodic.index(a)}, {moved})"
                lines += [f"moved = {moved}", f"r{k} = fma(moved, moved, r{k})"]
        elif isinstance(row, Kept):
            lines.append(f"r{k} = np.float64(X[{row.at}, at])")
        elif isinstance(row, Product):
            lines.append(f"r{k} = r{row.first}*r{row.second}")
    lines += [f"rows[{k}, i] = r{k}" for k in range(len(plan.rows))]
    if system.absorption_row is not None:
        lines.append(f"rows[{len(plan.rows)}, i] = 0.0 if X[{system.absorption_row}, at] > 0.0 else 1.0")
    return _FILL.format(
        inputs="".join(f"{x}, " for x in coordinates),
        scalars=", ".join(scalars),
        values=_body(system, now, scalars),
        start_values=_body(system, start, scalars),
        unpack="; ".join(f"{p} = parameters[{j}]" for j, p in enumerate(scalars)) or "pass",
        lines="\n".join(f"        {line}" for line in lines),
    )


_VECTOR = """\
def fill(X, S, first, n, rows):
    i = cuda.grid(1)
    if i < n:
        at = first + i
        for a in range({d}):
            rows[a, i] = np.float64(X[a, at])
        for k in range({kept}):
            rows[{q} + k, i] = np.float64(S[k, at])
{lines}

def multiply(n, rows):
    i = cuda.grid(1)
    if i < n:
{products}
"""


def vector_source(plan: Plan) -> str:
    """Source of `fill(X, S, first, n, rows)` and `multiply(n, rows)`, kernels for a vector system.

    The first one writes coordinates and displacements; and behind the plan's rows, where scalars of the start are
    wanted, the start. The second one multiplies, when the scalars of the state are there.
    """
    lines, products = [], []
    where = {axis: k for k, axis in enumerate(plan.start_axes)}
    for k, row in enumerate(plan.rows):
        if isinstance(row, SquaredDisplacement):
            lines.append(f"r{k} = 0.0")
            if row.axes == plan.start_axes == tuple(range(plan.d)):
                lines.append(f"for a in range({plan.d}):")
                step = ["moved = np.float64(X[a, at]) - np.float64(S[a, at])", f"r{k} = fma(moved, moved, r{k})"]
                lines += [f"    {line}" for line in step]
            else:
                for a in row.axes:
                    lines.append(f"moved = np.float64(X[{a}, at]) - np.float64(S[{where[a]}, at])")
                    lines.append(f"r{k} = fma(moved, moved, r{k})")
            lines.append(f"rows[{k}, i] = r{k}")
        elif isinstance(row, Kept):
            lines.append(f"rows[{k}, i] = np.float64(X[{row.at}, at])")
        elif isinstance(row, Product):
            products.append(f"rows[{k}, i] = rows[{row.first}, i]*rows[{row.second}, i]")
    starts = any(isinstance(row, StartValue) for row in plan.rows)
    return _VECTOR.format(
        d=plan.d,
        q=len(plan.rows),
        kept=len(plan.start_axes) if starts else 0,
        lines="\n".join(f"        {line}" for line in lines),
        products="\n".join(f"        {line}" for line in products) or "        pass",
    )


def vector_kernel(plan: Plan, dtype: str, name: str) -> tuple[Any, Any]:
    """A kernel of `vector_source` and its signature."""
    import numpy as np
    from numba import cuda, types

    from langevin_kit.kernels.cuda.device import Device
    from langevin_kit.kernels.jit import fma

    known: dict[str, Any] = {"__name__": __name__, "cuda": cuda, "np": np, "fma": fma}
    exec(compile(vector_source(plan), "<cuda rows>", "exec"), known)
    state, wide = getattr(types, dtype)[:, ::1], types.float64[:, ::1]
    signatures = {
        "fill": (state, state, types.int64, types.int64, wide),
        "multiply": (types.int64, wide),
    }
    return Device(fast=False).function(known[name]), signatures[name]


def fill(plan: Plan, dtype: str) -> tuple[Any, Any]:
    """The kernel of `fill_source`, as `kernels.cuda.compiler.ptx` takes it, and its signature for a state's dtype."""
    import numpy as np
    from numba import cuda, types

    from langevin_kit.kernels.cuda.device import Device
    from langevin_kit.kernels.elementary import float64 as elementary
    from langevin_kit.kernels.jit import fma, inline

    known: dict[str, Any] = {"__name__": __name__, "cuda": cuda, "np": np, "fma": fma, "R": np.float64}
    known |= {name: getattr(elementary, name) for name in ELEMENTARY}
    if (model := plan.system.functions) is not None:
        known |= vars(cache.load(model.definitions, model.compiled, model.fingerprint))
    exec(compile(fill_source(plan), "<cuda rows>", "exec"), known)
    known |= {name: inline(known[name]) for name in ("values", "start_values")}
    state, wide = getattr(types, dtype)[:, ::1], types.float64
    signature = state, state, types.int64, types.int64, wide, wide[::1], wide[:, ::1]
    return Device(fast=False).function(known["fill"]), signature


def _tuple(rows: Mapping[int, Text]) -> str:
    return ", ".join(f"r{k}" for k in rows) + ("," if len(rows) == 1 else "")


def _body(system: System, texts: Mapping[int, Text], scalars: Sequence[str]) -> str:
    if not texts:
        return "    return ()"
    lines, results, _ = printed(system, texts, scalars)
    ends = [*lines, f"return ({', '.join(results)},)"]
    return "\n".join(f"    {line}" for line in ends)
