"""What moves: energy, mobility, temperature, their exact derivatives, and where the particles start."""

from langevin_kit.system import initial
from langevin_kit.system._system import System
from langevin_kit.system.grid import Cells, Grid, cells

__all__ = ["Cells", "Grid", "System", "cells", "initial"]
