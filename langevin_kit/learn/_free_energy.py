"""Free energies of bipartite networks: of hidden units given visible ones by quadrature, of all by integration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import CPU
from langevin_kit.learn._chains import LangevinChains
from langevin_kit.learn._data import Data
from langevin_kit.learn._layers import alone, layers_of
from langevin_kit.preflight.arguments import require_count, require_time_step
from langevin_kit.random import RNG, seed_sequence
from langevin_kit.run import initial_state
from langevin_kit.system import System

Floats = NDArray[np.float64]


def conditional_free_energy(system: System, visible: Any) -> Floats:
    r"""The free energy of the hidden units where the visible ones are held.

    .. math:: F(v) = -T \ln \int e^{-E(v, h)/T} dh

    They do not see each other, so that it is a sum of integrals over one unit each, by quadrature: to 1e-7 or better.

    Parameters
    ----------
    system : System
        Of two layers, as `networks.bipartite` makes it, at T > 0.
    visible : (N, n)
        v.

    Returns
    -------
    (N,)
        −T ln of the density of v, but for T ln Z (`partition`).

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> from langevin_kit import networks
    >>> pair = networks.bipartite([[0.5]], "identity", "identity", temperature=1.0)
    >>> F = conditional_free_energy(pair, [[0.0], [2.0]])  # (1 − U²) v²/2 − T/2 ln 2πT
    >>> F.round(6)
    array([-0.918939,  0.581061])
    """
    seen, hidden = layers_of(system)
    data = Data.of(system, visible, None)
    x = np.tile(hidden.rest[:, None], (1, len(data)))
    x[data.rows] = data.columns
    fields = np.asarray(system.parameters["U"]).T @ seen.outputs(x)
    return np.asarray(system.energy_at(x) - system.temperature * hidden.log_integrals(fields))


@dataclass(frozen=True)
class Partition:
    """ln Z of a network, with its error.

    Attributes
    ----------
    log_z, stderr : float
    coupling : (k,)
        λ between 0 and 1.
    slope : (k,)
        ⟨∂E/∂λ⟩ there.
    """

    log_z: float
    stderr: float
    coupling: Floats
    slope: Floats


def partition(
    system: System,
    *,
    time_step: float,
    n_steps: int = 400,
    n_chains: int = 1000,
    n_couplings: int = 12,
    backend: CPU | None = None,
    rng: RNG = None,
) -> Partition:
    r"""Ln Z of a bipartite network, by thermodynamic integration from the network without couplings.

    .. math:: \ln Z = \ln Z_0 - \frac{1}{T} \int_0^1 ⟨\frac{∂E}{∂λ}⟩_λ dλ, \qquad
              E_λ = E|_{U → λU}, \quad ⟨\frac{∂E}{∂λ}⟩ = -⟨g·U f⟩_λ

    Z₀ is a product of integrals over one unit each. The integral is that of Gauss and Legendre; chains relax from each
    of its λ to the next, and the second half of their steps is averaged.

    Parameters
    ----------
    system : System
        Of two layers, as `networks.bipartite` makes it, at T > 0.
    time_step : float
    n_steps : int
        At each λ. The error of too few is no part of `stderr`, nor is that of the time step.
    n_chains : int
    n_couplings : int
        k.
    backend : CPU
    rng : int, SeedSequence, Generator or None

    Returns
    -------
    Partition
        Its error is that between chains.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Kirkwood, J. Chem. Phys. 3, 300 (1935).

    Examples
    --------
    >>> from langevin_kit import networks
    >>> pair = networks.bipartite([[0.5]], "identity", "identity", temperature=1.0)
    >>> found = partition(pair, time_step=0.05, rng=0)  # ln 2πT/√(1 − U²)
    >>> bool(abs(found.log_z - np.log(2*np.pi/0.75**0.5)) < 0.02)
    True
    """
    for count in {"n_steps": n_steps, "n_chains": n_chains, "n_couplings": n_couplings}.items():
        require_count(*count)
    require_time_step(time_step)
    layers = layers_of(system)
    U = np.asarray(system.parameters["U"], np.float64)
    log_z = -float(alone(system, layers[0].rest[:, None])[0]) / system.temperature
    log_z += sum(float(layer.log_integrals(np.zeros((len(layer.rows), 1)))[0]) for layer in layers)
    node, weight = np.polynomial.legendre.leggauss(n_couplings)
    coupling, weight = (1 + node) / 2, weight / 2
    rest = np.tile(layers[0].rest[:, None], (1, n_chains))
    state = initial_state(system, system.n_dim, rest.T, n_chains, "float64", (np.uint32(0), np.uint32(0)))
    chains = LangevinChains(system, state, time_step, seed_sequence(rng), backend or CPU())
    parts = max(1, min(n_steps // 2, 20))
    slopes = np.zeros((n_couplings, n_chains))
    with chains:
        for k, factor in enumerate(coupling):
            chains.move(n_steps - n_steps // 2, {"U": factor * U})
            for _ in range(parts):
                chains.move(max(1, n_steps // 2 // parts), {"U": factor * U})
                a, b = (layer.outputs(state) for layer in layers)
                slopes[k] += ((U.T @ a) * b).sum(axis=0) / parts
    of_chains = weight @ slopes / system.temperature
    error = float(of_chains.std(ddof=1) / np.sqrt(n_chains)) if n_chains > 1 else np.nan
    return Partition(float(log_z - of_chains.mean()), error, coupling, slopes.mean(axis=1))
