"""Neurons and the synapses between them, both moving, with noise of two temperatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._activations import Activation, activation_of, at
from langevin_kit.networks._associative import spread
from langevin_kit.system import System, reflecting
from langevin_kit.system.arguments import above_zero, at_least_zero


def noisy_synapses(
    n: int,
    activation: str | Activation = "tanh",
    *,
    temperature: float,
    synaptic_temperature: float | None = None,
    time_scale: float = 10.0,
    stiffness: float = 1.0,
    fields: Any = 0.0,
) -> System:
    r"""N outputs y of a continuous network, and couplings w of all their pairs, which learn by Hebb's rule.

    .. math:: E = -\sum_{i<j} w_{ij} y_i y_j - b·y + \sum_i \int^{y_i} f^{-1} + V(w), \qquad V = \frac{κ}{2} |w|^2

    .. math:: τ_w\,dw_{ij} = (y_i y_j - κ w_{ij})\,dt + \sqrt{2 T_w τ_w}\,dW

    while y follows `continuous_outputs` with the couplings w at the temperature T, on its own scale of time, 1. At
    T = T_w = 0 E never rises; at T = T_w > 0 the law is exp(−E/T)/Z, whatever τ_w. If T_w is another, there is no such
    law, but for τ_w → ∞ the outputs are in equilibrium with w, and

    .. math:: q(w) ∝ e^{-V(w)/T_w} Z(w)^{T/T_w}, \qquad Z(w) = \int e^{-(E - V)/T} dy:

    n = T/T_w replicas of a network whose couplings are drawn from exp(−V/T_w).

    Parameters
    ----------
    n : int
        N ≥ 2.
    activation : str or Activation
        f, which must be bounded.
    temperature, synaptic_temperature : float
        T, and T_w: T if left out. T_w needs T > 0, unless both are 0.
    time_scale : float
        τ_w.
    stiffness : float
        κ > 0.
    fields : number or (N,)
        b.

    Returns
    -------
    System
        Of the vectors y (N) and w (N(N−1)/2), in the order of ``numpy.triu_indices(N, 1)``.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Dong & Hopfield, Network 3, 267 (1992); Coolen, Penney & Sherrington, Phys. Rev. B 48, 16116 (1993), for the law.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> system = noisy_synapses(3, temperature=0.0, stiffness=0.4)
    >>> ds = lk.simulate(system, initial=np.array([[0.9, 0.8, 0.7, 1.0, 1.0, 1.0]]), time_step=0.05, n_steps=8000,
    ...                  save_every=4000, observables={"w": "sum(w)/3"})
    >>> ds.w.values.round(3)  # y² = κ w
    array([1.   , 2.499, 2.5  ])
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
        raise InvalidArgument(f"n: got {n!r}; 2 units or more are needed.")
    f, T = activation_of(activation), at_least_zero("temperature", temperature)
    if not np.isfinite([f.lowest, f.highest]).all():
        raise InvalidArgument(f"activation: got {activation!r:.60}; one between two limits is needed, such as 'tanh'.")
    T_w = T if synaptic_temperature is None else at_least_zero("synaptic_temperature", synaptic_temperature)
    if T_w and not T:
        raise InvalidArgument(
            f"synaptic_temperature: got {T_w:g} with the temperature 0; noise is measured in that. Take T > 0."
        )
    kappa, tau = above_zero("stiffness", stiffness), above_zero("time_scale", time_scale)
    first, second = np.triu_indices(n, 1)
    pairs = "((first @ y)*(second @ y))"
    ratio = T_w / T if T else 1.0
    return System(
        energy=f"sum({at(f.inverse_integral_text, y='y')}) - b @ y - w @ {pairs} + kappa*(w @ w)/2",
        mobility={"y": f.slope_text, "w": "ratio/tau"},
        # What K∇E, with the mobility of the noise, has too much or too little.
        drift={} if ratio == 1 else {"w": f"(1 - ratio)/tau*({pairs} - kappa*w)"},
        temperature=T,
        coordinates={"y": int(n), "w": len(first)},
        parameters={
            "first": np.eye(n)[first],
            "second": np.eye(n)[second],
            "b": spread("fields", fields, int(n)),
            "kappa": kappa,
            "ratio": ratio,
            "tau": tau,
        },
        walls={"y": reflecting(f.lowest, f.highest)},
    )
