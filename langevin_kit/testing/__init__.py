"""Oracles for tests: a second implementation in NumPy, and the exact stationary law of a scheme."""

from langevin_kit.studies import stationary_law, transfer_operator
from langevin_kit.testing.numpy_reference import draws, euler_maruyama, normals

__all__ = ["draws", "euler_maruyama", "normals", "stationary_law", "transfer_operator"]
