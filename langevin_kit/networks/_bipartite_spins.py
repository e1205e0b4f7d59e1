"""Networks of a visible and a hidden layer of binary units, which see each other and not themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._associative import spread
from langevin_kit.system.arguments import array, number, temperature_of
from langevin_kit.system.dense import Components

Floats = NDArray[np.float64]

MOST_UNITS = 20
"""Of the smaller layer, up to which all its states are gone through."""

AT_A_TIME = 2**12
"""States of a layer in memory."""


@dataclass(frozen=True, eq=False)
class BipartiteSpins:
    r"""A layer v of n binary units and a layer h of m, E = −v·U h − I·v − J·h; made by `bipartite_spins`.

    States have the shape (n + m, R): v above h, a column each.

    Attributes
    ----------
    parameters : mapping of str to array
        U (n, m), I (n,) and J (m,).
    temperature : float
    states : two floats
        The lower and the higher value of every unit.
    """

    parameters: Mapping[str, Floats]
    temperature: float
    states: tuple[float, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", dict(self.parameters))

    @property
    def n_dim(self) -> int:
        """Units of both layers, n + m."""
        return sum(self.parameters["U"].shape)

    @cached_property
    def names(self) -> Components:
        """Of all units, which know the layers v and h."""
        n, m = self.parameters["U"].shape
        return Components({"v": n, "h": m})

    @property
    def transposed(self) -> BipartiteSpins:
        """The same law with the layers' places exchanged."""
        U, I, J = (self.parameters[name] for name in "UIJ")  # noqa: E741
        return BipartiteSpins({"U": U.T, "I": J, "J": I}, self.temperature, self.states)

    def energy_at(self, x: Any) -> Floats:
        """E of each column of x (n + m, R)."""
        U, I, J = (self.parameters[name] for name in "UIJ")  # noqa: E741
        state = np.asarray(x)
        v, h = state[: len(U)], state[len(U) :]
        return np.asarray(-((U.T @ v + J[:, None]) * h).sum(axis=0) - I @ v)

    def hidden_fields(self, v: Any) -> Floats:
        """Uᵀv + J, (m, R), in float32 if v is."""
        seen = np.asarray(v)
        dtype = np.float32 if seen.dtype == np.float32 else np.float64
        U, J = (self.parameters[name].astype(dtype, copy=False) for name in "UJ")
        return np.asarray(U.T @ seen + J[:, None])

    def hidden_mean(self, v: Any) -> Floats:
        r"""⟨h⟩ given v (n, R): a + (b − a)/(1 + exp(−(b − a)(Uᵀv + J)/T)) for the states a and b; (m, R)."""
        a, b = self.states
        # (1 + tanh x/2)/2 is 1/(1 + exp −x) without an overflow.
        x = self.hidden_fields(v)
        share = (1 + (np.tanh((b - a) / (2 * self.temperature) * x) if self.temperature else np.sign(x))) / 2
        return np.asarray(a + (b - a) * share)

    def free_energy(self, v: Any) -> Floats:
        r"""F(v) = −T ln Σ_h exp(−E(v, h)/T) of each column of v (n, R)."""
        return np.asarray(-self.parameters["I"] @ np.asarray(v) - self.free_units(self.hidden_fields(v)))

    def free_units(self, x: Floats) -> Floats:
        r"""T Σ_j ln (exp(a x_j/T) + exp(b x_j/T)) of units in fields x (m, R)."""
        a, b = self.states
        own = np.maximum(a * x, b * x)
        if self.temperature:
            own = own + self.temperature * np.log(1 + np.exp(-(b - a) / self.temperature * np.abs(x)))
        return np.asarray(own.sum(axis=0))

    @cached_property
    def log_z(self) -> float:
        """The logarithm of Z, by going through all states of the smaller layer.

        Raises
        ------
        InvalidArgument
            If it has more than 20 units, or at T = 0: `learn.annealed_importance` estimates ln Z of others.
        """
        U = self.parameters["U"]
        if min(U.shape) > MOST_UNITS:
            raise InvalidArgument(
                f"log_z: got layers of {U.shape[0]} and {U.shape[1]} units; the smaller one may have {MOST_UNITS} at "
                "most. learn.annealed_importance estimates ln Z of larger ones."
            )
        if not self.temperature:
            raise InvalidArgument("log_z: got T = 0, where there is no Z; T > 0 is needed.")
        side = self if U.shape[0] <= U.shape[1] else self.transposed
        n = min(U.shape)
        parts = [
            logsumexp(-side.free_energy(all_states(n, self.states, low, AT_A_TIME)) / self.temperature)
            for low in range(0, 2**n, AT_A_TIME)
        ]
        return float(logsumexp(parts))

    def log_probability(self, v: Any, log_z: float | None = None) -> Floats:
        """Ln p(v) of each column of v (n, R), by `log_z` if it is not given."""
        return np.asarray(-self.free_energy(v) / self.temperature - (self.log_z if log_z is None else log_z))


def bipartite_spins(
    U: Any,
    *,
    inputs: Any = 0.0,
    hidden_inputs: Any = 0.0,
    temperature: float,
    states: Sequence[float] = (-1, 1),
) -> BipartiteSpins:
    r"""A visible layer v and a hidden layer h of binary units: a restricted Boltzmann machine.

    .. math:: E = -v·U h - I·v - J·h, \qquad p(v, h) = e^{-E/T}/Z

    Units of a layer do not see each other, so that given the other layer they are independent, each with

    .. math:: P(h_j = b) = \frac{1}{1 + e^{-(b - a) x_j/T}}, \qquad x = U^T v + J

    for the states a < b: `block_gibbs` draws a whole layer at once.

    Parameters
    ----------
    U : (n, m)
        Couplings of n visible with m hidden units.
    inputs, hidden_inputs : number, (n,), or (m,)
        I and J.
    temperature : float
        T ≥ 0. At T = 0 a unit takes the state that its field points to, and stays as it is where that is 0.
    states : two numbers
        a < b of every unit: (−1, 1), or (0, 1) as of machines in the literature, whose weights are U, I and J at T = 1.

    Returns
    -------
    BipartiteSpins
        Exact: `energy_at`, `hidden_mean`, `free_energy`; and, of a layer of 20 units at most, `log_z` and
        `log_probability`.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Smolensky, in Parallel Distributed Processing 1, 194 (1986).

    Examples
    --------
    >>> pair = bipartite_spins([[0.5]], temperature=1.0)
    >>> pair.log_probability([[1.0, -1.0]]).round(4)
    array([-0.6931, -0.6931])
    >>> bool(np.isclose(pair.log_z, np.log(4*np.cosh(0.5))))
    True
    """
    couplings = np.asarray(array("U", U))
    if couplings.ndim != 2 or not couplings.size:
        raise InvalidArgument(f"U: got shape {couplings.shape}; an array (n, m) is needed.")
    if len(states) != 2 or not number("states[0]", states[0]) < number("states[1]", states[1]):
        raise InvalidArgument(f"states: got {states!r}; two numbers are needed, the smaller one first.")
    n, m = couplings.shape
    return BipartiteSpins(
        parameters={
            "U": couplings,
            "I": np.asarray(spread("inputs", inputs, n)),
            "J": np.asarray(spread("hidden_inputs", hidden_inputs, m)),
        },
        temperature=temperature_of(temperature),
        states=(float(states[0]), float(states[1])),
    )


def all_states(n: int, states: tuple[float, float], low: int = 0, at_most: int | None = None) -> Floats:
    """Columns (n, R) of the states with the numbers low, low + 1, … of n units, in binary."""
    high = 2**n if at_most is None else min(2**n, low + at_most)
    bits = np.arange(low, high) >> np.arange(n)[:, None] & 1
    return np.asarray(np.array(states)[bits])
