"""Studies of schemes: how far off each is at a time step, of what order, and what an accuracy costs."""

from langevin_kit.studies._cost import cost_to_accuracy
from langevin_kit.studies._oracle import Oracle
from langevin_kit.studies._order import order_study
from langevin_kit.studies._transfer import Torus, stationary_law, transfer_operator

__all__ = ["Oracle", "Torus", "cost_to_accuracy", "order_study", "stationary_law", "transfer_operator"]
