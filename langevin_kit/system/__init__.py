"""What moves: energy, mobility, temperature, their exact derivatives, and where the particles start."""

from langevin_kit.system import initial
from langevin_kit.system._system import System
from langevin_kit.system.grid import Cells, Grid, cells, grid_from_dict
from langevin_kit.system.spins import SpinSystem, system_from_dict
from langevin_kit.system.walls import Wall, absorbing, periodic, reflecting

__all__ = [
    "Cells",
    "Grid",
    "SpinSystem",
    "System",
    "Wall",
    "absorbing",
    "cells",
    "grid_from_dict",
    "initial",
    "periodic",
    "reflecting",
    "system_from_dict",
]
