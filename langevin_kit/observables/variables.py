"""The variables a run may hold: dims, meaning, and the label of their unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TIME, COMPONENT, COMPONENT2, PARTICLE, WALL = "time", "component", "component_", "particle", "wall"
CELLS = "<cells>"
"""Stands for the histogram's axes: one dim a coordinate, named like it."""


@dataclass(frozen=True)
class Variable:
    """One variable of the Dataset.

    Attributes
    ----------
    dims : tuple of str
    long_name : str
    unit : str
        "coordinate", "coordinate²", "energy", "time" or "1"; "" for an expression of the user's own, which has none to
        name.
    coordinates : tuple of str
        Those that it is over; all if empty.
    """

    dims: tuple[str, ...]
    long_name: str
    unit: str = "1"
    coordinates: tuple[str, ...] = ()


VARIABLES = {
    "step": Variable((TIME,), "number of time steps done"),
    "mean": Variable((TIME, COMPONENT), "ensemble mean of the position", "coordinate"),
    "mean_stderr": Variable((TIME, COMPONENT), "standard error of the mean position", "coordinate"),
    "covariance": Variable((TIME, COMPONENT, COMPONENT2), "ensemble covariance of the position", "coordinate²"),
    "variance": Variable(
        (TIME, COMPONENT), "ensemble variance of the position, of more than 32 coordinates", "coordinate²"
    ),
    "energy": Variable((TIME,), "mean energy ⟨E⟩", "energy"),
    "energy_stderr": Variable((TIME,), "standard error of the mean energy", "energy"),
    "log_measure": Variable((TIME,), "mean ⟨ln μ⟩ of the reference measure's logarithm"),
    "log_measure_stderr": Variable((TIME,), "standard error of ⟨ln μ⟩"),
    "histogram": Variable((TIME, CELLS), "number of particles in each cell; the outermost cells reach to infinity"),
    "n_outside": Variable((TIME,), "number of particles beyond the histogram's range, counted in its outermost cells"),
    "n_nonfinite": Variable((TIME,), "number of particles with a non-finite coordinate"),
    "n_accepted": Variable((TIME,), "steps since the start that were accepted, mean over particles"),
    "n_accepted_stderr": Variable((TIME,), "standard error of the mean number of accepted steps"),
    "n_flips": Variable((TIME,), "spins that turned since the start, mean over replicas"),
    "n_flips_stderr": Variable((TIME,), "standard error of the mean number of spins that turned"),
    "n_tamed": Variable((TIME,), "steps since the start whose drift was cut, mean over particles"),
    "n_tamed_stderr": Variable((TIME,), "standard error of the mean number of steps that were cut"),
    "survival": Variable((TIME,), "fraction of the particles that no absorbing wall has taken"),
    "survival_stderr": Variable((TIME,), "standard error of the survival"),
    "n_absorbed": Variable((TIME, WALL), "number of particles that each absorbing wall has taken"),
    "n_evaluations": Variable((TIME,), "evaluations of the force since the start, mean over particles"),
    "n_evaluations_stderr": Variable((TIME,), "standard error of the mean number of evaluations"),
    "n_substeps": Variable((TIME,), "steps since the start, each part of a halved one by itself, mean over particles"),
    "n_substeps_stderr": Variable((TIME,), "standard error of the mean number of steps and parts"),
    "position": Variable((TIME, COMPONENT, PARTICLE), "position", "coordinate"),
    "free_energy": Variable((TIME,), "free energy F = T KL − T ln Z", "energy"),
    "free_energy_stderr": Variable((TIME,), "standard error of F", "energy"),
    "free_energy_from_entropy": Variable((TIME,), "free energy F = ⟨E⟩ − T H, entropy without q", "energy"),
    "free_energy_from_entropy_stderr": Variable((TIME,), "standard error of ⟨E⟩ − T H, cell width included", "energy"),
    "entropy": Variable((TIME,), "entropy H = −∫ p ln p dx, from uniform cells"),
    "entropy_stderr": Variable((TIME,), "standard error of H, cell width included"),
    "kl_divergence": Variable((TIME,), "Kullback–Leibler divergence KL(p‖q) from the Boltzmann law q"),
    "kl_divergence_stderr": Variable((TIME,), "standard error of KL"),
    "kl_divergence_floor": Variable((TIME,), "detection floor: exceeded with probability 0.001 when p = q"),
    "kl_divergence_limit": Variable((TIME,), "½ ln B: above this the bins cannot tell how large KL is, and it is NaN"),
    "log_partition_function": Variable((TIME,), "ln Z = ln ∫ exp(−E/T) dx"),
}
"""Name → variable; the user's own observables come beside these."""

ESTIMATES = {
    "kl_divergence_low": Variable((TIME,), "lower end of the 95 % interval of KL"),
    "kl_divergence_high": Variable((TIME,), "upper end of the 95 % interval of KL"),
    "degrees_of_freedom": Variable((TIME,), "m: near q the standard error of KL is √(2 KL/N + m/2N²)"),
    "dissipation": Variable((TIME,), "−dF/dt = ∫ p ∇Φ·S∇Φ dx, from the ensemble", "energy"),
    "dissipation_stderr": Variable((TIME,), "standard error of −dF/dt", "energy"),
    "first_passage_time": Variable((TIME,), "mean of min(τ, t), of the first-passage time τ", "time"),
    "first_passage_time_stderr": Variable((TIME,), "standard error of the mean of min(τ, t)", "time"),
    "boundary_flux": Variable((TIME, WALL), "probability per time that each absorbing wall takes"),
    "boundary_flux_stderr": Variable((TIME, WALL), "standard error of the probability per time"),
    "method": Variable((TIME,), "how KL was estimated"),
}
"""Variables of `ds.langevin` that a run does not store."""

RESERVED = frozenset({*VARIABLES, TIME, COMPONENT, COMPONENT2, PARTICLE, WALL, "restart"})
"""Names that coordinates and observables may not have; `restart` is a folder of a store."""

LONGEST = 100
"""Letters of their names: with a suffix they are names of folders."""


def attributes(about: Variable, coordinates: Sequence[str], units: Mapping[str, str]) -> dict[str, str]:
    """Long name and unit of a variable, from the labels that the user gave ("1", reduced units, otherwise).

    A quantity over coordinates of different units has no unit to name.
    """
    own = {units.get(coordinate, "1") for coordinate in about.coordinates or coordinates}
    unit = units.get(about.unit, "1") if about.unit in ("energy", "time") else "1" if about.unit == "1" else own.pop()
    if not about.unit or (about.unit.startswith("coordinate") and own):
        return {"long_name": about.long_name}
    return {"long_name": about.long_name, "units": f"{unit}**2" if about.unit.endswith("²") and unit != "1" else unit}
