"""How fast perturbations of a path grow or die out: stiffness, heavy balls, and what adjoints remember."""

from langevin_kit.learn.stability._heavy_ball import heavy_ball_eigenvalues, paired_eigenvalues
from langevin_kit.learn.stability._propagator import AdjointPropagator, adjoint_propagator
from langevin_kit.learn.stability._stiffness import jacobians, stiffness
from langevin_kit.learn.stability._vanishing import VanishingBound, vanishing_bound

__all__ = [
    "AdjointPropagator",
    "VanishingBound",
    "adjoint_propagator",
    "heavy_ball_eigenvalues",
    "jacobians",
    "paired_eigenvalues",
    "stiffness",
    "vanishing_bound",
]
