"""What a dense system holds: its graphs, and their values and derivatives in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.system.dense.by_vector import is_by_name, is_root
from langevin_kit.system.dense.evaluate import MOST, evaluate
from langevin_kit.system.facts import Facts
from langevin_kit.system.linear_noise import linear_noise

if TYPE_CHECKING:
    from langevin_kit.system.dense.derived import DenseDerived
    from langevin_kit.system.dense.graph import Node

Floats = NDArray[np.float64]

_STEP = 1e-30
"""Of the complex step: nothing cancels, so it may be tiny."""


_RANK = 1e-6
"""Singular values of a retraction's Jacobian below it are 0: of a projector the others are at least 1."""


class Components(tuple[str, ...]):
    """Names of the components of vectors, that know the vectors.

    Examples
    --------
    >>> Components({"v": 2, "h": 1})
    ('v[0]', 'v[1]', 'h[0]')
    """

    vector: dict[str, int]

    def __new__(cls, vector: Mapping[str, int]) -> Components:
        """Name the components."""
        names = super().__new__(cls, (f"{name}[{i}]" for name, length in vector.items() for i in range(length)))
        names.vector = dict(vector)
        return names

    def __reduce__(self) -> tuple[type[Components], tuple[dict[str, int]]]:
        return Components, (self.vector,)


@dataclass(frozen=True, eq=False)
class Vector:
    """Energy, mobility and drift as text in the vectors of the state, or as arrays."""

    vectors: Mapping[str, int]
    parameters: Mapping[str, Any]
    energy: Any
    mobility: Any
    drift: Any
    retraction: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def derived(self) -> DenseDerived:
        """The texts as graphs, with their exact derivatives."""
        from langevin_kit.system.dense.derived import dense

        return dense(
            name=tuple(self.vectors),
            length=tuple(self.vectors.values()),
            energy=self.energy,
            mobility=self.mobility,
            drift=self.drift,
            parameters=self.parameters,
            retraction=self.retraction,
        )

    @cached_property
    def coordinates(self) -> Components:
        """Names of the components."""
        return Components(self.vectors)

    @cached_property
    def facts(self) -> Facts:
        """Properties of the expressions."""
        from langevin_kit.system.dense.graph import degree, jumps
        from langevin_kit.system.dense.rooted import Root

        derived = self.derived
        return Facts(
            is_diagonal=not (derived.noise_shapes or derived.roots),
            is_symmetric=derived.has_symmetric_mobility,
            has_own_noise=not derived.mobility_depends_on_state and not derived.noise_shapes,
            noisy=[*range(derived.d)],
            has_drift=self.drift is not None,
            has_constant_mobility=derived.has_matrix_mobility or not derived.mobility_depends_on_state,
            energy_depends_on_time=derived.energy.depends_on_time,
            depends_on_time=derived.depends_on_time,
            has_kinks=derived.has_kinks,
            is_quadratic=degree(derived.energy) <= 2,
            may_jump=jumps(*(K.noise if isinstance(K, Root) else K for K in derived.mobilities)),
            is_linear=False,
            is_underdamped=False,
            has_measure=False,
            has_ensemble_mobility=False,
            drift_may_jump=jumps(*derived.drifts),
        )

    @cached_property
    def fingerprint(self) -> str:
        """All that decides the formulas: texts, names and shapes, not the values of parameters."""
        shapes = {name: np.shape(value) for name, value in self.parameters.items()}
        by_name = is_by_name(self.mobility, tuple(self.vectors))
        mobility = {k: _formula(K) for k, K in self.mobility.items()} if by_name else _formula(self.mobility)
        vectors = chain.from_iterable(self.vectors.items())
        return repr((*vectors, shapes, self.energy, mobility, self.drift, *self.retraction.items()))

    def scalar(self, text: Any, where: str, energy_name: str) -> Node:
        """Read a scalar of the vector, as observables are; `energy_name` stands for E unless a parameter has that name.

        Raises
        ------
        InvalidExpression
        """
        return self.derived.scalar(text, where, energy_name)

    @property
    def values(self) -> Floats:
        """All parameters, as the compiled step takes them."""
        return self.derived.flat_parameters()

    def evaluate(self, what: str, x: Floats, t: float) -> Floats:
        """One of the quantities of `langevin_kit.system.texts.SHAPES` at x (d, ...)."""
        derived, d = self.derived, self.derived.d
        match what:
            case "energy":
                return derived.energy_at(x, t)
            case "gradient":
                return derived.gradient_at(x, t)
            case "mobility_divergence" | "transposed_divergence":  # a matrix is constant
                return derived.mobility_divergence_at(x, t)
            case "force":
                return derived.force_at(x, t)
            case "mobility":
                matrix = np.zeros((d, d, *x.shape[1:]))
                mobility = derived.mobility_at(x, t)
                if derived.roots:
                    return mobility
                if derived.noise_shapes:
                    return matrix + mobility.reshape(d, d, *[1] * (x.ndim - 1))
                matrix[range(d), range(d)] = mobility
                return matrix
            case "hessian":
                return self._jacobian(derived.gradient_at, x, t)
        return np.stack([self._jacobian(f, x, t) for f in (derived.force_at, derived.mobility_divergence_at)])

    def force_noise(self, x: Floats, covariance: Floats, shift: Floats, t: float) -> tuple[Floats, Floats]:
        """What `langevin_kit.system.linear_noise` gives for the force."""

        def along(x: Any, v: Any) -> Any:
            parts = [self._along(node, x, v, t) for node in self._forces_along]
            lengths = self.vectors.values()
            return np.concatenate([np.broadcast_to(p, (n, *x.shape[1:])) for p, n in zip(parts, lengths, strict=True)])

        return linear_noise(along, x, covariance, shift)

    def scalar_noise(self, node: Node, x: Floats, covariance: Floats, shift: Floats, t: float) -> tuple[Floats, Floats]:
        """What it gives for a scalar."""
        slope = self._slope_along(node)
        return linear_noise(lambda x, v: self._along(slope, x, v, t)[None], x, covariance, shift)

    @cached_property
    def _forces_along(self) -> list[Node]:
        return [self._slope_along(move.force) for move in self.derived.moves]

    def _slope_along(self, node: Node) -> Node:
        """The slope of a node in the direction that stands behind the state."""
        from langevin_kit.system.dense.differentiate import along
        from langevin_kit.system.dense.graph import Node

        states, d = self.derived.states, self.derived.d
        return along(node, states, [Node("normals", s.shape, value="direction", first=d + s.first) for s in states])

    def _along(self, slope: Node, x: Any, v: Any, t: float) -> Any:
        return evaluate(slope, np.concatenate([x, v]), t, self.derived.parameters)

    def slopes(self, x: Floats, t: float) -> tuple[Floats, Floats | None]:
        """∂E (d, n) and ∂_c S as [c, a, b, point] at x (d, n), by complex steps of E and S alone; of roots no ∂_c S."""
        d, n = x.shape
        rooted = bool(self.derived.roots)
        constant = rooted or self.facts.has_constant_mobility
        slope = np.broadcast_to(0.0, (d, d, d, n)) if constant else np.zeros((d, d, d, n))  # the first takes no memory
        gradient = np.empty((d, n))
        for some, shifted in _steps(x):
            gradient[some] = self.derived.energy_at(shifted, t).imag / _STEP
            if not constant:
                diagonal = self.derived.mobility_at(shifted, t).imag / _STEP
                slope[some, range(d), range(d)] = np.moveaxis(diagonal, 0, 1)
        return gradient, None if rooted else slope

    def divergence_along(self, x: Floats, t: float, directions: Floats) -> Floats:
        """Σᵢ ∂ᵢ (S eᵢ), (d, n), along directions eᵢ as [a, i, point], by complex steps of S alone."""
        shifted = x[:, None] + 1j * _STEP * directions
        return np.asarray(self.derived.times_at(shifted, directions, t).imag.sum(axis=1) / _STEP)

    def tangents(self, x: Floats) -> Floats:
        """Orthonormal directions in which states may move at places x (d, n), as [a, i, point]; the others are 0."""
        d, n = x.shape
        if not self.retraction:
            return np.broadcast_to(np.eye(d)[:, :, None], (d, d, n))
        jacobian = np.moveaxis(self._jacobian(lambda y, t: self.derived.retracted(y), x, 0.0), -1, 0)
        columns, sizes, _ = np.linalg.svd(jacobian)
        return np.moveaxis(columns * (sizes > _RANK)[:, None, :], 0, -1)

    def _jacobian(self, function: Callable[..., Any], x: Floats, t: float) -> Floats:
        """∂fᵃ/∂xᵇ, (d, d, ...)."""
        parts = [np.asarray(function(shifted, t)).imag / _STEP for _, shifted in _steps(x)]
        return np.concatenate(parts, axis=1)


def _formula(mobility: Any) -> Any:
    if isinstance(mobility, str | int | float):
        return mobility
    if is_root(mobility):
        return mobility
    if isinstance(mobility, Mapping):
        return {key: np.shape(entry) for key, entry in mobility.items()}
    return np.shape(mobility)


def _steps(x: Floats) -> Iterator[tuple[slice, NDArray[np.complex128]]]:
    """Some components after others, and x (d, c, ...) with a complex step along each of them."""
    d = len(x)
    together = max(1, MOST // x.size)
    for low in range(0, d, together):
        some = range(low, min(low + together, d))
        shifted = np.repeat(x[:, None].astype(np.complex128), len(some), axis=1)
        shifted[some, range(len(some))] += 1j * _STEP
        yield slice(some.start, some.stop), shifted
