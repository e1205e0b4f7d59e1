"""Learning under noise: slopes through paths and of free energies, and ensembles that recall what they learnt."""

from langevin_kit.learn._free_energy import Partition, conditional_free_energy, partition
from langevin_kit.learn._importance import LogZ, annealed_importance
from langevin_kit.learn._moments import energy_slope
from langevin_kit.learn._optimizers import LBFGS, SGD, Adam, Optimizer
from langevin_kit.learn._recall_and_learn import Learned, recall_and_learn
from langevin_kit.learn._rules import RULES, Rule
from langevin_kit.learn.gradient import (
    ContinuousAdjoint,
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
from langevin_kit.learn.neural_ode import Encoder, Fitted, NeuralODE
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
    "LBFGS",
    "RULES",
    "SGD",
    "Adam",
    "AdjointPropagator",
    "ContinuousAdjoint",
    "DiscreteAdjoint",
    "DormandPrince",
    "Encoder",
    "EquilibriumAdjoint",
    "EquilibriumPropagation",
    "Evaluations",
    "Fitted",
    "FixedSteps",
    "Gradient",
    "GradientProvider",
    "Learned",
    "LogZ",
    "Loss",
    "Moments",
    "NeuralODE",
    "Objective",
    "Optimizer",
    "ParticleObjective",
    "Partition",
    "Rule",
    "Solver",
    "ThermalCovariance",
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
