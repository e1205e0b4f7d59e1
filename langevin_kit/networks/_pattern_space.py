"""Spins with Hebb's couplings as a Langevin equation of their overlaps, one coordinate a pattern."""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._rules import patterns_of
from langevin_kit.system import System

ENERGY = "m @ m/2 - T_spins*sum(logcosh((patterns @ m + fields)/T_spins) + log(2))/N"
OVERLAP = "first @ tanh((patterns @ m + fields)/T_spins)"


def pattern_space(patterns: Any, temperature: float, *, fields: Any = 0.0) -> System:
    r"""Langevin dynamics of P overlaps m with the thermodynamics of N spins that have Hebb's couplings.

    Gaussian variables, one a pattern, take the place of the spins' interaction, and the spins are summed out:

    .. math:: E(m) = \frac{|m|^2}{2} - \frac{T}{N} \sum_i \ln 2\cosh\frac{ξ_i·m + b_i}{T}, \qquad
              dm = -∇E\,dt + \sqrt{2T/N}\,dW

    so that the temperature of the equation is T/N. A mean over spins is one over m: that of :math:`ξ^μ·s/N` is the
    mean of :math:`N^{-1} \sum_i ξ_i^μ \tanh((ξ_i·m + b_i)/T)`, which is that of :math:`m_μ` as well, and has the
    smaller variance.

    Parameters
    ----------
    patterns : (P, N)
        ξ, of 1 and −1.
    temperature : float
        T > 0, that of the spins.
    fields : number or (N,)
        b.

    Returns
    -------
    System
        Of one vector m (P), at the temperature T/N. Among its parameters are ``patterns`` (N, P), ``fields`` (N,),
        ``first`` (N,), the first pattern over N, and ``T_spins``: its overlap is the observable `OVERLAP`. At the
        temperature 0 (`dataclasses.replace`) it is a network of rates, dm/dt = −m + ξᵀ tanh(ξ m/T)/N.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Hubbard, Phys. Rev. Lett. 3, 77 (1959); Amit, Gutfreund & Sompolinsky, Phys. Rev. A 32, 1007 (1985). The diagonal
    P/N of the couplings is a constant of the spins' energy, so that its absence changes nothing.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> patterns = np.random.default_rng(0).choice([-1.0, 1.0], size=(3, 500))
    >>> system = lk.networks.pattern_space(patterns, 0.4)
    >>> ds = lk.simulate(system, initial=lk.initial.point([1.0, 0.0, 0.0]), n_particles=100, time_step=0.1,
    ...                  n_steps=200, rng=0, observables={"overlap": lk.networks.OVERLAP})
    >>> bool(abs(ds.overlap[-1] - lk.networks.replica_symmetric(3 / 500, 0.4).m) < 0.01)
    True
    """
    xi = patterns_of(patterns)
    n = xi.shape[1]
    try:
        T, b = float(temperature), np.broadcast_to(np.asarray(fields, np.float64), n)
    except (TypeError, ValueError):
        raise InvalidArgument(f"temperature, fields: numbers are needed, one for each of {n} spins or one.") from None
    if not (np.isfinite(T) and T > 0):
        raise InvalidArgument(
            f"temperature: got {temperature!r}; a number above 0 is needed. At 0 take SpinSystem(couplings=hebb(…))."
        )
    return System(
        energy=ENERGY,
        temperature=T / n,
        coordinates={"m": len(xi)},
        parameters={"patterns": xi.T, "fields": b, "first": xi[0] / n, "T_spins": T, "N": n},
    )
