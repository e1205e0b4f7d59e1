"""A system and a scheme → kernels of one thread a particle: the state in registers through all steps of a launch.

The step is the CPU's own, from the module of `pointwise`; only the loop around it is written here.
"""

from __future__ import annotations

from typing import Any

from langevin_kit.codegen import pointwise
from langevin_kit.codegen.blocks import ROOT_HALF, begin_draws, n_uniform, step_numbers
from langevin_kit.schemes import Scheme
from langevin_kit.system import System
from langevin_kit.system.lines import as_tuple, indent

_BEGIN = """\
def {name}(X, parameters, first, n, time_step, dt, temperature, amplitude, key0, key1, particle0):
    i = cuda.grid(1)
    if i < X.shape[1]:
        particle = np.uint64(particle0) + np.uint64(i)
        low = np.uint32(particle)
        high = np.uint32(particle >> np.uint64(32))
        {unpack}
        {load}
{begin}\
        k = first
"""

_MEMORY = """\
        if first == 0:
            t = R(0.0)
{drawn}
            {memory} = begin({state}, dt, temperature, amplitude, {z_of_begin})
"""

_GROUPS = """\
        call = np.uint32((k // {steps})*{calls})
        last = np.uint32(call + np.uint32(n*{calls}))
        while call != last:
{drawn}
{all_steps}
            call = np.uint32(call + np.uint32({calls}))
            k += {steps}
        {store}
"""

_STEPS = """\
        end = first + n
        while k < end:
            slot = k % {steps}
            call = np.uint32((k // {steps})*{calls})
{drawn}
{some_steps}
        {store}
"""

_BIT_GROUPS = """\
        call = np.uint32(k // {steps})
        last = np.uint32(call + np.uint32(n))
        while call != last:
            a0, a1, a2, a3 = philox(low, high, call, STREAM_DYNAMICS, key0, key1)
            left = np.uint32({steps})
            while left != np.uint32(0):
                {first_bits}
                {step}
                {shifted}
                k += 1
                left = np.uint32(left - np.uint32(1))
            call = np.uint32(call + np.uint32(1))
        {store}
"""

_BIT_STEPS = """\
        a0 = a1 = a2 = a3 = np.uint32(0)
        for _ in range(n):
            slot = k % {steps}
            if slot == 0 or k == first:
                a0, a1, a2, a3 = philox(low, high, np.uint32(k // {steps}), STREAM_DYNAMICS, key0, key1)
{bits}
            {step}
            k += 1
        {store}
"""

_NOISELESS = """\
        for _ in range(n):
            t = R(k*time_step)
            {moved} = noiseless_step({state}, {carried_and_bounds}dt)
            k += 1
        {store}
"""

NAMES = (
    *("noiseless_step", "step", "numbers", "uniform", "philox", "R", "np"),
    *("STREAM_DYNAMICS", "STREAM_BRIDGE", "STREAM_UNIFORM", "STREAM_UNIFORM_LATER", "STREAM_BEGIN"),
)
"""What the kernels take from the module of the CPU's stepper."""


def kernel_source(system: System, scheme: Scheme, dtype: str) -> str:
    """Source of `groups`, `steps` and `noiseless`, kernels (X, parameters, first, n, time_step, dt, …).

    `groups` makes n groups of steps, each of which is served by whole calls of the generator, fewer than 2³² in all,
    from step `first`, the first of a group; `steps` makes n steps from anywhere; `noiseless` makes n at T = 0.
    X (rows, n) holds coordinates and turns in the dtype, and `parameters` those of the system. `time_step` is in
    float64; dt, `temperature` and `amplitude` = √(2TΔt) are rounded to the dtype by the caller, as the CPU does it.
    """
    made = pointwise.pieces(system, scheme, "X[{}, i]")
    noisy = _from_bits if scheme.noise.takes == "bit" else _from_calls
    cold = _BEGIN.format(**made, begin="", name="noiseless") + _NOISELESS.format(**made)
    return noisy(system, scheme, dtype, {**made, "begin": _memory(system, scheme, dtype, made)}) + cold


def _memory(system: System, scheme: Scheme, dtype: str, made: dict[str, str]) -> str:
    if scheme.begin is None:
        return ""
    word = "philox(low, high, {call}, {stream}, key0, key1)"
    return _MEMORY.format(**made, drawn=indent(begin_draws(system, scheme, dtype, word), 12))


def _step(made: dict[str, str], z: list[str], k: str = "k") -> str:
    arguments = f"{made['state']}, {made['carried_and_bounds']}dt, temperature, amplitude, {', '.join(z)}"
    arguments += f", particle, {k}, key0, key1" if made["address"] else ""
    return f"t = R({k}*time_step); {made['moved']} = step({arguments})"


def _from_calls(system: System, scheme: Scheme, dtype: str, made: dict[str, str]) -> str:
    steps, calls = scheme.group(len(scheme.drawn(system)), dtype)
    words, numbers = draws(system, scheme, dtype, "a{}", "philox(low, high, {call}, {stream}, key0, key1)")
    drawn = [line for pair in zip(words, numbers[: len(words)], strict=True) for line in pair] + numbers[len(words) :]
    z = [step_numbers(system, scheme, slot) for slot in range(steps)]
    of_group = [_step(made, numbers, f"(k + {slot})" if slot else "k") for slot, numbers in enumerate(z)]
    alone = [
        line
        for slot, numbers in enumerate(z)
        for line in (f"if slot <= {slot} and k < end:", f"    {_step(made, numbers)}", "    k += 1")
    ]
    common = {**made, "steps": steps, "calls": calls, "drawn": indent(drawn, 12)}
    return "".join(
        [
            _BEGIN.format(**made, name="groups"),
            _GROUPS.format(**common, all_steps=indent(of_group, 12)),
            _BEGIN.format(**made, name="steps"),
            _STEPS.format(**common, some_steps=indent(alone, 12)),
        ]
    )


def draws(system: System, scheme: Scheme, dtype: str, word: str, generator: str) -> tuple[list[str], list[str]]:
    """Lines that draw the words of one group of steps, a call each; and those that make z0, z1, …, u0, … of them."""
    per_call, count = scheme.noise.per_call[dtype], len(scheme.drawn(system))
    steps, calls = scheme.group(count, dtype)
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
    uniforms = steps * n_uniform(system, scheme)
    for c in range(-(-uniforms // 4)):
        own = [word.format(4 * len(words) + j) for j in range(4)]
        stream = "STREAM_UNIFORM" if c < calls else "STREAM_UNIFORM_LATER"
        call = f"np.uint32(call + np.uint32({c % calls}))" if c % calls else "call"
        words.append(f"{', '.join(own)} = {generator.format(call=call, stream=stream)}")
        drawn.append("; ".join(f"u{4 * c + j} = uniform({w})" for j, w in enumerate(own[: uniforms - 4 * c])))
    if scheme.halved:
        for j, (step, a) in enumerate(divmod(j, count) for j in range(calls * per_call)):
            targets = (f"z{(2 * step + half) * count + a}" for half in (0, 1))
            drawn += [f"{z} = R({ROOT_HALF!r})*(w{j} {sign} b{j})" for z, sign in zip(targets, "+-", strict=True)]
    return words, drawn


def _from_bits(system: System, scheme: Scheme, dtype: str, made: dict[str, str]) -> str:
    d = len(scheme.drawn(system))
    steps, _ = scheme.group(d, dtype)
    bits = []
    for a in range(d):
        bits += [
            f"j{a} = slot*{d} + {a}",
            f"a = (a0 if j{a} < 32 else a1) if j{a} < 64 else (a2 if j{a} < 96 else a3)",
            f"z{a} = numbers(a, np.uint32(j{a} % 32))",
        ]
    first = [f"z{a} = numbers(a{a // 32}, np.uint32({a % 32}))" for a in range(d)]
    common = {**made, "steps": steps, "step": _step(made, [f"z{a}" for a in range(d)])}
    return "".join(
        [
            _BEGIN.format(**made, name="groups"),
            _BIT_GROUPS.format(**common, first_bits="; ".join(first), shifted=_shifted(d)),
            _BEGIN.format(**made, name="steps"),
            _BIT_STEPS.format(**common, bits=indent(bits, 12)),
        ]
    )


def _shifted(d: int) -> str:
    """The line that drops the lowest d of the 128 bits in four words."""
    words, bits = divmod(d, 32)
    new = []
    for j in range(words, words + 4):
        low, high = (f"a{i}" if i < 4 else "np.uint32(0)" for i in (j, j + 1))
        parts = f"np.uint32({low} >> np.uint32({bits})) | np.uint32({high} << np.uint32({32 - bits}))"
        new.append(f"np.uint32({parts})" if bits else low)
    return f"a0, a1, a2, a3 = {', '.join(new)}"


def kernels(system: System, scheme: Scheme, dtype: str, *, fast: bool) -> dict[str, Any]:
    """The kernels by name, as functions that `kernels.cuda.compiler.ptx` takes; and their signature."""
    from numba import cuda, types

    from langevin_kit.kernels.cuda.device import Device

    module, device = pointwise.stepper(system, scheme, dtype), Device(fast=fast)
    names = [*NAMES, *(["begin"] if scheme.begin else [])]
    known: dict[str, Any] = {"cuda": cuda} | {name: device.twin(getattr(module, name)) for name in names}
    exec(compile(kernel_source(system, scheme, dtype), "<cuda>", "exec"), known)
    real = getattr(types, dtype)
    signature = (
        real[:, ::1],
        real[::1],
        *(types.int64, types.int64, types.float64),
        *(real, real, real),
        *(types.uint32, types.uint32, types.int64),
    )
    return {"signature": signature} | {name: known[name] for name in ("groups", "steps", "noiseless")}
