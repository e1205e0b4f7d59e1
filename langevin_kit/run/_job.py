"""All that decides the numbers of a run, and the attributes that say so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import codegen
from langevin_kit.backends import Program
from langevin_kit.errors import NotNormalizable
from langevin_kit.estimate import Boltzmann, closed_laws, laws
from langevin_kit.observables import observables_to_dict, plan
from langevin_kit.random import philox_key, seed_record
from langevin_kit.run._grid import default_grid
from langevin_kit.run._paths import Paths, State
from langevin_kit.schemes import Scheme
from langevin_kit.store import PROVENANCE, crc32c, provenance
from langevin_kit.system import Grid, System
from langevin_kit.system.packed import without_bytes

OWN = ("title", "system", "run", "boltzmann", *PROVENANCE)
"""Attributes that a run sets itself."""

_ASIDE = ("backend", "suggested_time_step")
"""What is recorded of a run and decides no number of it."""


@dataclass(frozen=True, eq=False)
class Job:
    """A run before its first step; the arguments have been checked.

    Attributes
    ----------
    histogram : Grid or None
        Chosen by the law and the start if left out.
    initial : str or dict
        The law that the particles start from, as plain data; "array" if there is none.
    state : (rows, n)
        Positions and turns at step 0.
    start_of : callable
        Number of a particle → its state at step 0.
    about : mapping of str to str
        Further attributes.
    """

    system: System
    scheme: Scheme
    dtype: str
    time_step: float
    n_steps: int
    save_every: int
    observables: Mapping[str, Any]
    histogram: Grid | None
    n_kept: int
    position_bits: int | None
    seed: np.random.SeedSequence
    initial: str | Mapping[str, Any]
    state: NDArray[np.floating]
    start_of: Callable[[int], State]
    suggested_time_step: float
    about: Mapping[str, str]

    @property
    def n_particles(self) -> int:
        """Size of the ensemble."""
        return int(self.state.shape[1])

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """Those at which the ensemble is saved."""
        return np.arange(0, self.n_steps + 1, self.save_every)

    @cached_property
    def times(self) -> NDArray[np.float64]:
        """The saved times."""
        return np.asarray(self.steps * np.float64(self.time_step))

    @cached_property
    def start(self) -> NDArray[np.float64]:
        """The mean position at step 0."""
        mean: NDArray[np.float64] = self.state[: self.system.n_dim].mean(axis=1, dtype=np.float64)
        return mean

    @cached_property
    def _law(self) -> tuple[list[Boltzmann], str]:
        try:
            return laws(self.system, self.times, self.start), ""
        except NotNormalizable as error:
            return [], str(error)

    @property
    def _density(self) -> str:
        return "mu*exp(-E/T)/Z" if self.system.facts.has_measure else "exp(-E/T)/Z"

    @property
    def law(self) -> list[Boltzmann]:
        """The Boltzmann law at each saved time; none if there is none."""
        return self._law[0]

    @cached_property
    def program(self) -> Program:
        """What a backend needs."""
        law = self.law or closed_laws(self.system, self.times, self.start)
        grid = self.histogram or default_grid(self.system, law, self.state[: self.system.n_dim])
        planned = plan(self.system, self.observables, grid, self.scheme.counted(self.system))
        return Program(
            self.system,
            self.scheme,
            planned,
            self.dtype,
            self.time_step,
            philox_key(self.seed),
            self.n_kept,
            self.position_bits,
        )

    @cached_property
    def paths(self) -> Paths:
        """Of single particles."""
        p = self.program
        return Paths(self.system, self.scheme, self.dtype, self.time_step, p.key, self.start_of)

    @cached_property
    def record(self) -> dict[str, Any]:
        """The run as plain data."""
        grid = self.program.plan.histogram
        return {
            "n_particles": self.n_particles,
            "time_step": self.time_step,
            "n_steps": self.n_steps,
            "save_every": self.save_every,
            "save_positions": self.n_kept,
            **({} if self.position_bits is None else {"position_bits": self.position_bits}),
            **self.scheme.to_record(),
            "dtype": self.dtype,
            "start": self.start.tolist(),
            "initial": self.initial,
            **({"initial_crc32c": crc32c(self.state.reshape(-1).view(np.uint8))} if self.initial == "array" else {}),
            **seed_record(self.seed),
            "observables": observables_to_dict(self.observables),
            "histogram": None if grid is None else grid.to_dict(),
            "kernels": codegen.version(),
            **({"suggested_time_step": self.suggested_time_step} if np.isfinite(self.suggested_time_step) else {}),
        }

    @property
    def saved_bytes(self) -> int:
        """About what its saved times take: the histograms, and the positions that are kept."""
        grid = self.program.plan.histogram
        cells = 0 if grid is None else 8 * int(np.prod(grid.shape))
        return len(self.steps) * (cells + self.system.n_dim * self.n_kept * self.state.itemsize)

    def attrs(self, backend: str) -> dict[str, str]:
        """Attributes of the Dataset."""
        no_law = self._law[1]
        return {
            **self.about,
            **provenance(),
            "system": json.dumps(self.system.to_dict()),
            "run": json.dumps({**self.record, "backend": backend}),
            "boltzmann": f"none: {no_law}" if no_law else self._density,
        }


def config_of(attrs: Mapping[str, str]) -> dict[str, Any]:
    """What the attributes of a run say of all that decides its numbers."""
    system, run = (json.loads(attrs[name], object_hook=without_bytes) for name in ("system", "run"))
    return {"system": system, **{name: value for name, value in run.items() if name not in _ASIDE}}


def digest(config: Mapping[str, Any]) -> str:
    """A digest of it."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
