"""How far an ensemble is from the Boltzmann law at each saved time: KL, F in two forms, H."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from langevin_kit.estimate._boltzmann import Boltzmann
from langevin_kit.estimate._verdict import TOLERANCE
from langevin_kit.estimate.binned import (
    equal_mass_bins,
    kl_divergence,
    kl_floor,
    kl_limit,
    sampling_variance,
    uniform_density,
)
from langevin_kit.system import Grid

Floats = NDArray[np.float64]

ESTIMATES = (
    "kl_divergence",
    "kl_divergence_stderr",
    "kl_divergence_floor",
    "kl_divergence_limit",
    "log_partition_function",
    "free_energy",
    "free_energy_stderr",
    "entropy",
    "entropy_stderr",
    "free_energy_from_entropy",
    "free_energy_from_entropy_stderr",
)
"""Variables that `relaxation` gives."""

SEEN, HIDDEN = 2.0, 5.0
"""Standard errors by which the form of F without q must exceed KL for the excess to count as its error; or as a sign
that the bins hide where p is, such as far out in a tail of q."""


class Cells:
    """What the estimators need of a law on the histogram's cells; that of the last law is kept."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._law: Boltzmann | None = None
        self._n = 0

    def of(self, law: Boltzmann, n: int) -> tuple[Floats, Floats, float]:
        """Masses of q, the energies, and the detection floor of n particles."""
        if law is not self._law:
            self._mass = law.cell_mass(self.grid)
            self._energy = law.system.energy_at(self.grid.centers, law.time)
        if law is not self._law or n != self._n:
            self._floor = kl_floor(equal_mass_bins(self._mass, n), n)
        self._law, self._n = law, n
        return self._mass, self._energy, self._floor


def relaxation(
    law: Sequence[Boltzmann],
    grid: Grid | Cells,
    histogram: NDArray[np.int64],
    mean_energy: Floats,
    n_outside: NDArray[np.int64] | None = None,
) -> dict[str, Floats]:
    r"""Estimate F, H and KL at each time from one fine histogram.

    .. math:: F[p] = ⟨E⟩ - T H[p] = T\,KL(p‖q) - T \ln Z

    The first form takes H from uniform cells, without q, as ``free_energy_from_entropy``; the second takes KL from bins
    of equal q-mass, as ``free_energy``.

    Parameters
    ----------
    law : sequence of Boltzmann
        One for each time.
    grid : Grid or Cells
        The histogram's cells; `Cells` for one call after the other.
    histogram : (time, cells…)
    mean_energy : (time,)
        ⟨E⟩ of the ensemble itself.
    n_outside : (time,), optional
        Particles beyond the range of the cells, which are counted in the outermost ones.

    Returns
    -------
    dict
        Variables of the Dataset by name, each (time,).
    """
    temperature = law[0].system.temperature
    cells = grid if isinstance(grid, Cells) else Cells(grid)
    rows = []
    beyond = np.zeros(len(histogram), np.int64) if n_outside is None else n_outside
    for q, count, energy, lost in zip(law, histogram, mean_energy, beyond, strict=True):
        n = int(count.sum())
        if n == 0:
            rows.append(dict.fromkeys(ESTIMATES, np.nan))
            continue
        mass, cell_energy, floor = cells.of(q, n)
        bins = equal_mass_bins(mass, n, count=count)
        kl = kl_divergence(bins, count[None])
        density = uniform_density(count, cells.grid.volume, int(lost))
        from_entropy = energy / temperature - density.entropy
        entropy_stderr = np.hypot(np.sqrt(sampling_variance(count, density)), density.uncertainty)
        surprise_variance = sampling_variance(count, density, cell_energy / temperature)
        from_entropy_stderr = np.hypot(np.sqrt(surprise_variance), density.uncertainty)
        if from_entropy + q.log_z < -HIDDEN * from_entropy_stderr:  # F below its minimum: the cells do not resolve p
            density = replace(density, entropy=np.nan)
            from_entropy = np.nan
        kl_value, kl_stderr = _reconciled(kl.value[0], kl.stderr[0], from_entropy + q.log_z, from_entropy_stderr)
        rows.append(
            {
                "kl_divergence": kl_value,
                "kl_divergence_stderr": kl_stderr,
                "kl_divergence_floor": floor,
                "kl_divergence_limit": kl_limit(bins),
                "log_partition_function": q.log_z,
                "free_energy": temperature * (kl_value - q.log_z),
                "free_energy_stderr": temperature * kl_stderr,
                "entropy": density.entropy,
                "entropy_stderr": entropy_stderr,
                "free_energy_from_entropy": temperature * from_entropy,
                "free_energy_from_entropy_stderr": temperature * from_entropy_stderr,
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _reconciled(kl: float, stderr: float, independent: float, independent_stderr: float) -> tuple[float, float]:
    """KL from bins can only be too small; what an independent value says is missing is its error, or makes it NaN."""
    missing = independent - kl
    scale = np.hypot(stderr, independent_stderr)
    if missing > max(HIDDEN * scale, TOLERANCE):
        return np.nan, np.nan
    return kl, float(np.hypot(stderr, missing)) if missing > SEEN * scale else stderr


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
    mass = p[held] * v
    from_energy = math.fsum(mass * energy) + temperature * math.fsum(mass * log_p)
    from_kl = temperature * (math.fsum(mass * (log_p - log_q)) - law.log_z)
    return from_energy, from_kl
