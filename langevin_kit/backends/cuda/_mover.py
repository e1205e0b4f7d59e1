"""Launches that move particles of a few coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends._protocol import Program
from langevin_kit.backends.cuda._device import Array, Device, placed
from langevin_kit.backends.cuda._pace import Pace
from langevin_kit.codegen.cuda_texts import step_text

THREADS = 256
"""Of a block."""


class Mover:
    """The kernels of a program's steps, loaded."""

    bytes_each = 0
    """Of memory a particle, beside its state."""

    def __init__(self, device: Device, program: Program, *, fast: bool) -> None:
        p = program
        self._device = device
        self._d, self._pace = p.system.n_dim, Pace()
        self._group = p.scheme.group(len(p.scheme.drawn(p.system)), p.dtype)[0]
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

    def put(self, parameters: NDArray[np.float64]) -> None:
        """Take other parameters for the next step."""
        self._device.put(parameters.astype(self._host.dtype), self._parameters)

    def end(self) -> None:
        """Give memory back."""
        self._parameters = None

    def moved(self, X: Array, particle0: int, first: int, n_steps: int) -> Iterator[int]:
        """Move particles, whose first one has the number `particle0`; gives the steps of each launch when it ends."""
        n = X.shape[1]
        for name, at, count, steps in self._launches(n, first, n_steps):
            scalars = np.int64(at), np.int64(count), *self._scalars, np.int64(particle0)
            with self._pace.launch(steps * n * self._d):
                self._kernels[name](-(-n // THREADS), THREADS, X, self._parameters, *scalars)
                self._device.synchronize()
            yield steps

    def _launches(self, n: int, first: int, n_steps: int) -> Iterator[tuple[str, int, int, int]]:
        """Kernel, first step, what it counts, and its steps: up to a group's beginning, whole groups, and the rest."""
        at, end = first, first + n_steps
        while at < end:
            most = min(self._pace.steps(n * self._d), end - at)
            if "noiseless" in self._kernels:
                name, count, steps = "noiseless", most, most
            elif at % self._group or end - at < self._group:
                count = steps = min(-at % self._group or self._group, end - at)
                name = "steps"
            else:
                count = max(1, most // self._group)
                name, steps = "groups", count * self._group
            yield name, at, count, steps
            at += steps
