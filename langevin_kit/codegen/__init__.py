"""System + scheme + observables → one compiled module."""

from langevin_kit.codegen.pointwise import library, measurer, stepper

__all__ = ["library", "measurer", "stepper"]
