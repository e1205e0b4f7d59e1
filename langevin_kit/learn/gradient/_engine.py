"""An ensemble's steps forward and back, by compiled code on all cores."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import codegen
from langevin_kit.backends import CPU
from langevin_kit.codegen.adjoint import STEP_SLOPES, WIDTH, adjoint
from langevin_kit.learn.gradient._steps import Steps
from langevin_kit.learn.gradient._tableau import Tableau
from langevin_kit.system.dense.field import Field

Floats = NDArray[np.float64]
Key = tuple[np.uint32, np.uint32]

LEAVES = 256
"""Most parts of an ensemble whose slopes are summed on their own: what an ensemble's size decides, no thread."""

TOGETHER = 256
"""Particles whose stages are made again at once: fewer take as long to call as to compute."""


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
        compiled = adjoint(field, dtype, tuple(names), by_step=by_step)
        self._module, self._size = compiled.module, compiled.size
        self.d, self.dtype, self._shapes = field.d, dtype, {name: values[name].shape for name in names}
        flat = [np.ravel(values[name]) for name in field.derived.parameters]
        self._values = np.concatenate([np.zeros(0), *flat])
        self._temperature, self._key = float(temperature), key
        self._threads = backend.usable_threads
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="langevin_kit") if self._threads > 1 else None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def stages(self, n: int, n_particles: int) -> NDArray[np.floating]:
        """Room for n stages, tile by tile; for no particles, what stands for stages that nobody wants."""
        return np.empty((-(-n_particles // WIDTH), n, self.d, WIDTH), self.dtype)

    def rates(self, n: int, n_particles: int) -> NDArray[np.floating]:
        """Room for f at n stages; none stands for rates that nobody wants."""
        return np.empty((n, self.d, n_particles), self.dtype)

    def forward(
        self,
        x: NDArray[np.floating],
        steps: Steps,
        tableau: Tableau,
        stages: NDArray[np.floating] | None = None,
        rates: NDArray[np.floating] | None = None,
        *,
        known: bool = False,
    ) -> None:
        """Move x (d, N) through steps, and keep stages and rates where there is room for them."""
        constants = self._constants(steps, tableau)
        kept = self.stages(0, 0) if stages is None else stages, self.rates(0, 0) if rates is None else rates

        def move(low: int, high: int) -> None:
            self._module.forward(x, low, high, *constants, *kept, known)

        self._each(move, x.shape[1])

    def backward(
        self, slope: NDArray[np.floating], steps: Steps, tableau: Tableau, stages: NDArray[np.floating]
    ) -> tuple[Floats, Floats]:
        """Take λ (d, N) back through steps; return slopes in parameters, raveled, and of each step (4, steps)."""
        constants, n = self._constants(steps, tableau), slope.shape[1]
        leaf, sums = _leaf(n), self._sums(n, steps)

        def move(low: int, high: int) -> None:
            self._module.backward(slope, low, high, *constants, stages, *sums, leaf)

        self._each(move, n)
        return _summed(sums[0]), _summed(sums[1])

    def replay(
        self, slope: NDArray[np.floating], x: NDArray[np.floating], steps: Steps, tableau: Tableau
    ) -> tuple[Floats, Floats]:
        """The same from where x (d, N) begins: stages are made again, of some particles after others."""
        n = slope.shape[1]
        leaf, some, sums = _leaf(n), together(n), self._sums(n, steps)

        def move(low: int, high: int) -> None:
            stages = self.stages(len(steps) * tableau.stages, min(some, high - low))
            for begin in range(low, high, some):
                part, leaves = slice(begin, min(begin + some, high)), slice(begin // leaf, None)
                y, back = x[:, part].copy(), slope[:, part].copy()
                constants = self._constants(steps, tableau, begin)
                self._module.forward(y, 0, y.shape[1], *constants, stages, self.rates(0, 0), False)
                self._module.backward(back, 0, y.shape[1], *constants, stages, *(s[leaves] for s in sums), leaf)
                slope[:, part] = back

        self._each(move, n)
        return _summed(sums[0]), _summed(sums[1])

    def by_name(self, flat: Floats) -> dict[str, Floats]:
        """Slopes in parameters, of their shapes."""
        found, at = {}, 0
        for name, shape in self._shapes.items():
            size = math.prod(shape)
            found[name] = flat[at : at + size].reshape(shape)
            at += size
        return found

    def _constants(self, steps: Steps, tableau: Tableau, particle: int = 0) -> tuple[Any, ...]:
        taken, coefficients = (steps.first, steps.starts, steps.sizes), (tableau.a, tableau.b, tableau.c)
        return taken, coefficients, self._values, self._temperature, (*self._key, particle)

    def _sums(self, n: int, steps: Steps) -> tuple[Floats, Floats]:
        """Room for slopes in parameters, and of each step, by leaf."""
        leaves = -(-n // _leaf(n))
        return np.zeros((leaves, self._size)), np.zeros((leaves, len(STEP_SLOPES), len(steps)))

    def _each(self, work: Callable[[int, int], None], n: int) -> None:
        """Work on whole leaves, shared among threads."""
        leaf = _leaf(n)

        def corrected(low: int, high: int) -> None:
            with codegen.ieee_arithmetic():
                work(low, high)

        leaves = -(-n // leaf)
        parts = min(self._threads, leaves)
        if self._pool is None or parts == 1:
            corrected(0, n)
            return
        ends = [min(leaf * (leaves * j // parts), n) for j in range(parts + 1)]
        tasks = [self._pool.submit(corrected, *pair) for pair in pairwise(ends)]
        for task in tasks:
            task.result()


def _leaf(n: int) -> int:
    return WIDTH * -(-n // (WIDTH * LEAVES))


def together(n: int) -> int:
    """Of n particles, how many `Engine.replay` takes at once: whole leaves."""
    return min(n, _leaf(n) * max(1, TOGETHER // _leaf(n)))


def _summed(parts: Floats) -> Floats:
    """The sum of all parts by pairs: one tree, whatever made them."""
    while len(parts) > 1:
        even = len(parts) // 2 * 2
        parts = np.concatenate([parts[0:even:2] + parts[1:even:2], parts[even:]])
    whole: Floats = parts[0]
    return whole
