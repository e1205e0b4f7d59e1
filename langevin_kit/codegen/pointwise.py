"""A system, a scheme and what is measured → the source of one module: particles in registers, small d.

Coordinates are `x0, x1`, turns round periodic ones `w0, …`, the time of absorption `gone`, parameters `p0, p1, …`,
bounds of walled coordinates `lower0, upper0, …`; bounds, temperature, time step, seed and parameters are run-time
arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from langevin_kit import cache
from langevin_kit.codegen.adaptive import LOOPS, Turn
from langevin_kit.codegen.boundaries import absorption_lines, looks_twice, wall_lines
from langevin_kit.codegen.coefficients import Coefficients, Entries, coefficients, conormal_lines
from langevin_kit.codegen.trace import Step, Vector
from langevin_kit.schemes import Scheme
from langevin_kit.system import System
from langevin_kit.system.dense import Vector as VectorSystem
from langevin_kit.system.lines import as_tuple, indent
from langevin_kit.system.names import ELEMENTARY

_HEADER = """\
import math
import numpy as np
from langevin_kit.kernels.counter_rng import STREAM_BRIDGE, STREAM_DYNAMICS, philox
from langevin_kit.kernels.counter_rng import STREAM_ABSORPTION, STREAM_ABSORPTION_LATER, STREAM_BEGIN
from langevin_kit.kernels.jit import cached_driver, fma, inline, inner
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

_BEGIN_BLOCK = """\
    if first == 0:
        t = R(0.0)
        for i in range(X0.size):
            {load}
{begin_drawn}
            {memory} = begin({state}, dt, temperature, amplitude, {z_of_begin})
            {store}
"""

_MOBILITY = """
@inline
def mobility({state}):
{lines}
    return ({names},)
"""

_NOISELESS = """
@inner
def noiseless_block({rows}, particle, first, n_steps, {scalars}time_step):
    dt = R(time_step)
    for k in range(first, first + n_steps):
        t = R(k*time_step)
        for i in range(X0.size):
            {load}
            {moved} = noiseless_step({state}, {carried_and_bounds}dt)
            {store}

@cached_driver
def advance(X, low, high, block_size, first, n_steps, parameters, time_step, temperature, key0, key1, particle0=0):
    {unpack}
    {scratch}
    for a in range(low, high, block_size):
        b = min(a + block_size, high)
        particle = particle0 + a
        if temperature > 0.0:
            noisy_block({slices}, {scratch_slices}particle, first, n_steps, {scalars}time_step, temperature, key0, key1)
        else:
            noiseless_block({slices}, particle, first, n_steps, {scalars}time_step)
"""

_NOISY_BEGIN = """
@inner
def noisy_block({rows}, {scratch_rows}particle, first, n_steps, {scalars}time_step, temperature, key0, key1):
    dt = R(time_step)
    amplitude = R(math.sqrt(2.0*temperature*time_step))
    temperature = R(temperature)
{begin_block}\
    k = first
    while k < first + n_steps:
        slot = k % {steps}
"""

_CALLS = """
@inline
def words_of(particle, call, stream, key0, key1):
    return philox(np.uint32(particle), np.uint32(particle >> np.uint64(32)), call, stream, key0, key1)
{noisy_begin}\
        call = np.uint32((k // {steps})*{calls})
        if slot == 0 or k == first:
            for i in range(X0.size):
{words}
{apart}\
        if slot == 0:
            t = R(k*time_step)
            for i in range(X0.size):
{drawn}
                {load}
                {moved} = step({state}, {carried_and_bounds}dt, temperature, amplitude, {z}{where})
                {store}
                {keep}
            k += 1
        else:
            for i in range(X0.size):
{drawn}
                {keep}
{later_steps}\
"""

_APART = """\
            for i in range(X0.size):
                {drawn}
                {keep}
"""

_LATER_STEP = """\
        if k < first + n_steps and k % {steps} == {slot}:
            t = R(k*time_step)
            for i in range(X0.size):
                {load}
                {moved} = step({state}, {carried_and_bounds}dt, temperature, amplitude, {z}{where})
                {store}
            k += 1
"""

_BITS = """
{noisy_begin}\
        if slot == 0 or k == first:
            call = np.uint32(k // {steps})
            for i in range(X0.size):
                p = np.uint64(particle + i)
                S0[i], S1[i], S2[i], S3[i] = philox(np.uint32(p), np.uint32(p >> np.uint64(32)), call, STREAM_DYNAMICS,
                                                    key0, key1)
        words = (S0, S1, S2, S3)
        {choose}
        t = R(k*time_step)
        for i in range(X0.size):
            {load}
            {bits}
            {moved} = step({state}, {carried_and_bounds}dt, temperature, amplitude, {z}{where})
            {store}
        k += 1
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


def stepper_source(system: System, scheme: Scheme, dtype: str) -> str:
    """Source of `advance(X, low, high, block_size, first, n_steps, parameters, time_step, temperature, key0, key1, …)`.

    It moves the columns low … high of X, whose column 0 is particle `particle0` (0 if left out), from step `first`
    through `n_steps` steps, in blocks that stay in the first-level cache through all of them. X holds the d coordinates
    and, behind them, the turns round each periodic one and the time of absorption, then what the scheme remembers and
    counts. Some calls of the generator serve a group of steps: its first step is made where its numbers are drawn, the
    later ones from a scratch block. A start inside a group draws it and uses its part, so any split of the steps gives
    the same bits.
    """
    made = coefficients(system, dtype, energy=scheme.reads_energy)
    noise = scheme.noise
    steps, _ = scheme.group(system.n_dim, dtype)
    names = _Names(system, scheme)
    common = {**pieces(system, scheme), "steps": str(steps), "z": ", ".join(step_numbers(system, scheme, 0))}
    common["begin_block"] = _begin_block(system, scheme, dtype, common)
    needs_mobility = bool(system.walled("reflecting")) and not system.facts.is_diagonal
    outputs = {f"force{a}": n for a, n in enumerate(made.force)}
    outputs |= {f"divergence{a}": n for a, n in enumerate(made.divergence) if n}
    outputs |= {f"entropic{a}": n for a, n in enumerate(made.entropic) if n}
    outputs |= {name: n for name, n in (("energy", made.energy), ("log_measure", made.log_measure)) if n}
    outputs |= _entries("factor", made.factor)
    outputs |= _entries("k", made.conormal) if needs_mobility else {}
    noiseless, noisy = (Step(made, common["parameters"], cold=cold) for cold in (True, False))
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
    blocks = _from_bits if noise.takes == "bit" else _from_calls
    model = system.functions
    definitions = "" if model is None else model.definitions
    return _header(dtype) + definitions + step + blocks(system, scheme, dtype, common)


def _entries(kind: str, entries: Entries) -> dict[str, str]:
    return {f"{kind}{a}_{b}": name for (a, b), name in entries.items()}


_ROOT_HALF = 0.5**0.5


def _begin(scheme: Scheme, made: Coefficients, outputs: list[str], common: dict[str, str]) -> str:
    if scheme.begin is None:
        return ""
    step = Step(made, common["parameters"], cold=False)
    memory = scheme.begin(step).plain()
    lines = step.body(scheme, (Vector(step.lines, ()), memory), outputs)
    return _BEGIN.format(**common, lines=indent(lines, 4))


def _begin_block(system: System, scheme: Scheme, dtype: str, common: dict[str, str]) -> str:
    """What a scheme that remembers does before step 0."""
    if scheme.begin is None:
        return ""
    word = "words_of(np.uint64(particle + i), {call}, {stream}, key0, key1)"
    return _BEGIN_BLOCK.format(**common, begin_drawn=indent(begin_draws(system, scheme, dtype, word), 12))


def begin_draws(system: System, scheme: Scheme, dtype: str, generator: str) -> list[str]:
    """Lines that draw the numbers of `begin`, one a coordinate."""
    per_call, lines = scheme.noise.per_call[dtype], []
    for c in range(-(-system.n_dim // per_call)):
        call = generator.format(call=f"np.uint32({c})", stream="STREAM_BEGIN")
        lines += [f"a0, a1, a2, a3 = {call}"]
        lines += [f"{as_tuple([f'z{j}' for j in range(c * per_call, (c + 1) * per_call)])} = numbers(a0, a1, a2, a3)"]
    return lines


UNIFORM = {"float32": "uniform_word_f32", "float64": "uniform_word_f64"}
"""Kernels that make a uniform number of one word."""


def step_numbers(system: System, scheme: Scheme, slot: int) -> list[str]:
    """What the random numbers of one of a group's steps are called: z0, z1, … and, for absorbing walls, u0, …"""
    made = {"z": scheme.numbers(system.n_dim), "u": len(system.walled("absorbing"))}
    return [f"{kind}{slot * count + j}" for kind, count in made.items() for j in range(count)]


def _second_look(system: System, common: dict[str, str]) -> str:
    lines, conormal = conormal_lines(system)
    return _MOBILITY.format(state=common["state"], lines=indent(lines, 4), names=", ".join(conormal.values()))


def _from_calls(system: System, scheme: Scheme, dtype: str, common: dict[str, str]) -> str:
    """The noisy block where one call gives a few numbers.

    The words are drawn in a loop of their own: the integer work of the generator and the step with the numbers'
    transformation each fit the registers, both together do not.
    """
    steps, calls = scheme.group(system.n_dim, dtype)
    z = [name for slot in range(steps) for name in step_numbers(system, scheme, slot)]
    count = len(z) // steps
    words, drawn = draws(
        system, scheme, dtype, "W{}[i]", "words_of(np.uint64(particle + i), {call}, {stream}, key0, key1)"
    )
    rows = 4 * len(words)
    later = [
        _LATER_STEP.format(**{**common, "z": ", ".join(f"S{slot * count + a}[i]" for a in range(count))}, slot=slot)
        for slot in range(1, steps)
    ]
    kept = range(count, len(z))
    # Numbers of calls that the first step needs nothing of are made in loops of their own: in one with all others,
    # compilers would have more rows to tell apart than they care to, and would not vectorise.
    per_call = scheme.noise.per_call[dtype]
    together = -(-count // per_call) if len(words) == calls and not scheme.halved else len(words)
    apart = [
        _APART.format(drawn=drawn[c], keep=_kept(z, range(c * per_call, (c + 1) * per_call)))
        for c in range(together, len(words))
    ]
    scratch = {f"S{j}": f"scratch[{j - count}, :b - a]" for j in kept}
    scratch |= {f"W{j}": f"words[{j}, :b - a]" for j in range(rows)}
    arguments = {**common, "scratch_rows": "".join(f"{row}, " for row in scratch)}
    return _CALLS.format(
        **arguments,
        noisy_begin=_NOISY_BEGIN.format(**arguments),
        calls=calls,
        words=indent(words, 16),
        apart="".join(apart),
        drawn=indent(drawn[:together] if apart else drawn, 16),
        keep=_kept(z, [j for j in kept if not apart or j < together * per_call]),
        later_steps="".join(later),
    ) + _NOISELESS.format(
        **common,
        scratch=f"scratch = empty(({len(kept)}, block_size), R)\n    words = empty(({rows}, block_size), np.uint32)",
        scratch_slices="".join(f"{row}, " for row in scratch.values()),
    )


def _kept(z: Sequence[str], which: Sequence[int]) -> str:
    return "; ".join(f"S{j}[i] = {z[j]}" for j in which) or "pass"


def draws(system: System, scheme: Scheme, dtype: str, word: str, generator: str) -> tuple[list[str], list[str]]:
    """Lines that draw the words of one group of steps, a call each; and those that make z0, z1, …, u0, … of them."""
    per_call, calls = scheme.noise.per_call[dtype], scheme.group(system.n_dim, dtype)[1]
    count = scheme.numbers(system.n_dim)
    words: list[str] = []
    drawn: list[str] = []
    # Noise of half steps: (w + b)/√2 and (w − b)/√2, w of the whole step and b of a stream of its own.
    streams = {"w": "STREAM_DYNAMICS", "b": "STREAM_BRIDGE"} if scheme.halved else {"z": "STREAM_DYNAMICS"}
    for name, stream in streams.items():
        for c in range(calls):
            call = f"np.uint32(call + np.uint32({c}))" if c else "call"
            four = ", ".join(word.format(4 * len(words) + j) for j in range(4))
            words.append(f"{four} = {generator.format(call=call, stream=stream)}")
            numbers = as_tuple([f"{name}{j}" for j in range(c * per_call, (c + 1) * per_call)])
            drawn.append(f"{numbers} = numbers({four})")
    uniforms = scheme.group(system.n_dim, dtype)[0] * len(system.walled("absorbing"))
    for c in range(-(-uniforms // 4)):
        own = [word.format(4 * len(words) + j) for j in range(4)]
        stream = "STREAM_ABSORPTION" if c < calls else "STREAM_ABSORPTION_LATER"
        call = f"np.uint32(call + np.uint32({c % calls}))" if c % calls else "call"
        words.append(f"{', '.join(own)} = {generator.format(call=call, stream=stream)}")
        drawn.append("; ".join(f"u{4 * c + j} = uniform({w})" for j, w in enumerate(own[: uniforms - 4 * c])))
    if scheme.halved:
        for j, (step, a) in enumerate(divmod(j, count) for j in range(calls * per_call)):
            targets = (f"z{(2 * step + half) * count + a}" for half in (0, 1))
            drawn += [f"{z} = R({_ROOT_HALF!r})*(w{j} {sign} b{j})" for z, sign in zip(targets, "+-", strict=True)]
    return words, drawn


def _from_bits(system: System, scheme: Scheme, dtype: str, common: dict[str, str]) -> str:
    """The noisy block where one bit of a word is a number."""
    d = system.n_dim
    choose = "; ".join(
        f"j{a} = slot*{d} + {a}; W{a} = words[j{a} // 32]; h{a} = np.uint32(j{a} % 32)" for a in range(d)
    )
    arguments = {**common, "scratch_rows": "S0, S1, S2, S3, "}
    return _BITS.format(
        **arguments,
        noisy_begin=_NOISY_BEGIN.format(**arguments),
        choose=choose,
        bits="; ".join(f"z{a} = numbers(W{a}[i], h{a})" for a in range(d)),
    ) + _NOISELESS.format(
        **common,
        scratch="scratch = empty((4, block_size), np.uint32)",
        scratch_slices="".join(f"scratch[{j}, :b - a], " for j in range(4)),
    )


def stepper(system: System, scheme: Scheme, dtype: str) -> ModuleType:
    """The compiled module of `stepper_source`, or of its twin for a vector of coordinates."""
    if isinstance(system.content, VectorSystem):
        from langevin_kit.codegen import dense

        return dense.stepper(system.content.derived, scheme, dtype)
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
