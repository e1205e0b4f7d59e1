"""Launches that move spins: sweeps, with a block of threads a replica."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from langevin_kit.backends._protocol import Program
from langevin_kit.backends.cuda._device import Array, Device, placed
from langevin_kit.backends.cuda._pace import Pace
from langevin_kit.codegen.cuda_spins import couplings_type, fields_type
from langevin_kit.codegen.cuda_texts import spins_text
from langevin_kit.system import SpinSystem

TOGETHER = 1024
"""Replicas that a large device moves side by side: fewer take as long."""
LOAD = 8
"""What an attempt takes, in steps of a coordinate: with it a first launch is short on any device."""


class SpinMover:
    """The sweeps of a spin system, whose numbers are the CPU's in either mode."""

    def __init__(self, device: Device, program: Program) -> None:
        assert isinstance(program.system, SpinSystem)
        from langevin_kit.kernels.cuda.spins import is_shared, threads_of

        self._device, self._system, self._n, self._pace = device, program.system, program.system.n_dim, Pace()
        self._kernel = device.load(spins_text(program.system, device.capability))
        self._threads, field = threads_of(self._n), fields_type(program.system)
        at_once = program.system.update == "synchronous"
        shared = is_shared(self._n, field, at_once=at_once)
        rows = 1 if shared else self._n
        self._room = [(field, rows), (np.int8, rows), (np.int32, rows if at_once else 1)]
        self.bytes_each = 0 if shared else sum(np.dtype(kind).itemsize * size for kind, size in self._room)
        unit = program.system.parameters["unit"]
        self._scalars = np.float64(0.5 * program.temperature / unit), *program.key

    def begin(self, widest: int) -> None:
        """Take memory for blocks of so many replicas."""
        known, kind = self._system.parameters, couplings_type(self._system)
        self._couplings = placed(self._device, known["couplings"].astype(kind).ravel())
        self._fields = placed(self._device, known["fields"])
        count = widest if self.bytes_each else 1
        self._rooms = [self._device.zeros((count, size), kind) for kind, size in self._room]

    def end(self) -> None:
        """Give memory back."""
        self._couplings, self._fields, self._rooms = None, None, []

    def moved(self, X: Array, particle0: int, first: int, n_steps: int) -> Iterator[int]:
        """Move replicas, whose first one has the number `particle0`; gives the sweeps of each launch when it ends."""
        n, end = X.shape[1], first + n_steps
        each = LOAD * self._n * max(n, TOGETHER)
        while first < end:
            steps = min(self._pace.steps(each), end - first)
            run = np.int64(first), np.int64(steps), *self._scalars, np.int64(particle0)
            with self._pace.launch(steps * each):
                self._kernel(n, self._threads, X, self._couplings, self._fields, *run, *self._rooms)
                self._device.synchronize()
            yield steps
            first += steps
