"""Systems of one state vector of any length: networks, Ornstein–Uhlenbeck processes, Gaussian mixtures."""

from langevin_kit.system.dense.content import Components, Vector
from langevin_kit.system.dense.derived import DenseDerived, dense

__all__ = ["Components", "DenseDerived", "Vector", "dense"]
