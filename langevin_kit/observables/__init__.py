"""What a run reduces while it goes: moments, energy, histograms, the user's own expressions."""

from langevin_kit.observables._plan import Plan, plan
from langevin_kit.observables.merge import merge_tiles
from langevin_kit.observables.variables import CELLS, RESERVED, VARIABLES, Variable, attributes

__all__ = ["CELLS", "RESERVED", "VARIABLES", "Plan", "Variable", "attributes", "merge_tiles", "plan"]
