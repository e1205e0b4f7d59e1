"""Landscapes whose Boltzmann law is a Gaussian or a mixture of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument
from langevin_kit.system._system import System
from langevin_kit.system.zoo.arguments import Floats, coordinate_names, numbers, positive, positive_definite


def ornstein_uhlenbeck(stiffness: Any = 1.0, *, temperature: float = 1.0, mobility: Any = 1.0) -> System:
    r"""A harmonic well in any number of coordinates.

    .. math:: E = \tfrac12\, x \cdot k x

    The law is N(0, T k⁻¹) and :math:`Z = (2πT)^{d/2} (\det k)^{-1/2}`. For a constant K everything is known: from a
    Gaussian start the law at time t is Gaussian, its mean decays as :math:`e^{-Kkt}`, and its covariance is

    .. math:: C_t = T k^{-1} + e^{-Kkt} (C_0 - T k^{-1}) e^{-kKt}.

    Relaxation rates are the eigenvalues of Kk and all their sums.

    Parameters
    ----------
    stiffness : number, (d,) or (d, d)
        k, symmetric positive definite; a number for one coordinate, a vector for a diagonal.
    temperature, mobility
        As of `System`.

    Raises
    ------
    InvalidArgument

    References
    ----------
    Uhlenbeck & Ornstein, Phys. Rev. 36, 823 (1930); Gardiner, Stochastic Methods, section 4.5.

    Examples
    --------
    >>> system = ornstein_uhlenbeck([[2.0, 1.0], [1.0, 3.0]])
    >>> system.energy
    'k_x_x/2*x**2 + k_x_y*x*y + k_y_y/2*y**2'
    >>> system.gradient([[1.0], [0.0]]).tolist()
    [[2.0], [1.0]]
    """
    k = positive_definite("stiffness", stiffness)
    names = coordinate_names(len(k))
    text, parameters = quadratic(k, names, dict(zip(names, names, strict=True)), "k")
    return System(energy=text, coordinates=names, parameters=parameters, temperature=temperature, mobility=mobility)


def gaussian_mixture(
    means: Any,
    covariance: Any = 1.0,
    weights: Sequence[float] | None = None,
    *,
    temperature: float = 1.0,
    mobility: Any = 1.0,
) -> System:
    r"""The landscape whose Boltzmann law is a given mixture of Gaussians.

    .. math:: E = -T \ln \sum_i w_i\, N(x;\, μ_i, C_i)

    At the temperature given, Z = 1 and q is the mixture: its mean is Σ wᵢ μᵢ, its covariance
    Σ wᵢ (Cᵢ + μᵢ μᵢᵀ) less the square of the mean. Some 38 widths away from all components (13 in float32) every term
    underflows and E is infinite; no particle is there in equilibrium, and none should start there.

    Parameters
    ----------
    means : (n,) or (n, d)
        One row a component; a list of numbers for one coordinate.
    covariance : number, (d,), (d, d) or (n, d, d)
        Of every component, or of each; a number times the identity, or a diagonal.
    weights : (n,), optional
        Positive; scaled to sum to 1. Equal if not given.
    temperature, mobility
        As of `System`; T must be positive.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> system = gaussian_mixture([-2.0, 2.0], 0.25, [1, 3])
    >>> np.exp(-system.energy_at([[2.0]])).round(6)  # 3/4 of the height of N(2, 1/4), and next to nothing of the other
    array([0.598413])
    """
    mean = numbers("means", means)
    mean = mean[:, None] if mean.ndim == 1 else mean
    if mean.ndim != 2:
        raise InvalidArgument(f"means: got shape {mean.shape}; a row of d numbers for each component is needed.")
    n, d = mean.shape
    names = coordinate_names(d)
    each = numbers("covariance", covariance)
    if each.ndim == 3 and len(each) != n:
        raise InvalidArgument(f"covariance: got {len(each)} matrices for {n} components; one, or one each, is needed.")
    matrices = [positive_definite("covariance", each[i] if each.ndim == 3 else each, d) for i in range(n)]
    terms: list[str] = []
    parameters = {"thermal": positive(temperature=temperature)["temperature"]}
    for i, (weight, matrix) in enumerate(zip(_weights(weights, n), matrices, strict=True)):
        height = weight / np.sqrt(np.linalg.det(2 * np.pi * matrix))
        shifted = {name: f"({name} - m{i}_{name})" for name in names}
        text, of_text = quadratic(np.asarray(np.linalg.inv(matrix)), names, shifted, f"p{i}")
        terms.append(f"h{i}*exp(-({text}))")
        parameters |= {f"h{i}": float(height)}
        parameters |= {f"m{i}_{name}": float(mean[i, a]) for a, name in enumerate(names)}
        parameters |= of_text
    return System(
        energy=f"-thermal*log({' + '.join(terms)})",
        coordinates=names,
        parameters=parameters,
        temperature=temperature,
        mobility=mobility,
    )


def quadratic(k: Floats, names: Sequence[str], written: dict[str, str], prefix: str) -> tuple[str, dict[str, float]]:
    """½ x·kx as text over parameters prefix_a_b; entries that are 0 are left out."""
    terms, parameters = [], {}
    for a, one in enumerate(names):
        for b, other in enumerate(names[a:], start=a):
            if k[a, b] != 0.0:
                name = f"{prefix}_{one}_{other}"
                parameters[name] = float(k[a, b])
                same = f"{name}/2*{written[one]}**2"
                terms.append(same if a == b else f"{name}*{written[one]}*{written[other]}")
    return " + ".join(terms), parameters


def _weights(weights: Sequence[float] | None, n: int) -> Floats:
    w = np.ones(n) if weights is None else numbers("weights", weights)
    if w.shape != (n,) or not (w > 0).all():
        raise InvalidArgument(f"weights: got {weights!r}; {n} positive numbers are needed, one a component.")
    return np.asarray(w / w.sum())
