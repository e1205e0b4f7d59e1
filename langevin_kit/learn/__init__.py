"""Learning under noise: ensembles that recall, and parameters that follow the slope of their free energy."""

from langevin_kit.learn._free_energy import Partition, conditional_free_energy, partition
from langevin_kit.learn._importance import LogZ, annealed_importance
from langevin_kit.learn._moments import energy_slope
from langevin_kit.learn._recall_and_learn import Learned, recall_and_learn
from langevin_kit.learn._rules import RULES, Rule
from langevin_kit.learn.stability import (
    AdjointPropagator,
    VanishingBound,
    adjoint_propagator,
    heavy_ball_eigenvalues,
    jacobians,
    paired_eigenvalues,
    stiffness,
    vanishing_bound,
)

__all__ = [
    "RULES",
    "AdjointPropagator",
    "Learned",
    "LogZ",
    "Partition",
    "Rule",
    "VanishingBound",
    "adjoint_propagator",
    "annealed_importance",
    "conditional_free_energy",
    "energy_slope",
    "heavy_ball_eigenvalues",
    "jacobians",
    "paired_eigenvalues",
    "partition",
    "recall_and_learn",
    "stiffness",
    "vanishing_bound",
]
