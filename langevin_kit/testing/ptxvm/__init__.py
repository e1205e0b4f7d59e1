"""An executor of PTX on the CPU, with which a kernel is proven where there is no device.

It runs the instructions that numba emits, all threads at once in NumPy arrays: IEEE 754 sums, products and fused
multiply-adds to the last bit, all integers exactly, and the `.approx` functions in float64, rounded, or moved within
the error that the ISA allows. What it does not know is an error, and so are an access beyond an array, a race, a read
of what nothing was written to, a barrier that not all threads of a block come to, and an atomic sum of floats.
"""

from langevin_kit.testing.ptxvm._executor import Executor
from langevin_kit.testing.ptxvm._machine import Machine
from langevin_kit.testing.ptxvm._parse import PTXError

__all__ = ["Executor", "Machine", "PTXError"]
