r"""KL, F and H of an ensemble from its mean and covariance, against a Gaussian law q in any number of dimensions.

The Gaussian g with the moments of p is what is compared with q. Since ln q is quadratic,

.. math:: KL(p‖q) = KL(p‖g) + KL(g‖q), \qquad H[p] = H[g] - KL(p‖g)

exactly: the estimates are those of p if p is Gaussian, and otherwise lower bounds of KL and F and an upper bound of H.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate._boltzmann import Boltzmann
from langevin_kit.estimate.binned import ALARM

Floats = NDArray[np.float64]

_FROM = "of the Gaussian with the ensemble's mean and covariance"

GAUSSIAN_NAMES = {
    "kl_divergence": f"KL(g‖q) {_FROM}, g: a lower bound of KL(p‖q)",
    "free_energy": f"free energy F = T KL − T ln Z {_FROM}: a lower bound of F",
    "free_energy_from_entropy": f"free energy F = ⟨E⟩ − T H {_FROM}: a lower bound of F",
    "free_energy_from_entropy_stderr": "standard error of ⟨E⟩ − T H",
    "entropy": f"entropy H = −∫ p ln p dx {_FROM}: an upper bound of H",
    "entropy_stderr": "standard error of H",
}
"""What the variables mean here."""


def gaussian_relaxation(
    law: Sequence[Boltzmann], n_particles: int, mean: Floats, covariance: Floats, mean_energy: Floats
) -> dict[str, Floats]:
    r"""Estimate F, H and KL at each time from the ensemble's mean and covariance.

    Parameters
    ----------
    law : sequence of Boltzmann
        One for each time, each with a closed form (`Boltzmann.gaussian`).
    n_particles : int
        N; everything is NaN unless N > d + 1.
    mean : (time, d)
    covariance : (time, d, d)
        With divisor N − 1.
    mean_energy : (time,)
        ⟨E⟩ of the ensemble itself.

    Returns
    -------
    dict
        Variables of the Dataset by name, each (time,).

    Notes
    -----
    Both forms of F have the same statistical error, since the energy is quadratic: that they agree checks ln Z and ⟨E⟩.

    References
    ----------
    T. W. Anderson, An Introduction to Multivariate Statistical Analysis, 3rd ed. (2003), sections 7.5 and 10.9.

    Examples
    --------
    >>> from langevin_kit.estimate import boltzmann
    >>> from langevin_kit.system import System
    >>> law = boltzmann(System(energy="x**2/2", temperature=1.0))
    >>> got = gaussian_relaxation([law], 10**6, np.array([[0.0]]), np.array([[[0.25]]]), np.array([0.125]))
    >>> round(float(got["kl_divergence"][0]), 4)  # ½ (¼ − 1) + ln 2
    0.3181
    """
    rows = []
    for q, m, c, energy in zip(law, mean, covariance, mean_energy, strict=True):
        if q.gaussian is None:
            raise InvalidArgument(
                "gaussian_relaxation: the law is no Gaussian in closed form; a quadratic energy has one."
            )
        temperature = q.system.temperature
        kl, kl_stderr = kl_divergence(n_particles, m, c, *q.gaussian)
        h, h_stderr = entropy(n_particles, c)
        rows.append(
            {
                "kl_divergence": kl,
                "kl_divergence_stderr": kl_stderr,
                "kl_divergence_floor": kl_floor(n_particles, len(m)),
                "log_partition_function": q.log_z,
                "free_energy": temperature * (kl - q.log_z),
                "free_energy_stderr": temperature * kl_stderr,
                "entropy": h,
                "entropy_stderr": h_stderr,
                "free_energy_from_entropy": float(energy) - temperature * h,
                "free_energy_from_entropy_stderr": temperature * kl_stderr,
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def entropy(n: int, covariance: Floats) -> tuple[float, float]:
    r"""H of a Gaussian from a sample covariance, unbiased, and its standard error.

    .. math:: H = \tfrac d2 \ln 2πe + ½ \ln|\hat S| - ½ \sum_{j=1}^d [ψ(\tfrac{N-j}2) - \ln\tfrac{N-1}2],
              \qquad s^2 = ¼ \sum_{j=1}^d ψ'(\tfrac{N-j}2)

    Examples
    --------
    >>> round(entropy(10**9, np.array([[1.0]]))[0], 6)  # ½ ln 2πe
    1.418939
    """
    from scipy.special import digamma, polygamma

    d = len(covariance)
    if not np.isfinite(covariance).all():
        return np.nan, np.nan
    sign, log_det = np.linalg.slogdet(covariance)
    if n <= d + 1 or not sign > 0:
        return np.nan, np.nan
    half = 0.5 * (n - np.arange(1, d + 1))
    value = 0.5 * (d * np.log(2 * np.pi * np.e) + log_det - (digamma(half) - np.log(0.5 * (n - 1))).sum())
    return float(value), float(0.5 * np.sqrt(polygamma(1, half).sum()))


def kl_divergence(
    n: int, mean: Floats, covariance: Floats, law_mean: Floats, law_covariance: Floats
) -> tuple[float, float]:
    r"""KL(p‖q) of two Gaussians from a sample of p, unbiased, and its standard error.

    With S and δ the covariance and the mean in coordinates in which q is N(0, 1),

    .. math:: KL = ½ [ tr S + δ·δ - d - \ln|S| ], \qquad
              s^2 = \frac{½ tr (S-1)^2 + δ·Sδ}{N} + \frac{d(d+3)}{4N^2}

    where δ·δ is freed of tr S/N, ln|S| of the digamma bias, and the first term of s² of the fluctuations of S and δ,
    which the second term holds: 2N KL is χ² with d(d + 3)/2 degrees of freedom where p = q.

    Examples
    --------
    >>> kl_divergence(10**9, np.ones(1), np.eye(1), np.zeros(1), np.eye(1))[0] - 0.5 < 1e-8
    True
    """
    d = len(mean)
    root = np.linalg.cholesky(law_covariance)
    delta = np.linalg.solve(root, mean - law_mean)
    s = np.linalg.solve(root, np.linalg.solve(root, covariance).T)
    h, _ = entropy(n, s)
    if np.isnan(h):
        return np.nan, np.nan
    trace = float(np.trace(s))
    value = 0.5 * (trace * (1 - 1 / n) + delta @ delta + d * np.log(2 * np.pi)) - h
    nu = n - 1
    square = nu**2 / ((nu - 1) * (nu + 2)) * ((s * s).sum() - trace**2 / nu) if nu > 1 else np.nan  # unbiased tr S²
    spread = float(0.5 * (square - 2 * trace + d) + delta @ s @ delta - square / n)
    return float(value), float(np.sqrt(max(spread, 0.0) / n + d * (d + 3) / (4 * n**2)))


def kl_floor(n: int, d: int) -> float:
    r"""The value that the estimate exceeds with probability `ALARM` when p = q.

    2N KL + E is then the likelihood-ratio statistic of a given mean and covariance, E its mean: χ² with d(d + 3)/2
    degrees of freedom times Bartlett's factor, which is exact in the mean.

    Examples
    --------
    >>> round(1e6 * kl_floor(10**6, 2), 1)  # (χ²₅ quantile 20.5 − 5)/2
    7.8
    """
    from scipy.special import chdtri, digamma

    if n <= d + 1:
        return np.inf
    dof = d * (d + 3) / 2
    expected = -n * float(np.sum(digamma(0.5 * (n - np.arange(1, d + 1))) - np.log(0.5 * n)))
    return expected / dof * (float(chdtri(dof, ALARM)) - dof) / (2 * n)
