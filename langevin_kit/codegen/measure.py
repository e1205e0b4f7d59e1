"""A system and what is measured → the source of one module, in float64 for any state.

Coordinates are `x0, x1`, parameters `p0, p1, …`; time and parameters are run-time arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from langevin_kit.codegen.cache import load
from langevin_kit.system import System
from langevin_kit.system.names import ELEMENTARY

if TYPE_CHECKING:
    import sympy as sp

_HEADER = f"""\
import numpy as np
from langevin_kit.kernels.jit import cached_driver, fma
from langevin_kit.kernels.elementary.float64 import {", ".join(ELEMENTARY)}
R = np.float64
"""

_MEASURE = """\
from langevin_kit.kernels.cpu.tiles import TILE, tile_moments

@cached_driver
def fill({rows}, t, {scalars}rows):
    {outputs_rows}
    for i in range(X0.size):
        {load}
{quantities}
        {store_outputs}

@cached_driver
def measure(X, low, high, t, parameters, pairs, means, comoments):
    {unpack}
    rows = np.zeros(({n_quantities}, TILE))
    work = np.zeros(TILE)
    for a in range(low, high, TILE):
        b = min(a + TILE, high)
        fill({slices}, t, {scalars}rows)
        tile_moments(rows, b - a, pairs, work, means[a // TILE], comoments[a // TILE])
"""


def measure_source(system: System, quantities: Sequence[sp.Expr]) -> str:
    """Source of `measure(X, low, high, t, parameters, pairs, means, comoments)`, in float64 for any state.

    Tile by tile, the quantities' means and co-moments; `low` is a multiple of the tile.
    """
    d = system.n_dim
    parameters = [f"p{j}" for j in range(len(system.parameters))]
    printer = system.derived.printer()
    results = printer.emit(quantities)
    return _HEADER + _MEASURE.format(
        rows=", ".join(f"X{a}" for a in range(d)),
        scalars="".join(f"{name}, " for name in parameters),
        unpack="; ".join(f"{name} = parameters[{j}]" for j, name in enumerate(parameters)) or "pass",
        slices=", ".join(f"X[{a}, a:b]" for a in range(d)),
        load="; ".join(f"x{a} = R(X{a}[i])" for a in range(d)),
        quantities="\n".join(f"        {line}" for line in printer.lines),
        outputs_rows="; ".join(f"row{q} = rows[{q}]" for q in range(len(results))),
        store_outputs="; ".join(f"row{q}[i] = {name}" for q, name in enumerate(results)),
        n_quantities=len(results),
    )


def measurer(system: System, quantities: Sequence[sp.Expr]) -> ModuleType:
    """The compiled module of `measure_source`."""
    return load(measure_source(system, quantities))
