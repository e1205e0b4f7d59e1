"""Studies: how far off a scheme is at a time step, what an accuracy costs, and a function all over a grid."""

from langevin_kit.studies._cost import cost_to_accuracy
from langevin_kit.studies._oracle import Oracle
from langevin_kit.studies._order import order_study
from langevin_kit.studies._sweep import sweep
from langevin_kit.studies._transfer import Torus, stationary_law, transfer_operator

__all__ = ["Oracle", "Torus", "cost_to_accuracy", "order_study", "stationary_law", "sweep", "transfer_operator"]
