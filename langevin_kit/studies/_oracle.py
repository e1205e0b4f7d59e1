"""A scheme's generated step on a torus: its averages and transients beside those of the equation, without sampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.codegen import stepper
from langevin_kit.kernels.jit import driver
from langevin_kit.schemes import Scheme
from langevin_kit.studies._transfer import Step, Torus, generator, kept_by, stationary_law, transfer_operator
from langevin_kit.system import System

Floats = NDArray[np.float64]
Mesh = tuple[int, int]
"""Points along a coordinate, and quadrature nodes for each normal."""

LINE: tuple[Mesh, ...] = ((48, 32), (96, 40), (192, 56))
REMEMBERED: tuple[Mesh, ...] = ((20, 16), (28, 24), (40, 36))
PLANE: tuple[Mesh, ...] = ((18, 12), (26, 14), (32, 18))
"""Meshes in turn, each finer, for one coordinate, for one with a scheme that remembers, and for two."""

REFERENCE = {1: 192, 2: 28}
"""Points along a coordinate for the equation itself."""

NODES = {"three_point": 3, "rademacher": 2}
"""A quadrature with so few nodes is the law of a discrete noise."""

AGREE, LEAST = 2e-3, 1e-11
"""Two meshes agree if a bias changes by less than this share of it, or by less than round-off."""


def can_solve(system: System, scheme: Scheme) -> bool:
    """Whether a scheme's law is known without sampling: one periodic coordinate, or two and no memory.

    Nothing may depend on time, and each coordinate must have noise; a Metropolis step is no smooth function of its
    noise, nor is one of parts.
    """
    closed = len(system.walled("periodic")) == len(system.facts.noisy) == system.n_dim <= (1 if scheme.begin else 2)
    other = scheme.uniforms or scheme.constants or scheme.loop
    return closed and not (system.is_dense or system.facts.depends_on_time or other)


def torus_of(system: System) -> Torus:
    """The domain of a system that is periodic in all coordinates."""
    return Torus(tuple(map(float, system.lower)), tuple(map(float, system.upper - system.lower)))


@dataclass(frozen=True, eq=False)
class Oracle:
    """Expectations of a scheme on a torus, for the functions cos θ, sin θ and cos 2θ of each angle θ = 2πx/L.

    Attributes
    ----------
    system : System
        Without walls; energy and mobility have the periods of the torus.
    scheme : Scheme
    torus : Torus

    Examples
    --------
    >>> import langevin_kit as lk
    >>> from langevin_kit.schemes import scheme_from
    >>> system = lk.System(energy="1.2*cos(x) + 0.4*sin(2*x)", temperature=1.0)
    >>> oracle = Oracle(system, scheme_from("euler_maruyama"), Torus.of_circles(1))
    >>> bias, error = oracle.averages_bias(0.1)
    >>> bool(error < 1e-4 * bias)
    True
    """

    system: System
    scheme: Scheme
    torus: Torus

    def averages_bias(self, dt: float) -> tuple[float, float]:
        """Norm of the error of averages over the law that the scheme samples in the end; and what its mesh leaves."""
        return self._bias(lambda *mesh: self.averages(dt, *mesh), self._averages_of_equation)

    def transients_bias(self, dt: float, time: float, start: Sequence[float]) -> tuple[float, float]:
        """Norm of the error of expectations at a time, of paths from one place; and what its mesh leaves."""
        exact = self._transients_of_equation(time, start)
        return self._bias(lambda *mesh: self.transients(dt, round(time / dt), start, *mesh), exact)

    def averages(self, dt: float, points: int, nodes: int) -> Floats:
        """Averages over the scheme's stationary law."""
        x, mass = stationary_law(self.step(dt), points=points, nodes=nodes, **self._space)
        return np.asarray(self.features(x[: self.system.n_dim]) @ mass)

    def transients(self, dt: float, n_steps: int, start: Sequence[float], points: int, nodes: int) -> Floats:
        """Expectations after so many steps."""
        x, operator = transfer_operator(self.step(dt), points=points, nodes=nodes, **self._space)
        after = np.linalg.matrix_power(operator, n_steps) @ self.features(x[: self.system.n_dim]).T
        places, weight = self._beginnings(dt, np.array(start, np.float64), nodes)
        return np.asarray(weight @ self._space["torus"].rows(places, points) @ after)

    def features(self, x: Floats) -> Floats:
        """The functions at places (d, n): all cosines, all sines, all cosines of 2θ."""
        angle = x * (2 * np.pi / np.array(self.torus.period))[:, None]
        return np.concatenate([np.cos(angle), np.sin(angle), np.cos(2 * angle)])

    def step(self, dt: float) -> Step:
        """One step in float64, as `transfer_operator` takes it.

        A scheme that remembers moves (y, x), y the place and x what it had moved to before its memory is added.
        """
        T, values = self.system.temperature, tuple(map(float, self.system.values))
        one_step = stepper(self.system, self.scheme, "float64").step
        loop = _loop(one_step, self.system.n_dim, self.scheme.begin is not None)
        after = (dt, T, float(np.sqrt(2 * T * dt)))
        counts = (0.0,) if self.scheme.counts else ()

        def plain(x: Floats, z: Floats) -> Floats:
            out = np.empty_like(x)
            loop(np.ascontiguousarray(x), np.ascontiguousarray(z), (*values, *counts), after, out)
            return out

        def remembering(yx: Floats, z: Floats) -> Floats:
            out = np.stack([yx[0], yx[1] - self._drifted(yx[:1], dt)])
            loop(out, np.ascontiguousarray(z), values, after, out)
            out[1] += self._drifted(out[:1], dt)
            return out

        return remembering if self.scheme.begin else plain

    @cached_property
    def _space(self) -> dict[str, Any]:
        """Where the operator lives: of a scheme that remembers, on two circles with one normal."""
        if not self.scheme.begin:
            return {"d": self.system.n_dim, "torus": self.torus}
        return {"d": 2, "torus": Torus(self.torus.lower * 2, self.torus.period * 2), "numbers": 1}

    def _beginnings(self, dt: float, start: Floats, nodes: int) -> tuple[Floats, Floats]:
        """Places of the operator's space at step 0, and their weights."""
        if not self.scheme.begin:
            return start[:, None], np.ones(1)
        T = self.system.temperature
        begin = stepper(self.system, self.scheme, "float64").begin
        node, weight = np.polynomial.hermite_e.hermegauss(nodes)
        scalars = (dt, T, np.sqrt(2 * T * dt))
        memory = np.array([begin(0.0, start[0], *self.system.values, *scalars, z)[0] for z in node])
        moved = self._drifted(start[:, None], dt) + memory
        return np.stack([np.full_like(moved, start[0]), moved]), weight / weight.sum()

    def _drifted(self, y: Floats, dt: float) -> Floats:
        return np.asarray((y + dt * self.system.drift_at(y))[0])

    @cached_property
    def _averages_of_equation(self) -> Floats:
        x = self.torus.grid(REFERENCE[self.system.n_dim])
        if self.system.facts.has_drift:
            return np.asarray(self.features(x) @ kept_by(self._generator))
        energy = self.system.effective_energy_at(x)
        q = np.exp((energy.min() - energy) / self.system.temperature)
        return np.asarray(self.features(x) @ (q / q.sum()))

    def _transients_of_equation(self, time: float, start: Sequence[float]) -> Floats:
        from scipy.linalg import expm

        points = REFERENCE[self.system.n_dim]
        row = self.torus.rows(np.array(start, np.float64)[:, None], points)
        return np.asarray((row @ expm(time * self._generator) @ self.features(self.torus.grid(points)).T)[0])

    @cached_property
    def _generator(self) -> Floats:
        points = REFERENCE[self.system.n_dim]
        x = self.torus.grid(points)
        diffusion = self.system.temperature * self.system.symmetric_mobility_at(x)
        return generator(self.system.drift_at(x), diffusion, points, self.torus)

    def _bias(self, values: Callable[[int, int], Floats], exact: Floats) -> tuple[float, float]:
        meshes = REMEMBERED if self.scheme.begin else LINE if self.system.n_dim == 1 else PLANE
        noise, before, norm, error = self.scheme.noise.name, None, np.nan, np.inf
        for points, nodes in meshes:
            found = values(points, NODES.get(noise, nodes))
            norm = float(np.linalg.norm(found - exact))
            if before is not None:
                error = float(np.linalg.norm(found - before))
                if error < AGREE * norm + LEAST:
                    break
            before = found
        return norm, error


@lru_cache(maxsize=64)
def _loop(one_step: Any, d: int, remembers: bool) -> Callable[..., None]:
    """A loop over a generated step, compiled once for all studies of it."""

    @driver
    def line(x: Any, z: Any, before: Any, after: Any, out: Any) -> None:
        for i in range(x.shape[1]):
            out[0, i] = one_step(*((0.0, x[0, i]) + before + after + (z[0, i],)))[0]  # noqa: RUF005  (numba)

    @driver
    def plane(x: Any, z: Any, before: Any, after: Any, out: Any) -> None:
        for i in range(x.shape[1]):
            moved = one_step(*((0.0, x[0, i], x[1, i]) + before + after + (z[0, i], z[1, i])))  # noqa: RUF005
            out[0, i], out[1, i] = moved[0], moved[1]

    @driver
    def pair(x: Any, z: Any, before: Any, after: Any, out: Any) -> None:
        for i in range(x.shape[1]):
            out[0, i], out[1, i] = one_step(*((0.0, x[0, i]) + before + (x[1, i],) + after + (z[0, i],)))  # noqa: RUF005

    return pair if remembers else line if d == 1 else plane


def oracle_of(system: System, scheme: Scheme) -> Oracle:
    """The oracle of a system that `can_solve` is true of."""
    return Oracle(replace(system, walls={}), scheme, torus_of(system))
