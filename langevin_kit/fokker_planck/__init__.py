"""The Fokker–Planck equation of a system on a grid."""

from langevin_kit.fokker_planck._absorbing import boundary_flux, exit_probability, first_passage_time
from langevin_kit.fokker_planck._compare import Comparison, compare, residuals
from langevin_kit.fokker_planck._evolve import evolve
from langevin_kit.fokker_planck._flux import dissipation, flux
from langevin_kit.fokker_planck._rate import free_energy_rate
from langevin_kit.fokker_planck.operator import operator

__all__ = [
    "Comparison",
    "boundary_flux",
    "compare",
    "dissipation",
    "evolve",
    "exit_probability",
    "first_passage_time",
    "flux",
    "free_energy_rate",
    "operator",
    "residuals",
]
