"""Chains: particles of a system whose parameters change between their steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import CPU, Program
from langevin_kit.observables import plan
from langevin_kit.random import philox_key
from langevin_kit.schemes import scheme_from
from langevin_kit.system import System


class Chains:
    """Particles that stay where they are between one call and the next. Use as a context manager: it owns threads.

    Parameters
    ----------
    system : System
        Of vectors.
    state : (d, R)
        Where they are: it is moved in place, so that what is written to it counts.
    seed : SeedSequence
        Of their noise.
    step : int
        The number of the next step.
    """

    def __init__(
        self,
        system: System,
        state: NDArray[np.floating],
        time_step: float,
        seed: np.random.SeedSequence,
        device: CPU,
        step: int = 0,
    ) -> None:
        self.state, self.step = state, step
        scheme = scheme_from("euler_maruyama")
        program = Program(system, scheme, plan(system, {}, None), state.dtype.name, time_step, philox_key(seed))
        self._ensemble = device.ensemble(program, state)
        self._values = program.parameters.copy()
        self._places: dict[str, slice] = {}
        at = 0
        for name, value in system.content.derived.parameters.items():  # type: ignore[union-attr]
            self._places[name] = slice(at, at + value.size)
            at += value.size

    def __enter__(self) -> Chains:
        return self

    def __exit__(self, *error: object) -> None:
        self._ensemble.__exit__(*error)

    def move(self, n_steps: int, parameters: Mapping[str, Any]) -> None:
        """Make steps with these parameters."""
        for name, value in parameters.items():
            self._values[self._places[name]] = np.ravel(value)
        self._ensemble.put(self._values)
        self._ensemble.advance(self.step, n_steps, lambda _: None)
        self.step += n_steps
