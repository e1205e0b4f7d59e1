"""A step of two vectors against its products, normals and activation alone: ``python tests/benchmarks/bipartite.py``.

Both are timed in turns in one process. What the step has beyond the parts: it reads the products and the normals, and
moves the state.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from langevin_kit.cache import load
from langevin_kit.codegen.dense import stepper, tile_width
from langevin_kit.schemes import scheme_from
from langevin_kit.system.dense import dense

V, H, N, STEPS, TURNS = 784, 128, 256, 50, 9
D = V + H
SYSTEMS: dict[str, dict[str, Any]] = {
    "linear": {"energy": "v @ v/2 + h @ h/2 - v @ (U @ h)"},
    "tanh": {"energy": "v @ v/2 + h @ h/2 - tanh(v) @ (U @ tanh(h))"},
    "tanh, mask": {
        "drift": {"v": "U @ tanh(h) - v", "h": "tanh(v) @ U - h"},
        "mobility": {"v": "mask", "h": 1.0},
    },
}

_PARTS = """\
import numpy as np
from langevin_kit.kernels.cpu.buffers import aligned, empty_tile, fill_tile, load, store
from langevin_kit.kernels.cpu.gemm import gemm, pack
from langevin_kit.kernels.cpu.normals import draw_words, normals_{suffix} as normals
from langevin_kit.kernels.elementary.{dtype} import tanh
from langevin_kit.kernels.jit import cached_driver

@cached_driver
def advance(X, low, high, n_steps, A, key0, key1):
    like = np.zeros(1, np.{dtype})
    words = np.zeros((4, {calls}*{P}), np.uint32)
    z = aligned({per_call}, {calls}*{P}, like)
    x, g, f = aligned({D}, {P}, like), aligned({D}, {P}, like), aligned({D}, {P}, like)
    down, up = aligned({H}, {V}, like), aligned({V}, {H}, like)
    pack(down, A)
    pack(up, A.T)
    for a in range(low, high, {P}):
        b = min(a + {P}, high)
        fill_tile(x, X, a, b)
        for k in range(n_steps):
{activation}
            gemm(down, {y}[{V}:{D}], f[0:{V}])
            gemm(up, {y}[0:{V}], f[{V}:{D}])
            draw_words(words, {shift}, a, k*{calls}, key0, key1)
            normals(words, z)
        empty_tile(x, X, a, b)
"""
_ACTIVATION = """\
            for at in range({D}*{P}):
                store(g, 3, at, tanh(load(x, 2, at)))"""


def seconds(work: Callable[[], object]) -> float:
    """CPU time of a call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def timed(name: str, dtype: str) -> str:
    """A line of the table."""
    rng, scheme = np.random.default_rng(0), scheme_from("euler_maruyama")
    U, mask = rng.normal(size=(V, H)) / 40, (rng.random(V) < 0.5).astype(float)
    system = dense(name=("v", "h"), length=(V, H), parameters={"U": U, "mask": mask}, **SYSTEMS[name])
    per_call, P = scheme.noise.per_call[dtype], tile_width(D, dtype)
    sizes = {"D": D, "V": V, "H": H, "P": P, "per_call": per_call, "calls": D // per_call, "shift": P.bit_length() - 1}
    active = "tanh" in name
    source = _PARTS.format(
        suffix=dtype.replace("float", "f"),
        dtype=dtype,
        activation=_ACTIVATION.format(**sizes) if active else "",
        y="g" if active else "x",
        **sizes,
    )
    whole, parts = stepper(system, scheme, dtype), load(source)
    x = rng.normal(size=(D, N)).astype(dtype) / 10
    y, flat, key = x.copy(), system.flat_parameters(), (np.uint32(1), np.uint32(2))
    turns = np.array(
        [
            [
                seconds(lambda: whole.advance(x, 0, N, 256, 0, STEPS, flat, 0.05, 0.1, *key)),
                seconds(lambda: parts.advance(y, 0, N, STEPS, U, *key)),
            ]
            for _ in range(TURNS + 1)
        ]
    )[1:]
    step, alone = turns.min(axis=0) / (N * STEPS) * 1e6
    ratios = np.sort(turns[:, 0] / turns[:, 1])
    return f"{dtype:8} {name:11} {step:7.3f} {alone:7.3f}   {ratios[0]:.3f}–{ratios[TURNS // 2]:.3f}–{ratios[-1]:.3f}"


def main() -> None:
    """Print the table."""
    print(
        f"µs per particle-step of ({V}, {H}) components: the step, its parts alone, ratios of turns as min–median–max"
    )
    for dtype in ("float32", "float64"):
        for name in SYSTEMS:
            print(timed(name, dtype), flush=True)


if __name__ == "__main__":
    main()
