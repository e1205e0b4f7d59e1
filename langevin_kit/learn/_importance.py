"""ln Z of binary units by annealed importance sampling: chains that follow the couplings as they come in."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from langevin_kit.backends import CPU
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import BipartiteSpins, GibbsChains
from langevin_kit.preflight.arguments import require_count
from langevin_kit.random import RNG, philox_key, seed_sequence

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LogZ:
    """What `annealed_importance` found.

    Attributes
    ----------
    value, stderr : float
        ln Z, and its standard error by the spread of the weights.
    log_weights : (R,)
        Of the chains; the mean of their exponentials is Z.
    effective_chains : float
        (Σ w)²/Σ w²: where it is far below R, take more temperatures.
    """

    value: float
    stderr: float
    log_weights: Floats
    effective_chains: float


def annealed_importance(
    network: BipartiteSpins,
    *,
    n_temperatures: int = 1000,
    n_chains: int = 256,
    base_rates: Any = None,
    dtype: str = "float64",
    backend: CPU | None = None,
    rng: RNG = None,
) -> LogZ:
    r"""Ln Z of a network of binary units, from a network without couplings whose Z is known.

    The energies :math:`E_β = -β(v·U h + J·h) - ((1 - β) B + β I)·v` go from independent units at β = 0 to the network
    at β = 1. Chains begin with exact states of the first and make a step at each β between, and

    .. math:: \ln Z = \ln Z_0 + \ln ⟨w⟩, \qquad \ln w = \sum_k \ln \frac{p^*_{β_k}(v_{k-1})}{p^*_{β_{k-1}}(v_{k-1})},
              \qquad p^*_β(v) = \sum_h e^{-E_β(v, h)/T}

    where ⟨w⟩ is Z/Z₀ exactly for any number of temperatures.

    Parameters
    ----------
    network : BipartiteSpins
        At T > 0.
    n_temperatures : int
        Steps of β, evenly spaced.
    n_chains : int
        R.
    base_rates : (N, n), optional
        Data, whose mean of each visible unit is that of the first network; B = I if left out.
    dtype : "float64" or "float32"
        Of the chains; weights are float64.
    backend : CPU
        Threads; results do not depend on them.
    rng : int, SeedSequence, Generator or None
        The seed.

    Returns
    -------
    LogZ

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Neal, Stat. Comput. 11, 125 (2001); for these networks Salakhutdinov & Murray, Proc. 25th ICML, 872 (2008). ⟨w⟩ has
    no bias, its logarithm one of −½ stderr², and both rely on chains that meet all that weighs: of a network with
    modes that none of them has found, ln Z is too low.

    Examples
    --------
    >>> from langevin_kit import networks
    >>> network = networks.bipartite_spins(np.eye(3) + 0.2, temperature=1.0)
    >>> found = annealed_importance(network, n_temperatures=100, rng=0)
    >>> bool(abs(found.value - network.log_z) < 4.4 * found.stderr < 0.1)
    True
    """
    if not isinstance(network, BipartiteSpins):
        raise InvalidArgument(f"network: got {type(network).__name__}; one of networks.bipartite_spins is needed.")
    if not network.temperature:
        raise InvalidArgument("network: got T = 0, where there is no Z; T > 0 is needed.")
    for count in (("n_temperatures", n_temperatures), ("n_chains", n_chains)):
        require_count(*count)
    T = network.temperature
    B = network.parameters["I"] if base_rates is None else _fields_of(base_rates, network)

    def at(beta: float) -> dict[str, Floats]:
        U, I, J = (network.parameters[name] for name in "UIJ")  # noqa: E741
        return {"U": beta * U, "I": (1 - beta) * B + beta * I, "J": beta * J}

    n, more = len(B), network.parameters["I"] - B
    state = np.full((network.n_dim, n_chains), network.states[0], dtype)
    device = backend or CPU()
    betas = np.linspace(0.0, 1.0, n_temperatures + 1)
    total = np.zeros(n_chains)
    with GibbsChains(network, state, philox_key(seed_sequence(rng)), threads=device.threads) as chains:
        # Without couplings one step is an exact draw.
        for beta, next_beta in pairwise(betas):
            chains.move(1, at(float(beta)))
            v = state[:n].astype(np.float64)
            x = network.hidden_fields(v)
            of_h = network.free_units(next_beta * x) - network.free_units(beta * x)
            total += ((next_beta - beta) * (more @ v) + of_h) / T
    log_z0 = float(network.free_units(B[:, None])[0] / T + len(network.parameters["J"]) * np.log(2))
    share = np.exp(total - logsumexp(total))
    spread = np.sqrt(max(float((share**2).sum()) - 1 / n_chains, 0.0) * n_chains / max(n_chains - 1, 1))
    return LogZ(
        value=log_z0 + float(logsumexp(total)) - float(np.log(n_chains)),
        stderr=float(spread),
        log_weights=total + log_z0,
        effective_chains=float(1 / (share**2).sum()),
    )


def _fields_of(base_rates: Any, network: BipartiteSpins) -> Floats:
    """The fields under which single units have the means of the data, with one more of either state."""
    low, high = network.states
    data = np.asarray(base_rates)
    n = len(network.parameters["I"])
    if data.ndim != 2 or data.shape[1] != n or not len(data) or not np.isin(data, network.states).all():
        raise InvalidArgument(
            f"base_rates: got shape {data.shape}; data (N, {n}) of {low:g} and {high:g}, the states, are needed."
        )
    share = ((data == high).sum(axis=0) + 1) / (len(data) + 2)
    return np.asarray(network.temperature / (high - low) * np.log(share / (1 - share)))
