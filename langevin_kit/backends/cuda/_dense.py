"""Calls that move particles of a vector system: kernels, and matrix products between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_kit.backends._protocol import Program
from langevin_kit.backends.cuda._device import Array, Device, placed
from langevin_kit.backends.cuda._mover import THREADS
from langevin_kit.backends.cuda._pace import Pace
from langevin_kit.codegen.cuda_texts import dense_texts
from langevin_kit.codegen.dense import ends
from langevin_kit.system.dense import Vector

if TYPE_CHECKING:
    from langevin_kit.codegen.cuda_dense import Call, DenseProgram


class Calls:
    """The kernels, matrices and buffers of a dense program, and its calls one after another.

    Attributes
    ----------
    bytes_each : int
        Of buffers, a particle.
    """

    def __init__(self, device: Device, program: DenseProgram, texts: dict[str, str], *, tf32: bool) -> None:
        self._device, self._program, self._tf32 = device, program, tf32
        self._kernels = {name: device.load(text) for name, text in texts.items()}
        self._values: dict[str, Any] = {}

    def begin(self, values: dict[str, Any], parameters: np.ndarray, dtype: str, widest: int) -> None:
        """Take memory for so many particles, and compute what does not change."""
        program, real = self._program, np.dtype(dtype)
        self._flat = {name: self._device.zeros((rows * widest,), real) for name, rows in program.buffers.items()}
        shared = {name: self._device.zeros((rows, 1), real) for name, rows in program.shared.items()}
        operands = {name: matrix.operand(parameters, dtype) for name, matrix in program.matrices.items()}
        matrices = {name: placed(self._device, operand) for name, operand in operands.items()}
        self._values = {**values, **shared, **matrices}
        self.make(program.setup, 1)

    def put(self, n: int, **values: Any) -> None:
        """Give arguments their values, for n particles."""
        self._values |= values
        self._values |= {name: values["X"][rows] for name, rows in self._program.states.items()}
        for name, flat in self._flat.items():
            rows = self._program.buffers[name]
            self._values[name] = flat[: rows * n].reshape(rows, n)

    def make(self, calls: Sequence[Call], particles: int, **values: Any) -> None:
        """Make calls for so many particles."""
        from langevin_kit.codegen.cuda_dense import Product

        known = {**self._values, **values}
        for call in calls:
            if isinstance(call, Product):
                self._device.product(known[call.matrix], known[call.source], known[call.out], tf32=self._tf32)
            else:
                arguments = [known[name] for name in call.arguments]
                self._kernels[call.kernel](call.blocks(particles, THREADS), THREADS, *arguments)

    def end(self) -> None:
        """Give memory back."""
        self._values, self._flat = {}, {}


class DenseMover:
    """The steps of a vector system."""

    def __init__(self, device: Device, program: Program, *, fast: bool, tf32: bool) -> None:
        system = program.system
        assert isinstance(system.content, Vector)
        made, texts = dense_texts(system, program.scheme, program.dtype, device.capability, fast=fast)
        self._device, self._run, self._program = device, program, made
        self._steps = made.noisy if program.temperature > 0 else made.noiseless
        self._calls, self._pace = Calls(device, made, texts, tf32=tf32), Pace()
        self.bytes_each = sum(made.buffers.values()) * np.dtype(program.dtype).itemsize

    def begin(self, widest: int) -> None:
        """Take memory for blocks of so many particles."""
        p = self._run
        R = np.dtype(p.dtype).type
        values = {
            "parameters": placed(self._device, p.parameters.astype(p.dtype)),
            "time_step": np.float64(p.time_step),
            "dt": R(p.time_step),
            "temperature": R(p.temperature),
            "amplitude": R(sqrt(2.0 * p.temperature * p.time_step)),
            "key0": p.key[0],
            "key1": p.key[1],
        }
        for j, wall in zip(p.system.walled_vectors, p.system.walls.values(), strict=True):
            values |= dict(zip(ends(j), map(R, wall.inside(p.dtype)), strict=True))
        self._calls.begin(values, p.parameters, p.dtype, widest)

    def end(self) -> None:
        """Give memory back."""
        self._calls.end()

    def moved(self, X: Array, particle0: int, first: int, n_steps: int) -> Iterator[int]:
        """Move particles, whose first one has the number `particle0`; gives the steps of each part when it ends."""
        d, n = X.shape
        end = first + n_steps
        self._calls.put(n, X=X, particle0=np.int64(particle0))
        self._calls.make(self._steps.begin, n, first=np.int64(first), n=np.int64(1))
        while first < end:
            steps = min(self._pace.steps(n * d), end - first)
            together = steps if self._steps.many else 1
            with self._pace.launch(steps * n * d):
                for k in range(first, first + steps, together):
                    self._calls.make(self._steps.each, n, first=np.int64(k), n=np.int64(together))
                self._device.synchronize()
            yield steps
            first += steps
