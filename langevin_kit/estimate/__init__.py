"""Estimates with errors: Boltzmann law, entropy, free energy, Kullback–Leibler divergence, autocorrelation time.

A run needs only the law before its first step; the estimators load when they are used.
"""

from typing import TYPE_CHECKING

from langevin_kit._lazy import lazily
from langevin_kit.estimate._boltzmann import Boltzmann, boltzmann, closed_laws, laws

if TYPE_CHECKING:
    from langevin_kit.estimate._expected_slope import expected_slope
    from langevin_kit.estimate._methods import Measured, kl_by
    from langevin_kit.estimate._overlap import overlaps
    from langevin_kit.estimate._relaxation import MEASURE_NAMES, Cells, free_energy_of_density, relaxation
    from langevin_kit.estimate._small_noise import small_noise
    from langevin_kit.estimate._verdict import Verdict, verdict
    from langevin_kit.estimate.autocorrelation import AutocorrelationTime, autocorrelation_time
    from langevin_kit.estimate.dissipation import dissipation as dissipation_rate
    from langevin_kit.estimate.first_passage import mean_first_passage, wall_flux
    from langevin_kit.estimate.gaussian import GAUSSIAN_NAMES, gaussian_relaxation
    from langevin_kit.estimate.monotone import Monotone, falls

__all__ = [
    "GAUSSIAN_NAMES",
    "MEASURE_NAMES",
    "AutocorrelationTime",
    "Boltzmann",
    "Cells",
    "Measured",
    "Monotone",
    "Verdict",
    "autocorrelation_time",
    "boltzmann",
    "closed_laws",
    "dissipation_rate",
    "expected_slope",
    "falls",
    "free_energy_of_density",
    "gaussian_relaxation",
    "kl_by",
    "laws",
    "mean_first_passage",
    "overlaps",
    "relaxation",
    "small_noise",
    "verdict",
    "wall_flux",
]
__getattr__, _ = lazily(
    __name__,
    {
        "AutocorrelationTime": "autocorrelation:AutocorrelationTime",
        "Cells": "_relaxation:Cells",
        "GAUSSIAN_NAMES": "gaussian:GAUSSIAN_NAMES",
        "MEASURE_NAMES": "_relaxation:MEASURE_NAMES",
        "Measured": "_methods:Measured",
        "Monotone": "monotone:Monotone",
        "Verdict": "_verdict:Verdict",
        "autocorrelation_time": "autocorrelation:autocorrelation_time",
        "dissipation_rate": "dissipation:dissipation",
        "expected_slope": "_expected_slope:expected_slope",
        "falls": "monotone:falls",
        "free_energy_of_density": "_relaxation:free_energy_of_density",
        "gaussian_relaxation": "gaussian:gaussian_relaxation",
        "kl_by": "_methods:kl_by",
        "mean_first_passage": "first_passage:mean_first_passage",
        "overlaps": "_overlap:overlaps",
        "relaxation": "_relaxation:relaxation",
        "small_noise": "_small_noise:small_noise",
        "verdict": "_verdict:verdict",
        "wall_flux": "first_passage:wall_flux",
    },
)
