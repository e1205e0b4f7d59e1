"""Slopes of a loss in parameters, beginnings and times, through the paths of an ensemble."""

from langevin_kit.learn.gradient._continuous import ContinuousAdjoint
from langevin_kit.learn.gradient._covariance import ThermalCovariance
from langevin_kit.learn.gradient._discrete import DiscreteAdjoint
from langevin_kit.learn.gradient._equilibrium import EquilibriumAdjoint
from langevin_kit.learn.gradient._gradient import (
    Evaluations,
    Gradient,
    GradientProvider,
    Objective,
    ParticleObjective,
    WithoutSlopes,
)
from langevin_kit.learn.gradient._loss import Loss, Texts
from langevin_kit.learn.gradient._moments import Moments
from langevin_kit.learn.gradient._propagation import EquilibriumPropagation
from langevin_kit.learn.gradient._solver import DormandPrince, FixedSteps, Solver

__all__ = [
    "ContinuousAdjoint",
    "DiscreteAdjoint",
    "DormandPrince",
    "EquilibriumAdjoint",
    "EquilibriumPropagation",
    "Evaluations",
    "FixedSteps",
    "Gradient",
    "GradientProvider",
    "Loss",
    "Moments",
    "Objective",
    "ParticleObjective",
    "Solver",
    "Texts",
    "ThermalCovariance",
    "WithoutSlopes",
]
