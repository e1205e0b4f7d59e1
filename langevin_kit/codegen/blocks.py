"""The loops over the particles of one block: the numbers of a group of steps, then step after step.

Words of the generator, numbers made of them and a step each fit the registers; together they do not. So each has a
loop of its own, over rows of scratch memory that stay in the first-level cache.
"""

from __future__ import annotations

from collections.abc import Iterable

from langevin_kit.schemes import Scheme
from langevin_kit.system import System
from langevin_kit.system.lines import as_tuple, indent

_BLOCKS = """
@inline
def words_of(particle, call, stream, key0, key1):
    return philox(np.uint32(particle), np.uint32(particle >> np.uint64(32)), call, stream, key0, key1)

@{inner}
def noisy_block({rows}, Z, W, particle, first, n_steps, {scalars}time_step, temperature, key0, key1):
    dt = R(time_step)
    amplitude = R(math.sqrt(2.0*temperature*time_step))
    temperature = R(temperature)
    W0, W1, W2, W3 = W[0], W[1], W[2], W[3]
{begin_block}\
    for k in range(first, first + n_steps):
        slot = k % {steps}
        if slot == 0 or k == first:
{drawn}
        {of_slot}
        t = R(k*time_step)
        for i in range(X0.size):
            {load}
            {moved} = step({state}, {carried_and_bounds}dt, temperature, amplitude, {numbers}{where})
            {store}

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
    Z = empty(({n_rows}, block_size), R)
    W = empty((4, block_size), np.uint32)
    for a in range(low, high, block_size):
        b = min(a + block_size, high)
        particle = particle0 + a
        if temperature > 0.0:
            noisy_block({slices}, Z, W, particle, first, n_steps, {scalars}time_step, temperature, key0, key1)
        else:
            noiseless_block({slices}, particle, first, n_steps, {scalars}time_step)
"""

_BEGIN = """\
    if first == 0:
        t = R(0.0)
        for i in range(X0.size):
            {load}
{drawn}
            {memory} = begin({state}, dt, temperature, amplitude, {z_of_begin})
            {store}
"""

_WORDS = """\
for i in range(X0.size):
    W0[i], W1[i], W2[i], W3[i] = words_of(np.uint64(particle + i), {call}, {stream}, key0, key1)
"""

_NUMBERS = """\
for c in range({calls}):
    call = np.uint32((k // {steps})*{calls} + c)
{words}
    {rows}
    for i in range(X0.size):
        {made} = numbers(W0[i], W1[i], W2[i], W3[i])
"""

# Of half steps: w of the whole step and b of a stream of its own, which become (w + b)/√2 and (w − b)/√2.
_HALVES = """\
for j in range({n}):
    first_half, second_half = Z[{first}], Z[{second}]
    for i in range(X0.size):
        w, b = first_half[i], second_half[i]
        first_half[i] = R({root_half!r})*(w + b)
        second_half[i] = R({root_half!r})*(w - b)
"""

_UNIFORM = """\
for c in range({n}):
    call = np.uint32((k // {steps})*{calls} + c % {calls})
    stream = STREAM_UNIFORM if c < {calls} else STREAM_UNIFORM_LATER
{words}
    {rows}
    for i in range(X0.size):
        {made}
"""

ROOT_HALF = 0.5**0.5

UNIFORM = {"float32": "uniform_word_f32", "float64": "uniform_word_f64"}
"""Kernels that make a uniform number of one word."""


def blocks(system: System, scheme: Scheme, dtype: str, pieces: dict[str, str], *, is_long: bool) -> str:
    """Source of `advance` and of the loops it calls, around `step`, `noiseless_step` and `begin`."""
    steps, _ = scheme.group(len(scheme.drawn(system)), dtype)
    made = _bits if scheme.noise.takes == "bit" else _numbers
    drawn, of_slot, numbers, n_rows = made(system, scheme, dtype)
    return _BLOCKS.format(
        **pieces,
        inner="inner_long" if is_long else "inner",
        begin_block=_begin_block(system, scheme, dtype, pieces),
        steps=steps,
        drawn=indent(drawn.splitlines(), 12),
        of_slot=of_slot,
        numbers=numbers,
        n_rows=n_rows,
    )


def argument_names(system: System, scheme: Scheme) -> list[str]:
    """What a step calls its random numbers: z and the number of the coordinate, and u0, … of the uniform law."""
    return [*(f"z{a}" for a in scheme.drawn(system)), *(f"u{j}" for j in range(n_uniform(system, scheme)))]


def step_numbers(system: System, scheme: Scheme, slot: int) -> list[str]:
    """What the random numbers of one of a group's steps are called, in the order of all that the group draws."""
    made = {"z": len(scheme.drawn(system)), "u": n_uniform(system, scheme)}
    return [f"{kind}{slot * count + j}" for kind, count in made.items() for j in range(count)]


def n_uniform(system: System, scheme: Scheme) -> int:
    """Uniform numbers of a step: the scheme's own, or one for each pair of absorbing walls."""
    return scheme.uniforms + len(system.walled("absorbing"))


def begin_draws(system: System, scheme: Scheme, dtype: str, generator: str) -> list[str]:
    """Lines that draw the numbers of `begin`, one a coordinate."""
    per_call, lines = scheme.noise.per_call[dtype], []
    for c in range(-(-system.n_dim // per_call)):
        call = generator.format(call=f"np.uint32({c})", stream="STREAM_BEGIN")
        lines += [f"a0, a1, a2, a3 = {call}"]
        lines += [f"{as_tuple([f'z{j}' for j in range(c * per_call, (c + 1) * per_call)])} = numbers(a0, a1, a2, a3)"]
    return lines


def _begin_block(system: System, scheme: Scheme, dtype: str, pieces: dict[str, str]) -> str:
    """What a scheme that remembers does before step 0."""
    if scheme.begin is None:
        return ""
    word = "words_of(np.uint64(particle + i), {call}, {stream}, key0, key1)"
    return _BEGIN.format(**pieces, drawn=indent(begin_draws(system, scheme, dtype, word), 12))


def _numbers(system: System, scheme: Scheme, dtype: str) -> tuple[str, str, str, int]:
    """Lines that draw a group's numbers into rows of Z, and find a step's rows; its arguments; how many rows.

    Row (step count + a) of Z holds number a of a step of the group; behind them are the uniform numbers.
    """
    count, per_call = len(scheme.drawn(system)), scheme.noise.per_call[dtype]
    steps, calls = scheme.group(count, dtype)
    streams = ["STREAM_DYNAMICS", "STREAM_BRIDGE"] if scheme.halved else ["STREAM_DYNAMICS"]

    def row(j: str, half: int) -> str:
        """Of number j of a stream."""
        return f"({j} // {count}*2 + {half})*{count} + {j} % {count}" if scheme.halved else j

    drawn = ""
    for half, stream in enumerate(streams):
        drawn += _NUMBERS.format(
            calls=calls,
            steps=steps,
            words=_words("call", stream),
            rows=_rows("Z", (row(f"(c*{per_call} + {j})", half) for j in range(per_call))),
            made=as_tuple([f"Z{j}[i]" for j in range(per_call)]),
        )
    if scheme.halved:
        drawn += _HALVES.format(n=calls * per_call, first=row("j", 0), second=row("j", 1), root_half=ROOT_HALF)
    n, uniforms = steps * count, n_uniform(system, scheme)
    uniform_calls = -(-steps * uniforms // 4)
    if uniforms:
        drawn += _UNIFORM.format(
            n=uniform_calls,
            calls=calls,
            steps=steps,
            words=_words("call", "stream"),
            rows=_rows("Z", (f"{n} + c*4 + {j}" for j in range(4))),
            made="; ".join(f"Z{j}[i] = uniform(W{j}[i])" for j in range(4)),
        )
    rows = [
        *(f"slot*{count} + {a}" for a in range(count)),
        *(f"{n} + slot*{uniforms} + {j}" for j in range(uniforms)),
    ]
    return drawn, _rows("N", rows), ", ".join(f"N{j}[i]" for j in range(len(rows))), n + 4 * uniform_calls


def _bits(system: System, scheme: Scheme, dtype: str) -> tuple[str, str, str, int]:
    """The same where one bit of a word is a number: the words of one call serve all steps of a group."""
    count = len(scheme.drawn(system))
    steps, _ = scheme.group(count, dtype)
    places = {j: f"slot*{count} + {j}" for j in range(count)}
    of_slot = "; ".join(f"N{a} = W[({j}) // 32]; h{a} = np.uint32(({j}) % 32)" for a, j in places.items())
    drawn = _WORDS.format(call=f"np.uint32(k // {steps})", stream="STREAM_DYNAMICS")
    return drawn, of_slot, ", ".join(f"numbers(N{a}[i], h{a})" for a in places), 0


def _words(call: str, stream: str) -> str:
    return indent(_WORDS.format(call=call, stream=stream).splitlines(), 4)


def _rows(name: str, rows: Iterable[str]) -> str:
    return "; ".join(f"{name}{j} = Z[{row}]" for j, row in enumerate(rows))
