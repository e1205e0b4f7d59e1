"""Dense associative memories: spins with the energy −Σ F(ξ·s), F a power or an exponential."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import cache
from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.kernels.counter_rng import check_counter
from langevin_kit.kernels.cpu.dense_memory import LANES
from langevin_kit.networks._attractors import PER_TASK, Attractors, distinct, spins
from langevin_kit.networks._rules import patterns_of
from langevin_kit.random import RNG, philox_key, seed_sequence
from langevin_kit.system.arguments import at_least_zero

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

UPDATES = ("random", "sequential")
LARGEST_DEGREE = 20

_SOURCE = """\
import numpy as np
from langevin_kit.kernels.cpu.dense_memory import LANES, sweeps_of
from langevin_kit.kernels.jit import cached_driver
from langevin_kit.kernels.scratch import empty

@cached_driver
def move(states, low, high, patterns, n_patterns, G, H, at_random, to_rest, first, n, temperature, key0, key1, sweeps):
    n_spins, filled = patterns.shape
    thresholds, sites = empty((n_spins,), np.float64), empty((n_spins,), np.int64)
    levels, slopes, lanes = empty((filled,), np.int32), empty((filled,), np.float64), empty((LANES,), np.float64)
    for i in range(n_spins):
        sites[i], thresholds[i] = i, 0.0
    for p in range(low, high):
        sweeps[p] = sweeps_of(
            states[p], patterns, n_patterns, G, H, levels, slopes, lanes, sites, thresholds,
            at_random, to_rest, p, first, n, temperature, key0, key1,
        )
"""


@dataclass(frozen=True, eq=False)
class DenseAssociative:
    """What `dense_associative` makes.

    Attributes
    ----------
    patterns : (P, N)
        ξ, of 1 and −1.
    interaction : int or "exp"
        The degree n of F, or that it is an exponential.
    update : str
        Whether an attempt takes a spin at random or each in turn.
    """

    patterns: Floats
    interaction: int | str
    update: str

    def overlaps(self, states: Any) -> Floats:
        """ξ·s of states (..., N) with every pattern, (..., P): whole numbers between −N and N."""
        return np.asarray(spins("states", states, self.patterns.shape[1]) @ self.patterns.T)

    def energy(self, states: Any) -> Floats:
        """E of states (..., N)."""
        return np.asarray(-self._unit * self._potential(self.overlaps(states)).sum(axis=-1))

    def attractors(self, starts: Any, *, max_sweeps: int = 1000, rng: RNG = None) -> Attractors:
        """Where spins end at T = 0 from starts (R, N): in states that no flip lowers, as of `networks.attractors`."""
        states, sweeps = self._moved(starts, True, 0, _count("max_sweeps", max_sweeps, 1), 0.0, rng)
        pairs = np.stack([states, states], axis=1)
        return distinct(pairs, (sweeps >= 0).astype(np.int64), np.where(sweeps < 0, max_sweeps, sweeps))

    def glauber(self, starts: Any, temperature: float, n_sweeps: int, *, first: int = 0, rng: RNG = None) -> Floats:
        """States (R, N) after so many sweeps at T ≥ 0, each of N attempted flips of chance 1/(1 + exp(ΔE/T)).

        With `first` sweeps made before, by the same seed, a run goes on: it has the same bits wherever it is cut.
        """
        T, n = at_least_zero("temperature", temperature), _count("n_sweeps", n_sweeps, 0)
        return self._moved(starts, False, _count("first", first, 0), n, T, rng)[0]

    @property
    def _unit(self) -> float:
        """Of the energy: with it a power is a whole number, and F′(N) = 1."""
        n, N = self.interaction, float(self.patterns.shape[1])
        return 1.0 if isinstance(n, str) else 1.0 / (n * N ** (n - 1))

    def _potential(self, A: Floats) -> Floats:
        """F of overlaps, in units."""
        n, N = self.interaction, self.patterns.shape[1]
        return np.asarray(np.exp(A - N) if isinstance(n, str) else A**n)

    def _moved(
        self, starts: Any, to_rest: bool, first: int, n_sweeps: int, temperature: float, rng: RNG
    ) -> tuple[Floats, Integers]:
        """States after sweeps, and how many it took each to be at rest."""
        n_patterns, N = self.patterns.shape
        states = spins("starts", starts, N).copy()
        if states.ndim != 2 or not len(states):
            raise InvalidArgument(f"starts: got shape {states.shape}; (R, {N}) is needed, R states.")
        try:
            check_counter(first * -(-N // 2), n_sweeps * -(-N // 2))
        except OverflowError as error:
            raise InvalidArgument(f"sweeps: {error}.") from None
        module, key = cache.load(_SOURCE), philox_key(seed_sequence(rng))
        signs = np.zeros((N, -(-n_patterns // LANES) * LANES), np.int8)
        signs[:, :n_patterns] = self.patterns.T
        below, at, above = (self._potential(np.arange(-N, N + 1.0, 2.0) + shift) for shift in (-2.0, 0.0, 2.0))
        costs = (np.append(cost, 0.0) for cost in (2 * at - below - above, above - below))
        about = *costs, self.update == "random", to_rest, first, n_sweeps, 4 * temperature / self._unit, *key
        sweeps, at_a_time = np.zeros(len(states), np.int64), max(1, PER_TASK // signs.size)

        def work(low: int) -> None:
            module.move(states, low, min(low + at_a_time, len(states)), signs, n_patterns, *about, sweeps)

        with ThreadPoolExecutor() as pool:
            deque(pool.map(work, range(0, len(states), at_a_time)), 0)
        return states, sweeps


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidArgument(f"{name}: got {value!r}; an integer of {least} or more is needed.")
    return int(value)


def dense_associative(patterns: Any, interaction: int | str = 3, *, update: str = "random") -> DenseAssociative:
    r"""Spins with more than pairwise interactions, which store more patterns than they are.

    .. math:: E(s) = -\sum_μ F(ξ^μ·s), \qquad F(A) = \frac{A^n}{n N^{n-1}} \quad\text{or}\quad F(A) = e^{A - N}

    with :math:`F'(N) = 1`, so that temperatures mean what they do for `hebb`, which n = 2 is: with or without its
    diagonal, since a flip costs the difference of two energies, in which :math:`W_{ii}` is no part. At a lone pattern
    a flip costs about 2 with a power, and 1 − e⁻² with the exponential. A spin flips by Glauber's rule, with the chance
    :math:`1/(1 + e^{ΔE/T})`; at T = 0 where ΔE < 0, and stays where ΔE = 0. Overlaps are kept up to date, so that an
    attempt takes a time of the order of P, and so does a flip.

    Parameters
    ----------
    patterns : (P, N)
        Of 1 and −1.
    interaction : int or "exp"
        The degree n, from 2 to 20, or the exponential.
    update : "random" or "sequential"
        Whether an attempt takes a spin at random or each in turn: by the same numbers as of `SpinSystem`.

    Returns
    -------
    DenseAssociative
        With `energy`, `overlaps`, `attractors` at T = 0 and `glauber` at T > 0.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Of the order of :math:`N^{n-1}` random patterns are held: Krotov & Hopfield, NeurIPS 2016; with the exponential
    :math:`e^{αN}`: Demircigil, Heusel, Löwe, Upgang & Vermet, J. Stat. Phys. 168, 288 (2017). Powers of overlaps are
    whole numbers, whose sums are exact up to :math:`2^{53}`, so that ΔE = 0 is seen.

    Examples
    --------
    >>> xi = np.random.default_rng(0).choice([-1, 1], size=(100, 32))  # 3 N patterns
    >>> memory = dense_associative(xi, 4)
    >>> start = np.r_[-xi[0, :4], xi[0, 4:]]
    >>> found = memory.attractors([start], rng=0)
    >>> float(memory.overlaps(start)[0]), float(memory.overlaps(found.states[0, 0])[0])
    (24.0, 32.0)
    """
    xi = patterns_of(patterns)
    if update not in UPDATES:
        raise InvalidArgument(f"update: got {update!r}{did_you_mean(str(update), UPDATES)}.")
    is_degree = isinstance(interaction, int | np.integer) and not isinstance(interaction, bool)
    if interaction != "exp" and not (is_degree and 2 <= int(interaction) <= LARGEST_DEGREE):
        raise InvalidArgument(f"interaction: got {interaction!r}; a degree from 2 to {LARGEST_DEGREE}, or 'exp'.")
    return DenseAssociative(xi, int(interaction) if is_degree else "exp", update)
