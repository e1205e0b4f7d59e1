"""What a device must do; CuPy does it on a GPU, and the executor of `langevin_kit.testing.ptxvm` anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import DTypeLike, NDArray

Array = Any
"""An array in the device's memory, C-contiguous, with `shape`, `dtype` and slices."""


class Kernel(Protocol):
    """A kernel that was loaded."""

    def __call__(self, grid: int, block: int, *arguments: Any) -> None:
        """Start grid × block threads; it returns at once. Arguments are arrays and NumPy's scalars."""


class Device(Protocol):
    """A device."""

    @property
    def capability(self) -> tuple[int, int]:
        """Its compute capability."""

    def about(self) -> dict[str, Any]:
        """What it is: its name, what drives it, and what its speed depends on."""

    def load(self, text: str) -> Kernel:
        """Load PTX with one entry."""

    def free_bytes(self) -> int:
        """Memory that is left."""

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """A new array of zeros."""

    def put(self, host: NDArray[Any], array: Array) -> None:
        """Copy rows from the host, each of which is contiguous."""

    def get(self, array: Array, host: NDArray[Any]) -> None:
        """Wait for all that was started, and copy rows to the host."""

    def copy(self, source: Array, target: Array) -> None:
        """Start to copy on the device."""

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Memory of the host that `fetch` can fill while kernels run."""

    def fetch(self, array: Array, host: NDArray[Any]) -> Callable[[], None]:
        """Start to copy, after all that was started before; gives what waits for the end.

        Kernels that are started later do not wait, so nothing may write to the array before the end.
        """

    def product(self, U: Array, x: Array, out: Array, *, tf32: bool) -> None:
        """Start out = Uᵀ x for U (k, m), x (k, n) and out (m, n), in the order of sums that the library chooses.

        With `tf32` the factors of float32 products may be rounded to 10 bits.
        """

    def synchronize(self) -> None:
        """Wait for all that was started."""

    def release(self) -> None:
        """Give memory back that no array holds any more."""

    def seconds(self, work: Callable[[], object]) -> float:
        """Time between the start and the end, on the device, of what `work` starts there."""


def placed(device: Device, host: NDArray[Any]) -> Array:
    """A table of numbers on a device."""
    array = device.zeros(host.shape, host.dtype)
    device.put(host, array)
    return array
