"""Figures of runs; the only part that imports matplotlib."""

from langevin_kit.plot._comparison import comparison
from langevin_kit.plot._relaxation import relaxation

__all__ = ["comparison", "relaxation"]
