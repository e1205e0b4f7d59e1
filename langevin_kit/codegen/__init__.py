"""System + scheme + observables → one compiled module."""

from langevin_kit.codegen.arithmetic import ieee_arithmetic
from langevin_kit.codegen.measure import measurer
from langevin_kit.codegen.pointwise import library, stepper
from langevin_kit.codegen.version import version

__all__ = ["ieee_arithmetic", "library", "measurer", "stepper", "version"]
