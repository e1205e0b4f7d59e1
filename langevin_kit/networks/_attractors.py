"""Where the spins of a network end at T = 0: fixed points, and cycles of two states."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import cache
from langevin_kit.errors import InvalidArgument
from langevin_kit.kernels.counter_rng import check_counter
from langevin_kit.random import RNG, philox_key, seed_sequence
from langevin_kit.system import SpinSystem

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PER_TASK = 2**20
"""Products of a coupling and a spin in a task of the pool, the fields of its starts: enough to be worth one."""

_SOURCE = """\
import numpy as np
from langevin_kit.kernels.cpu.attractors import against_field, settle, turn
from langevin_kit.kernels.jit import cached_driver
from langevin_kit.kernels.scratch import empty

@cached_driver
def attract(states, fields, low, high, W, at_random, at_once, max_sweeps, key0, key1, period, sweeps):
    n = states.shape[2]
    s, h, thresholds = empty((n,), np.{field}), empty((n,), np.{field}), empty((n,), np.float64)
    against, before, sites = empty((n,), np.int64), empty((n,), np.int64), empty((n,), np.int64)
    for i in range(n):
        sites[i], thresholds[i] = i, 0.0
    for p in range(low, high):
        for i in range(n):
            s[i], h[i] = np.{field}(states[p, 0, i]), np.{field}(fields[i, p])
        period[p], sweeps[p] = settle(
            s, h, W, against, before, sites, thresholds, at_random, at_once, p, max_sweeps, key0, key1
        )
        for i in range(n):
            states[p, 0, i] = s[i]
        if period[p] == 2:
            turn(s, h, W, against, against_field(s, h, against))
        for i in range(n):
            states[p, 1, i] = s[i]
"""


@dataclass(frozen=True)
class Attractors:
    """What `attractors` found; the attractor that most starts fall into comes first.

    Attributes
    ----------
    states : (A, 2, N)
        The state of each attractor and the one that follows it: the same at a fixed point.
    period : (A,) of int
        1 for a fixed point, 2 for a cycle.
    counts : (A,) of int
        Starts that fall into it.
    reached : (R,) of int
        Which attractor each start fell into; −1 if `max_sweeps` did not suffice.
    sweeps : (R,) of int
        How many it took to be there.
    """

    states: Floats
    period: Integers
    counts: Integers
    reached: Integers
    sweeps: Integers

    @property
    def n_fixed_points(self) -> int:
        """How many attractors are fixed points."""
        return int((self.period == 1).sum())

    @property
    def n_cycles(self) -> int:
        """How many are cycles of two states."""
        return int((self.period == 2).sum())

    @property
    def n_unfinished(self) -> int:
        """How many starts were still on their way."""
        return int((self.reached < 0).sum())


def attractors(system: SpinSystem, starts: Any, *, max_sweeps: int = 1000, rng: RNG = None) -> Attractors:
    r"""Where spins end at T = 0, from each of some starts: the sweeps of `simulate`, until nothing can change.

    A state is a fixed point when no field :math:`h = W s + b` is against its spin, :math:`h_i s_i ≥ 0`. One spin after
    another end there where :math:`W_{ii} ≥ 0`, since each flip lowers the energy; all at once end in a fixed point or
    in a cycle of two states, since `lyapunov` never rises.

    Parameters
    ----------
    system : SpinSystem
        At T = 0.
    starts : (R, N)
        States, of 1 and −1.
    max_sweeps : int
        After which a start counts as unfinished. With all at once, a cycle is seen one sweep after it was reached.
    rng : int, SeedSequence, Generator or None
        The seed of random updates: the same as that of `simulate` gives the same sweeps.

    Returns
    -------
    Attractors
        No two are the same state or cycle.

    Raises
    ------
    InvalidArgument
        For T > 0, where spins never rest, and for starts that are no spins.

    Notes
    -----
    Fields are sums of integers, as in `SpinSystem`: a field of 0 is seen to be 0, and leaves the spin as it is. That
    fixed points or cycles of two are all there is for symmetric couplings is due to Goles-Chacc, Fogelman-Soulie &
    Pellegrin, Discrete Appl. Math. 12, 261 (1985). Fields of 0 make no longer ones: a spin of a cycle that keeps its
    state once keeps it for ever.

    Examples
    --------
    >>> two = SpinSystem(couplings=[[0, 1], [1, 0]], temperature=0.0, update="synchronous")
    >>> found = attractors(two, [[1, 1], [-1, -1], [1, -1], [-1, 1]])
    >>> found.period, found.counts, found.reached
    (array([2, 1, 1]), array([2, 1, 1]), array([2, 1, 0, 0]))
    >>> found.states[0]
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    s = _checked(system, starts, max_sweeps)
    field, coupling = (np.int32, np.int16) if system.facts.has_short_couplings else (np.float64, np.float64)
    W, fields = system.parameters["couplings"].ravel().astype(coupling), system.fields_of(s.T)
    attract = cache.load(_SOURCE.format(field=field.__name__)).attract
    states = np.stack([s, s], axis=1)
    period, sweeps = np.zeros(len(s), np.int64), np.zeros(len(s), np.int64)
    about = system.update == "random", system.update == "synchronous", max_sweeps, *philox_key(seed_sequence(rng))

    at_a_time = max(1, PER_TASK // W.size)

    def work(low: int) -> None:
        attract(states, fields, low, min(low + at_a_time, len(s)), W, *about, period, sweeps)

    with ThreadPoolExecutor() as pool:
        deque(pool.map(work, range(0, len(s), at_a_time)), 0)
    return distinct(states, period, sweeps)


def lyapunov(system: SpinSystem, now: Any, last: Any) -> Floats:
    r"""What never rises when all spins turn at once at T = 0: :math:`-s_t·W s_{t-1} - b·(s_t + s_{t-1})`.

    It falls by :math:`\sum_i |h_i| |s_{t+1} - s_{t-1}|_i` in the step from t to t + 1, with the fields h of the state
    at t, and stands still at fixed points and in cycles of two; the energy itself may rise. Exact for couplings that
    are multiples of 1/N.

    Parameters
    ----------
    system : SpinSystem
    now, last : (..., N)
        States of 1 and −1 that follow each other.

    Returns
    -------
    (...)

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Goles-Chacc, Fogelman-Soulie & Pellegrin, Discrete Appl. Math. 12, 261 (1985).

    Examples
    --------
    >>> two = SpinSystem(couplings=[[0, 1], [1, 0]], fields=[0.5, 0], temperature=0.0, update="synchronous")
    >>> float(lyapunov(two, [-1, 1], [1, -1]))
    -2.0
    """
    after, before = (spins(name, s, system.n_dim) for name, s in (("now", now), ("last", last)))
    W, b, unit = (system.parameters[name] for name in ("couplings", "fields", "unit"))
    return np.asarray(-unit * (((after @ W) * before).sum(axis=-1) + (after + before) @ b))


def _checked(system: SpinSystem, starts: Any, max_sweeps: int) -> Floats:
    """The starts, if all can be followed."""
    if not isinstance(system, SpinSystem):
        raise InvalidArgument(f"system: got {type(system).__name__}; a SpinSystem is needed.")
    if system.temperature > 0:
        raise InvalidArgument(
            f"system: got T = {system.temperature:g}; spins rest only at T = 0: take replace(system, temperature=0.0)."
        )
    s = spins("starts", starts, system.n_dim)
    if s.ndim != 2 or not len(s):
        raise InvalidArgument(f"starts: got shape {s.shape}; (R, {system.n_dim}) is needed, R states.")
    if isinstance(max_sweeps, bool) or not isinstance(max_sweeps, int | np.integer) or max_sweeps < 1:
        raise InvalidArgument(f"max_sweeps: got {max_sweeps!r}; an integer of 1 or more is needed.")
    try:
        check_counter(0, int(max_sweeps) * -(-system.n_dim // 2))
    except OverflowError as error:
        raise InvalidArgument(f"max_sweeps: {error}.") from None
    return s


def spins(name: str, states: Any, n: int) -> Floats:
    try:
        s = np.asarray(states, np.float64)
    except (TypeError, ValueError):
        raise InvalidArgument(f"{name}: spins (..., {n}), of 1 and −1, are needed.") from None
    if s.shape[-1:] != (n,) or (np.abs(s) != 1).any():
        raise InvalidArgument(f"{name}: got shape {s.shape}; spins (..., {n}), of 1 and −1, are needed.")
    return s


def distinct(states: Floats, period: Integers, sweeps: Integers) -> Attractors:
    """Count what starts have in common: a cycle is the same whichever of its states comes first."""
    differs = states[:, 0] - states[:, 1]
    first = differs[np.arange(len(states)), np.argmax(differs != 0, axis=1)]
    states[first < 0] = states[first < 0, ::-1]
    finished = np.flatnonzero(period)
    bits = np.packbits(states[finished] > 0, axis=-1).reshape(len(finished), 2 * -(-states.shape[2] // 8))
    _, found, numbers, counts = np.unique(bits, axis=0, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    reached = np.full(len(states), -1)
    reached[finished] = np.argsort(order)[numbers.ravel()]
    chosen = finished[found[order]]
    return Attractors(states[chosen], period[chosen], counts[order], reached, sweeps)
