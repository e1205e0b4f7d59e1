"""Runs: `simulate`, `replay`, and the accessor `ds.langevin`."""

from langevin_kit.run._accessor import Langevin
from langevin_kit.run._grid import DEFAULT_CELLS
from langevin_kit.run._replay import replay
from langevin_kit.run._simulate import simulate
from langevin_kit.store import open_store

__all__ = ["DEFAULT_CELLS", "Langevin", "open_store", "replay", "simulate"]
