"""The error of a time step from two runs along the same Brownian paths, with Δt and with Δt/2."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import Backend
from langevin_kit.run import simulate
from langevin_kit.schemes import Scheme
from langevin_kit.system import System, initial

Floats = NDArray[np.float64]

GROUPS = 20
"""Of particles, left out in turn by the jackknife."""


def orders_of(bias: Floats, time_steps: Floats) -> Floats:
    """The order between neighbouring time steps, (..., n) → (..., n − 1)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.diff(np.log(bias)) / np.diff(np.log(time_steps)))


@dataclass
class Sampler:
    """Runs of one study, all with one seed."""

    system: System
    kind: str
    time_steps: Floats
    time: float
    start: Floats
    n_particles: int
    seed: np.random.SeedSequence
    dtype: Any
    backend: str | Backend
    _scale: tuple[Floats, Floats] | None = field(default=None, init=False)

    def study(self, scheme: Scheme) -> tuple[Floats, Floats, float, float]:
        """Bias at each time step, the order at the two smallest, and their errors."""
        gaps = np.stack([self._gaps(scheme, float(dt)) for dt in self.time_steps[::-1]])[::-1]

        def both(groups: Floats) -> Floats:
            mean = groups.mean(axis=1)
            bias = np.sqrt(mean[:, 0]) if self.kind == "paths" else np.linalg.norm(mean, axis=1)
            return np.concatenate([bias, orders_of(bias, self.time_steps)])

        value = both(gaps)
        left_out = np.stack([both(np.delete(gaps, k, axis=1)) for k in range(gaps.shape[1])])
        stderr = np.sqrt((len(left_out) - 1) * left_out.var(axis=0))
        n = len(self.time_steps)
        return value[:n], stderr[:n], float(value[-1]), float(np.hypot(stderr[-1], value[-1] - value[-2]))

    def _gaps(self, scheme: Scheme, dt: float) -> Floats:
        """What differs between the two runs, of each group of particles: (groups, functions)."""
        finer = replace(scheme, halved=True)
        whole, halved = self._positions(scheme, dt), self._positions(finer, dt / 2)
        if self.kind == "paths":
            gap = whole - halved
            for a in self.system.walled("periodic"):
                length = self.system.upper[a] - self.system.lower[a]
                gap[a] -= length * np.round(gap[a] / length)
            each = (gap**2).sum(axis=0, keepdims=True)
        else:
            if self._scale is None:
                deviation = halved.std(axis=1, keepdims=True)
                self._scale = halved.mean(axis=1, keepdims=True), np.where(deviation > 0, deviation, 1.0)
            each = self._functions(whole) - self._functions(halved)
        return np.stack([part.mean(axis=1) for part in np.array_split(each, min(GROUPS, each.shape[1]), axis=1)])

    def _functions(self, x: Floats) -> Floats:
        assert self._scale is not None
        rings = list(self.system.walled("periodic"))
        lines = [a for a in range(self.system.n_dim) if a not in rings]
        angle = x[rings] * (2 * np.pi / (self.system.upper - self.system.lower)[rings])[:, None]
        u = ((x - self._scale[0]) / self._scale[1])[lines]
        return np.concatenate([np.cos(angle), np.sin(angle), np.cos(2 * angle), u, u**2])

    def _positions(self, scheme: Scheme, dt: float) -> Floats:
        """All particles at the end (d, n)."""
        n_steps = round(self.time / dt)
        ds = simulate(
            self.system,
            initial=initial.point(self.start.tolist()),
            n_particles=self.n_particles,
            time_step=self.time / n_steps,
            n_steps=n_steps,
            save_every=n_steps,
            save_positions=True,
            rng=self.seed,
            scheme=scheme,
            dtype=self.dtype,
            backend=self.backend,
        )
        return np.asarray(ds.position.values[-1], np.float64)
