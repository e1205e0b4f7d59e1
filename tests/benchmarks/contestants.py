"""One contestant in a process of its own: it measures whenever its parent writes a line, so that runs interleave.

``python contestants.py ours W1 float32`` answers ``ready``, or ``absent: reason``; then, to each line, the nanoseconds
per particle-step of its fastest call.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Call = tuple[Callable[[], object], int]
"""What is timed, and its particle-steps."""

SECONDS = 0.02
"""Of one measurement: some twenty calls, of which the fastest counts."""


def ours(name: str, dtype: str) -> Call:
    """Blocks of 256 particles, a call a window of an ensemble that no cache below the last holds."""
    import numpy as np
    from models import MODELS

    from langevin_kit.codegen import stepper
    from langevin_kit.schemes import scheme_from

    model = MODELS[name]
    advance = stepper(model.system(), scheme_from("euler_maruyama"), dtype).advance
    windows = max(2, 2**25 // (model.n_dim * model.particles * 8))
    x = np.tile(np.array(model.start, dtype)[:, None], (1, windows * model.particles))
    constants = (model.system().values, model.time_step, model.temperature, np.uint32(1), np.uint32(2))
    at = 0

    def call() -> None:
        nonlocal at
        low = (at % windows) * model.particles
        advance(x, low, low + model.particles, 256, (at // windows) * model.steps, model.steps, *constants)
        at += 1

    return call, model.particles * model.steps


def prototype(name: str, dtype: str) -> Call:
    """The hand-written Numba kernel of limit_em.py in the folder PROTOTYPE, with vectors as wide as ours."""
    import llvmlite.binding

    features = llvmlite.binding.get_host_cpu_features().flatten()
    os.environ["NUMBA_CPU_FEATURES"] = f"{features},-prefer-256-bit"
    sys.path.insert(0, os.environ["PROTOTYPE"])
    sys.dont_write_bytecode = True
    os.chdir(tempfile.mkdtemp(prefix="langevin-prototype-"))
    import limit_em
    import numpy as np

    number = np.dtype(dtype).type
    run, _, d, unrolled = limit_em.build(name, number)
    n, steps = 4096, 64
    x = np.full((d, n), 0.5, dtype)
    return lambda: limit_em.go_nb(run, x, d, steps // unrolled, number, 1), n * steps


def numpy(name: str, dtype: str) -> Call:
    """A plain vectorised Euler–Maruyama that updates its arrays in place, on a block of the second-level cache."""
    import numpy as np
    from by_hand import drift_and_factor
    from models import MODELS

    model = MODELS[name]
    T, dt = model.temperature, model.time_step
    amplitude = (2 * T * dt) ** 0.5
    n, steps = model.particles, 4
    x = np.tile(np.array(model.start, dtype)[:, None], (1, n))
    z = np.empty_like(x)
    random = np.random.default_rng(1)

    def call() -> None:
        for _ in range(steps):
            random.standard_normal(out=z, dtype=z.dtype)
            np.multiply(z, amplitude, out=z)
            drift, factor = drift_and_factor(np, name, x, T)
            if factor:  # the second row first, while the first is still unscaled
                z[1] *= factor[2]
                z[1] += factor[1] * z[0]
                z[0] *= factor[0]
            for row, b in zip(x if len(drift) == len(x) else x[None], drift, strict=True):
                row += b * dt
            np.add(x, z, out=x)

    return call, n * steps


def jax(name: str, dtype: str) -> Call:
    """A jitted `lax.scan` over the whole array; its own generator, Threefry."""
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import jax
    import jax.numpy as jnp
    from by_hand import drift_and_factor
    from models import MODELS

    jax.config.update("jax_enable_x64", dtype == "float64")
    model = MODELS[name]
    T, dt = model.temperature, model.time_step
    amplitude = (2 * T * dt) ** 0.5
    n, steps = 16 * model.particles, 8

    def step(x: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
        z = amplitude * jax.random.normal(key, x.shape, x.dtype)
        drift, factor = drift_and_factor(jnp, name, x, T)
        if factor:
            z = jnp.stack([factor[0] * z[0], factor[1] * z[0] + factor[2] * z[1]])
        return x + dt * (drift[0] if len(drift) == 1 else jnp.stack(drift)) + z, None

    @jax.jit
    def run(x: jax.Array, key: jax.Array) -> jax.Array:
        return jax.lax.scan(step, x, jax.random.split(key, steps))[0]

    x = jnp.tile(jnp.array(model.start, dtype)[:, None], (1, n))
    key = jax.random.key(1)
    return lambda: run(x, key).block_until_ready(), n * steps


def fastest(call: Callable[[], object]) -> float:
    """Seconds of the fastest of the calls that fit `SECONDS`, three at least."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < SECONDS:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return min(times)


def main(kind: str, name: str, dtype: str) -> None:
    """Answer the parent."""
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        call, work = {"ours": ours, "prototype": prototype, "numpy": numpy, "jax": jax}[kind](name, dtype)
        call()
    except Exception as error:
        reason = " ".join(str(error).split())
        print(f"absent: {type(error).__name__}: {reason:.200}", flush=True)
        return
    print("ready", flush=True)
    for _ in sys.stdin:
        print(fastest(call) * 1e9 / work, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
