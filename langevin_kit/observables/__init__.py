"""What a run reduces while it goes: moments, energy, histograms, and the observables of the user's own.

`mean`, `mean_square_displacement`, `autocorrelation`, `maximum` and `minimum` make observables for `simulate`.
"""

from langevin_kit.observables._autocorrelation import Autocorrelation, autocorrelation
from langevin_kit.observables._displacement import MeanSquareDisplacement, mean_square_displacement
from langevin_kit.observables._extremes import Extreme, maximum, minimum
from langevin_kit.observables._kind import Observable
from langevin_kit.observables._mean import Mean, mean
from langevin_kit.observables._plan import Plan, moments, plan
from langevin_kit.observables._registry import KINDS, observables_from_dict, observables_to_dict
from langevin_kit.observables.rows import Sums
from langevin_kit.observables.variables import CELLS, ESTIMATES, RESERVED, VARIABLES, Variable, attributes

__all__ = [
    "CELLS",
    "ESTIMATES",
    "KINDS",
    "RESERVED",
    "VARIABLES",
    "Autocorrelation",
    "Extreme",
    "Mean",
    "MeanSquareDisplacement",
    "Observable",
    "Plan",
    "Sums",
    "Variable",
    "attributes",
    "autocorrelation",
    "maximum",
    "mean",
    "mean_square_displacement",
    "minimum",
    "moments",
    "observables_from_dict",
    "observables_to_dict",
    "plan",
]
