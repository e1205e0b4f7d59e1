"""What a step of each scheme costs, beside what its evaluations and random numbers would cost one after another.

The units are those of a loop by hand, without the hints of generated loops: its normal numbers alone, and what an
Euler–Maruyama step takes beside them. What decides a Metropolis step is neither, and counts as nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from costs import markdown

from langevin_kit import System
from langevin_kit.codegen import stepper
from langevin_kit.kernels import noise
from langevin_kit.kernels.counter_rng import philox
from langevin_kit.schemes import SCHEMES, scheme_from

T, DT, N, STEPS = 0.5, 0.01, 4096, 64
TURNS = 40

_WELL = "(x**2 - 1)**2"
SYSTEMS = {
    "K(x)": System(energy=_WELL, mobility="1/2 + 1/(1 + x**2)", temperature=T),
    "K = 1": System(energy=_WELL, temperature=T),
    "linear": System(energy="x**2/2", temperature=T),
    "underdamped": System(
        energy="(x**2 - 1)**2 + p**2/2", mobility=[[0, -1], [1, 1]], temperature=T, coordinates=("x", "p")
    ),
}
ELSEWHERE = {"leimkuhler_matthews": "K = 1", "ornstein_uhlenbeck": "linear", "baoab": "underdamped"}
"""The systems of schemes that do not take K(x)."""
NO_FIXED_COST = {"adaptive", "dormand_prince", "rk4"}

_BLOCK = """
def block(X, first, call, dt, amplitude):
    for i in range(X.size):
        p = np.uint64(first + i)
        {z} = numbers(*philox(np.uint32(p), np.uint32(p >> np.uint64(32)), call, STREAM, KEY, KEY))
        x = X[i]
{steps}
        X[i] = x
"""
BY_HAND = {
    "normal": "x += {z}",
    "K(x)": "c = R(1.0)/(R(1.0) + x*x); k = R(0.5) + c; "
    "x += dt*(k*(R(4.0)*x*(R(1.0) - x*x)) - c*c*x) + amplitude*(sqrt(k)*{z})",
    "K = 1": "x += dt*(R(4.0)*x*(R(1.0) - x*x)) + amplitude*{z}",
}
"""One step, in loops whose particles take all numbers of a call in turn."""


def by_hand(name: str, dtype: str) -> Callable[[int], None]:
    """The loop for one of `BY_HAND`; called with the number of a turn."""
    kernel, per_call = {"float32": ("gaussian_f32", 4), "float64": ("gaussian_f64", 2)}[dtype]
    z = [f"z{j}" for j in range(per_call)]
    steps = "\n".join(f"        {BY_HAND[name].format(z=name_of)}" for name_of in z)
    R = np.dtype(dtype).type
    known = {"np": np, "sqrt": math.sqrt, "R": R, "numbers": getattr(noise, kernel), "philox": philox}
    known |= {"STREAM": np.uint32(0), "KEY": np.uint32(1)}
    exec(_BLOCK.format(z=", ".join(z), steps=steps), known)
    block = numba.njit(nogil=True, error_model="numpy")(known["block"])

    @numba.njit(nogil=True)
    def run(x: Any, first: int, calls: int, dt: float, amplitude: float) -> None:
        for low in range(0, x.size, 256):
            for call in range(first, first + calls):
                block(x[low : low + 256], low, np.uint32(call), dt, amplitude)

    x, calls = np.zeros(N, dtype), STEPS // per_call
    return lambda turn: run(x, turn * calls, calls, R(DT), R((2 * T * DT) ** 0.5))


def ours(name: str, dtype: str) -> Callable[[int], None]:
    """The generated loop of a scheme; called with the number of a turn."""
    system, scheme = SYSTEMS[ELSEWHERE.get(name, "K(x)")], scheme_from(name)
    advance, values, key = stepper(system, scheme, dtype).advance, scheme.values(system, DT), np.uint32(1)
    x = np.zeros((scheme.rows(system), N), dtype)
    return lambda turn: advance(x, 0, N, 256, turn * STEPS, STEPS, values, DT, T, key, key)


def costs(dtype: str) -> dict[str, float]:
    """Nanoseconds per particle-step, the fastest of many turns: the units by hand, and every scheme."""
    calls = {name: by_hand(name, dtype) for name in BY_HAND}
    calls |= {name: ours(name, dtype) for name in SCHEMES if name not in NO_FIXED_COST}
    least = dict.fromkeys(calls, math.inf)
    for turn in range(TURNS):
        for name, call in calls.items():
            before = time.perf_counter()
            call(turn)
            if turn:
                least[name] = min(least[name], (time.perf_counter() - before) / (N * STEPS) * 1e9)
    return least


def table(dtypes: Sequence[str]) -> str:
    """A Markdown table: nanoseconds, and their share of evaluations plus numbers in the units by hand."""
    measured = {dtype: costs(dtype) for dtype in dtypes}
    rows = []
    for name, scheme in SCHEMES.items():
        if name in NO_FIXED_COST:
            continue
        row: list[object] = [f"`{name}`", ELSEWHERE.get(name, "K(x)"), scheme.evaluations]
        for ns in measured.values():
            normal, model = ns["normal"], "K = 1" if name in ELSEWHERE else "K(x)"
            parts = normal + max(scheme.evaluations, 1) * (ns[model] - normal)
            row += [f"{ns[name]:.2f}", f"{ns[name] / parts:.2f}"]
        rows.append(row)
    units = "; ".join(
        f"{dtype}: {', '.join(f'{name} {ns[name]:.2f}' for name in BY_HAND)}" for dtype, ns in measured.items()
    )
    head = ["scheme", "system", "evaluations", *(text for dtype in dtypes for text in (f"{dtype}, ns", "share"))]
    return markdown(
        f"schemes: ns per particle-step, and as a share of evaluations and one normal number ({units})", head, rows
    )
