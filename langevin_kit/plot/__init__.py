"""Figures of runs and of studies; the only part that imports matplotlib."""

from langevin_kit.plot._comparison import comparison
from langevin_kit.plot._relaxation import relaxation
from langevin_kit.plot._schemes import costs, orders, schemes

__all__ = ["comparison", "costs", "orders", "relaxation", "schemes"]
