"""KL by the method that is asked for, or by the sharpest one that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.estimate import binned, exponential, gaussian
from langevin_kit.estimate._boltzmann import Boltzmann
from langevin_kit.estimate.interval import kl_interval
from langevin_kit.system import Grid

Floats = NDArray[np.float64]

METHODS = ("binned", "exponential_family", "gaussian", "auto")

AGREE = 2.0
"""Standard errors by which bins may exceed the exponential family, a lower bound, for it to be taken instead."""


@dataclass(frozen=True)
class KL:
    """One time's estimate.

    Attributes
    ----------
    method : str
    value, stderr : float
    dof : int
        m, the degrees of freedom: near q the standard error is √(2 KL/N + m/2N²).
    floor : float
    """

    method: str
    value: float
    stderr: float
    dof: int
    floor: float


@dataclass(frozen=True, eq=False)
class Measured:
    """What a run measured, at each time.

    Attributes
    ----------
    n_particles : int
    grid : Grid or None
        Of the histogram.
    histogram : (time, cells…) or None
    mean, covariance : (time, d), (time, d, d), or None
    """

    n_particles: int
    grid: Grid | None = None
    histogram: NDArray[np.int64] | None = None
    mean: Floats | None = None
    covariance: Floats | None = None


def kl_by(method: str, law: Sequence[Boltzmann], measured: Measured) -> tuple[dict[str, NDArray[np.generic]], str]:
    """Estimate KL(p‖q) at each time, with a 95 % interval.

    Parameters
    ----------
    method : str
        "binned", bins of equal q-mass: sees everything that is as wide as a bin. "exponential_family", polynomials up
        to the fourth degree: a lower bound of few degrees of freedom. "gaussian", mean and covariance against a
        Gaussian law, in any number of coordinates: a lower bound too. "auto": the exponential family where bins do not
        exceed it by more than two standard errors, otherwise bins; "gaussian" without a histogram.
    law : sequence of Boltzmann
        One for each time.
    measured : Measured

    Returns
    -------
    values : dict
        ``kl_divergence`` and its ``_stderr``, ``_floor``, ``_low`` and ``_high``, ``degrees_of_freedom``, ``method``.
    reason : str
        What was chosen and why.

    Raises
    ------
    InvalidArgument
        For an unknown method, or one that needs what the run did not measure.
    """
    if method not in METHODS:
        raise InvalidArgument(f"method: got {method!r}{did_you_mean(str(method), METHODS)}.")
    has_cells = measured.histogram is not None and measured.grid is not None and len(measured.grid.shape) <= 2
    if method in ("binned", "exponential_family") and not has_cells:
        raise InvalidArgument(f"method: {method!r} needs a histogram in one or two coordinates; take 'gaussian'.")
    if method == "gaussian" or (method == "auto" and not has_cells):
        rows, reason = _gaussian(law, measured), "mean and covariance against the Gaussian law"
    else:
        rows, reason = _from_cells(method, law, measured)
    columns = {"kl_divergence": "value", "kl_divergence_stderr": "stderr", "kl_divergence_floor": "floor"}
    columns |= {"degrees_of_freedom": "dof", "method": "method"}
    values: dict[str, NDArray[np.generic]] = {
        name: np.array([getattr(row, field) for row in rows]) for name, field in columns.items()
    }
    value, stderr, dof = (
        np.array([getattr(row, name) for row in rows], np.float64) for name in ("value", "stderr", "dof")
    )
    low, high = kl_interval(value, stderr, dof, measured.n_particles)
    return {**values, "kl_divergence_low": low, "kl_divergence_high": high}, reason


def _gaussian(law: Sequence[Boltzmann], measured: Measured) -> list[KL]:
    if measured.covariance is None or measured.mean is None or any(q.gaussian is None for q in law):
        raise InvalidArgument("method: 'gaussian' needs the covariance, and a quadratic energy without walls.")
    rows, n = [], measured.n_particles
    for q, mean, covariance in zip(law, measured.mean, measured.covariance, strict=True):
        assert q.gaussian is not None
        d = len(mean)
        value, stderr = gaussian.kl_divergence(n, mean, covariance, *q.gaussian)
        rows.append(KL("gaussian", value, stderr, d * (d + 3) // 2, gaussian.kl_floor(n, d)))
    return rows


def _from_cells(method: str, law: Sequence[Boltzmann], measured: Measured) -> tuple[list[KL], str]:
    assert measured.grid is not None
    assert measured.histogram is not None
    n, rows, previous = measured.n_particles, [], None
    for q, count in zip(law, measured.histogram, strict=True):
        if q is not previous:
            mass, previous = q.cell_mass(measured.grid), q
            phi = exponential.polynomials(measured.grid, mass)
            floors = binned.kl_floor(binned.equal_mass_bins(mass, n), n), exponential.kl_floor(len(phi), n)
        bins = binned.equal_mass_bins(mass, n, count=count)
        by_bins = binned.kl_divergence(bins, count[None])
        wide = KL("binned", float(by_bins.value[0]), float(by_bins.stderr[0]), len(bins.mass) - 1, floors[0])
        family = exponential.kl_divergence(phi, mass, count[None])
        narrow = KL("exponential_family", float(family.value[0]), float(family.stderr[0]), len(phi), floors[1])
        agree = wide.value - narrow.value <= AGREE * np.hypot(wide.stderr, narrow.stderr)
        rows.append({"binned": wide, "exponential_family": narrow, "auto": narrow if agree else wide}[method])
    if method != "auto":
        return rows, "as asked for"
    taken = sum(row.method == "exponential_family" for row in rows)
    return rows, (
        f"the exponential family at {taken} of {len(rows)} times, where bins do not exceed this lower bound by more "
        f"than {AGREE:g} standard errors; bins of equal mass at the others"
    )
