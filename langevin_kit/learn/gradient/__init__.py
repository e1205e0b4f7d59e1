"""Slopes of a loss in parameters, beginnings and times, through the paths of an ensemble."""

from langevin_kit.learn.gradient._equilibrium import EquilibriumAdjoint
from langevin_kit.learn.gradient._gradient import Evaluations, Gradient, GradientProvider, Objective
from langevin_kit.learn.gradient._loss import Loss

__all__ = ["EquilibriumAdjoint", "Evaluations", "Gradient", "GradientProvider", "Loss", "Objective"]
