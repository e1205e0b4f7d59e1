"""Block Gibbs sampling: whole layers of a bipartite network of binary units, each drawn from its exact law."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import cache
from langevin_kit.errors import InvalidArgument
from langevin_kit.kernels.counter_rng import check_counter
from langevin_kit.networks._bipartite import free_units
from langevin_kit.networks._bipartite_spins import BipartiteSpins
from langevin_kit.random import RNG, philox_key, seed_sequence

PER_TASK = 2**22
"""Products of a coupling and a unit in a task of the pool: enough to be worth one."""

WIDTHS = {"float32": (5, 6), "float64": (4, 6)}
"""Logarithms of the fewest and the most replicas of a tile: whole strips of the product's columns."""

_SOURCE = """\
import numpy as np
from langevin_kit.kernels.cpu.buffers import aligned, empty_tile, fill_tile
from langevin_kit.kernels.cpu.gemm import gemm, pack
from langevin_kit.kernels.cpu.layers import follow, take_{suffix} as take
from langevin_kit.kernels.cpu.normals import draw_words
from langevin_kit.kernels.jit import cached_driver
R = np.{dtype}

@cached_driver
def packed(A, made):
    pack(made, A)

@cached_driver
def draw(units, free, U, seen, fields, words, shift, particle, call, key0, key1, scale, low, high):
    gemm(U, seen, fields)
    if scale > 0.0:
        draw_words(words, shift, particle, call, key0, key1)
    for i in range(free.size):
        if free[i]:
            if scale > 0.0:
                take(units, fields, words, i, R(scale), R(low), R(high))
            else:
                follow(units, fields, i, R(low), R(high))

@cached_driver
def advance(X, begin, end, shift, first, n_steps, U, V, free_v, free_h, moves_v, moves_h, scale, low, high, key0, key1):
    n, m, P = free_v.size, free_h.size, 1 << shift
    like = np.zeros(1, R)
    of_v, of_h = (n + 3) // 4, (m + 3) // 4
    v, h = aligned(n + 1, P, like), aligned(m + 1, P, like)
    fields = aligned(4 * max(of_v, of_h), P, like)
    on_v, on_h = fields[:n], fields[:m]
    words_v, words_h = np.zeros((4, of_v * P), np.uint32), np.zeros((4, of_h * P), np.uint32)
    v[n], h[m] = R(1), R(1)
    for a in range(begin, end, P):
        b = min(a + P, end)
        fill_tile(v[:n], X[:n], a, b)
        fill_tile(h[:m], X[n:], a, b)
        for k in range(first, first + n_steps):
            call = k * (of_h + of_v)
            if moves_h:
                draw(h, free_h, V, v, on_h, words_h, shift, a, call, key0, key1, scale, low, high)
            if moves_v:
                draw(v, free_v, U, h, on_v, words_v, shift, a, call + of_h, key0, key1, scale, low, high)
        empty_tile(v[:n], X[:n], a, b)
        empty_tile(h[:m], X[n:], a, b)
"""


class GibbsChains:
    """Replicas of a network that stay where they are between one call and the next, while its parameters may change.

    Use as a context manager: it owns threads.

    Parameters
    ----------
    network : BipartiteSpins
    state : (n + m, R) of float32 or float64
        v above h: it is moved in place, so that what is written to it counts.
    key : two words
        Of their noise.
    clamped : "v", "h", or (n,) of bool
        What stays as it is.
    step : int
        The number of the next step.
    threads : int, optional
        All cores if left out; results do not depend on it.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> from langevin_kit import networks
    >>> network = networks.bipartite_spins([[0.5]], temperature=1.0)
    >>> state = np.ones((2, 3))
    >>> with GibbsChains(network, state, (np.uint32(1), np.uint32(2)), clamped="v") as chains:
    ...     chains.move(10, network.parameters)
    >>> chains.step, state[0]
    (10, array([1., 1., 1.]))
    """

    def __init__(
        self,
        network: BipartiteSpins,
        state: NDArray[np.floating],
        key: tuple[np.uint32, np.uint32],
        *,
        clamped: Any = (),
        step: int = 0,
        threads: int | None = None,
    ) -> None:
        n, m = network.parameters["U"].shape
        if state.dtype.name not in WIDTHS:
            raise InvalidArgument(f"dtype: got {state.dtype.name!r}; 'float64' or 'float32' is needed.")
        self.state, self.step = state, step
        self._network, self._key = network, key
        self._free = free_units(clamped, n, m)
        self._calls = -(-n // 4) - (-m // 4)
        least, most = WIDTHS[state.dtype.name]
        self._shift = min(max((state.shape[1] - 1).bit_length(), least), most)
        self._kernel = _kernel(state.dtype.name)
        self._threads = threads or os.cpu_count() or 1
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> GibbsChains:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def move(self, n_steps: int, parameters: Mapping[str, Any]) -> None:
        """Make steps with these parameters: h from its law given v, then v from its law given h."""
        U, I, J = (np.asarray(parameters[name], np.float64) for name in "UIJ")  # noqa: E741
        low, high = self._network.states
        T, (free_v, free_h) = self._network.temperature, self._free
        moves = bool(free_v.any()), bool(free_h.any())
        check_counter(0, (self.step + n_steps) * self._calls)
        # Of a layer whose other one is held only the last step counts.
        skipped = 0 if all(moves) else n_steps - 1
        about = self.step + skipped, n_steps - skipped
        couplings = self._packed(U, I), self._packed(U.T, J)
        scale = (high - low) / T if T else 0.0

        def work(begin: int, end: int) -> None:
            tile = self.state, begin, end, self._shift
            self._kernel.advance(*tile, *about, *couplings, free_v, free_h, *moves, scale, low, high, *self._key)

        self._each(work, 2 * U.size * about[1])
        self.step += n_steps

    def _packed(self, couplings: NDArray[np.float64], inputs: NDArray[np.float64]) -> NDArray[np.floating]:
        """Couplings as the product reads them; the inputs are those with a unit more, which is 1."""
        rows, columns = couplings.shape
        whole = np.empty((rows, columns + 1))
        whole[:, :-1], whole[:, -1] = couplings, inputs
        made = np.empty((columns + 1, rows), self.state.dtype)
        self._kernel.packed(whole, made)
        return made

    def _each(self, work: Any, cost: int) -> None:
        """Work on ranges of replicas that are worth a task of the pool, given the cost of one."""
        R, width = self.state.shape[1], 1 << self._shift
        at_a_time = -(-PER_TASK // (cost * width)) * width
        ranges = [(low, min(low + at_a_time, R)) for low in range(0, R, at_a_time)]
        if len(ranges) == 1 or self._threads == 1:
            for each in ranges:
                work(*each)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="langevin_kit")
        for task in [self._pool.submit(work, *each) for each in ranges]:
            task.result()


def block_gibbs(
    network: BipartiteSpins,
    states: Any,
    n_steps: int,
    *,
    clamped: Any = (),
    first_step: int = 0,
    dtype: str = "float64",
    threads: int | None = None,
    rng: RNG = None,
) -> NDArray[np.floating]:
    r"""States of a network of binary units after some steps, each of which draws h given v and then v given h.

    .. math:: P(h_j = b \mid v) = \frac{1}{1 + e^{-(b - a)(U^T v + J)_j/T}}, \qquad
              P(v_i = b \mid h) = \frac{1}{1 + e^{-(b - a)(U h + I)_i/T}}

    so that :math:`e^{-E/T}/Z` is invariant. At T = 0 a layer takes the states that its fields point to, and a unit
    whose field is 0 stays: E falls until nothing changes.

    Parameters
    ----------
    network : BipartiteSpins
    states : (n + m, R), or (n, R)
        Replicas to begin with, in columns; of v alone if that is what is given, as h is drawn first.
    n_steps : int
        1 or more.
    clamped : "v", "h", or (n,) of bool
        A layer, or visible units, that stay as they are.
    first_step : int
        The number of the first step: to go on as if a run had not ended, those that were made.
    dtype : "float64" or "float32"
        Of the fields; float32 takes half the time.
    threads : int, optional
        All cores if left out; results do not depend on it.
    rng : int, SeedSequence, Generator or None
        The seed.

    Returns
    -------
    (n + m, R) of dtype

    Raises
    ------
    InvalidArgument

    Notes
    -----
    A number of the noise is a pure function of seed, replica, step and unit: a replica's path depends on no other one.
    Numbers that decide have 32 bits, so that states rarer than 2⁻³³ are not taken. Geman & Geman, IEEE Trans. Pattern
    Anal. Mach. Intell. 6, 721 (1984).

    Examples
    --------
    >>> from langevin_kit import networks
    >>> pair = networks.bipartite_spins([[0.5]], temperature=1.0)
    >>> v, h = block_gibbs(pair, np.ones((2, 40_000)), 10, rng=0)
    >>> bool(abs((v * h).mean() - np.tanh(0.5)) < 0.02)
    True
    """
    for name, count, least in (("n_steps", n_steps, 1), ("first_step", first_step, 0)):
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < least:
            raise InvalidArgument(f"{name}: got {count!r}; an integer of {least} or more is needed.")
    state = complete(network, states, dtype)
    chains = GibbsChains(
        network, state, philox_key(seed_sequence(rng)), clamped=clamped, step=int(first_step), threads=threads
    )
    with chains:
        try:
            chains.move(int(n_steps), network.parameters)
        except OverflowError as error:
            raise InvalidArgument(f"n_steps: {error}.") from None
    return state


def complete(network: BipartiteSpins, states: Any, dtype: str = "float64") -> NDArray[np.floating]:
    """States of both layers, checked and copied; units of h that are not given begin at the lower state."""
    n, (low, high) = len(network.parameters["U"]), network.states
    given = np.asarray(states)
    if given.ndim != 2 or len(given) not in (n, network.n_dim) or not given.size:
        raise InvalidArgument(f"states: got shape {given.shape}; ({network.n_dim}, R) or ({n}, R) is needed.")
    if ((given != low) & (given != high)).any():
        raise InvalidArgument(f"states: got others than {low:g} and {high:g}, which the units of this network take.")
    made = np.full((network.n_dim, given.shape[1]), low, dtype)
    made[: len(given)] = given
    return made


def _kernel(dtype: str) -> ModuleType:
    return cache.load(_SOURCE.format(dtype=dtype, suffix=f"f{dtype[-2:]}"))
