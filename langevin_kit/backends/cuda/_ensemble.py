"""Particles on a device, all at once or in blocks that come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends._collective import collective_of
from langevin_kit.backends._protocol import Measurement, Program
from langevin_kit.backends.cuda._dense import DenseMover
from langevin_kit.backends.cuda._device import Array, Device
from langevin_kit.backends.cuda._measure import Measurer
from langevin_kit.backends.cuda._mover import Mover
from langevin_kit.backends.cuda._spins import SpinMover
from langevin_kit.errors import BackendUnavailable
from langevin_kit.kernels.cpu.tiles import GROUP
from langevin_kit.observables import Sums

MOST = 2**31 - GROUP
"""Particles of a block: a library of matrix products counts columns in 32 bits."""

USABLE = 0.9
"""Of the memory that is free; the rest is for the kernels themselves."""


class CUDAEnsemble:
    """Particles on a device. Use as a context manager: it owns memory there.

    Parameters
    ----------
    state : (rows, n)
        The ensemble's home on the host: particles on the device go back there when they are asked for.
    block_size : int or None
        Particles on the device at once.
    """

    def __init__(
        self,
        device: Device,
        program: Program,
        state: NDArray[np.floating],
        block_size: int | None,
        *,
        fast: bool,
        tf32: bool,
    ) -> None:
        self._device, self._program, self._home = device, program, state
        self._mover = _mover(device, program, fast=fast, tf32=tf32)
        start = state[list(program.plan.start_axes)]
        n = state.shape[1]
        self._measurer = Measurer(device, program, start, n)
        self._collective = collective_of(program)
        if self._collective is not None:
            self._moments = Measurer(device, self._collective.program, state[:0], n)
        room = self._room(start)
        size = min(block_size or room, room)
        self._blocks = [(low, min(low + size, n)) for low in range(0, n, size)]
        self._buffer: Array = None
        self._is_home = True

    @property
    def _measurers(self) -> list[Measurer]:
        return [self._measurer] if self._collective is None else [self._measurer, self._moments]

    def _room(self, start: NDArray[np.floating]) -> int:
        """Particles for which the device has room, in whole groups."""
        each: int = self._home[:, :1].nbytes + start[:, :1].nbytes + self._mover.bytes_each
        aside = sum(measurer.bytes_beside for measurer in self._measurers)
        free = int(self._device.free_bytes() * USABLE)
        room: int = (free - aside) // each // GROUP * GROUP
        if room < GROUP:
            raise BackendUnavailable(
                f"backend: {free / 1e6:.3g} MB of the device's memory can be used, and {GROUP} particles with what "
                f"is measured need {(aside + each * GROUP) / 1e6:.3g} MB. Free some, or use backend='cpu'."
            )
        whole: int = -(-self._home.shape[1] // GROUP) * GROUP
        return min(room, whole, MOST)

    @property
    def state(self) -> NDArray[np.floating]:
        """Coordinates, and behind them the turns round each periodic one (rows, n), as they are now."""
        if not self._is_home:
            self._device.get(self._view(*self._blocks[0]), self._home)
            self._is_home = True
        return self._home

    @property
    def position(self) -> NDArray[np.floating]:
        """Coordinates (d, n), as they are now."""
        return self.state[: self._program.system.n_dim]

    def __enter__(self) -> CUDAEnsemble:
        rows, widest = self._home.shape[0], self._blocks[0][1]
        self._buffer = self._device.zeros((rows * widest,), self._home.dtype)
        self._mover.begin(widest)
        for measurer in self._measurers:
            measurer.begin(widest)
        if self._stays:
            self._device.put(self._home, self._view(*self._blocks[0]))
        return self

    def __exit__(self, *error: object) -> None:
        self._device.synchronize()
        for measurer in self._measurers:
            measurer.end()
        self._mover.end()
        self._buffer = None
        self._device.release()

    @property
    def _stays(self) -> bool:
        return len(self._blocks) == 1

    def _view(self, low: int, high: int) -> Array:
        rows = self._home.shape[0]
        return self._buffer[: rows * (high - low)].reshape(rows, high - low)

    def _visited(self) -> Iterator[tuple[int, int, Array]]:
        """Each block, with its particles on the device."""
        for low, high in self._blocks:
            X = self._view(low, high)
            if not self._stays:
                self._device.put(self._home[:, low:high], X)
            yield low, high, X

    def advance(self, first: int, n_steps: int, report: Callable[[float], None]) -> None:
        """Move all particles from step `first` through `n_steps` steps.

        `report` is called, as launches end, with time steps; they add up to `n_steps`.
        """
        if not n_steps:
            return
        if self._collective is None:
            self._move(first, n_steps, report)
            return
        assert isinstance(self._mover, Mover)
        for step in range(first, first + n_steps):
            self._mover.put(self._collective.parameters(self._shared()))
            self._move(step, 1, report)

    def _shared(self) -> Sums:
        """Mean and covariance of all particles, where the mobility is the ensemble's."""
        self._moments.clear()
        for low, high, X in self._visited():
            self._moments.take(X, low, high, 0)
        return self._moments.measurement(lambda low, high: self.position[:, low:high]).sums

    def _move(self, first: int, n_steps: int, report: Callable[[float], None]) -> None:
        n = self._home.shape[1]
        self._is_home = not self._stays
        for low, high, X in self._visited():
            for steps in self._mover.moved(X, low, first, n_steps):
                report(steps * (high - low) / n)
            if not self._stays:
                self._device.get(X, self._home[:, low:high])

    def measure(self, step: int) -> Measurement:
        """Reduce the ensemble, which has come to this step."""
        self._measurer.clear()
        for low, high, X in self._visited():
            self._measurer.take(X, low, high, step)
        return self._measurer.measurement(lambda low, high: self.position[:, low:high])


def _mover(device: Device, program: Program, *, fast: bool, tf32: bool) -> Mover | DenseMover | SpinMover:
    if program.system.facts.is_spins:
        return SpinMover(device, program)
    if program.system.is_dense:
        return DenseMover(device, program, fast=fast, tf32=tf32)
    return Mover(device, program, fast=fast)
