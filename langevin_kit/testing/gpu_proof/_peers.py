"""W1, (x² − 1)² at T = .5, as one would write it in other packages; particle-steps a second, compilation left out."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from time import perf_counter
from typing import Any

N, STEPS, TIME_STEP, TEMPERATURE = 10**7, 200, 1e-4, 0.5


def by_cupy(seed: int) -> dict[str, Any]:
    """A kernel a step, and CuPy's own normals."""
    import cupy

    step = cupy.ElementwiseKernel(
        "float32 x, float32 z, float32 dt, float32 amplitude",
        "float32 y",
        "y = x - dt*4*x*(x*x - 1) + amplitude*z",
        "step_of_well",
    )
    rng = cupy.random.default_rng(seed)
    amplitude = sqrt(2 * TEMPERATURE * TIME_STEP)
    x = cupy.zeros(N, cupy.float32)

    def run() -> None:
        for _ in range(STEPS):
            step(x, rng.standard_normal(N, dtype=cupy.float32), TIME_STEP, amplitude, x)
        cupy.cuda.get_current_stream().synchronize()

    return {"rate": _second_run(run), "device": int(cupy.cuda.Device().id)}


def by_jax(seed: int) -> dict[str, Any]:
    """A scan over steps, compiled as one."""
    import jax
    import jax.numpy as jnp

    amplitude = sqrt(2 * TEMPERATURE * TIME_STEP)

    def step(x: Any, key: Any) -> tuple[Any, None]:
        z = jax.random.normal(key, x.shape, x.dtype)
        return x - TIME_STEP * 4 * x * (x * x - 1) + amplitude * z, None

    whole = jax.jit(lambda x, key: jax.lax.scan(step, x, jax.random.split(key, STEPS))[0])
    x, key = jnp.zeros(N, jnp.float32), jax.random.PRNGKey(seed)
    rate = _second_run(lambda: whole(x, key).block_until_ready())
    return {"rate": rate, "device": str(jax.devices()[0])}


def _second_run(run: Callable[[], object]) -> float:
    run()
    before = perf_counter()
    run()
    return N * STEPS / (perf_counter() - before)


RATES: dict[str, Callable[[int], dict[str, Any]]] = {"CuPy": by_cupy, "JAX": by_jax}
