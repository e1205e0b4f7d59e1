"""Estimates with errors: the Boltzmann law, entropy, free energy, Kullback–Leibler divergence."""

from langevin_kit.estimate.boltzmann import Boltzmann, boltzmann
from langevin_kit.estimate.monotone import Monotone, falls
from langevin_kit.estimate.relaxation import free_energy_of_density, laws, relaxation
from langevin_kit.estimate.verdict import Verdict, verdict

__all__ = [
    "Boltzmann",
    "Monotone",
    "Verdict",
    "boltzmann",
    "falls",
    "free_energy_of_density",
    "laws",
    "relaxation",
    "verdict",
]
