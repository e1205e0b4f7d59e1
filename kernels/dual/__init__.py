r"""Dual numbers: a value with its derivatives, carried through any scalar code that numba compiles.

.. math:: x + ε_i \quad\text{with}\quad ε_i ε_j = 0, \qquad f(x + ε_i) = f(x) + f'(x)\, ε_i

A number's type lists the coordinates it may depend on, so no derivative that must be zero is ever computed, and a
number that depends on none is a plain one whose functions are those of `langevin_kit.kernels.elementary`. A dual number
over dual numbers has second derivatives. Numbers of Python and NumPy are cast to the innermost type.

Griewank & Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
"""

from __future__ import annotations

from . import functions, number, power
from .functions import STAND_INS
from .number import Dual, constant, derivative, leaf_value, like, multiply_add, value, variable, widen
from .target import CPU, Target

INTRINSICS = number.INTRINSICS + power.INTRINSICS

number.install(CPU, Dual)
functions.install(CPU)

__all__ = [
    "INTRINSICS",
    "STAND_INS",
    "Dual",
    "Target",
    "constant",
    "derivative",
    "leaf_value",
    "like",
    "multiply_add",
    "value",
    "variable",
    "widen",
]
