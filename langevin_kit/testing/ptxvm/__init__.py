"""An executor of PTX on the CPU, with which a kernel is proven where there is no device.

It runs the instructions that numba emits, all threads at once in NumPy arrays: IEEE 754 sums, products and fused
multiply-adds to the last bit, all integers exactly, and the `.approx` functions in float64, rounded. What it does not
know, and an access beyond an array, is an error.
"""

from langevin_kit.testing.ptxvm._machine import Machine
from langevin_kit.testing.ptxvm._parse import PTXError

__all__ = ["Machine", "PTXError"]
