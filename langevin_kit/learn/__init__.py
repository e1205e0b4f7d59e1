"""Learning under noise: slopes through paths and of free energies, and ensembles that recall what they learnt."""

from langevin_kit.learn._free_energy import Partition, conditional_free_energy, partition
from langevin_kit.learn._importance import LogZ, annealed_importance
from langevin_kit.learn._moments import energy_slope
from langevin_kit.learn._recall_and_learn import Learned, recall_and_learn
from langevin_kit.learn._rules import RULES, Rule
from langevin_kit.learn.gradient import (
    DiscreteAdjoint,
    DormandPrince,
    EquilibriumAdjoint,
    EquilibriumPropagation,
    Evaluations,
    FixedSteps,
    Gradient,
    GradientProvider,
    Loss,
    Moments,
    Objective,
    ParticleObjective,
    Solver,
    ThermalCovariance,
)

__all__ = [
    "RULES",
    "DiscreteAdjoint",
    "DormandPrince",
    "EquilibriumAdjoint",
    "EquilibriumPropagation",
    "Evaluations",
    "FixedSteps",
    "Gradient",
    "GradientProvider",
    "Learned",
    "LogZ",
    "Loss",
    "Moments",
    "Objective",
    "ParticleObjective",
    "Partition",
    "Rule",
    "Solver",
    "ThermalCovariance",
    "annealed_importance",
    "conditional_free_energy",
    "energy_slope",
    "partition",
    "recall_and_learn",
]
