"""Estimates with errors: Boltzmann law, entropy, free energy, Kullback–Leibler divergence, autocorrelation time."""

from langevin_kit.estimate._boltzmann import Boltzmann, boltzmann
from langevin_kit.estimate.autocorrelation import AutocorrelationTime, autocorrelation_time
from langevin_kit.estimate.gaussian import gaussian_relaxation
from langevin_kit.estimate.monotone import Monotone, falls
from langevin_kit.estimate.relaxation import free_energy_of_density, laws, relaxation
from langevin_kit.estimate.verdict import Verdict, verdict

__all__ = [
    "AutocorrelationTime",
    "Boltzmann",
    "Monotone",
    "Verdict",
    "autocorrelation_time",
    "boltzmann",
    "falls",
    "free_energy_of_density",
    "gaussian_relaxation",
    "laws",
    "relaxation",
    "verdict",
]
