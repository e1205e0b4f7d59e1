"""A system, a scheme and what is measured → the source of one module: particles in registers, small d.

Coordinates are `x0, x1`, parameters `p0, p1, …`; temperature, time step, seed and parameters are run-time arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from langevin_kit.codegen.cache import load
from langevin_kit.codegen.printer import FUNCTIONS, Printer
from langevin_kit.schemes import Scheme
from langevin_kit.system import System

if TYPE_CHECKING:
    import sympy as sp

NORMALS_PER_CALL = {"float32": 4, "float64": 2}
"""Normals from the four 32-bit words of one Philox call."""

_HEADER = """\
import math
import numpy as np
from langevin_kit.kernels.counter_rng import STREAM_DYNAMICS, philox
from langevin_kit.kernels.jit import cached_driver, fma, inline
from langevin_kit.kernels.noise import gaussian_{suffix} as gaussian
from langevin_kit.kernels.elementary.{dtype} import {functions}
R = np.{dtype}
"""

_STEPPER = """\
from langevin_kit.kernels.schemes.{scheme} import deterministic, stochastic

@inline
def coefficients({state}):
{coefficients}
    return {outputs}

@inline
def euler({state}, dt):
    {outputs} = coefficients({state})
    return ({deterministic_step},)

@inline
def step({state}, dt, temperature, amplitude, {z}):
    {outputs} = coefficients({state})
    return ({stochastic_step},)

@inline
def normals(i, particle, call, key0, key1):
    p = np.uint64(particle + i)
    a, b, c, d = philox(np.uint32(p), np.uint32(p >> np.uint64(32)), call, STREAM_DYNAMICS, key0, key1)
    return gaussian(a, b, c, d)

@cached_driver
def noisy_block({rows}, {later_rows}particle, first, n_steps, {scalars}time_step, temperature, key0, key1):
    dt = R(time_step)
    amplitude = R(math.sqrt(2.0*temperature*time_step))
    temperature = R(temperature)
    k = first
    while k < first + n_steps:
        call = np.uint32(k // {group})
        if k % {group} == 0:
            t = R(k*time_step)
            for i in range(X0.size):
                {z_all} = normals(i, particle, call, key0, key1)
                {load}
                {result} = step({state}, dt, temperature, amplitude, {z_first})
                {store}
                {keep}
            k += 1
        else:
            for i in range(X0.size):
                {z_all} = normals(i, particle, call, key0, key1)
                {keep}
{later_steps}
@cached_driver
def noiseless_block({rows}, particle, first, n_steps, {scalars}time_step):
    dt = R(time_step)
    for k in range(first, first + n_steps):
        t = R(k*time_step)
        for i in range(X0.size):
            {load}
            {result} = euler({state}, dt)
            {store}

@cached_driver
def advance(X, low, high, block_size, first, n_steps, parameters, time_step, temperature, key0, key1):
    {unpack}
    later = np.empty(({n_later}, block_size), R)
    for a in range(low, high, block_size):
        b = min(a + block_size, high)
        if temperature > 0.0:
            noisy_block({slices}, {later_slices}a, first, n_steps, {scalars}time_step, temperature, key0, key1)
        else:
            noiseless_block({slices}, a, first, n_steps, {scalars}time_step)
"""

_LATER_STEP = """\
        if k < first + n_steps and k % {group} == {slot}:
            t = R(k*time_step)
            for i in range(X0.size):
                {load}
                {result} = step({state}, dt, temperature, amplitude, {z})
                {store}
            k += 1
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

_LIBRARY = """\
from langevin_kit.kernels.cpu.histogram import histogram_1d, histogram_2d
from langevin_kit.kernels.cpu.initial import standard_normal as _normal, standard_uniform as _uniform
from langevin_kit.kernels.jit import cached_driver

@cached_driver
def count_1d(X, low, high, lower, inverse_width, counts):
    return histogram_1d(X[0, low:high], lower, inverse_width, counts)

@cached_driver
def count_2d(X, low, high, lower, inverse_width, counts):
    return histogram_2d(X[0, low:high], X[1, low:high], lower, inverse_width, counts)

@cached_driver
def standard_normal(out, first, key0, key1):
    _normal(out, first, key0, key1)

@cached_driver
def standard_uniform(out, first, key0, key1):
    _uniform(out, first, key0, key1)
"""


def stepper_source(system: System, scheme: Scheme, dtype: str) -> str:
    """Source of `advance(X, low, high, block_size, first, n_steps, parameters, time_step, temperature, key0, key1)`.

    It moves the particles low … high of X (d, n) from step `first` through `n_steps` steps, in blocks that stay in
    the first-level cache through all of them. A Philox call serves a group of steps: its first step is made where its
    normals are drawn, the later ones from a scratch block. A start inside a call draws it and uses its part, so any
    split of the steps gives the same bits.
    """
    d, derived = system.n_dim, system.derived
    group = NORMALS_PER_CALL[dtype] // d
    printer = _printer(system)
    names = printer.emit([*derived.force, *derived.mobility_divergence, *derived.noise_factor])
    x = [f"x{a}" for a in range(d)]
    outputs = [f"{kind}{a}" for kind in ("force", "divergence", "factor") for a in range(d)]
    arguments = _arguments(system)
    stochastic = "stochastic(x{a}, force{a}, divergence{a}, factor{a}, dt, temperature, amplitude, z{a})"
    z = [f"z{j}" for j in range(NORMALS_PER_CALL[dtype])]
    later_steps = [
        _LATER_STEP.format(
            **arguments,
            group=group,
            slot=slot,
            result=_tuple(x),
            z=", ".join(f"Z{slot * d + a}[i]" for a in range(d)),
        )
        for slot in range(1, group)
    ]
    return _header(dtype) + _STEPPER.format(
        **arguments,
        scheme=scheme.kernel,
        coefficients=_indent([*printer.lines, *(f"{o} = {n}" for o, n in zip(outputs, names, strict=True))], 4),
        outputs=", ".join(outputs),
        deterministic_step=", ".join(f"deterministic(x{a}, force{a}, dt)" for a in range(d)),
        stochastic_step=", ".join(stochastic.format(a=a) for a in range(d)),
        z=", ".join(z[:d]),
        z_first=", ".join(z[:d]),
        z_all=", ".join(z),
        group=group,
        result=_tuple(x),
        n_later=len(z) - d,
        later_rows="".join(f"Z{j}, " for j in range(d, len(z))),
        later_slices="".join(f"later[{j - d}, :b - a], " for j in range(d, len(z))),
        keep="; ".join(f"Z{j}[i] = z{j}" for j in range(d, len(z))) or "pass",
        later_steps="".join(later_steps).rstrip(),
    )


def measure_source(system: System, quantities: Sequence[sp.Expr]) -> str:
    """Source of `measure(X, low, high, t, parameters, pairs, means, comoments)`, in float64 for any state.

    Tile by tile, the quantities' means and co-moments; `low` is a multiple of the tile.
    """
    printer = _printer(system)
    names = printer.emit(quantities)
    arguments = _arguments(system)
    arguments["load"] = "; ".join(f"x{a} = R(X{a}[i])" for a in range(system.n_dim))
    return _header("float64") + _MEASURE.format(
        **arguments,
        quantities=_indent(printer.lines, 8),
        outputs_rows="; ".join(f"row{q} = rows[{q}]" for q in range(len(names))),
        store_outputs="; ".join(f"row{q}[i] = {name}" for q, name in enumerate(names)),
        n_quantities=len(names),
    )


def stepper(system: System, scheme: Scheme, dtype: str) -> ModuleType:
    """The compiled module of `stepper_source`."""
    return load(stepper_source(system, scheme, dtype))


def measurer(system: System, quantities: Sequence[sp.Expr]) -> ModuleType:
    """The compiled module of `measure_source`."""
    return load(measure_source(system, quantities))


def library() -> ModuleType:
    """Histograms and initial ensembles: compiled once for all systems."""
    return load(_LIBRARY)


def _printer(system: System) -> Printer:
    derived = system.derived
    names = {s: f"x{a}" for a, s in enumerate(derived.coordinates)}
    names |= {s: f"p{j}" for j, s in enumerate(derived.parameters)}
    return Printer({**names, derived.time: "t"})


def _arguments(system: System) -> dict[str, str]:
    x = [f"x{a}" for a in range(system.n_dim)]
    rows = [f"X{a}" for a in range(system.n_dim)]
    p = [f"p{j}" for j in range(len(system.parameters))]
    return {
        "state": ", ".join(["t", *x, *p]),
        "rows": ", ".join(rows),
        "scalars": "".join(f"{name}, " for name in p),
        "unpack": "; ".join(f"{name} = R(parameters[{j}])" for j, name in enumerate(p)) or "pass",
        "slices": ", ".join(f"X[{a}, a:b]" for a in range(system.n_dim)),
        "load": "; ".join(f"x{a} = X{a}[i]" for a in range(system.n_dim)),
        "store": "; ".join(f"X{a}[i] = x{a}" for a in range(system.n_dim)),
    }


def _header(dtype: str) -> str:
    functions = ", ".join([*FUNCTIONS.values(), "sqrt"])
    return _HEADER.format(dtype=dtype, suffix=dtype.replace("float", "f"), functions=functions)


def _tuple(names: Sequence[str]) -> str:
    return "(" + ", ".join(names) + ",)"


def _indent(lines: Sequence[str], width: int) -> str:
    return "\n".join(" " * width + line for line in lines)
