"""How far an ensemble is from the Boltzmann law at each saved time: KL, F in two forms, H."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit.estimate._boltzmann import Boltzmann
from langevin_kit.estimate._verdict import TOLERANCE
from langevin_kit.estimate.binned import Bins, bins_of_each, equal_mass_bins, kl_divergence, kl_floor, kl_limit
from langevin_kit.estimate.uniform import sampling_variance, uniform_density
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

MEASURE_NAMES = {
    "entropy": "entropy H = −∫ p ln(p/μ) dx, from uniform cells",
    "log_partition_function": "ln Z = ln ∫ μ exp(−E/T) dx",
}
"""What the variables mean with a reference measure μ."""

SEEN, HIDDEN = 2.0, 5.0
"""Standard errors by which the form of F without q must exceed KL for the excess to count as its error; or as a sign
that the bins hide where p is, such as far out in a tail of q."""


AT_ONCE = 2**19
"""Cells of all times that are worked on together."""


class Cells:
    """What the estimators need of a law on the histogram's cells; that of the last law is kept."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._law: Boltzmann | None = None
        self._n = 0
        self._bins: dict[tuple[int, ...], Bins] = {}

    def of(self, law: Boltzmann, n: int) -> tuple[Floats, Floats | float, float]:
        """The energies E − T ln μ, ln μ, and the detection floor of n particles."""
        if law is not self._law:
            self._mass = law.cell_mass(self.grid)
            self._energy = law.system.effective_energy_at(self.grid.centers, law.time)
            self._log_measure = law.system.log_measure_at(self.grid.centers) if law.system.facts.has_measure else 0.0
        if law is not self._law or n != self._n:
            self._floor = kl_floor(equal_mass_bins(self._mass, n), n)
            self._bins = {}
        self._law, self._n = law, n
        return self._energy, self._log_measure, self._floor

    def kl(self, histogram: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        """KL of ensembles of that size to that law, from (time, cells…): value, standard error, and limit."""
        value, stderr, limit = np.empty((3, len(histogram)))
        for rows, bins in bins_of_each(self._mass, self._n, histogram, self._bins):
            found = kl_divergence(bins, histogram[rows])
            value[rows], stderr[rows], limit[rows] = found.value, found.stderr, kl_limit(bins)
        return value, stderr, limit


def relaxation(
    law: Sequence[Boltzmann],
    grid: Grid | Cells,
    histogram: NDArray[np.int64],
    mean_energy: Floats,
    n_outside: NDArray[np.int64] | None = None,
    mean_log_measure: Floats | None = None,
) -> dict[str, Floats]:
    r"""Estimate F, H and KL at each time from one fine histogram.

    .. math:: F[p] = ⟨E⟩ - T H[p] = T\,KL(p‖q) - T \ln Z, \qquad H[p] = -\int p \ln(p/μ)\, dx

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
    mean_log_measure : (time,), optional
        ⟨ln μ⟩ of the ensemble itself; 0 if left out, as with μ = 1.

    Returns
    -------
    dict
        Variables of the Dataset by name, each (time,).
    """
    temperature = law[0].system.temperature
    cells = grid if isinstance(grid, Cells) else Cells(grid)
    beyond = np.zeros(len(histogram), np.int64) if n_outside is None else n_outside
    measured = np.zeros(len(histogram)) if mean_log_measure is None else mean_log_measure
    found = {name: np.full(len(histogram), np.nan) for name in ESTIMATES}
    for rows, q, n in _alike(law, histogram):
        count = histogram[rows]
        cell_energy, cell_log_measure, floor = cells.of(q, n)
        kl, kl_stderr, limit = cells.kl(count)
        density = uniform_density(count, cells.grid.volume, beyond[rows])
        own_entropy = density.entropy + measured[rows]
        from_entropy = mean_energy[rows] / temperature - own_entropy
        entropy_stderr = np.hypot(np.sqrt(sampling_variance(count, density, -cell_log_measure)), density.uncertainty)
        surprise_variance = sampling_variance(count, density, cell_energy / temperature)
        from_entropy_stderr = np.hypot(np.sqrt(surprise_variance), density.uncertainty)
        # F below its minimum: the cells do not resolve p.
        unresolved = from_entropy + q.log_z < -HIDDEN * from_entropy_stderr
        entropy, from_entropy = (np.where(unresolved, np.nan, value) for value in (own_entropy, from_entropy))
        kl, kl_stderr = _reconciled(kl, kl_stderr, from_entropy + q.log_z, from_entropy_stderr)
        values = {
            "kl_divergence": kl,
            "kl_divergence_stderr": kl_stderr,
            "kl_divergence_floor": floor,
            "kl_divergence_limit": limit,
            "log_partition_function": q.log_z,
            "free_energy": temperature * (kl - q.log_z),
            "free_energy_stderr": temperature * kl_stderr,
            "entropy": entropy,
            "entropy_stderr": entropy_stderr,
            "free_energy_from_entropy": temperature * from_entropy,
            "free_energy_from_entropy_stderr": temperature * from_entropy_stderr,
        }
        for name, value in values.items():
            found[name][rows] = value
    return found


def _alike(law: Sequence[Boltzmann], histogram: NDArray[np.int64]) -> Iterator[tuple[slice, Boltzmann, int]]:
    """Times of one law and one number of particles, one after the other, a bounded number at once; none of nobody."""
    sizes = histogram.reshape(len(histogram), -1).sum(axis=1)
    most = max(1, AT_ONCE // max(1, histogram[:1].size))
    first = 0
    for end in range(1, len(law) + 1):
        if end - first < most and end < len(law) and law[end] is law[first] and sizes[end] == sizes[first]:
            continue
        if sizes[first]:
            yield slice(first, end), law[first], int(sizes[first])
        first = end


def _reconciled(kl: Floats, stderr: Floats, independent: Floats, independent_stderr: Floats) -> tuple[Floats, Floats]:
    """KL from bins can only be too small; what an independent value says is missing is its error, or makes it NaN."""
    missing = independent - kl
    scale = np.hypot(stderr, independent_stderr)
    hidden = missing > np.maximum(HIDDEN * scale, TOLERANCE)
    larger = np.where(missing > SEEN * scale, np.hypot(stderr, missing), stderr)
    return np.where(hidden, np.nan, kl), np.where(hidden, np.nan, larger)


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
        ∫ p E − T H[p], with H against μ, and T KL(p‖q) − T ln Z with the midpoint rule: the same number but for
        round-off where p has mass one.
    """
    temperature = law.system.temperature
    p, v = density.ravel(), grid.volume
    x = grid.centers.reshape(len(grid.shape), -1)
    held = p > 0
    energy, log_q = law.system.effective_energy_at(x, law.time)[held], law.log_density(x)[held]
    log_p = np.log(p[held])
    mass = p[held] * v
    from_energy = math.fsum(mass * energy) + temperature * math.fsum(mass * log_p)
    from_kl = temperature * (math.fsum(mass * (log_p - log_q)) - law.log_z)
    return from_energy, from_kl
