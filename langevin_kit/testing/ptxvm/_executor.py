"""The executor as a device that the CUDA backend runs on, in the host's own memory."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from langevin_kit.testing.ptxvm._machine import Machine


class Executor:
    """A device for `langevin_kit.CUDA`: what it runs is what a GPU would be given.

    Parameters
    ----------
    capability : (int, int)
        Compute capability that kernels are compiled for.
    memory : int
        Bytes it seems to have.
    """

    def __init__(self, capability: tuple[int, int] = (9, 0), memory: int = 2**32) -> None:
        self.capability = capability
        self._memory = memory

    def about(self) -> dict[str, Any]:
        """What it is."""
        return {"name": "executor of PTX on the CPU", "capability": self.capability}

    def load(self, text: str) -> Callable[..., None]:
        """Load PTX with one entry."""
        return Machine(text).launch

    def free_bytes(self) -> int:
        """Memory that is left."""
        return self._memory

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """A new array of zeros."""
        return np.zeros(shape, dtype)

    def put(self, host: NDArray[Any], array: NDArray[Any]) -> None:
        """Copy from the host."""
        array[...] = host

    def get(self, array: NDArray[Any], host: NDArray[Any]) -> None:
        """Copy to the host."""
        host[...] = array

    def copy(self, source: NDArray[Any], target: NDArray[Any]) -> None:
        """Copy."""
        target[...] = source

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Memory of the host."""
        return np.empty(shape, dtype)

    def fetch(self, array: NDArray[Any], host: NDArray[Any]) -> Callable[[], None]:
        """Copy to the host when it is waited for; the array keeps what it holds until then."""
        return lambda: self.get(array, host)

    def product(self, U: NDArray[Any], x: NDArray[Any], out: NDArray[Any], *, tf32: bool) -> None:
        """Uᵀ x, as NumPy computes it."""
        np.matmul(U.T, x, out=out)

    def synchronize(self) -> None:
        """Nothing is left to wait for: a launch returns when it has ended."""

    def release(self) -> None:
        """Nothing is kept."""

    def seconds(self, work: Callable[[], object]) -> float:
        """Time that `work` takes."""
        before = perf_counter()
        work()
        return perf_counter() - before
