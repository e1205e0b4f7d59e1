"""The plan's rows of some particles, in float64 as the CPU computes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from langevin_kit.backends._protocol import Program
from langevin_kit.backends.cuda._dense import Calls
from langevin_kit.backends.cuda._device import Array, Device, placed
from langevin_kit.codegen.cuda_texts import rows_text, scalars_texts, vector_text
from langevin_kit.kernels.cpu.tiles import TILE
from langevin_kit.observables import Plan
from langevin_kit.observables.rows import Product, StartValue, Text, Value


class Rows(Protocol):
    """What fills the rows of a plan."""

    count: int
    """Rows that it writes: the plan's, and perhaps some behind them."""
    bytes_each: int
    """Of memory beside them, a particle."""

    def begin(self, chunk: int) -> None:
        """Take memory for so many particles."""

    def end(self) -> None:
        """Give memory back."""

    def fill(self, X: Array, S: Array, first: int, n: int, step: int, rows: Array) -> None:
        """Write the rows of the particles first … first + n of X at a step; S is where they began."""


def rows_of(device: Device, program: Program) -> Rows:
    """What fills the rows of a program's plan."""
    return (VectorRows if program.system.is_dense else ScalarRows)(device, program)


class ScalarRows:
    """A few coordinates: all rows in one kernel."""

    bytes_each = 0

    def __init__(self, device: Device, program: Program) -> None:
        self._device, self._program = device, program
        self.count = len(program.plan.rows) + bool(program.system.absorbers)
        self._kernel = device.load(rows_text(program.plan, program.dtype, device.capability))

    def begin(self, chunk: int) -> None:
        """Put the parameters on the device."""
        self._parameters = placed(self._device, self._program.parameters)

    def end(self) -> None:
        """Give memory back."""
        self._parameters = None

    def fill(self, X: Array, S: Array, first: int, n: int, step: int, rows: Array) -> None:
        """Write the rows."""
        time = np.float64(step * self._program.time_step)
        self._kernel(-(-n // TILE), TILE, X, S, np.int64(first), np.int64(n), time, self._parameters, rows)


class VectorRows:
    """One vector: coordinates and displacements, then scalars of the state and of the start, then products."""

    def __init__(self, device: Device, program: Program) -> None:
        self._device, self._program, plan = device, program, program.plan
        self._kernels = {
            name: device.load(vector_text(plan, program.dtype, name, device.capability))
            for name in ("fill", "multiply")[: 1 + any(isinstance(row, Product) for row in plan.rows)]
        }
        self._scalars = {at_start: Scalars(device, program, texts) for at_start, texts in _texts(plan).items() if texts}
        self._q = len(plan.rows)
        self.count = self._q + (plan.d if True in self._scalars else 0)
        self.bytes_each = sum(scalars.bytes_each for scalars in self._scalars.values())

    def begin(self, chunk: int) -> None:
        """Take memory for so many particles."""
        for scalars in self._scalars.values():
            scalars.begin(chunk)

    def end(self) -> None:
        """Give memory back."""
        for scalars in self._scalars.values():
            scalars.end()

    def fill(self, X: Array, S: Array, first: int, n: int, step: int, rows: Array) -> None:
        """Write the rows."""
        grid, count, d = -(-n // TILE), np.int64(n), self._program.plan.d
        self._kernels["fill"](grid, TILE, X, S, np.int64(first), count, rows)
        for at_start, scalars in self._scalars.items():
            low = self._q if at_start else 0
            scalars.evaluate(rows[low : low + d], 0 if at_start else step, rows)
        if "multiply" in self._kernels:
            self._kernels["multiply"](grid, TILE, count, rows)


class Scalars:
    """Scalars of a vector state, each in its row."""

    def __init__(self, device: Device, program: Program, texts: Mapping[int, Text]) -> None:
        made, kernels = scalars_texts(program.system, texts, device.capability)
        self._device, self._program = device, program
        self._calls, self._each = Calls(device, made, kernels, tf32=False), made.noiseless.each
        self.bytes_each = 8 * sum(made.buffers.values())

    def begin(self, chunk: int) -> None:
        """Take memory for so many particles."""
        parameters = self._program.parameters
        values = {"parameters": placed(self._device, parameters), "time_step": np.float64(self._program.time_step)}
        self._calls.begin(values, parameters, "float64", chunk)

    def end(self) -> None:
        """Give memory back."""
        self._calls.end()

    def evaluate(self, X: Array, step: int, rows: Array) -> None:
        """Write the scalars of X (d, n) at a step to their rows."""
        n = X.shape[1]
        self._calls.put(n, X=X, rows=rows)
        self._calls.make(self._each, n, first=np.int64(step), n=np.int64(1))


def _texts(plan: Plan) -> dict[bool, dict[int, Text]]:
    """Scalars of the state, and of the start, by the number of their row."""
    now = {k: row.text for k, row in enumerate(plan.rows) if isinstance(row, Value) and k >= plan.d}
    return {False: now, True: {k: row.text for k, row in enumerate(plan.rows) if isinstance(row, StartValue)}}
