"""What all that follows a path needs, read from a user's arguments and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.backends import CPU
from langevin_kit.errors import InvalidArgument
from langevin_kit.learn.gradient._engine import Engine, Key
from langevin_kit.learn.gradient._gradient import Floats
from langevin_kit.learn.gradient._steps import times_of
from langevin_kit.learn.gradient._tableau import Tableau
from langevin_kit.random import RNG, philox_key, seed_sequence
from langevin_kit.system import System
from langevin_kit.system.dense import Components, Vector
from langevin_kit.system.dense.field import Field, field_of


@dataclass(frozen=True, eq=False)
class Path:
    """An ensemble's way through a field.

    Attributes
    ----------
    initial : (N, d)
    values : mapping of str to array
        Of all parameters.
    names : tuple of str
        Those whose slopes are wanted.
    key : (uint32, uint32)
        Of the noise.
    """

    system: System
    field: Field
    initial: Floats
    times: Floats
    values: Mapping[str, Floats]
    names: tuple[str, ...]
    key: Key

    @classmethod
    def of(
        cls,
        system: System,
        initial: ArrayLike,
        times: ArrayLike,
        tableau: Tableau,
        learn: Sequence[str] | None,
        parameters: Mapping[str, Any] | None,
        rng: RNG,
    ) -> Path:
        """Read the arguments of `GradientProvider.gradient`.

        Raises
        ------
        InvalidArgument
        """
        if not isinstance(system.content, Vector) or not isinstance(system.names, Components):
            raise InvalidArgument(
                "system: its coordinates have names each; slopes go through vectors, as in coordinates={'x': 2}."
            )
        if system.walls:
            raise InvalidArgument(
                f"walls: got {', '.join(system.walls)}; slopes do not go through a reflection in this version."
            )
        derived, noisy = system.content.derived, system.temperature > 0
        if noisy and tableau.stages > 1 and derived.mobility_depends_on_state:
            raise InvalidArgument(
                f"scheme: got {tableau.name!r} with noise that depends on the state; several stages would not be Itô's "
                "equation. Use FixedSteps(time_step, 'euler')."
            )
        if noisy and tableau.error is not None:
            raise InvalidArgument(
                "solver: an error of order 5 says nothing at T > 0, where noise is rough; use FixedSteps."
            )
        places = np.asarray(initial, np.float64)
        if places.ndim != 2 or places.shape[1] != system.n_dim or not places.size or not np.isfinite(places).all():
            raise InvalidArgument(f"initial: got shape {places.shape}; finite (N, {system.n_dim}) is needed.")
        field = field_of(derived, noisy=noisy)
        values = {name: np.asarray(value) for name, value in derived.values(parameters).items()}
        names = field.names(None if learn is None else list(learn))
        key = philox_key(seed_sequence(rng)) if noisy else (np.uint32(0), np.uint32(0))
        return cls(system, field, places, times_of(times), values, names, key)

    def begin(self, dtype: str) -> NDArray[np.floating]:
        """Where particles begin, (d, N)."""
        return np.array(self.initial.T, dtype, order="C")

    def engine(self, dtype: str, backend: CPU, *, by_step: bool = False) -> Engine:
        """Compiled steps of it."""
        return Engine(
            self.field,
            self.names,
            self.values,
            self.system.temperature,
            self.key,
            dtype=dtype,
            by_step=by_step,
            backend=backend,
        )
