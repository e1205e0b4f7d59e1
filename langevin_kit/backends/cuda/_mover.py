"""Launches that move particles: as many steps in each as a tenth of a second takes, so that Ctrl-C is felt."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np

from langevin_kit.backends._protocol import Program
from langevin_kit.backends.cuda._device import Array, Device, placed
from langevin_kit.codegen.cuda_texts import step_text

THREADS = 256
"""Of a block."""

MOST_WORK, MOST_STEPS = 2**33, 2**17
"""Steps of one coordinate in a launch, and steps of a small ensemble, whose time is that of one thread."""


class Mover:
    """The kernels of a program's steps, loaded."""

    bytes_each = 0
    """Of memory a particle, beside its state."""

    def __init__(self, device: Device, program: Program, *, fast: bool) -> None:
        p = program
        self._device = device
        self._d = p.system.n_dim
        self._group = p.scheme.group(self._d, p.dtype)[0]
        names = ("groups", "steps") if p.temperature > 0 else ("noiseless",)
        texts = {name: step_text(p.system, p.scheme, p.dtype, name, device.capability, fast=fast) for name in names}
        self._kernels = {name: device.load(text) for name, text in texts.items()}
        R = np.dtype(p.dtype).type
        amplitude = R(sqrt(2.0 * p.temperature * p.time_step))
        self._host = p.parameters.astype(p.dtype)
        self._scalars = np.float64(p.time_step), R(p.time_step), R(p.temperature), amplitude, *p.key

    def begin(self, widest: int) -> None:
        """Take memory for blocks of so many particles: none is needed beside them."""
        self._parameters = placed(self._device, self._host)

    def end(self) -> None:
        """Give memory back."""
        self._parameters = None

    def moved(self, X: Array, particle0: int, first: int, n_steps: int) -> Iterator[int]:
        """Move particles, whose first one has the number `particle0`; gives the steps of each launch when it ends."""
        n = X.shape[1]
        for name, at, count, steps in self._launches(n, first, n_steps):
            scalars = np.int64(at), np.int64(count), *self._scalars, np.int64(particle0)
            self._kernels[name](-(-n // THREADS), THREADS, X, self._parameters, *scalars)
            self._device.synchronize()
            yield steps

    def _launches(self, n: int, first: int, n_steps: int) -> Iterator[tuple[str, int, int, int]]:
        """Kernel, first step, what it counts, and its steps: up to a group's beginning, whole groups, and the rest."""
        end = first + n_steps
        most = max(1, min(MOST_STEPS, MOST_WORK // (n * self._d)))
        if "noiseless" in self._kernels:
            for at in range(first, end, most):
                steps = min(most, end - at)
                yield "noiseless", at, steps, steps
            return
        begin = min(first + -first % self._group, end)
        groups = (end - begin) // self._group
        if begin > first:
            yield "steps", first, begin - first, begin - first
        most = max(1, most // self._group)
        for done in range(0, groups, most):
            count = min(most, groups - done)
            yield "groups", begin + done * self._group, count, count * self._group
        rest = begin + groups * self._group
        if end > rest:
            yield "steps", rest, end - rest, end - rest
