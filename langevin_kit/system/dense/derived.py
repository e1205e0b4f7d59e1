"""Energy, mobility and drift of a dense system as graphs, with their exact derivatives and their values in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, InvalidExpression, MobilityNotPositive
from langevin_kit.system.dense import graph, low_rank
from langevin_kit.system.dense.differentiate import gradient
from langevin_kit.system.dense.evaluate import evaluate
from langevin_kit.system.dense.expression import RESERVED, parse
from langevin_kit.system.dense.graph import Node
from langevin_kit.system.dense.root import semidefinite_root

Floats = NDArray[np.float64]

MATRIX_MOBILITY = "mobility"
"""Name of the parameter that holds a mobility given as an array."""


@dataclass(frozen=True, eq=False)
class DenseDerived:
    r"""The content of a dense system: one state vector v of length d.

    .. math:: dv = [ b - K ∇E + T ∇·K ] dt + \sqrt{2T}\, dW,  \qquad dW ~ N(0, S dt), \quad S = (K + K^T)/2

    Use `dense` to make one from texts.

    Attributes
    ----------
    state : Node
        The vector v, of shape (d,).
    parameters : mapping of str to array
        Scalars (), vectors (m,) and matrices (m, k), in float64. Their shapes are part of the compiled code, their
        values are not.
    energy : Node
        E(v, t), a scalar.
    mobility : Node
        K(v, t): a scalar; a vector, the diagonal, whose component i depends on vᵢ alone; or a constant matrix.
    low_rank : Node or None
        U (d, r) of K = D + U Uᵀ, with D the vector `mobility`; both constant.
    drift : Node
        b(v, t), a vector, or the number 0.
    """

    state: Node
    parameters: Mapping[str, Floats]
    energy: Node
    mobility: Node
    drift: Node
    low_rank: Node | None = None

    @property
    def d(self) -> int:
        """Length of the state."""
        return self.state.shape[0]

    @property
    def has_matrix_mobility(self) -> bool:
        """Whether K is a matrix, so that noise is L z with L Lᵀ = S."""
        return len(self.mobility.shape) == 2

    @cached_property
    def has_symmetric_mobility(self) -> bool:
        """Whether K has no antisymmetric part."""
        if not self.has_matrix_mobility:
            return True
        k = self._matrix(self._values(None))
        return bool((k == k.T).all())

    @property
    def depends_on_time(self) -> bool:
        """Whether E, K or b changes with time."""
        return any(node.depends_on_time for node in (self.energy, self.mobility, self.drift))

    @property
    def has_kinks(self) -> bool:
        """Whether the slope of E may jump."""
        return any(node.kind in ("step", "abs") for node in graph.postorder([self.energy]))

    @cached_property
    def gradient(self) -> Node:
        """∇E."""
        return gradient(self.energy, self.state)

    @cached_property
    def force(self) -> Node:
        """B − K∇E."""
        times = graph.product if self.has_matrix_mobility else graph.multiply
        along = times(self.mobility, self.gradient)
        if self.low_rank is not None:
            core = graph.product(graph.transpose(self.low_rank), self.gradient)
            along = graph.add(along, graph.product(self.low_rank, core))
        return graph.subtract(self.drift, along)

    @cached_property
    def mobility_divergence(self) -> Node:
        """∇·K: the gradient of a scalar K, the elementwise derivative of a diagonal one."""
        if not self.mobility.depends_on_state:
            return graph.number(0)
        return gradient(self.mobility if self.mobility.shape == () else graph.total(self.mobility), self.state)

    @cached_property
    def noise_factor(self) -> Node:
        """√K of a scalar or diagonal K, √D of D + U Uᵀ; 1 for a matrix, whose root multiplies the noise."""
        return graph.number(1) if self.has_matrix_mobility else graph.function("sqrt", self.mobility)

    @property
    def noise_shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the matrices that multiply the noise, one after the other: `noise_matrices`."""
        if self.low_rank is not None:
            d, r = self.low_rank.shape
            return (r, d), (d, r)
        return (self.mobility.shape,) if self.has_matrix_mobility else ()  # type: ignore[return-value]

    @property
    def adds_noise(self) -> bool:
        """Whether the noise is z and what the matrices make of it, and not the latter alone."""
        return self.low_rank is not None

    def noise_matrices(self, parameters: Mapping[str, Any] | None = None) -> tuple[Floats, ...]:
        """The root L of a matrix K, or what K = D + U Uᵀ needs (see `low_rank`)."""
        if self.low_rank is not None:
            return low_rank.noise_matrices(*(self._values(parameters)[name] for name in low_rank.NAMES))
        return (self.noise_root(parameters),) if self.has_matrix_mobility else ()

    def energy_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """E(x, t) of shape (...) for x of shape (d, ...)."""
        return self._evaluate(self.energy, x, t, parameters)

    def gradient_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """∇E, shape (d, ...)."""
        return self._vector(self.gradient, x, t, parameters)

    def mobility_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """The diagonal of K, shape (d, ...); of a matrix K or D + U Uᵀ, all of it, shape (d, d)."""
        if self.noise_shapes:
            return self._matrix(self._values(parameters))
        return self._vector(self.mobility, x, t, parameters)

    def mobility_divergence_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """(∇·K)ᵃ = ∂_b Kᵃᵇ, shape (d, ...)."""
        return self._vector(self.mobility_divergence, x, t, parameters)

    def force_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """B − K∇E, shape (d, ...)."""
        return self._vector(self.force, x, t, parameters)

    def noise_root(self, parameters: Mapping[str, Any] | None = None) -> Floats:
        """L with L Lᵀ = S for a matrix K or K = D + U Uᵀ, shape (d, d)."""
        if self.low_rank is not None:
            first, second = self.noise_matrices(parameters)
            D = self._values(parameters)[low_rank.NAMES[0]]
            return np.asarray(np.sqrt(D)[:, None] * (np.eye(self.d) + second @ first))
        K = self._matrix(self._values(parameters))
        return semidefinite_root((K + K.T) / 2)

    def flat_parameters(self, parameters: Mapping[str, Any] | None = None) -> Floats:
        """All parameters raveled in order, then `noise_matrices`: what the kernels take at run time."""
        values = [value.ravel() for value in self._values(parameters).values()]
        return np.concatenate([np.zeros(0), *values, *(matrix.ravel() for matrix in self.noise_matrices(parameters))])

    def quadratic(
        self, t: float = 0.0, parameters: Mapping[str, Any] | None = None
    ) -> tuple[Floats, Floats, float] | None:
        """(A, b, c) with E = ½ vAv + b·v + c and A symmetric, or None where E is no polynomial of degree 2 or less."""
        if graph.degree(self.energy) > 2:
            return None
        origin, unit = np.zeros((self.d, 1)), np.eye(self.d)
        b = self.gradient_at(origin, t, parameters)
        # The gradient's odd part is A v without the rounding of b.
        A = (self.gradient_at(unit, t, parameters) - self.gradient_at(-unit, t, parameters)) / 2
        return (A + A.T) / 2, b[:, 0], float(self.energy_at(origin, t, parameters)[0])

    def scalar(self, text: Any, where: str, energy_name: str) -> Node:
        """Read a scalar of the state and the parameters, in which `energy_name` may stand for E.

        Raises
        ------
        InvalidExpression
        """
        names = {energy_name: self.energy, **_names(self.state, self.parameters)}
        node = parse(text, names, field=where)
        if node.shape != ():
            raise InvalidExpression(
                f"{where}: got shape {node.shape}; a scalar is needed, such as a sum(...) or v @ w."
            )
        return node

    def _evaluate(self, node: Node, x: Any, t: float, parameters: Mapping[str, Any] | None) -> Floats:
        x = np.asarray(x)
        x = x if np.iscomplexobj(x) else x.astype(np.float64)
        if x.ndim < 1 or x.shape[0] != self.d:
            raise InvalidArgument(f"x: got shape {x.shape}; the first axis must have length d = {self.d}.")
        return evaluate(node, x, t, self._values(parameters))

    def _vector(self, node: Node, x: Any, t: float, parameters: Mapping[str, Any] | None) -> Floats:
        value = self._evaluate(node, x, t, parameters)
        return value if node.shape else np.broadcast_to(value, (self.d, *value.shape))

    def _matrix(self, values: Mapping[str, Floats]) -> Floats:
        if self.low_rank is not None:
            D, U = (values[name] for name in low_rank.NAMES)
            return np.diag(D) + U @ U.T
        factor, matrix = graph.scaled(self.mobility)
        K = evaluate(factor, np.zeros(self.d), 0.0, values) * values[str(matrix.value)]
        return np.asarray(K)

    def _values(self, parameters: Mapping[str, Any] | None) -> Mapping[str, Floats]:
        if parameters is None:
            return self.parameters
        values = {name: _array(name, parameters.get(name, own)) for name, own in self.parameters.items()}
        for name, own in self.parameters.items():
            if values[name].shape != own.shape:
                raise InvalidArgument(
                    f"parameters.{name}: got shape {values[name].shape}; the system was made with {own.shape}."
                )
        return values


def dense(
    *,
    name: str,
    length: int,
    energy: str | float = 0.0,
    mobility: Any = 1.0,
    drift: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> DenseDerived:
    """Read a dense system.

    Parameters
    ----------
    name, length : str, int
        The state vector and its length d.
    energy : str or number
        E(v, t), a scalar; see `langevin_kit.system.dense.expression.parse` for the syntax.
    mobility : str, number, d × d array, or mapping
        K: a scalar; a vector whose component i depends on vᵢ alone; a constant matrix, as an array or as text that
        names a matrix parameter, perhaps scaled. The symmetric part of a matrix must be positive semi-definite. Or
        ``{"diagonal": D, "factor": U}`` for K = D + U Uᵀ with D > 0, a number or (d,), and U (d, r).
    drift : str, optional
        b(v, t), a vector that is no gradient.
    parameters : mapping of str to number or array
        Scalars, vectors and matrices, as numbers, nested lists or arrays.

    Raises
    ------
    InvalidArgument, InvalidExpression, MobilityNotPositive
        With the field's name, what was got, with its shape, and what is allowed.

    Examples
    --------
    >>> system = dense(name="v", length=2, energy="v @ A @ v / 2", parameters={"A": [[2.0, 1.0], [1.0, 2.0]]})
    >>> system.force_at([1.0, 0.0])
    array([-2., -1.])
    """
    if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
        raise InvalidArgument(f"coordinates: got length {length!r} for {name!r}; a positive integer is needed.")
    d = int(length)
    values = {key: _array(key, value) for key, value in (parameters or {}).items()}
    columns = None
    if isinstance(mobility, Mapping):
        _require_free(values, low_rank.NAMES)
        values |= low_rank.read(mobility, d)
        mobility, columns = low_rank.NAMES[0], Node("matrix", values[low_rank.NAMES[1]].shape, value=low_rank.NAMES[1])
    elif not isinstance(mobility, str | int | float | np.generic):
        _require_free(values, (MATRIX_MOBILITY,))
        values[MATRIX_MOBILITY], mobility = _array(MATRIX_MOBILITY, mobility), MATRIX_MOBILITY
    for key in (name, *values):
        if key in RESERVED:
            raise InvalidArgument(f"name {key!r} is reserved; reserved are {', '.join(sorted(RESERVED))}.")
    if name in values:
        raise InvalidArgument(f"parameters: {name!r} is the name of the state vector; all names must differ.")
    state = Node("state", (d,), value=name)
    names = _names(state, values)
    energy_node = parse(energy, names, field="energy")
    if energy_node.shape != ():
        hint = f"; write sum(...) of it or {name} @ (...)" if len(energy_node.shape) == 1 else ""
        raise InvalidExpression(f"energy: got shape {energy_node.shape}; a scalar is needed{hint}.")
    drift_node = graph.number(0) if drift is None else parse(drift, names, field="drift")
    if drift_node.shape not in ((), (d,)):
        raise InvalidExpression(f"drift: got shape {drift_node.shape}; a vector of shape {(d,)} is needed.")
    system = DenseDerived(
        state,
        MappingProxyType(values),
        energy_node,
        _mobility(parse(mobility, names, field="mobility"), d),
        drift_node,
        columns,
    )
    _check_positive(system)
    return system


def _require_free(values: Mapping[str, Floats], names: Sequence[str]) -> None:
    for name in names:
        if name in values:
            raise InvalidArgument(f"parameters: the name {name!r} is taken by the mobility's array.")


def _names(state: Node, values: Mapping[str, Floats]) -> dict[str, Node]:
    """What a text may use."""
    names = {str(state.value): state, "t": Node("time", ())}
    return names | {k: Node("matrix" if a.ndim == 2 else "parameter", a.shape, value=k) for k, a in values.items()}


def _mobility(K: Node, d: int) -> Node:
    if K.shape not in ((), (d,), (d, d)):
        raise InvalidExpression(
            f"mobility: got shape {K.shape}; a scalar, or shape {(d,)} for a diagonal, or {(d, d)} is needed."
        )
    if len(K.shape) == 2 and graph.scaled(K)[0].depends_on_state | graph.scaled(K)[0].depends_on_time:
        raise InvalidExpression("mobility: a matrix must be constant: its root is taken once, before the run.")
    for node in graph.postorder([K]):
        if len(K.shape) == 1 and node.kind in graph.CONTRACTIONS and node.depends_on_state:
            raise InvalidExpression(
                f"mobility: component i of a vector may depend on component i of the state alone, but it uses "
                f"{node.kind} of the state. Use elementwise functions, a scalar of all of it, or a constant matrix."
            )
    return K


def _check_positive(system: DenseDerived) -> None:
    if system.has_matrix_mobility:
        system.noise_root()
        return
    if system.mobility.depends_on_state or system.low_rank is not None:
        return
    smallest = float(system.mobility_at(np.zeros(system.d)).min())
    if not smallest >= 0:
        raise MobilityNotPositive(f"mobility: got {smallest:.6g} at t = 0; it must be at least 0.")


def _array(name: str, value: Any) -> Floats:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgument(
            f"parameters.{name}: got {value!r:.80}; a number or an array of numbers is needed."
        ) from None
    if array.ndim > 2 or array.size == 0 or np.asarray(value).dtype == bool:
        raise InvalidArgument(
            f"parameters.{name}: got shape {array.shape} of {np.asarray(value).dtype}; a real scalar, vector or matrix "
            "is needed."
        )
    if not np.isfinite(array).all():
        raise InvalidArgument(f"parameters.{name}: got entries that are not finite.")
    array.flags.writeable = False
    return array
