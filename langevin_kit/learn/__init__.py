"""Learning under noise: ensembles that recall, and parameters that follow the slope of their free energy."""

from langevin_kit.learn._free_energy import Partition, conditional_free_energy, partition
from langevin_kit.learn._importance import LogZ, annealed_importance
from langevin_kit.learn._moments import energy_slope
from langevin_kit.learn._recall_and_learn import Learned, recall_and_learn
from langevin_kit.learn._rules import RULES, Rule

__all__ = ["RULES", "Learned", "LogZ", "Rule", "annealed_importance", "energy_slope", "recall_and_learn"]
__all__ = [
    "RULES",
    "Learned",
    "Partition",
    "Rule",
    "conditional_free_energy",
    "energy_slope",
    "partition",
    "recall_and_learn",
]
