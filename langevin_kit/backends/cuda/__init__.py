"""A CUDA device: one thread a particle, through kernels whose steps are the CPU's."""

from langevin_kit.backends.cuda._backend import CUDA
from langevin_kit.backends.cuda._device import Array, Device, Kernel

__all__ = ["CUDA", "Array", "Device", "Kernel"]
