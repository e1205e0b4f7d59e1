"""An ensemble's steps forward and back, by compiled code on all cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import codegen
from langevin_kit.backends import CPU
from langevin_kit.codegen.adjoint import STEP_SLOPES, adjoint
from langevin_kit.learn.gradient._steps import Steps
from langevin_kit.learn.gradient._tableau import Tableau
from langevin_kit.system.dense.field import Field

Floats = NDArray[np.float64]
Key = tuple[np.uint32, np.uint32]

LEAVES = 256
"""Most parts of an ensemble whose slopes are summed on their own: what an ensemble's size decides, no thread."""


class Engine:
    """Compiled steps of a field. Use as a context manager: it owns threads.

    Parameters
    ----------
    values : mapping of str to array
        Of all parameters.
    names : sequence of str
        Those whose slopes are wanted.
    """

    def __init__(
        self,
        field: Field,
        names: Sequence[str],
        values: Mapping[str, Floats],
        temperature: float,
        key: Key,
        *,
        dtype: str,
        by_step: bool,
        backend: CPU,
    ) -> None:
        self._adjoint = adjoint(field, dtype, tuple(names), by_step=by_step)
        self.d, self.dtype, self._shapes = field.d, dtype, {name: values[name].shape for name in names}
        flat = [np.ravel(values[name]) for name in field.derived.parameters]
        self._values = np.concatenate([np.zeros(0), *flat])
        self._temperature, self._key = float(temperature), (*key, 0)
        self._threads = backend.usable_threads
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="langevin_kit") if self._threads > 1 else None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def none(self) -> NDArray[np.floating]:
        """What stands for stages or rates that nobody wants."""
        return np.zeros((0, self.d, 0), self.dtype)

    def stages(self, n: int, n_particles: int) -> NDArray[np.floating]:
        """Room for n stages."""
        return np.empty((n, self.d, n_particles), self.dtype)

    def forward(
        self,
        x: NDArray[np.floating],
        steps: Steps,
        tableau: Tableau,
        stages: NDArray[np.floating],
        rates: NDArray[np.floating],
        *,
        known: bool = False,
    ) -> None:
        """Move x (d, N) through steps, and keep stages and rates where there is room for them."""
        constants = self._constants(steps, tableau)

        def move(low: int, high: int) -> None:
            self._adjoint.module.forward(x, low, high, *constants, stages, rates, known)

        self._each(move, x.shape[1])

    def backward(
        self, slope: NDArray[np.floating], steps: Steps, tableau: Tableau, stages: NDArray[np.floating]
    ) -> tuple[Floats, Floats]:
        """Take λ (d, N) back through steps; return slopes in parameters, raveled, and of each step (4, steps)."""
        constants, n = self._constants(steps, tableau), slope.shape[1]
        leaf = self._leaf(n)
        total = np.zeros((-(-n // leaf), self._adjoint.size))
        of_steps = np.zeros((len(total), len(STEP_SLOPES), len(steps)))

        def move(low: int, high: int) -> None:
            self._adjoint.module.backward(slope, low, high, *constants, stages, total, of_steps, leaf)

        self._each(move, n)
        return _summed(total), _summed(of_steps)

    def by_name(self, flat: Floats) -> dict[str, Floats]:
        """Slopes in parameters, of their shapes."""
        found, at = {}, 0
        for name, shape in self._shapes.items():
            size = int(np.prod(shape))
            found[name] = flat[at : at + size].reshape(shape)
            at += size
        return found

    def _constants(self, steps: Steps, tableau: Tableau) -> tuple[Any, ...]:
        taken = steps.first, steps.starts, steps.sizes
        return taken, (tableau.a, tableau.b, tableau.c), self._values, self._temperature, self._key

    def _leaf(self, n: int) -> int:
        tiles = -(-n // self._adjoint.width)
        return self._adjoint.width * -(-tiles // LEAVES)

    def _each(self, work: Callable[[int, int], None], n: int) -> None:
        """Work on whole leaves, shared among threads."""
        leaf = self._leaf(n)
        corrected = codegen.ieee_arithmetic()(work)
        leaves = -(-n // leaf)
        parts = min(self._threads, leaves)
        if self._pool is None or parts == 1:
            corrected(0, n)
            return
        ends = [min(leaf * (leaves * j // parts), n) for j in range(parts + 1)]
        tasks = [self._pool.submit(corrected, *pair) for pair in pairwise(ends)]
        for task in tasks:
            task.result()


def _summed(parts: Floats) -> Floats:
    """The sum of all parts by pairs: one tree, whatever made them."""
    while len(parts) > 1:
        even = len(parts) // 2 * 2
        parts = np.concatenate([parts[0:even:2] + parts[1:even:2], parts[even:]])
    whole: Floats = parts[0]
    return whole
