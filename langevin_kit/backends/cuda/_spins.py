"""Launches that move spins: sweeps, with a block of threads a replica."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from langevin_kit.backends._protocol import Program
from langevin_kit.backends.cuda._device import Array, Device, placed
from langevin_kit.backends.cuda._pace import Pace
from langevin_kit.codegen.cuda_spins import kinds, rooms
from langevin_kit.codegen.cuda_texts import spins_text
from langevin_kit.system import SpinSystem

TOGETHER = 1024
"""Replicas that a large device moves side by side: fewer take as long."""
LOAD = 8
"""What an attempt counts, in steps of a coordinate: so the first launch is a short one on any device."""


class SpinMover:
    """The sweeps of a spin system, with the CPU's bits in either mode."""

    def __init__(self, device: Device, program: Program) -> None:
        from langevin_kit.kernels.cuda.spins import threads_of

        system = program.system
        assert isinstance(system, SpinSystem)
        self._device, self._system, self._pace = device, system, Pace()
        self._kernel, self._threads = device.load(spins_text(system, device.capability)), threads_of(system.n_dim)
        self._unit = np.float64(system.parameters["unit"])
        self._scalars = 0.5 * program.temperature / self._unit, *program.key
        self._rooms = rooms(system)
        self.bytes_each = sum(np.dtype(kind).itemsize * size for kind, size in self._rooms)

    def begin(self, widest: int) -> None:
        """Take memory for blocks of so many replicas."""
        couplings, fields = (self._system.parameters[name] for name in ("couplings", "fields"))
        self._given = [placed(self._device, couplings.astype(kinds(self._system)[0]).ravel())]
        self._given.append(placed(self._device, fields))
        self._room = [self._device.zeros((widest, size), kind) for kind, size in self._rooms]

    def end(self) -> None:
        """Give memory back."""
        self._given, self._room = [], []

    def moved(self, X: Array, particle0: int, first: int, n_steps: int) -> Iterator[int]:
        """Move replicas, whose first one has the number `particle0`; gives the sweeps of each launch when it ends."""
        n, end = X.shape[1], first + n_steps
        each = LOAD * self._system.n_dim * max(n, TOGETHER)
        while first < end:
            steps = min(self._pace.steps(each), end - first)
            run = self._unit, np.int64(first), np.int64(steps), *self._scalars, np.int64(particle0)
            with self._pace.launch(steps * each):
                self._kernel(n, self._threads, X, *self._given, *run, *self._room)
                self._device.synchronize()
            yield steps
            first += steps
