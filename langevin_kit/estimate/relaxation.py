"""How far an ensemble is from the Boltzmann law at each saved time: KL, F in two forms, H."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit.estimate.binned import (
    equal_mass_bins,
    kl_divergence,
    kl_floor,
    kl_limit,
    sampling_variance,
    uniform_density,
)
from langevin_kit.estimate.boltzmann import Boltzmann, boltzmann
from langevin_kit.system import Grid, System

Floats = NDArray[np.float64]


def laws(system: System, times: Sequence[float] | Floats, near: Floats | None = None) -> list[Boltzmann]:
    """The Boltzmann law at each time; one object for all if the energy does not depend on time."""
    if not system.depends_on_time:
        return [boltzmann(system, near=near)] * len(times)
    return [boltzmann(system, float(t), near) for t in times]


def relaxation(
    law: Sequence[Boltzmann], grid: Grid, histogram: NDArray[np.int64], mean_energy: Floats
) -> dict[str, Floats]:
    r"""Estimate F, H and KL at each time from one fine histogram.

    .. math:: F[p] = ⟨E⟩ - T H[p] = T\,KL(p‖q) - T \ln Z

    The first form uses an entropy from uniform cells, without q; the second uses bins of equal q-mass.

    Parameters
    ----------
    law : sequence of Boltzmann
        One for each time.
    grid : Grid
        The histogram's cells.
    histogram : (time, cells…)
    mean_energy : (time,)
        ⟨E⟩ of the ensemble itself.

    Returns
    -------
    dict
        Variables of the Dataset by name, each (time,).
    """
    temperature = law[0].system.temperature
    previous, rows = None, []
    for q, count, energy in zip(law, histogram, mean_energy, strict=True):
        if q is not previous:
            mass, cell_energy, previous = q.cell_mass(grid), q.system.energy_at(grid.centers, q.time), q
        n = int(count.sum())
        bins = equal_mass_bins(mass, n)
        kl = kl_divergence(bins, count[None])
        density = uniform_density(count, grid.volume)
        entropy_stderr = np.hypot(np.sqrt(sampling_variance(count, density)), density.uncertainty)
        surprise_variance = sampling_variance(count, density, cell_energy / temperature)
        rows.append(
            {
                "kl_divergence": kl.value[0],
                "kl_divergence_stderr": kl.stderr[0],
                "kl_divergence_floor": kl_floor(bins, n),
                "kl_divergence_limit": kl_limit(bins),
                "log_partition_function": q.log_z,
                "free_energy": temperature * (kl.value[0] - q.log_z),
                "free_energy_stderr": temperature * kl.stderr[0],
                "entropy": density.entropy,
                "entropy_stderr": entropy_stderr,
                "free_energy_from_entropy": energy - temperature * density.entropy,
                "free_energy_from_entropy_stderr": temperature
                * np.hypot(np.sqrt(surprise_variance), density.uncertainty),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def free_energy_of_density(law: Boltzmann, grid: Grid, density: Floats) -> tuple[float, float]:
    r"""F of a density on a grid, in both forms.

    Parameters
    ----------
    law : Boltzmann
    grid : Grid
    density : cells
        p at the cells' midpoints, such as the solution of a Fokker–Planck equation.

    Returns
    -------
    from_energy, from_kl : float
        ∫ p E − T H[p] and T KL(p‖q) − T ln Z with the midpoint rule, the same number but for round-off where p has
        mass one.
    """
    temperature = law.system.temperature
    p, v = density.ravel(), grid.volume
    x = grid.centers.reshape(len(grid.shape), -1)
    held = p > 0
    energy, log_q = law.system.energy_at(x, law.time)[held], law.log_density(x)[held]
    log_p = np.log(p[held])
    from_energy = (p[held] * energy).sum() * v + temperature * (p[held] * log_p).sum() * v
    from_kl = temperature * (p[held] * (log_p - log_q)).sum() * v - temperature * law.log_z
    return float(from_energy), float(from_kl)
