"""What a network learns: data that are held while the rest of it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.networks import BipartiteSpins
from langevin_kit.run import initial_state
from langevin_kit.system import System
from langevin_kit.system.arguments import array
from langevin_kit.system.dense import Components

Floats = NDArray[np.float64]
Network = System | BipartiteSpins
"""What learns: particles of vectors, or layers of binary units."""

NO_KEY = np.uint32(0), np.uint32(0)
"""Places that are given need none."""


@dataclass(frozen=True)
class Data:
    """N data of some vectors of a system.

    Attributes
    ----------
    values : mapping of str to (N, n)
        By vector, in the system's order.
    rows : (n,)
        Of a state, that hold them.
    hidden : tuple of str
        The other vectors.
    batch_size : int
    """

    values: Mapping[str, Floats]
    rows: NDArray[np.int64]
    hidden: tuple[str, ...]
    batch_size: int

    @classmethod
    def of(cls, system: Network, data: Any, batch_size: int | None) -> Data:
        """Data as they were given, checked."""
        names = system.names
        if not isinstance(names, Components):
            raise InvalidArgument("system: its coordinates have names each; a system of vectors is needed.")
        given = dict(data) if isinstance(data, Mapping) else {next(iter(names.vector)): data}
        for name in given:
            if name not in names.vector:
                raise InvalidArgument(f"data: unknown vector {name!r}{did_you_mean(name, names.vector)}.")
        values = {name: np.asarray(array(f"data.{name}", given[name])) for name in names.vector if name in given}
        lengths = {len(value) if value.ndim == 2 else 0 for value in values.values()}
        for name, value in values.items():
            if value.ndim != 2 or value.shape[1] != names.vector[name] or len(lengths) > 1 or not len(value):
                raise InvalidArgument(
                    f"data: got shape {value.shape} for {name!r}; (N, {names.vector[name]}) is needed."
                )
            if isinstance(system, BipartiteSpins) and not np.isin(value, system.states).all():
                raise InvalidArgument(f"data: {name!r} holds others than {system.states}, the states of its units.")
        (n,) = lengths
        size = n if batch_size is None else batch_size
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or not 1 <= size <= n:
            raise InvalidArgument(f"batch_size: got {batch_size!r}; 1 to {n}, the number of data, is needed.")
        of = [name for name, length in names.vector.items() for _ in range(length)]
        rows = np.flatnonzero([name in values for name in of])
        return cls(values, rows, tuple(name for name in names.vector if name not in values), int(size))

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    @property
    def names(self) -> tuple[str, ...]:
        """The vectors that are held."""
        return tuple(self.values)

    @property
    def columns(self) -> Floats:
        """As columns (n, N)."""
        return np.concatenate([value.T for value in self.values.values()])

    def states(self, system: Network, dtype: str, n: int) -> NDArray[np.floating]:
        """States (d, n) that hold the data in turn, with hidden components at 0, amid their walls, or the lower one."""
        if isinstance(system, BipartiteSpins):
            units = np.full((system.n_dim, n), system.states[0], dtype)
            units[self.rows] = self.columns[:, np.arange(n) % len(self)]
            return units
        state = np.zeros((system.n_dim, n))
        for row, wall in enumerate(system.each_wall):
            if wall is not None and np.isfinite(wall.lower) and np.isfinite(wall.upper):
                state[row] = (wall.lower + wall.upper) / 2
        state[self.rows] = self.columns[:, np.arange(n) % len(self)]
        return initial_state(system, system.n_dim, state.T, n, dtype, NO_KEY)

    def batch(self, update: int, seed: np.random.SeedSequence) -> NDArray[np.int64]:
        """Numbers of the data of an update: an order of all of them is gone through before the next."""
        if self.batch_size == len(self):
            return np.arange(len(self))
        epoch, at = divmod(update, len(self) // self.batch_size)
        of_epoch = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, epoch))
        order = np.random.default_rng(of_epoch).permutation(len(self))
        return order[at * self.batch_size : (at + 1) * self.batch_size]


def held_system(system: System, held: tuple[str, ...]) -> System:
    """The system with the mobility 0 of some vectors."""
    names = system.names
    assert isinstance(names, Components)
    given = system.mobility
    own = dict(given) if isinstance(given, Mapping) else dict.fromkeys(names.vector, given)
    return replace(system, mobility=own | dict.fromkeys(held, 0.0))
