"""Systems of one state vector of any length: networks, Ornstein–Uhlenbeck processes, Gaussian mixtures."""

from langevin_kit.system.dense.derived import DenseDerived, dense

__all__ = ["DenseDerived", "dense"]
