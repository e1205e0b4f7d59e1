"""Chains: particles of a system whose parameters change between their steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import CPU, Program
from langevin_kit.learn._data import Network, held_system
from langevin_kit.networks import BipartiteSpins, GibbsChains
from langevin_kit.observables import plan
from langevin_kit.random import philox_key
from langevin_kit.schemes import scheme_from
from langevin_kit.system import System


class Chains(Protocol):
    """What stays where it is between one call and the next. Use as a context manager: it owns threads."""

    def __exit__(self, *error: object) -> None: ...

    def move(self, n_steps: int, parameters: Mapping[str, Any]) -> None:
        """Make steps with these parameters."""


def chains_of(
    network: Network,
    state: NDArray[np.floating],
    time_step: float | None,
    seed: np.random.SeedSequence,
    device: CPU,
    step: int,
    held: tuple[str, ...] = (),
) -> Chains:
    """Chains of that network from a state (d, R), which is moved in place, with some layers held."""
    if isinstance(network, BipartiteSpins):
        clamped = held[0] if held else ()
        return GibbsChains(network, state, philox_key(seed), clamped=clamped, step=step, threads=device.threads)
    assert time_step is not None
    return LangevinChains(held_system(network, held) if held else network, state, time_step, seed, device, step)


class LangevinChains:
    """Particles of a system of vectors. Use as a context manager: it owns threads.

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

    def __enter__(self) -> LangevinChains:
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
