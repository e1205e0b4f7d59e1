"""The CUDA backend by its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends._protocol import Program
from langevin_kit.errors import InvalidArgument

if TYPE_CHECKING:
    from langevin_kit.backends.cuda._device import Device
    from langevin_kit.backends.cuda._ensemble import CUDAEnsemble


@dataclass(frozen=True)
class CUDA:
    """A CUDA GPU.

    Needs the extra ``cuda13`` or ``cuda12``. States are float32 if a run does not say, and float64 with `reproducible`,
    as on the CPU; float64 is for devices that have the units for it. States of spins are float64.

    Parameters
    ----------
    device : int or Device
        The number of the GPU.
    reproducible : bool
        Whether paths have the CPU's bits. Otherwise products and sums are contracted, numbers below the normal ones
        are zero, and float32's elementary functions come from the special function units, good to about 2⁻²⁰:
        about twice as fast. Noise is the same in both. Either way two runs on devices of one kind agree in every bit.
        Spins, whose sums are exact, have the CPU's bits in both.
    tf32 : bool
        Whether the factors of matrix products of float32 vector systems may be rounded to 10 bits; not with
        `reproducible`.
    block_size : int, optional
        Particles on the device at once, a multiple of 16384; as many as its memory holds if left out. More particles
        than that come and go between saved times, from the host's memory. Results do not depend on it, but for the
        order in which a library sums the products of vector systems in the fast mode.

    Raises
    ------
    BackendUnavailable
        When a run begins, if a package, the driver or the device is missing.

    Examples
    --------
    >>> CUDA(reproducible=True).name
    'cuda_reproducible'
    """

    device: int | Device = 0
    reproducible: bool = False
    tf32: bool = False
    block_size: int | None = None

    def __post_init__(self) -> None:
        from langevin_kit.kernels.cpu.tiles import GROUP

        is_number = isinstance(self.device, int) and not isinstance(self.device, bool)
        if not hasattr(self.device, "load") and (not is_number or self.device < 0):
            raise InvalidArgument(f"device: got {self.device!r}; the number of a GPU, 0 or more, is needed.")
        if not isinstance(self.block_size, int | None):
            raise InvalidArgument(f"block_size: got {self.block_size!r}; a multiple of {GROUP}, or None, is needed.")
        if self.tf32 and self.reproducible:
            raise InvalidArgument(
                "tf32: rounded factors do not give the CPU's bits; leave out one of tf32, reproducible."
            )
        if self.block_size is not None and (self.block_size < GROUP or self.block_size % GROUP):
            raise InvalidArgument(f"block_size: got {self.block_size}; a positive multiple of {GROUP} is needed.")

    @property
    def name(self) -> str:
        """The name `simulate` takes."""
        return "cuda_reproducible" if self.reproducible else "cuda"

    @property
    def dtype(self) -> str:
        """Of states, if a run does not say: float32, or the CPU's to be compared with it."""
        return "float64" if self.reproducible else "float32"

    def ensemble(self, program: Program, state: NDArray[np.floating]) -> CUDAEnsemble:
        """Put an initial ensemble of the program's dtype on this backend: positions, then turns (rows, n)."""
        from langevin_kit.backends.cuda._ensemble import CUDAEnsemble

        return CUDAEnsemble(self._found(), program, state, self.block_size, fast=not self.reproducible, tf32=self.tf32)

    def _found(self) -> Device:
        if not isinstance(self.device, int):
            return self.device
        from langevin_kit.backends.cuda._cupy import device

        return device(self.device)
