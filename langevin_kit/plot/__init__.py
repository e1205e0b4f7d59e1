"""Figures of runs and of studies; the only part that imports matplotlib."""

from langevin_kit.plot._comparison import comparison
from langevin_kit.plot._overview import overview
from langevin_kit.plot._recall import recall
from langevin_kit.plot._relaxation import relaxation
from langevin_kit.plot._schemes import costs, orders, schemes

__all__ = ["comparison", "costs", "orders", "overview", "recall", "relaxation", "schemes"]
