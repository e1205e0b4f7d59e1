"""Which estimator serves a run: bins and cells in one or two coordinates, mean and covariance beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import estimate as estimators
from langevin_kit.estimate import Boltzmann
from langevin_kit.system import Grid

if TYPE_CHECKING:
    from langevin_kit.estimate import Cells


def estimate(
    law: Sequence[Boltzmann], grid: Grid | Cells | None, n_particles: int, variables: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], Mapping[str, str]]:
    """F, H and KL at each time from what the run measured.

    Parameters
    ----------
    law : sequence of Boltzmann
        One for each time; none if there is no Boltzmann law.
    grid : Grid, Cells or None
        Of the histogram; `Cells` for one call after the other.
    variables : mapping
        ``energy``; ``log_measure`` where μ is not 1; ``n_nonfinite``; ``histogram`` and ``n_outside``, or ``mean`` and
        ``covariance``.

    Returns
    -------
    values : dict
        Variables by name, each (time,); empty where no estimator serves.
    long_names : mapping
        Of those that do not mean what they usually do.
    """
    if not len(law):
        return {}, {}
    energy, lost = variables["energy"], variables.get("n_nonfinite")
    log_measure = variables.get("log_measure")
    if grid is not None and "histogram" in variables:
        histogram = variables["histogram"]
        if lost is not None and lost.any():  # an ensemble that is not whole has no law to be compared with
            histogram = np.where((lost > 0).reshape(-1, *[1] * (histogram.ndim - 1)), 0, histogram)
        values = estimators.relaxation(law, grid, histogram, energy, variables["n_outside"], log_measure)
        return values, estimators.MEASURE_NAMES if log_measure is not None else {}
    if "covariance" in variables and all(q.gaussian is not None for q in law):
        moments = variables["mean"], variables["covariance"]
        return estimators.gaussian_relaxation(law, n_particles, *moments, energy), estimators.GAUSSIAN_NAMES
    return {}, {}
