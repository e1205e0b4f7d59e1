"""A step of a convolutional field beside NumPy's: ``python tests/benchmarks/images.py``.

NumPy copies the patches of all images and multiplies by BLAS, with one thread (OPENBLAS_NUM_THREADS=1); its products
alone are timed as well, both for the number of images that suits them best. Of each the least of short pieces is taken,
so that other processes disturb little.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import networks
from langevin_kit.codegen.dense import stepper
from langevin_kit.schemes import scheme_from

SHAPES = [((8, 8, 8), 8), ((8, 8, 8), 32), ((28, 28, 1), 16), ((32, 32, 3), 16)]
"""Height, width and channels of the state, and hidden channels."""

N, STEPS, DT = 32, 2, 1e-3
BATCHES = (1, 2, 8, 32)


def least(work: Callable[[], object], turns: int) -> float:
    """Seconds of a call."""
    found = []
    for _ in range(turns):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)


def convolved(x: NDArray[Any], weights: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
    """Of images (N, h, w, c)."""
    n, h, w, c = x.shape
    z = np.zeros((n, h + 2, w + 2, c), x.dtype)
    z[:, 1:-1, 1:-1] = x
    patches = np.concatenate([z[:, i : i + h, j : j + w] for i in range(3) for j in range(3)], axis=-1)
    return (patches.reshape(-1, 9 * c) @ weights.T).reshape(n, h, w, -1) + bias


def compare(shape: tuple[int, int, int], hidden: int, dtype: str) -> None:
    """Print one line, once both have been seen to agree."""
    h, w, c = shape
    field = networks.convolutional("x", shape, [hidden], rng=0)
    system = networks.neural_field(field)
    derived, rng = system.content.derived, np.random.default_rng(0)  # type: ignore[union-attr]
    p = {name: value.astype(dtype) for name, value in field.parameters.items()}
    images = rng.normal(size=(N, *shape)).astype(dtype)
    module, constants = stepper(derived, scheme_from("euler_maruyama"), dtype), derived.flat_parameters()
    X = np.ascontiguousarray(images.reshape(N, -1).T)

    def ours(steps: int = STEPS) -> None:
        module.advance(X, 0, N, 256, 0, steps, constants, DT, 0.0, np.uint32(1), np.uint32(2))

    def theirs(n: int = N) -> NDArray[Any]:
        inner = np.tanh(convolved(images[:n], p["W1"], p["b1"]))
        moved: NDArray[Any] = images[:n] + images.dtype.type(DT) * convolved(inner, p["W2"], p["b2"])
        return moved

    def products(n: int) -> list[NDArray[Any]]:
        return [a[: n * h * w] @ b for a, b in sides]

    ours(1)
    np.testing.assert_allclose(X.T.reshape(images.shape), theirs(), rtol=0, atol=1e-5 if dtype == "float32" else 1e-13)
    sides = [(rng.normal(size=(N * h * w, p[k].shape[1])).astype(dtype), p[k].T.copy()) for k in ("W1", "W2")]
    step = least(ours, 60) / STEPS / N
    times = [min(least(partial(work, n), 20) / n for n in BATCHES) for work in (theirs, products)]
    rate = 2 * 2 * h * w * 9 * c * hidden / step / 1e9
    print(
        f"{h} x {w} x {c}, hidden {hidden}, {dtype}: {step * 1e6:.2f} us a particle and step ({rate:.0f} Gflop/s); "
        f"NumPy {times[0] * 1e6:.2f}, its products alone {times[1] * 1e6:.2f}"
    )


if __name__ == "__main__":
    for case in SHAPES:
        for dtype in ("float64", "float32"):
            compare(*case, dtype)
