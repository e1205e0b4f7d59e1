"""A system, a scheme and what is measured → the source of one module: particles in registers, small d.

Coordinates are `x0, x1`, turns round periodic ones `w0, …`, the time of absorption `gone`, parameters `p0, p1, …`,
bounds of walled coordinates `lower0, upper0, …`; bounds, temperature, time step, seed and parameters are run-time
arguments.
"""

from __future__ import annotations

from types import ModuleType

from langevin_kit import cache
from langevin_kit.codegen.adaptive import LOOPS, Turn
from langevin_kit.codegen.blocks import UNIFORM, argument_names, blocks
from langevin_kit.codegen.boundaries import absorption_lines, looks_twice, wall_lines
from langevin_kit.codegen.coefficients import Coefficients, Entries, coefficients, conormal_lines
from langevin_kit.codegen.trace import Step, Vector
from langevin_kit.schemes import Scheme
from langevin_kit.system import System
from langevin_kit.system.dense import Vector as VectorSystem
from langevin_kit.system.lines import as_tuple, indent
from langevin_kit.system.names import ELEMENTARY
from langevin_kit.system.spins import SpinSystem

_HEADER = """\
import math
import numpy as np
from langevin_kit.kernels.counter_rng import STREAM_BRIDGE, STREAM_DYNAMICS, philox
from langevin_kit.kernels.counter_rng import STREAM_UNIFORM, STREAM_UNIFORM_LATER, STREAM_BEGIN
from langevin_kit.kernels.jit import cached_driver, fma, inline, inner, inner_long
from langevin_kit.kernels.scratch import empty
from langevin_kit.kernels.elementary.{dtype} import {functions}
R = np.{dtype}
"""

_STEP = """\
from langevin_kit.kernels.noise import {noise} as numbers, {uniform} as uniform
from langevin_kit.kernels.walls import bridge, held, overshoot, settled, slope, wrapped

@inline
def coefficients({state}):
{coefficients}
    return {outputs}
{mobility}
@inline
def noiseless_step({state}, {carried_and_bounds}dt):
{noiseless}
    return ({result},)

@inline
def step({state}, {carried_and_bounds}dt, temperature, amplitude, {z}{address}):
{noisy}
    return ({result},)
{begin}"""

_BEGIN = """
@inline
def begin({state}, dt, temperature, amplitude, {z_of_begin}):
{lines}
    return {memory}
"""

_MOBILITY = """
@inline
def mobility({state}):
{lines}
    return ({names},)
"""

_LIBRARY = """\
from langevin_kit.kernels.cpu.histogram import histogram_1d, histogram_2d
from langevin_kit.kernels.cpu.float_mode import exchange_mode as _exchange, is_ieee as _is_ieee
from langevin_kit.kernels.cpu.initial import standard_normal as _normal, standard_uniform as _uniform
from langevin_kit.kernels.jit import cached_driver

@cached_driver
def count_1d(X, low, high, gone, lower, inverse_width, counts):
    return histogram_1d(X[0, low:high], X[gone:, low:high], lower, inverse_width, counts)

@cached_driver
def count_2d(X, low, high, gone, lower, inverse_width, counts):
    return histogram_2d(X[0, low:high], X[1, low:high], X[gone:, low:high], lower, inverse_width, counts)

@cached_driver
def standard_normal(out, first, key0, key1):
    _normal(out, first, key0, key1)

@cached_driver
def standard_uniform(out, first, key0, key1):
    _uniform(out, first, key0, key1)

@cached_driver
def exchange_mode(mode):
    return _exchange(mode)

@cached_driver
def is_ieee(tiny, one, less):
    return _is_ieee(tiny, one, less)
"""


LONG = 1200
"""Operations from which on a step is long."""


def stepper_source(system: System, scheme: Scheme, dtype: str) -> str:
    """Source of `advance(X, low, high, block_size, first, n_steps, parameters, time_step, temperature, key0, key1, …)`.

    It moves the columns low … high of X, whose column 0 is particle `particle0` (0 if left out), from step `first`
    through `n_steps` steps, in blocks that stay in the first-level cache through all of them. X holds the d coordinates
    and, behind them, the turns round each periodic one and the time of absorption, then what the scheme remembers and
    counts. Some calls of the generator serve a group of steps, whose numbers are drawn before its first one. A start
    inside a group draws it and uses its part, so any split of the steps gives the same bits.
    """
    made = coefficients(system, dtype, energy=scheme.reads_energy)
    noise = scheme.noise
    names = _Names(system, scheme)
    common = {**pieces(system, scheme), "z": ", ".join(argument_names(system, scheme))}
    needs_mobility = bool(system.walled("reflecting")) and not system.facts.is_diagonal
    outputs = {f"force{a}": n for a, n in enumerate(made.force)}
    outputs |= {f"divergence{a}": n for a, n in enumerate(made.divergence) if n}
    outputs |= {f"entropic{a}": n for a, n in enumerate(made.entropic) if n}
    outputs |= {name: n for name, n in (("energy", made.energy), ("log_measure", made.log_measure)) if n}
    outputs |= _entries("factor", made.factor)
    outputs |= _entries("k", made.conormal) if needs_mobility else {}
    noiseless, noisy = (Step(made, common["parameters"], scheme.drawn(system), cold=cold) for cold in (True, False))
    cold, warm = scheme.step(noiseless), scheme.step(noisy)
    takes_mobility = noiseless.takes_mobility or noisy.takes_mobility
    spreads = {(a, a): made.mobility[a, a] for a in system.walled("absorbing")}
    outputs |= _entries("s", made.mobility if takes_mobility else spreads)
    walls = wall_lines(system, made, common["parameters"])
    common["result"] = ", ".join([*(f"y{a}" for a in range(system.n_dim)), *names.carried])
    bodies = noiseless.body(scheme, cold, list(outputs)), noisy.body(scheme, warm, list(outputs))
    ends = [*walls, *absorption_lines(system, cold=True)], [*walls, *absorption_lines(system, cold=False)]
    turn = Turn(scheme, dtype, (noiseless, noisy), bodies, list(outputs), ends, common)
    parts, cold_lines, warm_lines = LOOPS[scheme.loop](turn)
    step = _STEP.format(
        **common,
        noiseless=cold_lines,
        noisy=warm_lines,
        begin=_begin(scheme, made, list(outputs), common),
        noise=noise.kernel[dtype],
        uniform=UNIFORM[dtype],
        coefficients=indent([*made.lines, *(f"{o} = {n}" for o, n in outputs.items())], 4),
        outputs=as_tuple(list(outputs)),
        mobility=(_second_look(system, common) if looks_twice(system) else "") + parts,
    )
    model = system.functions
    definitions = "" if model is None else model.definitions
    return _header(dtype) + definitions + step + blocks(system, scheme, dtype, common, is_long=_operations(step) > LONG)


def _entries(kind: str, entries: Entries) -> dict[str, str]:
    return {f"{kind}{a}_{b}": name for (a, b), name in entries.items()}


def _begin(scheme: Scheme, made: Coefficients, outputs: list[str], common: dict[str, str]) -> str:
    if scheme.begin is None:
        return ""
    step = Step(made, common["parameters"], range(len(made.force)), cold=False)
    memory = scheme.begin(step).plain()
    lines = step.body(scheme, (Vector(step.lines, ()), memory), outputs)
    return _BEGIN.format(**common, lines=indent(lines, 4))


def _second_look(system: System, common: dict[str, str]) -> str:
    lines, conormal = conormal_lines(system)
    return _MOBILITY.format(state=common["state"], lines=indent(lines, 4), names=", ".join(conormal.values()))


def _operations(step: str) -> int:
    """About how many operations a step is, of its source: a line is one, an elementary function twenty."""
    coefficients, _, rest = step.partition("def noiseless_step(")
    _, _, noisy = rest.partition("def step(")
    functions = sum(coefficients.count(f" = {name}(") for name in ELEMENTARY)
    return noisy.count("coefficients(") * (coefficients.count("\n") + 20 * functions) + noisy.count("\n")


def stepper(system: System, scheme: Scheme, dtype: str) -> ModuleType:
    """The compiled module of `stepper_source`, or of its twin for a vector of coordinates."""
    if isinstance(system, SpinSystem):
        from langevin_kit.codegen import spins

        return spins.stepper(system)
    if isinstance(system.content, VectorSystem):
        from langevin_kit.codegen import dense

        return dense.stepper(system.content.derived, scheme, dtype, system.walled_vectors)
    walls = [(name, wall.shape) for name, wall in system.walls.items()]
    key = f"stepper {system.content.fingerprint} {walls} {scheme.name} {scheme.noise.name} {scheme.halved} {dtype}"
    source = cache.remember(key, lambda: stepper_source(system, scheme, dtype))
    model = system.functions
    return cache.load(source) if model is None else cache.load(source, model.compiled, model.fingerprint)


def library() -> ModuleType:
    """Histograms, initial ensembles and the mode of arithmetic: compiled once for all systems."""
    return cache.load(_LIBRARY)


def pieces(system: System, scheme: Scheme, cell: str = "X{}[i]") -> dict[str, str]:
    """Pieces of source that only names decide: arguments of a step, its results, and where a row's number lies."""
    names = _Names(system, scheme)
    return {
        **names.arguments(cell),
        "moved": as_tuple([*names.x, *names.carried]),
        "memory": as_tuple(names.memory),
    }


class _Names:
    """What the values of a particle and of its system are called in generated source."""

    def __init__(self, system: System, scheme: Scheme) -> None:
        d = system.n_dim
        self.x = [f"x{a}" for a in range(d)]
        n_parameters = len(system.content.values)
        self.p, self.bounds = system.value_names[:n_parameters], system.value_names[n_parameters:]
        self.memory = [f"m{a}" for a in range(d)] if scheme.begin else []
        own = len(scheme.constants(system, 1.0)) if scheme.constants else 0
        self.constants = [f"c{j}" for j in range(own + len(scheme.options))]
        turns = [f"w{j}" for j in range(len(system.walled("periodic")))]
        gone = ["gone"] if system.absorbers else []
        length = ["h0"] if scheme.loop == "controlled" else []
        self.carried = [*turns, *gone, *self.memory, *length, *(["n0"] if scheme.counts else [])]
        self.has_tree = scheme.loop == "halving"

    def arguments(self, cell: str) -> dict[str, str]:
        """Pieces of the templates."""
        rows = [*self.x, *self.carried]
        cells = [f"{name} = {cell.format(j)}" for j, name in enumerate(rows)]
        scalars = [*self.p, *self.bounds, *self.constants]
        return {
            "state": ", ".join(["t", *self.x, *self.p]),
            "carried_and_bounds": "".join(f"{name}, " for name in [*self.carried, *self.bounds, *self.constants]),
            "constants": "".join(f"{name}, " for name in self.constants),
            "address": ", particle, k, key0, key1" if self.has_tree else "",
            "where": ", np.uint64(particle + i), k, key0, key1" if self.has_tree else "",
            "parameters": ", ".join(self.p),
            "z_of_begin": ", ".join(f"z{a}" for a in range(len(self.memory))),
            "rows": ", ".join(f"X{j}" for j in range(len(rows))),
            "scalars": "".join(f"{name}, " for name in scalars),
            "unpack": "; ".join(f"{name} = R(parameters[{j}])" for j, name in enumerate(scalars)) or "pass",
            "slices": ", ".join(f"X[{j}, a:b]" for j in range(len(rows))),
            "load": "; ".join(cells),
            "store": "; ".join(" = ".join(reversed(line.split(" = "))) for line in cells),
        }


def _header(dtype: str) -> str:
    return _HEADER.format(dtype=dtype, functions=", ".join(ELEMENTARY))
